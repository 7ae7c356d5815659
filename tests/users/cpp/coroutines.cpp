/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem::completion_queue: coroutines wait for permits, get them in order, and lose none, however a wait ends.
 *   coroutines DIRECTORY     a directory for a shared namespace
 * Linked with --wrap=ksem_cq_create,--wrap=ksem_cq_submit, for calls that fail. C++20.
 */
#include <ksem/ksem.hpp>

#include "checks.hpp"

#include <chrono>
#include <coroutine>
#include <exception>
#include <optional>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

static const char *directory;
static int create_fails, submit_fails; /* the error, or 0 */

extern "C" int __real_ksem_cq_create(struct ksem_proc *proc, struct ksem_cq **cq);
extern "C" int __wrap_ksem_cq_create(struct ksem_proc *proc, struct ksem_cq **cq);
extern "C" int __real_ksem_cq_submit(struct ksem_cq *cq, ksem_id_t id, unsigned int count, clockid_t clock,
				     const struct timespec *deadline, std::uint64_t user_data);
extern "C" int __wrap_ksem_cq_submit(struct ksem_cq *cq, ksem_id_t id, unsigned int count, clockid_t clock,
				     const struct timespec *deadline, std::uint64_t user_data);

extern "C" int __wrap_ksem_cq_create(struct ksem_proc *proc, struct ksem_cq **cq)
{
	return create_fails != 0 ? create_fails : __real_ksem_cq_create(proc, cq);
}

extern "C" int __wrap_ksem_cq_submit(struct ksem_cq *cq, ksem_id_t id, unsigned int count, clockid_t clock,
				     const struct timespec *deadline, std::uint64_t user_data)
{
	return submit_fails != 0 ? submit_fails : __real_ksem_cq_submit(cq, id, count, clock, deadline, user_data);
}

/* A coroutine that begins at once. Its frame is freed with this object, even while it waits. */
class task
{
      public:
	struct promise_type {
		task get_return_object()
		{
			return task(std::coroutine_handle<promise_type>::from_promise(*this));
		}

		std::suspend_never initial_suspend() noexcept
		{
			return {};
		}

		std::suspend_always final_suspend() noexcept
		{
			return {};
		}

		void return_void()
		{
		}

		void unhandled_exception()
		{
			throw; /* out of resume() */
		}
	};

	task(task &&other) noexcept : frame_(std::exchange(other.frame_, nullptr))
	{
	}

	task &operator=(task &&) = delete;

	~task()
	{
		if (frame_)
			frame_.destroy();
	}

	bool done() const
	{
		return frame_.done();
	}

      private:
	explicit task(std::coroutine_handle<promise_type> frame) : frame_(frame)
	{
	}

	std::coroutine_handle<promise_type> frame_;
};

/* What an event loop does, until so many waits have ended. */
static void run(ksem::completion_queue &queue, unsigned int waits)
{
	while (waits > 0) {
		pollfd readable = {queue.descriptor(), POLLIN, 0};

		CHECK(poll(&readable, 1, 60000) == 1);
		const unsigned int ended = queue.resume();
		CHECK(ended <= waits);
		waits -= ended;
	}
	CHECK(queue.resume() == 0);
}

/* Notes its number and the value when it has its permits, which it gives back. */
static task take(ksem::completion_queue &queue, const ksem::semaphore &s, unsigned int count, std::string &notes,
		 char number)
{
	const ksem::permit held = co_await queue.acquire(s, count);

	CHECK(held.count() == count);
	notes += number;
	notes += static_cast<char>('0' + s.value());
}

/* Notes the error of a wait, of one kind or the other. */
static task fail(ksem::completion_queue &queue, const ksem::semaphore &s, unsigned int count, int &thrown,
		 std::error_code &code)
{
	const ksem::permit none = co_await queue.acquire(s, count, code);

	CHECK(!none);
	try {
		const ksem::permit held = co_await queue.acquire(s, count);
	} catch (const std::system_error &error) {
		thrown = error.code().value();
	}
}

static void a_permit_that_is_there_is_taken_at_once()
{
	const ksem::semaphore s(3);
	ksem::completion_queue queue;
	std::string notes;

	const task one = take(queue, s, 2, notes, 'a');
	CHECK(one.done() && notes == "a1" && s.value() == 3 && queue.resume() == 0 && queue.native_handle());
}

static void coroutines_get_permits_in_the_order_of_the_semaphore()
{
	const ksem::semaphore s(0, {5, ksem::order::fifo});
	ksem::completion_queue queue;
	std::string notes;
	const task one = take(queue, s, 3, notes, 'a'), two = take(queue, s, 1, notes, 'b'),
		   three = take(queue, s, 5, notes, 'c');

	CHECK(!one.done() && s.stat().waiters == 3 && queue.resume() == 0);
	std::thread poster([&] {
		s.release(5);
	});
	run(queue, 3);
	poster.join();
	CHECK(one.done() && two.done() && three.done() && s.value() == 5 && s.stat().waiters == 0);
	CHECK(notes.size() == 6 && notes[0] == 'a' && notes[2] == 'b' && notes[4] == 'c' && notes[5] == '0');
}

