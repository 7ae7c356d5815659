/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem::semaphore, ksem::process, ksem::name_space: private, named and shared semaphores, what their attributes add,
 * and each error as an exception and as a code.
 *   semaphores DIRECTORY     a directory for a shared namespace
 */
#include <ksem/ksem.hpp>

#include "checks.hpp"

#include <chrono>
#include <cstring>
#include <type_traits>
#include <unistd.h>

using namespace std::chrono_literals;
using std::chrono::steady_clock;

static const char *directory;

static_assert(!std::is_copy_constructible_v<ksem::semaphore> && std::is_nothrow_move_constructible_v<ksem::semaphore>);
static_assert(std::is_nothrow_default_constructible_v<ksem::semaphore>);
static_assert(!std::is_convertible_v<unsigned int, ksem::semaphore>);
static_assert(!std::is_copy_constructible_v<ksem::process> && !std::is_copy_constructible_v<ksem::name_space>);
static_assert(std::is_constructible_v<ksem::process, const ksem::name_space &>);
static_assert(!std::is_constructible_v<ksem::process, ksem::name_space>);

static void takes_and_gives()
{
	const ksem::semaphore s(3, {5});
	std::error_code code = ksem::error(EINVAL);

	s.acquire();
	s.acquire(2, code);
	CHECK(!code && s.value() == 0 && !s.try_acquire() && s.try_acquire_upto(2) == 0);
	CHECK(!s.try_acquire_for(1ms) && !s.try_acquire_until(steady_clock::now() + 1ms, 2));
	CHECK(!s.try_acquire_for(1ms, 2, code) && code == std::errc::timed_out);
	CHECK(!s.try_acquire_until(std::chrono::system_clock::now() + 1ms, 1, code) && code == std::errc::timed_out);
	s.release(4);
	s.release(1, code);
	CHECK(!code && s.try_acquire(2) && s.try_acquire_upto(5) == 3);
	s.release(5);
	CHECK(s.try_acquire_for(0s, 2, code) && !code && s.try_acquire_until(steady_clock::now(), 3));
	s.release(2);
	CHECK(s.value() == 2 && s.id() != 0 && s.native_handle() && s);
}

static void errors_have_a_number_and_a_message()
{
	const ksem::semaphore s(1, {1});
	std::error_code code;

	CHECK(throws(EOVERFLOW, [&] {
		s.release();
	}));
	s.release(1, code);
	CHECK(code == std::errc::value_too_large && code.category() == ksem::category());
	CHECK(code.message() == "the value would pass its limit" && std::strcmp(ksem::category().name(), "ksem") == 0);
	for (int number : {EAGAIN, EBUSY, EINVAL, ENFILE, ENOTSUP, EPERM, ESHUTDOWN, ETIMEDOUT})
		CHECK(ksem::error(number).message() != std::generic_category().message(number) &&
		      ksem::error(number) == static_cast<std::errc>(number) && !ksem::error(number).message().empty());
	CHECK(ksem::error(ENOENT).message() == std::generic_category().message(ENOENT));
	CHECK(throws(EINVAL, [] {
		ksem::semaphore wrong(2, {1});
	}));
	CHECK(throws(EINVAL, [&] {
		s.acquire(2);
	}));
	s.acquire(2, code);
	CHECK(code == std::errc::invalid_argument);
	CHECK(throws(EINVAL, [&] {
		(void)s.try_acquire_for(1ms, 2);
	}));
	try {
		s.acquire(2);
	} catch (const std::system_error &error) {
		CHECK(std::string(error.what()) ==
		      "ksem::semaphore::acquire: wrong argument, or the semaphore has ended");
	}
}

