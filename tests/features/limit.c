/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem_set_limit: the value moves with the limit, permits that are taken stay taken.
 */
#include "feature.h"

static unsigned limit(struct feature *f)
{
	return info_of(f->proc, f->id).limit;
}

static void the_value_moves_with_the_limit(void **state)
{
	struct feature *f = *state;

	make_limited(f, 10, 4);
	OK(CALL(f, set_limit, 12));
	assert_int_equal(value(f), 6);
	assert_int_equal(limit(f), 12);
	OK(CALL(f, set_limit, 7));
	assert_int_equal(value(f), 1);
	OK(CALL(f, set_limit, 7));
	assert_int_equal(value(f), 1);
	OK(CALL(f, set_limit, 6));
	assert_int_equal(value(f), 0);
	OK(CALL(f, post_many, 6));
	FAILS(EOVERFLOW, CALL(f, post));
}

static void posts_pay_what_is_owed_first(void **state)
{
	struct feature *f = *state;

	make_limited(f, 10, 2); /* 8 are taken */
	OK(CALL(f, set_limit, 3));
	assert_int_equal(value(f), 0); /* owes 5 */
	FAILS(EAGAIN, CALL(f, trywait));
	for (int i = 0; i < 5; i++) {
		OK(CALL(f, post));
		assert_int_equal(value(f), 0);
		FAILS(EAGAIN, CALL(f, trywait));
	}
	OK(CALL(f, post));
	assert_int_equal(value(f), 1);
	OK(CALL(f, post_many, 2));
	FAILS(EOVERFLOW, CALL(f, post));
	assert_int_equal(value(f), 3);
}

static void a_batch_may_pay_and_give(void **state)
{
	struct feature *f = *state;

	make_limited(f, 10, 0);
	OK(CALL(f, set_limit, 4)); /* owes 6 */
	FAILS(EOVERFLOW, CALL(f, post_many, 11));
	OK(CALL(f, post_many, 8));
	assert_int_equal(value(f), 2);
}

static void a_debt_shrinks_when_the_limit_rises(void **state)
{
	struct feature *f = *state;

	make_limited(f, 10, 0);
	OK(CALL(f, set_limit, 4)); /* owes 6 */
	OK(CALL(f, set_limit, 9)); /* owes 1 */
	assert_int_equal(value(f), 0);
	OK(CALL(f, post));
	assert_int_equal(value(f), 0);
	OK(CALL(f, post));
	assert_int_equal(value(f), 1);
	OK(CALL(f, set_limit, 10));
	assert_int_equal(value(f), 2);
}

static void a_limit_of_0_stops_all_until_it_rises(void **state)
{
	struct feature *f = *state;
	struct waiting w;

	make_limited(f, 3, 3);
	OK(CALL(f, set_limit, 0));
	assert_int_equal(limit(f), 0);
	assert_int_equal(value(f), 0);
	FAILS(EAGAIN, CALL(f, trywait));
	FAILS(EOVERFLOW, CALL(f, post));
	queue_up(&w, f, 2);
	OK(CALL(f, set_limit, 2));
	OK(ended(&w));
	OK(CALL(f, post_many, 2));
}

/* KNOWN: raising the limit doesn't wake those who can go on now. */
static void raising_lets_those_go_on_who_can(void **state)
{
	struct feature *f = *state;
	struct waiting w[3];

	make_limited(f, 2, 2);
	OK(CALL(f, trywait_many, 2));
	for (unsigned i = 0; i < 3; i++)
		queue_up(&w[i], f, 1);
	OK(CALL(f, set_limit, 5));
	for (unsigned i = 0; i < 3; i++)
		OK(ended(&w[i]));
	assert_int_equal(value(f), 0);
}

/* KNOWN: lowering the limit while waiters queue loses one. */
static void lowering_loses_no_waiter(void **state)
{
	enum { WAITERS = 4 };
	struct feature *f = *state;
	struct waiting w[WAITERS];

	make_limited(f, 6, 6);
	OK(CALL(f, trywait_many, 6));
	for (unsigned i = 0; i < WAITERS; i++)
		queue_up(&w[i], f, 1);
	OK(CALL(f, set_limit, 4));
	assert_int_equal(waiters(f), WAITERS);
	OK(CALL(f, post_many, 2)); /* pays */
	assert_int_equal(waiters(f), WAITERS);
	OK(CALL(f, post_many, 4));
	for (unsigned i = 0; i < WAITERS; i++)
		OK(ended(&w[i]));
}

static void only_where_made_with_a_limit(void **state)
{
	struct feature *f = *state;

	make(f, (struct ksem_attr){0}, 3);
	FAILS(EINVAL, CALL(f, set_limit, 5));
	assert_int_equal(value(f), 3);
	/* with one, whatever it was */
	make_limited(f, f->variant.order == KSEM_BARGING ? KSEM_VALUE_MAX : 4000000, 3);
	OK(CALL(f, set_limit, 5));
	assert_int_equal(limit(f), 5);
}

static void a_limit_over_the_highest_is_EINVAL(void **state)
{
	struct feature *f = *state;

	make_limited(f, 5, 5);
	if (f->variant.order == KSEM_BARGING)
		OK(CALL(f, set_limit, KSEM_VALUE_MAX));
	else
		FAILS(EINVAL, CALL(f, set_limit, KSEM_VALUE_MAX));
	OK(CALL(f, set_limit, 4000000));
	FAILS(EINVAL, ksem_set_limit(NULL, f->id, 5));
	FAILS(EINVAL, ksem_set_limit(f->proc, 0, 5));
	FAILS(EINVAL, ksem_pinned_set_limit(NULL, 5));
}

/* ---- Beside posts and takes: none is lost or made. ---- */

static struct feature *crowd;
static atomic_bool over;

static void *take_and_post(void *arg)
{
	(void)arg;
	while (!atomic_load(&over)) {
		if (CALL(crowd, wait_many, 2, CLOCK_MONOTONIC, &past) == 0)
			MUST(CALL(crowd, post_many, 2) == 0);
	}
	return NULL;
}

static void beside_posts_and_takes_no_permit_is_lost(void **state)
{
	enum { THREADS = 2 };
	struct feature *f = *state;
	pthread_t threads[THREADS];

	make_limited(f, 6, 6);
	crowd = f;
	atomic_store(&over, false);
	for (unsigned i = 0; i < THREADS; i++)
		threads[i] = start(take_and_post, NULL);
	for (int i = 0; i < ROUNDS(20000); i++)
		MUST(CALL(f, set_limit, (unsigned)i % 7) == 0);
	OK(CALL(f, set_limit, 6));
	atomic_store(&over, true);
	for (unsigned i = 0; i < THREADS; i++)
		finish(threads[i]);
	assert_int_equal(value(f), 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		order_test(the_value_moves_with_the_limit),
		order_test(posts_pay_what_is_owed_first),
		order_test(a_batch_may_pay_and_give),
		order_test(a_debt_shrinks_when_the_limit_rises),
		order_test(a_limit_of_0_stops_all_until_it_rises),
		order_test(raising_lets_those_go_on_who_can),
		order_test(lowering_loses_no_waiter),
		order_test(only_where_made_with_a_limit),
		order_test(a_limit_over_the_highest_is_EINVAL),
		order_test(beside_posts_and_takes_no_permit_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
