/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem_shutdown: nobody sleeps any more, permits that are there can still be taken.
 */
#include "feature.h"

enum { WAITERS = 5 };

static void all_that_wait_get_ESHUTDOWN(void **state)
{
	static const struct timespec far_off = {INT32_MAX, 0};
	struct feature *f = *state;
	struct waiting w[WAITERS];

	for (unsigned i = 0; i < WAITERS; i++)
		queue_up_until(&w[i], f, i + 1, i % 2 ? &far_off : NULL);
	OK(CALL(f, shutdown));
	for (unsigned i = 0; i < WAITERS; i++)
		FAILS(ESHUTDOWN, ended(&w[i]));
	assert_int_equal(waiters(f), 0);
	assert_int_equal(value(f), 0);
}

static void later_waits_that_find_too_few_get_it_too(void **state)
{
	struct feature *f = *state;

	make_limited(f, LIMIT, 2);
	OK(CALL(f, shutdown));
	FAILS(ESHUTDOWN, CALL(f, wait_many, 3, CLOCK_MONOTONIC, NULL));
	FAILS(ESHUTDOWN, CALL(f, wait_many, 3, CLOCK_MONOTONIC, &past)); /* before ETIMEDOUT */
	OK(CALL(f, wait));
	OK(CALL(f, clockwait, CLOCK_MONOTONIC, &past));
	FAILS(ESHUTDOWN, CALL(f, wait));
	FAILS(ESHUTDOWN, CALL(f, clockwait, CLOCK_MONOTONIC, &past));
	FAILS(ESHUTDOWN, CALL(f, wait_many, 1, CLOCK_MONOTONIC, NULL));
	OK(CALL(f, wait_many, 0, CLOCK_MONOTONIC, NULL));
}

static void bad_arguments_come_before_ESHUTDOWN(void **state)
{
	struct feature *f = *state;

	OK(CALL(f, shutdown));
	FAILS(EINVAL, CALL(f, wait_many, 1, CLOCK_BOOTTIME, &past));
	FAILS(EINVAL, CALL(f, wait_many, LIMIT + 1, CLOCK_MONOTONIC, NULL));
	FAILS(EFAULT, CALL(f, clockwait, CLOCK_MONOTONIC, NULL));
}

static void trywait_and_post_are_as_ever(void **state)
{
	struct feature *f = *state;
	unsigned got, which;

	OK(CALL(f, shutdown));
	FAILS(EAGAIN, CALL(f, trywait));
	FAILS(EAGAIN, CALL(f, trywait_many, 1));
	FAILS(EAGAIN, CALL(f, trywait_upto, 1, &got));
	FAILS(EAGAIN, ksem_trywait_any(f->proc, &f->id, 1, &which));
	OK(CALL(f, post_many, 4));
	assert_int_equal(value(f), 4);
	OK(CALL(f, trywait));
	OK(CALL(f, trywait_many, 3));
	OK(CALL(f, post_many, LIMIT));
	FAILS(EOVERFLOW, CALL(f, post));
}

static void permits_that_are_there_are_taken_first(void **state)
{
	struct feature *f = *state;
	struct waiting w;

	make_limited(f, LIMIT, 2);
	queue_up(&w, f, 3);
	OK(CALL(f, shutdown));
	FAILS(ESHUTDOWN, ended(&w));
	assert_int_equal(value(f), 2);
	OK(CALL(f, wait_many, 2, CLOCK_MONOTONIC, NULL));
}

static void again_is_0_and_it_shows(void **state)
{
	struct feature *f = *state;

	assert_int_equal(info_of(f->proc, f->id).flags & KSEM_SHUTDOWN, 0);
	OK(CALL(f, shutdown));
	OK(CALL(f, shutdown));
	assert_int_equal(info_of(f->proc, f->id).flags, KSEM_SHUTDOWN);
}

