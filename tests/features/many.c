/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waits for several permits: all or nothing, in each order.
 */
#include "feature.h"

static void wait_many_takes_all_at_once(void **state)
{
	struct feature *f = *state;

	make_limited(f, LIMIT, 7);
	OK(CALL(f, wait_many, 3, CLOCK_MONOTONIC, NULL));
	assert_int_equal(value(f), 4);
	OK(CALL(f, wait_many, 4, CLOCK_REALTIME, &past));
	assert_int_equal(value(f), 0);
	FAILS(ETIMEDOUT, CALL(f, wait_many, 1, CLOCK_REALTIME, &past));
	assert_int_equal(value(f), 0);
}

static void too_few_permits_are_left_alone(void **state)
{
	struct feature *f = *state;
	unsigned got;

	make_limited(f, LIMIT, 2);
	FAILS(ETIMEDOUT, CALL(f, wait_many, 3, CLOCK_MONOTONIC, &past));
	FAILS(EAGAIN, CALL(f, trywait_many, 3));
	assert_int_equal(value(f), 2);
	assert_int_equal(waiters(f), 0);
	OK(CALL(f, trywait_upto, 3, &got));
	assert_int_equal(got, 2);
}

static void a_trywait_upto_that_fails_writes_nothing(void **state)
{
	struct feature *f = *state;
	unsigned got = 77;

	make_limited(f, LIMIT, 0);
	FAILS(EAGAIN, CALL(f, trywait_upto, 2, &got));
	FAILS(EINVAL, CALL(f, trywait_upto, 0, &got));
	assert_int_equal(got, 77);
}

static void count_0_takes_nothing_and_succeeds(void **state)
{
	struct feature *f = *state;

	OK(CALL(f, wait_many, 0, CLOCK_MONOTONIC, NULL));
	OK(CALL(f, wait_many, 0, CLOCK_REALTIME, &past));
	OK(CALL(f, trywait_many, 0));
	assert_int_equal(value(f), 0);
}

static void a_null_deadline_means_none_and_the_clock_is_ignored(void **state)
{
	struct feature *f = *state;

	make_limited(f, LIMIT, 2);
	OK(CALL(f, wait_many, 1, -1, NULL));
	OK(CALL(f, wait_many, 1, CLOCK_BOOTTIME, NULL));
	assert_int_equal(value(f), 0);
}

static void a_wrong_clock_or_deadline_is_EINVAL_though_there_are_permits(void **state)
{
	const struct timespec wrong[] = {{0, -1}, {0, 1000000000}, {INT32_MAX, LONG_MAX}};
	struct feature *f = *state;

	make_limited(f, LIMIT, 5);
	FAILS(EINVAL, CALL(f, wait_many, 1, CLOCK_BOOTTIME, &past));
	FAILS(EINVAL, CALL(f, wait_many, 0, -1, &past));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		FAILS(EINVAL, CALL(f, wait_many, 1, CLOCK_MONOTONIC, &wrong[i]));
	assert_int_equal(value(f), 5);
}

static void a_count_over_both_limits_is_EINVAL(void **state)
{
	struct feature *f = *state;
	unsigned got;

	make_limited(f, 5, 5);
	FAILS(EINVAL, CALL(f, wait_many, 6, CLOCK_MONOTONIC, &past));
	FAILS(EINVAL, CALL(f, trywait_many, 6));
	FAILS(EINVAL, CALL(f, trywait_upto, 6, &got));
	FAILS(EINVAL, CALL(f, trywait_many, UINT32_MAX));
	OK(CALL(f, set_limit, 8));
	OK(CALL(f, trywait_many, 8));
	FAILS(EINVAL, CALL(f, trywait_many, 9));
	OK(CALL(f, set_limit, 2)); /* 8 are taken, so it owes 6; what it was made with is enough for the check */
	FAILS(EAGAIN, CALL(f, trywait_many, 5));
	FAILS(EINVAL, CALL(f, trywait_many, 6));
	OK(CALL(f, post_many, 8));
	assert_int_equal(value(f), 2);
}

