/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is served first: KSEM_FIFO and KSEM_LIFO, among threads.
 */
#include "feature.h"

enum { WAITERS = 5 };

static void fifo_serves_in_the_order_of_waiting(void **state)
{
	struct feature *f = *state;
	struct waiting w[WAITERS];

	for (unsigned i = 0; i < WAITERS; i++)
		queue_up(&w[i], f, 1);
	for (unsigned i = 0; i < WAITERS; i++) {
		OK(CALL(f, post));
		only_ends(&w[i], f, w, WAITERS);
	}
	assert_int_equal(value(f), 0);
}

static void lifo_serves_the_latest_first(void **state)
{
	struct feature *f = *state;
	struct waiting w[WAITERS];

	for (unsigned i = 0; i < WAITERS; i++)
		queue_up(&w[i], f, 1);
	for (unsigned i = WAITERS; i-- > 0;) {
		OK(CALL(f, post));
		only_ends(&w[i], f, w, WAITERS);
	}
}

static void lifo_passes_over_those_for_whom_the_permits_do_not_suffice(void **state)
{
	struct feature *f = *state;
	struct waiting w[3];

	queue_up(&w[0], f, 1);
	queue_up(&w[1], f, 2);
	queue_up(&w[2], f, 3);
	OK(CALL(f, post_many, 2));
	only_ends(&w[1], f, w, 3);
	OK(CALL(f, post));
	only_ends(&w[0], f, w, 3);
	OK(CALL(f, post_many, 3));
	only_ends(&w[2], f, w, 3);
}

static void fifo_lets_nobody_overtake(void **state)
{
	struct feature *f = *state;
	struct waiting w[2];
	unsigned got, which;

	make_limited(f, LIMIT, 2);
	queue_up(&w[0], f, 3);
	assert_int_equal(value(f), 2); /* what it lacks stays in the value */
	FAILS(EAGAIN, CALL(f, trywait));
	FAILS(EAGAIN, CALL(f, trywait_many, 2));
	FAILS(EAGAIN, CALL(f, trywait_many, 1));
	FAILS(EAGAIN, CALL(f, trywait_upto, 1, &got));
	FAILS(EAGAIN, ksem_trywait_any(f->proc, &f->id, 1, &which));
	FAILS(ETIMEDOUT, CALL(f, clockwait, CLOCK_MONOTONIC, &past));
	FAILS(ETIMEDOUT, CALL(f, wait_many, 1, CLOCK_MONOTONIC, &past));
	queue_up(&w[1], f, 1);
	assert_int_equal(value(f), 2);
	OK(CALL(f, post));
	only_ends(&w[0], f, w, 2);
	assert_int_equal(value(f), 0);
	OK(CALL(f, post));
	only_ends(&w[1], f, w, 2);
	OK(CALL(f, post));
	OK(CALL(f, trywait)); /* nobody waits any more */
}

static void with_barging_and_lifo_a_thread_that_never_waited_may_overtake(void **state)
{
	struct feature *f = *state;
	struct waiting w;

	make_limited(f, LIMIT, 2);
	queue_up(&w, f, 3);
	OK(CALL(f, trywait));
	OK(CALL(f, wait_many, 1, CLOCK_MONOTONIC, &past));
	assert_int_equal(value(f), 0);
	OK(CALL(f, post_many, 3));
	OK(ended(&w));
}

/* ---- A waiter that gives up leaves what it couldn't use to those behind it. ---- */

static void fifo_those_behind_go_on_when_the_first_times_out(void **state)
{
	struct feature *f = *state;
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 500);
	struct waiting first, behind;

	make_limited(f, LIMIT, 2);
	queue_up_until(&first, f, 3, &soon);
	queue_up(&behind, f, 1);
	FAILS(ETIMEDOUT, ended(&first));
	OK(ended(&behind));
	assert_int_equal(value(f), 1);
	assert_int_equal(waiters(f), 0);
}

