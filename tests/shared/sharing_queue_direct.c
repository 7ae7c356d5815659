/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Completion queues that wait for shared semaphores with the default attributes (queue/direct.h): beside threads and
 * queues of other processes, which may be killed or stopped anywhere.
 */
#define ATTRIBUTES NULL

#include "queueing.h"

#include <sys/resource.h>

/* ---- Posts of other processes. ---- */

static void post_six(void)
{
	come_in();
	for (unsigned i = 1; i <= 6; i++) {
		until(&board->go, i);
		MUST(ksem_post(world.proc, id) == 0);
		fetch_add_seq(&board->done, 1);
	}
}

static void post_another(void)
{
	unsigned i = load_seq(&board->go) + 1;

	store_seq(&board->go, i);
	until(&board->done, i);
}

/* The thread sleeps while there are two permits, which would do for the wait that comes next. */
static void one_that_wants_fewer_goes_before_one_that_wants_more(void **state)
{
	pid_t child;

	(void)state;
	make(0);
	child = start_process(post_six);
	OK(submit(4, 4));
	post_another();
	post_another();
	assert_false(readable(20));
	OK(ksem_trywait(world.proc, id));
	OK(submit(2, 2));
	assert_false(readable(20));
	post_another();
	comes(2, 0);
	assert_int_equal(waiting(), 1);
	for (unsigned i = 0; i < 3; i++)
		post_another();
	assert_int_equal(value(), 3);
	OK(ksem_post(world.proc, id));
	comes(4, 0);
	assert_int_equal(value(), 0);
	must_end_well(child);
	end();
}

static void shut_it_down(void)
{
	come_in();
	MUST(ksem_shutdown(world.proc, id) == 0);
}

static void a_shutdown_by_another_process_ends_all(void **state)
{
	(void)state;
	make(1);
	OK(submit(2, 1));
	OK(submit(3, 2));
	must_end_well(start_process(shut_it_down));
	comes(1, ESHUTDOWN);
	comes(2, ESHUTDOWN);
	OK(submit(1, 3));
	comes(3, 0);
	OK(submit(1, 4));
	comes(4, ESHUTDOWN);
	assert_int_equal(waiting(), 0);
	assert_true(info_of(world.proc, id).flags == KSEM_SHUTDOWN);
	end();
}

/* ---- Nothing else is different. ---- */

static int count_waiting(const struct ksem_holder *holder, void *arg)
{
	*(unsigned *)arg += holder->waiting;
	return 0;
}

static void it_stays_as_it_was(void **state)
{
	struct ksem_info before, after;
	unsigned waits = 0;

	(void)state;
	make(5);
	before = info_of(world.proc, id);
	OK(submit(5, 1));
	OK(submit(1, 2));
	OK(ksem_holders(world.proc, id, count_waiting, &waits));
	assert_int_equal(waits, 1);
	OK(ksem_post_many(world.proc, id, 6));
	comes(1, 0);
	comes(2, 0);
	after = info_of(world.proc, id);
	assert_memory_equal(&before, &after, sizeof(before));
	OK(ksem_post_many(world.proc, id, KSEM_VALUE_MAX - 5));
	FAILS(EOVERFLOW, ksem_post(world.proc, id));
	FAILS(EINVAL, ksem_set_limit(world.proc, id, 5));
	end();
}

/* A post of this process decides at once, as for other semaphores. */
static void a_post_of_its_own_process_grants_at_once(void **state)
{
	(void)state;
	make(0);
	for (unsigned i = 0; i < 100; i++) {
		OK(submit(1, i));
		OK(ksem_post(world.proc, id));
		while (waiting() > 0) /* unless the queue's thread has its lock at that instant */
			sched_yield();
		assert_int_equal(value(), 0);
		FAILS(ENOENT, ksem_cq_cancel(cq, i));
		comes(i, 0);
	}
	end();
}

/* ---- Beside queues of other processes. ---- */

#define SERVERS 8

static void wait_for_two(void)
{
	come_in_with_queue();
	MUST(submit(2, 1) == 0);
	say_ready_and_stay();
}

/* Context switches of a process that ends. */
static long kill_and_count_switches(pid_t child)
{
	struct rusage usage;
	int status;

	MUST(kill(child, SIGKILL) == 0);
	MUST(wait4(child, &status, 0, &usage) == child);
	return usage.ru_nvcsw;
}

/* Their threads find that one is too few for them, and don't wake each other again and again. */
static void servers_that_want_two_sleep_beside_one_permit(void **state)
{
	pid_t servers[SERVERS];

	(void)state;
	make(0);
	for (unsigned i = 0; i < SERVERS; i++)
		servers[i] = start_process(wait_for_two);
	until(&board->ready, SERVERS);
	usleep(50000);
	OK(ksem_post(world.proc, id));
	usleep(500000);
	for (unsigned i = 0; i < SERVERS; i++)
		assert_in_range(kill_and_count_switches(servers[i]), 0, 500);
	assert_int_equal(value(), 1);
	end();
}

