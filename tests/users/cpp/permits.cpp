/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem::permit: who holds how many permits after each of its calls.
 */
#include <ksem/ksem.hpp>

#include "checks.hpp"

#include <chrono>
#include <stdexcept>
#include <type_traits>

using namespace std::chrono_literals;
using std::chrono::steady_clock;

static_assert(!std::is_copy_constructible_v<ksem::permit> && !std::is_copy_assignable_v<ksem::permit>);
static_assert(!std::is_constructible_v<ksem::permit, ksem::permit &> && !std::is_constructible_v<ksem::permit, int &>);
static_assert(std::is_nothrow_move_constructible_v<ksem::permit> && std::is_nothrow_move_assignable_v<ksem::permit>);
static_assert(std::is_nothrow_default_constructible_v<ksem::permit> && std::is_nothrow_swappable_v<ksem::permit>);
static_assert(std::is_nothrow_constructible_v<ksem::permit, ksem::semaphore &, std::try_to_lock_t>);
static_assert(std::is_nothrow_constructible_v<ksem::permit, ksem::semaphore &, std::adopt_lock_t, unsigned int>);
static_assert(std::is_nothrow_constructible_v<ksem::permit, ksem::semaphore &, unsigned int, std::error_code &>);
static_assert(!std::is_convertible_v<ksem::semaphore &, ksem::permit> && !std::is_convertible_v<ksem::permit, bool>);

static const ksem::attributes limited = {5, ksem::order::fifo};

static void it_goes_back_at_the_end_of_the_scope()
{
	const ksem::semaphore s(5, limited);

	{
		const ksem::permit one(s), three(s, 3), none(s, 0);

		CHECK(s.value() == 1 && one && one.count() == 1 && three.count() == 3 && none && none.count() == 0);
	}
	CHECK(s.value() == 5);
	try {
		const ksem::permit held(s, 2);

		CHECK(s.value() == 3);
		throw std::runtime_error("on the way out");
	} catch (const std::runtime_error &) {
		CHECK(s.value() == 5);
	}
}

static void it_moves()
{
	const ksem::semaphore s(5, limited), t(5, limited);
	ksem::permit a(s, 2);
	ksem::permit b(std::move(a));

	CHECK(!a && a.count() == 0 && b.count() == 2 && s.value() == 3); // NOLINT(bugprone-use-after-move)
	a = ksem::permit(t, 4);
	CHECK(t.value() == 1);
	a = std::move(b); /* what a had goes back */
	CHECK(t.value() == 5 && s.value() == 3 && a.count() == 2 && !b);
	b = ksem::permit(t);
	swap(a, b);
	CHECK(a.count() == 1 && b.count() == 2 && t.value() == 4 && s.value() == 3);
	b.reset();
	CHECK(!b && s.value() == 5);
	b.reset();
	CHECK(s.value() == 5);
}

static void it_lets_go_of_permits()
{
	const ksem::semaphore s(5, limited);

	{
		ksem::permit held(s, 2);

		CHECK(held.release() == 2 && !held && held.release() == 0);
	}
	CHECK(s.value() == 3);
	{
		const ksem::permit held(s, std::adopt_lock, 2);

		CHECK(held.count() == 2 && s.value() == 3);
	}
	CHECK(s.value() == 5);
}

static void it_may_be_empty()
{
	const ksem::semaphore s(2, limited);
	const auto begin = steady_clock::now();
	std::error_code code;

	CHECK(!ksem::permit());
	CHECK(ksem::permit(s, std::try_to_lock, 2) && !ksem::permit(s, std::try_to_lock, 3));
	CHECK(ksem::permit(s, 0ms, 2) && !ksem::permit(s, 5ms, 3));
	CHECK(steady_clock::now() - begin >= 5ms);
	CHECK(ksem::permit(s, steady_clock::now() - 1h, 2) && !ksem::permit(s, std::chrono::system_clock::now(), 3));
	CHECK(ksem::permit(s, 2, code) && !code);
	CHECK(s.value() == 2);
}

static void it_tells_errors()
{
	ksem::semaphore s(2, limited), empty;
	std::error_code code;

	CHECK(throws(EINVAL, [&] {
		ksem::permit held(s, 6);
	}));
	CHECK(throws(EINVAL, [&] {
		ksem::permit held(empty);
	}));
	CHECK(!ksem::permit(empty, std::try_to_lock) && !ksem::permit(empty, std::adopt_lock));
	s.shutdown();
	CHECK(throws(ESHUTDOWN, [&] {
		ksem::permit held(s, 3);
	}));
	CHECK(throws(ESHUTDOWN, [&] {
		ksem::permit held(s, 1h, 3);
	}));
	CHECK(throws(ESHUTDOWN, [&] {
		ksem::permit held(s, steady_clock::now() + 1h, 3);
	}));
	CHECK(!ksem::permit(s, 3, code) && code == ksem::error(ESHUTDOWN));
	CHECK(ksem::permit(s, 2));
	CHECK(s.value() == 2);
}

/* Several permits of those as in <semaphore>. */
static void of_counting_semaphores()
{
	ksem::counting_semaphore<4> s(3);
	ksem::binary_semaphore wrong(-1);

	{
		const ksem::permit one(s), two(s, 2);

		CHECK(!s.try_acquire() && !ksem::permit(s, std::try_to_lock) && !ksem::permit(s, 1ms));
		CHECK(!ksem::permit(s, 1ms, 2));

		watched_thread thread([&] {
			CHECK(ksem::permit(s, 2));
		});

		thread.until_asleep();
		s.release();
		s.release();
		thread.join();
		CHECK(s.try_acquire() && s.try_acquire());
	}
	CHECK(ksem::permit(s, std::try_to_lock, 3) && !ksem::permit(s, std::try_to_lock, 4));
	CHECK(!wrong.try_acquire() && !ksem::permit(wrong, std::try_to_lock));
	CHECK(throws(EINVAL,
		     [&] {
			     wrong.acquire();
		     }) &&
	      throws(EINVAL, [&] {
		      wrong.release();
	      }));
	CHECK(throws(EINVAL,
		     [&] {
			     s.release(-1);
		     }) &&
	      throws(EOVERFLOW, [&] {
		      s.release(s.max());
	      }));
	if (PTRDIFF_MAX > s.max())
		CHECK(throws(EOVERFLOW, [&] {
			s.release(PTRDIFF_MAX);
		}));
}

/* More than the namespace of ksem_private(3) can have at a time, one after the other. */
static void counting_semaphores_end()
{
	for (int i = 0; i < (1 << 20) + 1; i++) {
		ksem::binary_semaphore s(1);

		CHECK(s.try_acquire());
	}
}

static void it_waits()
{
	const ksem::semaphore s(0, limited);
	ksem::permit got;
	watched_thread thread([&] {
		got = ksem::permit(s, 3);
	});

	thread.until_asleep();
	s.release(2);
	s.release(2);
	thread.join();
	CHECK(got.count() == 3 && s.value() == 1);
}

int main()
{
	it_goes_back_at_the_end_of_the_scope();
	it_moves();
	it_lets_go_of_permits();
	it_may_be_empty();
	it_tells_errors();
	of_counting_semaphores();
	counting_semaphores_end();
	it_waits();
	return 0;
}