static void fifo_those_behind_go_on_when_the_first_is_interrupted(void **state)
{
	struct feature *f = *state;
	struct waiting first, behind[2];

	handle(do_nothing, 0);
	make_limited(f, LIMIT, 2);
	queue_up(&first, f, 3);
	queue_up(&behind[0], f, 1);
	queue_up(&behind[1], f, 1);
	while (!is_done(&first)) {
		OK(pthread_kill(first.thread, SIGUSR1));
		sleep_ms(1);
	}
	FAILS(EINTR, ended(&first));
	OK(ended(&behind[0]));
	OK(ended(&behind[1]));
	assert_int_equal(value(f), 0);
	handle(SIG_DFL, 0);
}

/* KNOWN: a waiter that gave up stays in the line, and eats a permit each time. */
static void waiters_that_gave_up_eat_nothing(void **state)
{
	struct feature *f = *state;
	struct waiting w;

	for (int i = 0; i < ROUNDS(300); i++) {
		struct timespec now = in_ms(CLOCK_MONOTONIC, 0);

		FAILS(ETIMEDOUT, CALL(f, wait_many, 1 + (unsigned)i % 3, CLOCK_MONOTONIC, &now));
	}
	assert_int_equal(waiters(f), 0);
	queue_up(&w, f, 1);
	OK(CALL(f, post));
	OK(ended(&w));
	assert_int_equal(value(f), 0);
}

static void one_in_the_middle_that_gives_up_leaves_the_order_of_the_others(void **state)
{
	struct feature *f = *state;
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 500);
	struct waiting w[3];

	queue_up(&w[0], f, 1);
	queue_up_until(&w[1], f, 1, &soon);
	queue_up(&w[2], f, 1);
	FAILS(ETIMEDOUT, ended(&w[1]));
	assert_int_equal(waiters(f), 2);
	OK(CALL(f, post));
	only_ends(f->variant.order == KSEM_FIFO ? &w[0] : &w[2], f, w, 3);
	OK(CALL(f, post));
	only_ends(f->variant.order == KSEM_FIFO ? &w[2] : &w[0], f, w, 3);
}

static void fifo_a_wait_that_a_handler_restarts_keeps_its_place(void **state)
{
	struct feature *f = *state;
	struct waiting w[2];

	handle(do_nothing, SA_RESTART);
	queue_up(&w[0], f, 1);
	queue_up(&w[1], f, 1);
	for (int i = 0; i < 20; i++) {
		OK(pthread_kill(w[0].thread, SIGUSR1));
		sleep_ms(1);
	}
	OK(CALL(f, post));
	only_ends(&w[0], f, w, 2);
	OK(CALL(f, post));
	only_ends(&w[1], f, w, 2);
	handle(SIG_DFL, 0);
}

static void fifo_a_wait_for_more_than_the_limit_gives_way(void **state)
{
	struct feature *f = *state;
	struct waiting w[3];

	make_limited(f, 5, 5);
	OK(CALL(f, trywait_many, 5));
	queue_up(&w[0], f, 4);
	queue_up(&w[1], f, 1);
	OK(CALL(f, set_limit, 2)); /* owes 3; the first in line wants more than can be */
	OK(CALL(f, post_many, 4));
	only_ends(&w[1], f, w, 2);
	queue_up(&w[2], f, 2);
	OK(CALL(f, post_many, 2));
	only_ends(&w[2], f, w, 3);
	OK(CALL(f, post_many, 2));
	OK(CALL(f, set_limit, 5)); /* the value becomes 5, and that is enough */
	only_ends(&w[0], f, w, 3);
	assert_int_equal(value(f), 1);
}

static void a_line_of_many_is_served_in_order(void **state)
{
	enum { LONG_LINE = 64 };
	static struct waiting w[LONG_LINE];
	struct feature *f = *state;

	for (unsigned i = 0; i < LONG_LINE; i++)
		queue_up(&w[i], f, 1 + i % 3);
	for (unsigned i = 0; i < LONG_LINE; i++) {
		OK(CALL(f, post_many, 1 + i % 3));
		only_ends(&w[i], f, w, LONG_LINE);
	}
	assert_int_equal(value(f), 0);
}