static void a_wait_for_a_time_ends_without_a_permit()
{
	const ksem::semaphore s(1);
	ksem::completion_queue queue;
	int step = 0;
	auto work = [&]() -> task {
		const ksem::permit at_once = co_await queue.acquire_for(s, -1s);
		step = at_once ? 1 : -1;
		const ksem::permit late = co_await queue.acquire_for(s, 1ms);
		step = late ? -2 : 2;
	};
	const task one = work();

	CHECK(step == 1);
	run(queue, 1);
	CHECK(one.done() && step == 2 && s.stat().waiters == 0);
}

static void a_shutdown_ends_waits_with_an_error()
{
	const ksem::semaphore s(0);
	ksem::completion_queue queue;
	std::error_code code;
	int thrown = 0;
	const task one = fail(queue, s, 1, thrown, code);

	s.shutdown();
	run(queue, 2);
	CHECK(one.done() && code == ksem::error(ESHUTDOWN) && thrown == ESHUTDOWN);
}

static void what_submit_refuses_is_an_error_at_once()
{
	const ksem::semaphore s(0, {2, ksem::order::fifo}), none;
	ksem::completion_queue queue;
	const ksem::name_space space;
	const ksem::process other(space);
	const ksem::semaphore of_other(other, 1);
	std::error_code code;
	int thrown = 0;

	CHECK(fail(queue, s, 3, thrown, code).done() && code == ksem::error(EINVAL) && thrown == EINVAL);
	code.clear();
	CHECK(fail(queue, of_other, 1, thrown, code).done() && code == ksem::error(EINVAL) && of_other.value() == 1);
	code.clear();
	CHECK(fail(queue, none, 1, thrown, code).done() && code == ksem::error(EINVAL));
	submit_fails = ENOMEM;
	CHECK(fail(queue, s, 1, thrown, code).done() && code == ksem::error(ENOMEM) && thrown == ENOMEM);
	submit_fails = 0;
	create_fails = EMFILE;
	CHECK(throws(EMFILE, [] {
		const ksem::completion_queue refused;
	}));
	create_fails = 0;
	CHECK(s.stat().waiters == 0 && queue.resume() == 0);
}

static void a_coroutine_that_is_destroyed_takes_nothing()
{
	const ksem::semaphore s(0, {9, ksem::order::fifo});
	std::string notes;
	{
		ksem::completion_queue queue;
		std::optional<task> waits(take(queue, s, 1, notes, 'a')), granted(take(queue, s, 2, notes, 'b'));

		waits.reset();
		s.release(2);
		CHECK(s.value() == 0); /* 'b' has them, and doesn't know */
		granted.reset();
		run(queue, 2);
		CHECK(notes.empty() && s.value() == 2);
		granted.emplace(take(queue, s, 4, notes, 'c'));
		s.release(2);
		granted.reset();
		CHECK(s.value() == 0);
	} /* the queue gives them back */
	CHECK(notes.empty() && s.value() == 4);
}

static void a_semaphore_may_move_while_a_coroutine_waits()
{
	ksem::semaphore one(0, {9, ksem::order::fifo}), two(0, {9, ksem::order::fifo});
	ksem::completion_queue queue;
	std::optional<ksem::permit> held;
	auto work = [&]() -> task {
		held.emplace(co_await queue.acquire(one, 2));
	};
	const task waits = work();

	one.release(2);
	std::swap(one, two);
	const ksem::semaphore moved(std::move(two));
	run(queue, 1);
	CHECK(waits.done() && held->count() == 2);
	held.reset();
	CHECK(moved.value() == 2 && one.value() == 0);
}

static void one_coroutine_may_destroy_another_that_has_permits()
{
	const ksem::semaphore s(0, {9, ksem::order::fifo});
	ksem::completion_queue queue;
	std::optional<task> other;
	std::string notes;
	auto destroy = [&]() -> task {
		const ksem::permit held = co_await queue.acquire(s);
		other.reset();
	};
	const task one = destroy();

	other.emplace(take(queue, s, 3, notes, 'a'));
	s.release(4);
	run(queue, 2);
	CHECK(one.done() && notes.empty() && s.value() == 4);
}

static void what_a_coroutine_throws_leaves_the_others()
{
	const ksem::semaphore s(0, {9, ksem::order::fifo});
	ksem::completion_queue queue;
	std::string notes;
	auto work = [&]() -> task {
		const ksem::permit held = co_await queue.acquire(s);
		throw std::runtime_error("from a coroutine");
	};
	const task one = work(), two = take(queue, s, 2, notes, 'a');
	bool caught = false;

	s.release(3);
	try {
		queue.resume();
	} catch (const std::runtime_error &) {
		caught = true;
	}
	CHECK(caught && s.value() == 1 && !two.done());
	run(queue, 1);
	CHECK(two.done() && notes == "a1" && s.value() == 3);
}