static void empty_ones()
{
	ksem::semaphore s, t(1);
	std::error_code code;

	CHECK(!s && s.id() == 0 && !s.try_acquire() && s.try_acquire_upto(1) == 0);
	CHECK(throws(EINVAL,
		     [&] {
			     s.acquire();
		     }) &&
	      throws(EINVAL, [&] {
		      s.release();
	      }));
	CHECK(throws(EINVAL,
		     [&] {
			     s.shutdown();
		     }) &&
	      throws(EINVAL, [&] {
		      s.set_limit(1);
	      }));
	CHECK(throws(EINVAL,
		     [&] {
			     (void)s.value();
		     }) &&
	      throws(EINVAL, [&] {
		      (void)s.stat();
	      }));
	s = std::move(t);
	CHECK(s && s.value() == 1 && !t); // NOLINT(bugprone-use-after-move)
	t = ksem::semaphore(2);
	const ksem_id_t id = t.id();
	s = std::move(t);
	CHECK(s.id() == id && s.value() == 2);
	s.reset();
	s.reset();
	CHECK(!s);
	const ksem::semaphore wrong(ksem::process::in_private(), 2, {1}, code);
	CHECK(!wrong && code == std::errc::invalid_argument);
}

/* The order and the limit that it is made with are those of the library. */
static void attributes_arrive()
{
	const ksem::semaphore plain(1), lifo(2, {7, ksem::order::lifo, KSEM_METRICS}), fifo(1, {0, ksem::order::fifo});
	const struct ksem_info info = lifo.stat();

	CHECK(plain.stat().limit == KSEM_VALUE_MAX && plain.stat().order == KSEM_BARGING);
	CHECK(info.limit == 7 && info.order == KSEM_LIFO && info.flags == KSEM_METRICS && info.value == 2);
	CHECK(info.id == lifo.id() && fifo.stat().order == KSEM_FIFO);
	CHECK(lifo.metrics().waits == 0 && throws(ENOTSUP, [&] {
		      (void)plain.metrics();
	      }));
	CHECK(!lifo.try_acquire_for(1ms, 3) && lifo.metrics().waits == 1 && lifo.metrics().timeouts == 1);
}

/* In a private namespace that is this process. */
static void holders_are_told()
{
	ksem::semaphore none(1);
	const ksem::semaphore s(std::move(none));
	const std::vector<ksem_holder> holders = s.holders();

	CHECK(holders.size() == 1 && holders[0].pid == getpid() && holders[0].refs == 1 && holders[0].waiting == 0);
	CHECK(throws(EINVAL, [&] {
		(void)none.holders(); // NOLINT(bugprone-use-after-move)
	}));
}

static void limits_change()
{
	const ksem::semaphore s(4, {4}), plain(1);
	std::error_code code;

	s.acquire(3);
	s.set_limit(2);
	CHECK(s.value() == 0);
	s.release(3);
	CHECK(s.value() == 2);
	s.set_limit(5, code);
	CHECK(!code && s.value() == 5);
	CHECK(throws(EINVAL, [&] {
		plain.set_limit(2);
	}));
	plain.set_limit(2, code);
	CHECK(code == std::errc::invalid_argument);
}

static void a_shutdown_ends_waits()
{
	const ksem::semaphore s(0, {1});
	std::error_code code, in_thread;
	watched_thread thread([&] {
		s.acquire(1, in_thread);
	});

	thread.until_asleep();
	s.shutdown();
	thread.join();
	CHECK(in_thread == ksem::error(ESHUTDOWN) && in_thread.message() == "the semaphore was shut down");
	s.shutdown(code);
	CHECK(!code && throws(ESHUTDOWN, [&] {
		s.acquire();
	}));
	CHECK(throws(ESHUTDOWN, [&] {
		(void)s.try_acquire_for(1h);
	}));
	CHECK(!s.try_acquire() && (s.stat().flags & KSEM_SHUTDOWN) != 0);
	s.release();
	CHECK(s.try_acquire());
}