static void wait_in_turns(void)
{
	come_in();
	for (unsigned turn = 1;; turn++) {
		until(&board->go, turn);
		MUST(ksem_wait(world.proc, id) == 0);
		store_seq(&board->done, turn);
	}
}

/*
 * The queue's thread sleeps before another process's. The queue's one wait ends, and the post wakes the queue's thread.
 * Before that goes on, a wait comes that wants two, so the permit isn't for it. If nobody passed the wake on, about
 * every second turn would last until the other thread looks, half a second at least.
 */
static void a_wake_that_came_for_no_wait_goes_to_another(void **state)
{
	struct timespec begun;
	pid_t child;

	(void)state;
	make(0);
	child = start_process(wait_in_turns);
	begun = this_instant();
	for (unsigned turn = 1; turn <= 20; turn++) {
		struct timespec soon = ksem_deadline_after(4000000);

		OK(ksem_cq_submit(cq, id, 1, CLOCK_MONOTONIC, &soon, 1));
		usleep(1000);
		store_seq(&board->go, turn);
		until_waiting(world.proc, id, 2);
		comes(1, ETIMEDOUT);
		OK(ksem_post(world.proc, id));
		OK(submit(2, 2));
		until(&board->done, turn);
		OK(ksem_cq_cancel(cq, 2));
		comes(2, ECANCELED);
	}
	assert_true(ms_since(begun) < 3000);
	kill_and_reap(child);
	end();
}

/* ---- Deaths. ---- */

static void wait_ten_times(void)
{
	come_in_with_queue();
	for (unsigned i = 0; i < 10; i++)
		MUST(submit(1 + i % 2, i) == 0);
	say_ready_and_stay();
}

/* They count no more, and nothing is granted to them. */
static void waits_of_a_killed_process_are_gone(void **state)
{
	struct timespec begun;
	pid_t child;

	(void)state;
	make(0);
	child = start_process(wait_ten_times);
	until(&board->ready, 1);
	assert_int_equal(waiting(), 10);
	OK(submit(1, 77));
	assert_int_equal(waiting(), 11);
	kill_and_reap(child);
	begun = this_instant();
	OK(ksem_post(world.proc, id));
	comes(77, 0);
	assert_true(ms_since(begun) < 3000);
	assert_int_equal(waiting(), 0);
	assert_int_equal(value(), 0);
	end();
}

static void post_until_killed(void)
{
	come_in();
	fetch_add_seq(&board->ready, 1);
	for (;;) {
		while (value() > 1000) /* as many as are taken in some time */
			sched_yield();
		fetch_add_seq(&board->begun, 1);
		MUST(ksem_post(world.proc, id) == 0);
		fetch_add_seq(&board->done, 1);
	}
}

/* No permit is lost that was posted, and no completion, whatever the poster was about to do. */
static void posters_may_be_killed(void **state)
{
	struct random random = random_new();
	unsigned got = 0, n;

	(void)state;
	make(0);
	for (unsigned i = 0; i < WAITS; i++)
		OK(submit(1, i));
	for (unsigned round = 0; round < (unsigned)ROUNDS(100); round++) {
		struct timespec begun;
		pid_t child = start_process(post_until_killed);

		until(&board->ready, round + 1);
		begun = this_instant();
		for (int64_t ms = random_below(&random, 10); ms_since(begun) < ms;)
			got += readable(1) ? reap_and_wait_again() : 0;
		kill_and_reap(child);
	}
	while (got < load_seq(&board->done)) {
		assert_true(readable(PATIENCE));
		got += reap_and_wait_again();
	}
	while (value() > 0 || readable(10))
		got += (n = reap_and_wait_again());
	assert_in_range(got, load_seq(&board->done), load_seq(&board->begun));
	assert_int_equal(value(), 0);
	assert_int_equal(waiting(), WAITS);
	end();
}

static void wait_and_say_so(void)
{
	come_in();
	for (;;) {
		MUST(ksem_wait(world.proc, id) == 0);
		fetch_add_seq(&board->done, 1);
	}
}

/* Submits, cancels, reaps and posts, until it is killed. */
static void use_queue_until_killed(void)
{
	struct random random = random_new();

	come_in_with_queue();
	fetch_add_seq(&board->ready, 1);
	for (uint64_t i = 0;; i++) {
		struct timespec soon = ksem_deadline_after(random_below(&random, 3) * 500000);
		struct ksem_completion c[8];
		unsigned n;

		MUST(ksem_cq_submit(cq, id, 1 + random_below(&random, 2), CLOCK_MONOTONIC,
				    random_below(&random, 2) ? &soon : NULL, i) == 0);
		if (random_below(&random, 3) == 0)
			usleep(random_below(&random, 300));
		if (random_below(&random, 2))
			ksem_cq_cancel(cq, i - random_below(&random, 4));
		n = reap(c, 8);
		for (unsigned k = 0; k < n; k++) {
			MUST(c[k].error == 0 || c[k].error == ETIMEDOUT || c[k].error == ECANCELED);
			if (c[k].error == 0)
				MUST(ksem_post_many(world.proc, id, c[k].count) == 0);
		}
	}
}