static void resume_takes_out_as_many_as_it_may()
{
	const ksem::semaphore s(0);
	ksem::completion_queue queue;
	std::vector<task> tasks;
	std::string notes;

	for (int i = 0; i < 100; i++)
		tasks.push_back(take(queue, s, 1, notes, 'a'));
	s.release(100);
	CHECK(queue.resume(1) == 1 && notes.size() == 2);
	CHECK(queue.resume() == 64 && queue.resume() == 35 && queue.resume() == 0 && s.value() == 100);
}

/* Shared, and with permits that come back: they belong to the process of the semaphore and of the queue. */
static void permits_with_undo_belong_to_the_process()
{
	const ksem::name_space space(directory);
	const ksem::process mine(space);
	const ksem::semaphore s = ksem::semaphore::create(mine, "/coroutines", 2, {2, ksem::order::fifo, KSEM_UNDO});
	ksem::completion_queue queue(mine);
	std::string notes;

	CHECK(s.try_acquire(2));
	const task one = take(queue, s, 2, notes, 'a');
	std::thread poster([&] {
		s.release(2);
	});
	run(queue, 1);
	poster.join();
	CHECK(one.done() && notes == "a0" && s.value() == 2 && s.stat().held == 0);
	mine.unlink("/coroutines");
}

static void what_others_have_posted_meanwhile_does_not_keep_the_rest()
{
	const ksem::name_space space(directory);
	const ksem::process mine(space);
	const ksem::semaphore s = ksem::semaphore::create(mine, "/coroutines", 7, {7, ksem::order::fifo, KSEM_UNDO});
	ksem::completion_queue queue(mine);
	std::string notes;

	for (unsigned int posted = 0; posted <= 7; posted++) {
		CHECK(s.try_acquire(7));
		std::optional<task> granted(take(queue, s, 7, notes, 'a'));
		s.release(7);
		CHECK(s.value() == 0); /* 'a' has them, and doesn't know */
		granted.reset();
		if (posted > 0)
			s.release(posted);
		run(queue, 1);
		CHECK(notes.empty() && s.value() == 7 && s.stat().held == 0);
	}
	mine.unlink("/coroutines");
}

/* Threads post what they take; each of the coroutines has its turns. */
static void none_is_lost_in_a_storm()
{
	const ksem::semaphore s(3, {3, ksem::order::barging});
	ksem::completion_queue queue;
	std::vector<task> tasks;
	unsigned int turns = 0;
	auto work = [&](unsigned int number) -> task {
		for (unsigned int i = 0; i < 20; i++) {
			const ksem::permit held = co_await queue.acquire(s, 1 + (number + i) % 3);
			turns++;
		}
	};
	std::vector<std::thread> threads;

	for (int i = 0; i < 2; i++)
		threads.emplace_back([&] {
			for (int j = 0; j < 2000; j++)
				const ksem::permit held(s);
		});
	for (unsigned int i = 0; i < 50; i++)
		tasks.push_back(work(i));
	while (turns < 50 * 20) {
		pollfd readable = {queue.descriptor(), POLLIN, 0};

		CHECK(poll(&readable, 1, 60000) == 1);
		queue.resume();
	}
	for (std::thread &thread : threads)
		thread.join();
	CHECK(s.value() == 3 && s.stat().waiters == 0);
}

/* Only some processors have completion queues that wait. */
static bool can_wait()
{
	const ksem::semaphore s(0);
	std::error_code code;
	ksem::completion_queue queue;
	auto work = [&]() -> task {
		(void)co_await queue.acquire(s, 1, code);
	};
	const task one = work();

	return !one.done() || code != ksem::error(ENOTSUP);
}

int main(int argc, char **argv)
{
	CHECK(argc == 2);
	directory = argv[1];
	if (!can_wait())
		return 0;
	a_permit_that_is_there_is_taken_at_once();
	coroutines_get_permits_in_the_order_of_the_semaphore();
	a_wait_for_a_time_ends_without_a_permit();
	a_shutdown_ends_waits_with_an_error();
	what_submit_refuses_is_an_error_at_once();
	a_coroutine_that_is_destroyed_takes_nothing();
	a_semaphore_may_move_while_a_coroutine_waits();
	one_coroutine_may_destroy_another_that_has_permits();
	what_a_coroutine_throws_leaves_the_others();
	resume_takes_out_as_many_as_it_may();
	permits_with_undo_belong_to_the_process();
	what_others_have_posted_meanwhile_does_not_keep_the_rest();
	none_is_lost_in_a_storm();
	return 0;
}