/* The same calls make named semaphores, in memory and in a directory. */
static void names(const ksem::process &proc)
{
	std::error_code code;

	CHECK(throws(ENOENT, [&] {
		(void)ksem::semaphore::open(proc, "/a");
	}));
	CHECK(!ksem::semaphore::open(proc, "/a", code) && code == std::errc::no_such_file_or_directory);
	{
		const auto a = ksem::semaphore::create(proc, "/a", 3);
		const auto again = ksem::semaphore::open(proc, "/a"), third = ksem::semaphore::open(proc, "/a", code);
		const ksem::process child = proc.fork();
		const auto of_child = ksem::semaphore::open(child, "/a");

		CHECK(a.id() == again.id() && third && !code && (a.stat().mode & 0777) == 0600);
		again.acquire();
		CHECK(a.value() == 2 && std::strcmp(a.stat().name, "/a") == 0);
		of_child.acquire();
		CHECK(a.value() == 1);
		CHECK(throws(EEXIST, [&] {
			(void)ksem::semaphore::create(proc, "/a", 3);
		}));
		CHECK(!ksem::semaphore::create(proc, "/a", 3, {}, 0600, code) && code == std::errc::file_exists);
		CHECK(ksem::semaphore::open_or_create(proc, "/a", 9).value() == 1);
	}
	CHECK(ksem::semaphore::open(proc, "/a").value() == 1);
	CHECK(ksem::semaphore::open(proc, "/a").stat().refs == 1); /* those before are closed */
	CHECK(ksem::semaphore::open_or_create(proc, "/b", 9, {}, 0640, code).value() == 9 && !code);
	CHECK((ksem::semaphore::open(proc, "/b").stat().mode & 0777) == 0640);
	proc.unlink("/a");
	proc.unlink("/b", code);
	CHECK(!code && throws(ENOENT, [&] {
		proc.unlink("/a");
	}));
	proc.unlink("/b", code);
	CHECK(code == std::errc::no_such_file_or_directory);
	CHECK(ksem::semaphore(proc, 2).value() == 2);
}

static void namespaces()
{
	const ksem::name_space memory, files(directory);
	ksem::process a(memory), b(files);

	names(a);
	names(b);
	names(ksem::process::in_private());
	names(ksem::process::self());
	const auto shared = ksem::semaphore::create(b, "/shared", 1);
	{
		const ksem::name_space same(directory); /* as another program would */
		const ksem::process other(same);
		const auto theirs = ksem::semaphore::open(other, "/shared");

		theirs.acquire();
		CHECK(shared.value() == 0 && shared.id() == theirs.id());
	}
	b.unlink("/shared");
	CHECK(throws(ENOENT, [] {
		ksem::name_space nowhere("/nowhere/at/all");
	}));
}

static void namespaces_and_processes_move()
{
	ksem::name_space first;
	ksem::name_space second(std::move(first));
	ksem::process a(second);
	const ksem::semaphore s(a, 1);
	ksem::process b(std::move(a));

	first = std::move(second);
	CHECK(first.native_handle() && !second.native_handle()); // NOLINT(bugprone-use-after-move)
	CHECK(b.native_handle() && !a.native_handle());          // NOLINT(bugprone-use-after-move)
	a = std::move(b);
	CHECK(s.value() == 1 && s.stat().refs == 1 && a.fork().native_handle());
	CHECK(s.stat().refs == 1); /* that of the child is gone */
}

/* In a namespace with room for two: each one ends with its object. */
static void they_end_with_their_objects()
{
	const ksem::name_space small(nullptr, 2);
	const ksem::process proc(small);

	for (int i = 0; i < 10; i++) {
		const ksem::semaphore a(proc, 1), b = ksem::semaphore::create(proc, "/b", 1);

		CHECK(throws(ENFILE, [&] {
			ksem::semaphore c(proc, 1);
		}));
		proc.unlink("/b");
	}
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	directory = argv[1];
	takes_and_gives();
	errors_have_a_number_and_a_message();
	empty_ones();
	attributes_arrive();
	holders_are_told();
	limits_change();
	a_shutdown_ends_waits();
	namespaces();
	namespaces_and_processes_move();
	they_end_with_their_objects();
	return 0;
}