static void what_is_not_held_is_EINVAL(void **state)
{
	struct feature *f = *state;
	unsigned got;

	if (f->variant.pinned) {
		OK(ksem_destroy(f->proc, f->id));
		f->id = 0;
		FAILS(EINVAL, ksem_pinned_wait_many(f->pin, 1, CLOCK_MONOTONIC, &past));
		FAILS(EINVAL, ksem_pinned_trywait_many(f->pin, 0));
		FAILS(EINVAL, ksem_pinned_trywait_upto(f->pin, 1, &got));
		FAILS(EINVAL, ksem_pinned_wait_many(NULL, 1, CLOCK_MONOTONIC, &past));
	} else {
		FAILS(EINVAL, ksem_wait_many(f->proc, f->id + 1, 1, CLOCK_MONOTONIC, &past));
		FAILS(EINVAL, ksem_trywait_many(f->proc, 0, 0));
		FAILS(EINVAL, ksem_trywait_upto(f->proc, 0, 1, &got));
		FAILS(EINVAL, ksem_wait_many(NULL, f->id, 1, CLOCK_MONOTONIC, &past));
	}
}

static void a_sleeper_gets_all_at_once_when_they_are_there(void **state)
{
	struct feature *f = *state;
	struct waiting w;

	queue_up(&w, f, 3);
	OK(CALL(f, post_many, 2));
	assert_false(is_done(&w));
	assert_int_equal(waiters(f), 1);
	OK(CALL(f, post));
	OK(ended(&w));
	assert_int_equal(value(f), 0);
	assert_int_equal(waiters(f), 0);
}

/* KNOWN: a wake that only reaches waiters of one weight, or the wrong one. */
static void nobody_who_can_go_on_stays_asleep(void **state)
{
	struct feature *f = *state;
	struct waiting w[2];

	queue_up(&w[0], f, 5);
	queue_up(&w[1], f, 1);
	OK(CALL(f, post));
	OK(ended(&w[1]));
	assert_false(is_done(&w[0]));
	assert_int_equal(value(f), 0);
	OK(CALL(f, post_many, 5));
	OK(ended(&w[0]));
	queue_up(&w[0], f, 1);
	queue_up(&w[1], f, 5);
	OK(CALL(f, post));
	OK(ended(&w[0]));
	assert_false(is_done(&w[1]));
	OK(CALL(f, post_many, 5));
	OK(ended(&w[1]));
}

static void a_batch_wakes_all_for_whom_it_suffices(void **state)
{
	enum { WAITERS = 6 };
	struct feature *f = *state;
	struct waiting w[WAITERS];
	unsigned sum = 0;

	for (unsigned i = 0; i < WAITERS; i++) {
		queue_up(&w[i], f, i % 3 + 1);
		sum += i % 3 + 1;
	}
	OK(CALL(f, post_many, sum));
	for (unsigned i = 0; i < WAITERS; i++)
		OK(ended(&w[i]));
	assert_int_equal(value(f), 0);
	assert_int_equal(waiters(f), 0);
}

static void a_deadline_ends_a_wait_in_time(void **state)
{
	struct feature *f = *state;
	struct timespec deadline, begun;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	deadline = in_ms(CLOCK_MONOTONIC, 20);
	FAILS(ETIMEDOUT, CALL(f, wait_many, 2, CLOCK_MONOTONIC, &deadline));
	assert_true(ns_since(begun) >= 20000000);
	deadline = in_ms(CLOCK_REALTIME, 20);
	FAILS(ETIMEDOUT, CALL(f, wait_many, 2, CLOCK_REALTIME, &deadline));
	assert_int_equal(waiters(f), 0);
	OK(CALL(f, post_many, 2));
	OK(CALL(f, wait_many, 2, CLOCK_REALTIME, &past)); /* a waiter that gave up ate nothing */
}

