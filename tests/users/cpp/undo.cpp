/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem::semaphore with KSEM_UNDO. It has no pin, so each call is made by id: what it does, and each error. And who
 * holds its permits, until they come back.
 *   undo DIRECTORY     a directory for a shared namespace
 * Linked with --wrap=ksem_pin, for a pin that fails.
 */
#include <ksem/ksem.hpp>

#include "checks.hpp"

#include <chrono>
#include <csignal>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using std::chrono::system_clock;

static const char *directory;
static const ksem::attributes three = {3, ksem::order::fifo, KSEM_UNDO | KSEM_METRICS};
static int pin_fails; /* the error, or 0 */

extern "C" int __real_ksem_pin(struct ksem_proc *proc, ksem_id_t id, struct ksem **sem); // NOLINT
extern "C" int __wrap_ksem_pin(struct ksem_proc *proc, ksem_id_t id, struct ksem **sem); // NOLINT

extern "C" int __wrap_ksem_pin(struct ksem_proc *proc, ksem_id_t id, struct ksem **sem) // NOLINT
{
	return pin_fails != 0 ? pin_fails : __real_ksem_pin(proc, id, sem);
}

/* A clock that the library can't wait by. */
struct own_clock {
	using duration = steady_clock::duration;
	using rep = duration::rep;
	using period = duration::period;
	using time_point = std::chrono::time_point<own_clock>;
	static constexpr bool is_steady = true;

	static time_point now()
	{
		return time_point(steady_clock::now().time_since_epoch());
	}
};

static void it_takes_and_gives()
{
	const ksem::semaphore s(3, three);
	std::error_code code = ksem::error(EINVAL);

	CHECK(s && s.id() != 0 && !s.native_handle() && (s.stat().flags & KSEM_UNDO) != 0);
	s.acquire();
	s.acquire(2, code);
	CHECK(!code && s.value() == 0 && s.stat().held == 3 && !s.try_acquire() && s.try_acquire_upto(2) == 0);
	CHECK(!s.try_acquire_for(1ms) && !s.try_acquire_until(steady_clock::now() + 1ms, 2));
	CHECK(!s.try_acquire_for(1ms, 2, code) && code == std::errc::timed_out);
	CHECK(!s.try_acquire_until(system_clock::now() + 1ms, 1, code) && code == std::errc::timed_out);
	CHECK(!s.try_acquire_until(own_clock::now() + 1ms));
	CHECK(s.metrics().timeouts >= 5);
	s.release(2);
	s.release(1, code);
	CHECK(!code && s.try_acquire() && s.try_acquire(2));
	s.release(3);
	CHECK(s.try_acquire_for(0s, 1, code) && s.try_acquire_until(steady_clock::now(), 2));
	s.release(3);
	CHECK(s.try_acquire_upto(9) == 0 && s.try_acquire_upto(2) == 2 && s.value() == 1);
	s.release(2);
	s.set_limit(2);
	CHECK(s.value() == 2);
	s.set_limit(3, code);
	CHECK(!code && s.value() == 3 && s.stat().held == 0);
}

static void errors_have_numbers()
{
	const ksem::semaphore s(3, three);
	std::error_code code;

	CHECK(throws(EPERM, [&] {
		s.release();
	}));
	s.release(1, code);
	CHECK(code == ksem::error(EPERM) && code.message() == "no permission, or the process holds fewer permits");
	CHECK(throws(EINVAL,
		     [&] {
			     s.acquire(4);
		     }) &&
	      throws(EINVAL, [&] {
		      s.set_limit(1u << 31);
	      }));
	CHECK(throws(EINVAL, [] {
		ksem::semaphore wrong(2, three); /* the value must be the limit */
	}));
	s.acquire(3);
	s.shutdown();
	CHECK(throws(ESHUTDOWN, [&] {
		s.acquire();
	}));
	s.acquire(2, code);
	CHECK(code == ksem::error(ESHUTDOWN) && !s.try_acquire());
	s.release(3);
	s.shutdown(code);
	CHECK(!code && s.try_acquire());
	s.release();
}

static void permits_go_back()
{
	const ksem::semaphore s(3, three);
	std::error_code code;

	{
		const ksem::permit one(s), two(s, 2);

		CHECK(s.value() == 0 && one && two.count() == 2 && !ksem::permit(s, std::try_to_lock));
		CHECK(!ksem::permit(s, 1ms) && !ksem::permit(s, steady_clock::now() + 1ms, 2));
	}
	CHECK(s.value() == 3 && ksem::permit(s, std::try_to_lock, 3));
	CHECK(ksem::permit(s, 3, code) && !code);
	{
		ksem::permit a(s, 2);
		ksem::permit b(std::move(a));

		CHECK(!a && b && s.stat().held == 2); // NOLINT(bugprone-use-after-move)
		CHECK(b.release() == 2 && !b && s.stat().held == 2);
		const ksem::permit adopted(s, std::adopt_lock, 2);
		swap(a, b);
	}
	CHECK(s.value() == 3 && s.stat().held == 0);
}