/* KNOWN: a change of the limit that opens it again. */
static void set_limit_does_not_undo_it(void **state)
{
	struct feature *f = *state;

	OK(CALL(f, shutdown));
	OK(CALL(f, set_limit, LIMIT + 5));
	assert_int_equal(value(f), 5);
	OK(CALL(f, trywait_many, 5));
	FAILS(ESHUTDOWN, CALL(f, wait));
	assert_true(info_of(f->proc, f->id).flags & KSEM_SHUTDOWN);
}

static int plain; /* not atomic: ThreadSanitizer says if the shutdown doesn't happen before */

static void *write_and_shut(void *arg)
{
	plain++;
	MUST(CALL((struct feature *)arg, shutdown) == 0);
	return NULL;
}

static void what_was_done_before_is_seen_after_ESHUTDOWN(void **state)
{
	struct feature *f = *state;
	pthread_t thread;

	plain = 0;
	thread = start(write_and_shut, f);
	FAILS(ESHUTDOWN, CALL(f, wait));
	assert_int_equal(plain, 1);
	finish(thread);
}

static void a_new_one_of_the_name_is_open(void **state)
{
	struct feature *f = *state;
	struct ksem_attr attr = {.size = sizeof(attr), .limit = LIMIT, .order = f->variant.order};
	ksem_id_t old, new;

	OK(ksem_open_attr(f->proc, "/service", O_CREAT, 0600, &attr, 0, &old));
	OK(ksem_shutdown(f->proc, old));
	OK(ksem_unlink(f->proc, "/service"));
	OK(ksem_open_attr(f->proc, "/service", O_CREAT | O_EXCL, 0600, &attr, 1, &new));
	OK(ksem_wait(f->proc, new));
	FAILS(ETIMEDOUT, ksem_clockwait(f->proc, new, CLOCK_MONOTONIC, &past));
	FAILS(ESHUTDOWN, ksem_wait(f->proc, old));
	OK(ksem_close(f->proc, old));
	OK(ksem_close(f->proc, new));
	OK(ksem_unlink(f->proc, "/service"));
}

static void what_is_not_held_is_EINVAL(void **state)
{
	struct feature *f = *state;

	FAILS(EINVAL, ksem_shutdown(NULL, f->id));
	FAILS(EINVAL, ksem_shutdown(f->proc, 0));
	FAILS(EINVAL, ksem_shutdown(f->proc, f->id + 1));
	FAILS(EINVAL, ksem_pinned_shutdown(NULL));
}

/* Takes the one permit again and again, until it is shut and another has the permit. */
static void *wait_until_shut(void *arg)
{
	struct feature *f = arg;
	int error;

	while ((error = CALL(f, wait_many, 1, CLOCK_MONOTONIC, NULL)) == 0)
		MUST(CALL(f, post) == 0);
	MUST(error == ESHUTDOWN);
	return NULL;
}

/* The permit is taken out at last, so that all threads come to find none. */
static void nobody_stays_asleep_whenever_it_comes(void **state)
{
	enum { THREADS = 3 };
	struct feature *f = *state;
	pthread_t threads[THREADS];

	for (int i = 0; i < rounds_of_making(60); i++) {
		make_limited(f, LIMIT, 1);
		for (unsigned j = 0; j < THREADS; j++)
			threads[j] = start(wait_until_shut, f);
		if (i % 3 == 0)
			sched_yield();
		OK(CALL(f, shutdown));
		while (CALL(f, trywait) == EAGAIN)
			sched_yield();
		for (unsigned j = 0; j < THREADS; j++)
			finish(threads[j]);
		assert_int_equal(value(f), 0);
		assert_int_equal(waiters(f), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		any_test(all_that_wait_get_ESHUTDOWN),
		any_test(later_waits_that_find_too_few_get_it_too),
		order_test(bad_arguments_come_before_ESHUTDOWN),
		order_test(trywait_and_post_are_as_ever),
		any_test(permits_that_are_there_are_taken_first),
		any_test(again_is_0_and_it_shows),
		order_test(set_limit_does_not_undo_it),
		any_test(what_was_done_before_is_seen_after_ESHUTDOWN),
		order_test(a_new_one_of_the_name_is_open),
		any_test(what_is_not_held_is_EINVAL),
		any_test(nobody_stays_asleep_whenever_it_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