static void a_handler_ends_a_wait_with_EINTR_or_with_SA_RESTART_does_not(void **state)
{
	struct feature *f = *state;
	struct waiting w;

	handle(do_nothing, 0);
	queue_up(&w, f, 2);
	while (!is_done(&w)) {
		OK(pthread_kill(w.thread, SIGUSR1));
		sleep_ms(1);
	}
	FAILS(EINTR, ended(&w));
	assert_int_equal(waiters(f), 0);
	handle(do_nothing, SA_RESTART);
	queue_up(&w, f, 2);
	for (int i = 0; i < 20; i++) {
		OK(pthread_kill(w.thread, SIGUSR1));
		sched_yield();
	}
	assert_false(is_done(&w));
	OK(CALL(f, post_many, 2));
	OK(ended(&w));
	handle(SIG_DFL, 0);
}

static void post_of_more_than_the_limit_is_EOVERFLOW_before_any_waiter_takes(void **state)
{
	struct feature *f = *state;
	struct waiting w;

	make_limited(f, 3, 2);
	queue_up(&w, f, 3);
	FAILS(EOVERFLOW, CALL(f, post_many, 2));
	assert_false(is_done(&w));
	OK(CALL(f, post));
	OK(ended(&w));
	assert_int_equal(value(f), 0);
	OK(CALL(f, post_many, 3));
	FAILS(EOVERFLOW, CALL(f, post));
}

static void errno_is_left_alone(void **state)
{
	struct feature *f = *state;
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 5);
	unsigned got;

	errno = 12345;
	FAILS(ETIMEDOUT, CALL(f, wait_many, 2, CLOCK_MONOTONIC, &soon));
	FAILS(EAGAIN, CALL(f, trywait_many, 2));
	FAILS(EAGAIN, CALL(f, trywait_upto, 2, &got));
	FAILS(EINVAL, CALL(f, wait_many, 2, -1, &past));
	assert_int_equal(errno, 12345);
}

/* ---- A crowd: no permit is lost or made, nobody stays asleep. ---- */

static struct feature *crowd;

static void *wait_and_post(void *arg)
{
	unsigned count = (unsigned)(uintptr_t)arg;

	for (int i = 0; i < ROUNDS(2000); i++) {
		MUST(CALL(crowd, wait_many, count, CLOCK_MONOTONIC, NULL) == 0);
		MUST(CALL(crowd, post_many, count) == 0);
	}
	return NULL;
}

static void a_crowd_that_wants_different_numbers_comes_through(void **state)
{
	enum { THREADS = 6, PERMITS = 4 };
	struct feature *f = *state;
	pthread_t threads[THREADS];

	make_limited(f, PERMITS, PERMITS);
	crowd = f;
	for (unsigned i = 0; i < THREADS; i++)
		threads[i] = start(wait_and_post, (void *)(uintptr_t)(i % PERMITS + 1));
	for (unsigned i = 0; i < THREADS; i++)
		finish(threads[i]);
	assert_int_equal(value(f), PERMITS);
	assert_int_equal(waiters(f), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		any_test(wait_many_takes_all_at_once),
		any_test(too_few_permits_are_left_alone),
		any_test(a_trywait_upto_that_fails_writes_nothing),
		any_test(count_0_takes_nothing_and_succeeds),
		any_test(a_null_deadline_means_none_and_the_clock_is_ignored),
		any_test(a_wrong_clock_or_deadline_is_EINVAL_though_there_are_permits),
		order_test(a_count_over_both_limits_is_EINVAL),
		any_test(what_is_not_held_is_EINVAL),
		any_test(a_sleeper_gets_all_at_once_when_they_are_there),
		barging_test(nobody_who_can_go_on_stays_asleep),
		plain_test(nobody_who_can_go_on_stays_asleep),
		lifo_test(nobody_who_can_go_on_stays_asleep),
		any_test(a_batch_wakes_all_for_whom_it_suffices),
		any_test(a_deadline_ends_a_wait_in_time),
		any_test(a_handler_ends_a_wait_with_EINTR_or_with_SA_RESTART_does_not),
		order_test(post_of_more_than_the_limit_is_EOVERFLOW_before_any_waiter_takes),
		any_test(errno_is_left_alone),
		any_test(a_crowd_that_wants_different_numbers_comes_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