static void run_nothing(int)
{
}

static void waits_are_woken_and_go_on_after_a_handler()
{
	const ksem::semaphore s(3, three);
	ksem::permit all(s, 3);
	struct sigaction act = {};
	watched_thread one([&] {
		s.acquire();
	});
	watched_thread two([&] {
		CHECK(s.try_acquire_for(1h, 2));
	});

	act.sa_handler = run_nothing;
	sigaction(SIGUSR1, &act, nullptr);
	for (watched_thread *thread : {&one, &two}) {
		thread->until_asleep();
		pthread_kill(thread->handle(), SIGUSR1);
		thread->until_asleep();
	}
	while (s.stat().waiters < 2)
		sched_yield();
	all.reset();
	one.join();
	two.join();
	CHECK(s.value() == 0 && s.stat().held == 3);
	s.release(3);
}

static void it_moves_and_may_be_empty()
{
	ksem::semaphore s(3, three), t(1);
	const ksem_id_t id = s.id();

	t = std::move(s);
	CHECK(!s && t && t.id() == id && !t.native_handle() && t.value() == 3); // NOLINT(bugprone-use-after-move)
	CHECK(throws(EINVAL, [&] {
		s.acquire();
	}));
	t.reset();
	CHECK(!t && t.id() == 0 && !t.try_acquire());
}

/* Two processes of ksem, as two programs would have them. What attributes the second one names doesn't matter. */
static void they_come_back_with_the_last_reference()
{
	const ksem::name_space ours(directory), theirs(directory);
	const ksem::process a(ours), b(theirs);
	const auto mine = ksem::semaphore::create(a, "/undo", 3, three);

	{
		auto yours = ksem::semaphore::open(b, "/undo");
		const auto again = ksem::semaphore::open_or_create(b, "/undo", 1);

		CHECK(!yours.native_handle() && !again.native_handle());
		yours.acquire(2);
		CHECK(mine.value() == 1 && mine.stat().held == 2);
		yours.reset();
		CHECK(mine.value() == 1); /* there is another reference */
	}
	CHECK(mine.value() == 3);
	{
		const ksem::process child = b.fork();
		const auto yours = ksem::semaphore::open(child, "/undo");

		ksem::permit(yours, 3).release();
		CHECK(mine.value() == 0);
	}
	CHECK(mine.value() == 3);
	a.unlink("/undo");
}

static void they_come_back_from_the_dead()
{
	const auto here = ksem::process::self();
	const auto s = ksem::semaphore::create(here, "/undo", 3, three);
	const auto taken = ksem::semaphore::create(here, "/taken", 0);
	const pid_t child = fork();

	CHECK(child >= 0);
	if (child == 0) {
		const ksem::permit two(s, 2);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		taken.release();
		pause();
		std::_Exit(1);
	}
	taken.acquire();
	s.acquire();
	CHECK(s.value() == 0 && s.stat().held == 3);
	unsigned int ours = 0, theirs = 0;
	for (const ksem_holder &one : s.holders())
		(one.pid == child ? theirs : ours) += one.held;
	CHECK(ours == 1 && theirs == 2);
	kill(child, SIGKILL);
	CHECK(s.try_acquire_for(1min, 2));
	CHECK(waitpid(child, nullptr, 0) == child);
	s.release(3);
	here.unlink("/undo");
	here.unlink("/taken");
}

/* Another error than that of KSEM_UNDO leaves nothing: the namespace has room for one. */
static void a_pin_that_fails()
{
	const ksem::name_space small(nullptr, 1);
	const ksem::process proc(small);
	std::error_code code;

	pin_fails = ENOMEM;
	CHECK(throws(ENOMEM, [&] {
		ksem::semaphore s(proc, 1);
	}));
	CHECK(!ksem::semaphore(proc, 3, three, code) && code == std::errc::not_enough_memory);
	CHECK(!ksem::semaphore::create(proc, "/a", 1, {}, 0600, code) && code == std::errc::not_enough_memory);
	pin_fails = 0;
	proc.unlink("/a");
	CHECK(ksem::semaphore(proc, 1).value() == 1);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	directory = argv[1];
	it_takes_and_gives();
	errors_have_numbers();
	permits_go_back();
	waits_are_woken_and_go_on_after_a_handler();
	it_moves_and_may_be_empty();
	they_come_back_with_the_last_reference();
	they_come_back_from_the_dead();
	a_pin_that_fails();
	return 0;
}