/*
 * Two processes with queues take permits and post them, and are killed and stopped. A thread of a third one gets each
 * permit that is then posted, in time: what a queue's thread was woken for and didn't take goes on, or is found.
 */
static void others_go_on_whatever_process_with_a_queue_is_killed(void **state)
{
	struct random random = random_new();
	unsigned posted = 0, rounds = (unsigned)ROUNDS(200);
	pid_t victims[2], waiter;

	(void)state;
	make(0);
	waiter = start_process(wait_and_say_so);
	for (unsigned i = 0; i < 2; i++)
		victims[i] = start_process(use_queue_until_killed);
	until(&board->ready, 2);
	for (unsigned round = 0; round < rounds; round++) {
		unsigned i = round % 2;

		OK(ksem_post_many(world.proc, id, 1 + random_below(&random, 3)));
		usleep(random_below(&random, 1500));
		if (random_below(&random, 4) == 0)
			OK(kill(victims[i], SIGSTOP));
		usleep(random_below(&random, 1500));
		if (random_below(&random, 3) == 0) {
			OK(kill(victims[i], SIGCONT));
			continue;
		}
		kill_and_reap(victims[i]);
		victims[i] = start_process(use_queue_until_killed);
	}
	for (unsigned i = 0; i < 2; i++)
		kill_and_reap(victims[i]);
	for (unsigned turn = 0; turn < 10; turn++, posted++) {
		struct timespec begun = this_instant();
		unsigned before;

		while (value() > 0 || waiting() != 1) { /* it has what they left */
			assert_true(ms_since(begun) < PATIENCE);
			usleep(1000);
		}
		before = load_seq(&board->done);
		OK(ksem_post(world.proc, id));
		until(&board->done, before + 1);
	}
	kill_and_reap(waiter);
	assert_int_equal(waiting(), 0);
	assert_int_equal(value(), 0);
	end();
}

/* A thread that sleeps beside such a queue looks by itself, if the post woke the queue's thread. */
static void a_stopped_queue_keeps_permits_from_nobody(void **state)
{
	pid_t child, waiter;

	(void)state;
	make(0);
	child = start_process(wait_ten_times);
	until(&board->ready, 1);
	OK(kill(child, SIGSTOP));
	waiter = start_process(wait_and_say_so);
	for (unsigned turn = 1; turn <= 3; turn++) {
		struct timespec begun;

		while (waiting() != 11)
			usleep(1000);
		usleep(20000);
		begun = this_instant();
		OK(ksem_post(world.proc, id));
		until(&board->done, turn);
		assert_true(ms_since(begun) < 5000);
	}
	kill_and_reap(waiter);
	OK(submit(1, 1));
	OK(ksem_post(world.proc, id));
	comes(1, 0);
	kill_and_reap(child);
	assert_int_equal(waiting(), 0);
	end();
}

/* ---- Closed descriptors. ---- */

static void wait_without_descriptors(void)
{
	come_in_with_queue();
	MUST(submit(1, 1) == 0);
	MUST(submit(1, 2) == 0);
	fetch_add_seq(&board->ready, 1);
	while (load_seq(&board->go) == 0) { /* the library opens it again, now and then */
		for (int fd = 3; fd < 100; fd++) {
			if (is_in_directory(fd))
				close(fd);
		}
		usleep(200);
	}
	comes(1, 0);
	comes(2, 0);
	MUST(waiting() == 0);
	MUST(submit(1, 3) == 0);
	MUST(waiting() == 1);
	MUST(ksem_cq_destroy(cq) == 0);
}

/* Others take the process for dead, and count its waits off. They still get permits, and are counted again. */
static void a_process_that_was_taken_for_dead_keeps_its_waits(void **state)
{
	pid_t child;

	(void)state;
	if (THREAD_SANITIZED)
		SKIP("the sanitizer reports who closes what another thread uses");
	make(0);
	child = start_process(wait_without_descriptors);
	until(&board->ready, 1);
	until_none_waits();
	OK(ksem_post_many(world.proc, id, 2));
	store_seq(&board->go, 1);
	must_end_well(child);
	assert_int_equal(waiting(), 0);
	assert_int_equal(value(), 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		board_test(a_post_of_another_process_wakes_the_loop),
		board_test(many_that_pend_are_all_posted_by_another_process),
		board_test(news_of_hundreds_of_semaphores_arrive),
		board_test(one_that_wants_fewer_goes_before_one_that_wants_more),
		board_test(a_shutdown_by_another_process_ends_all),
		board_test(it_stays_as_it_was),
		board_test(a_post_of_its_own_process_grants_at_once),
		board_test(servers_that_want_two_sleep_beside_one_permit),
		board_test(a_wake_that_came_for_no_wait_goes_to_another),
		board_test(waits_of_a_killed_process_are_gone),
		board_test(posters_may_be_killed),
		board_test(others_go_on_whatever_process_with_a_queue_is_killed),
		board_test(a_stopped_queue_keeps_permits_from_nobody),
		board_test(a_forks_child_leaves_the_queue_alone),
		board_test(a_forks_child_of_a_queue_that_keeps_a_closed_semaphore),
		board_test(a_process_that_was_taken_for_dead_keeps_its_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