static void the_waiters_are_counted(void **state)
{
	struct feature *f = *state;
	struct waiting w[WAITERS];

	for (unsigned i = 0; i < WAITERS; i++) {
		queue_up(&w[i], f, 2);
		assert_int_equal(waiters(f), i + 1);
	}
	FAILS(EBUSY, ksem_destroy(f->proc, f->id));
	OK(CALL(f, post_many, 2 * WAITERS));
	for (unsigned i = 0; i < WAITERS; i++)
		OK(ended(&w[i]));
	assert_int_equal(waiters(f), 0);
}

static void a_forks_child_has_not_the_waiters_of_other_threads(void **state)
{
	struct feature *f = *state;
	struct waiting w[2];
	int status;
	pid_t child;

	if (f->world->dir)
		SKIP("a fork's child shares the waiters of other processes");
	queue_up(&w[0], f, 1);
	queue_up(&w[1], f, 2);
	child = fork();
	if (child == 0) {
		alarm(60);
		MUST(waiters(f) == 0);
		MUST(CALL(f, post_many, 2) == 0);
		MUST(CALL(f, wait_many, 2, CLOCK_MONOTONIC, NULL) == 0);
		MUST(CALL(f, trywait) == EAGAIN);
		_exit(ksem_destroy(f->proc, f->id));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	OK(CALL(f, post_many, 3));
	OK(ended(&w[0]));
	OK(ended(&w[1]));
}

/* Whoever drops the last reference leaves the semaphore to those who wait. */
static void a_waiter_keeps_what_is_closed_meanwhile(void **state)
{
	struct feature *f = *state;
	struct feature named = {.world = f->world, .proc = f->proc, .variant = {f->variant.order, true}};
	struct waiting w[2];

	OK(ksem_open_attr(f->proc, "/kept", O_CREAT, 0600, ATTR(.limit = LIMIT, .order = f->variant.order), 0,
			  &named.id));
	OK(ksem_pin(f->proc, named.id, &named.pin));
	queue_up(&w[0], &named, 1);
	queue_up(&w[1], &named, 2);
	OK(ksem_unlink(f->proc, "/kept"));
	OK(ksem_close(f->proc, named.id));
	OK(ksem_pinned_post_many(named.pin, 3));
	ksem_unpin(named.pin);
	OK(ended(&w[0]));
	OK(ended(&w[1]));
}

static void attributes_are_shown(void **state)
{
	struct feature *f = *state;
	struct ksem_info info = info_of(f->proc, f->id);

	assert_int_equal(info.limit, LIMIT);
	assert_int_equal(info.order, f->variant.order);
	assert_int_equal(info.flags, 0);
	make(f, (struct ksem_attr){.flags = KSEM_METRICS}, 4000000);
	info = info_of(f->proc, f->id);
	assert_true(info.limit >= 4000000);
	assert_int_equal(info.flags, KSEM_METRICS);
	assert_int_equal(info.value, 4000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fifo_test(fifo_serves_in_the_order_of_waiting),
		lifo_test(lifo_serves_the_latest_first),
		lifo_test(lifo_passes_over_those_for_whom_the_permits_do_not_suffice),
		fifo_test(fifo_lets_nobody_overtake),
		barging_test(with_barging_and_lifo_a_thread_that_never_waited_may_overtake),
		plain_test(with_barging_and_lifo_a_thread_that_never_waited_may_overtake),
		lifo_test(with_barging_and_lifo_a_thread_that_never_waited_may_overtake),
		fifo_test(fifo_those_behind_go_on_when_the_first_times_out),
		fifo_test(fifo_those_behind_go_on_when_the_first_is_interrupted),
		any_test(waiters_that_gave_up_eat_nothing),
		fifo_test(one_in_the_middle_that_gives_up_leaves_the_order_of_the_others),
		lifo_test(one_in_the_middle_that_gives_up_leaves_the_order_of_the_others),
		fifo_test(fifo_a_wait_that_a_handler_restarts_keeps_its_place),
		fifo_test(fifo_a_wait_for_more_than_the_limit_gives_way),
		fifo_test(a_line_of_many_is_served_in_order),
		any_test(the_waiters_are_counted),
		any_test(a_forks_child_has_not_the_waiters_of_other_threads),
		order_test(a_waiter_keeps_what_is_closed_meanwhile),
		order_test(attributes_are_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
