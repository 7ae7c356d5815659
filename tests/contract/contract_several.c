/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several permits at once without waiting, and one permit of several semaphores: trywait_many and trywait_upto by id
 * and pinned, trywait_any by ids.
 */
#include "target.h"

static int trywait_many(struct target *t, unsigned count)
{
	return t->pinned ? ksem_pinned_trywait_many(t->pin, count) : ksem_trywait_many(t->proc, t->id, count);
}

static int trywait_upto(struct target *t, unsigned count, unsigned *got)
{
	return t->pinned ? ksem_pinned_trywait_upto(t->pin, count, got) : ksem_trywait_upto(t->proc, t->id, count, got);
}

/* ---- trywait_many ---- */

static void trywait_many_takes_all_or_nothing(void **state)
{
	static const struct {
		unsigned from, count;
		int error;
	} cases[] = {
		{0, 1, EAGAIN},
		{1, 1, 0},
		{1, 2, EAGAIN},
		{2, 2, 0},
		{7, 3, 0},
		{KSEM_VALUE_MAX, KSEM_VALUE_MAX, 0},
		{KSEM_VALUE_MAX - 1, KSEM_VALUE_MAX, EAGAIN},
		{KSEM_VALUE_MAX, 1, 0},
		{(unsigned)INT32_MAX + 1, (unsigned)INT32_MAX + 1, 0},
		{INT32_MAX, (unsigned)INT32_MAX + 1, EAGAIN},
		{0, KSEM_VALUE_MAX, EAGAIN},
	};
	struct target *t = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		renew(t, cases[i].from);
		FAILS(cases[i].error, trywait_many(t, cases[i].count));
		assert_int_equal(value(t), cases[i].from - (cases[i].error ? 0 : cases[i].count));
	}
}

static void trywait_many_of_0_takes_nothing_and_succeeds(void **state)
{
	struct target *t = *state;

	OK(trywait_many(t, 0));
	assert_int_equal(value(t), 0);
	renew(t, 3);
	OK(trywait_many(t, 0));
	assert_int_equal(value(t), 3);
}

static void trywait_many_of_what_is_not_held_is_EINVAL(void **state)
{
	struct target *t = *state;
	unsigned got = 77;

	if (t->pinned) {
		OK(ksem_destroy(t->proc, t->id));
		t->id = 0;
	} else {
		t->id++;
	}
	FAILS(EINVAL, trywait_many(t, 1));
	FAILS(EINVAL, trywait_many(t, 0));
	FAILS(EINVAL, trywait_upto(t, 1, &got));
	assert_int_equal(got, 77);
	if (!t->pinned)
		t->id--;
}

/* Waiters of one permit go on by the order of the semaphore, which is barging: a trywait may overtake them. */
static void trywait_many_beside_a_sleeper_takes_what_was_posted_or_nothing(void **state)
{
	struct target *t = *state;
	struct waiter waiter;
	unsigned taken = 0;

	begin_waits(&waiter, 1, t);
	OK(post_many(t, 3));
	if (trywait_many(t, 3) == 0)
		taken = 3;
	OK(post_many(t, 1));
	OK(end_wait(&waiter));
	assert_int_equal(value(t), 3 - taken);
}

/* ---- trywait_upto ---- */

static void trywait_upto_takes_as_many_as_there_are(void **state)
{
	static const struct {
		unsigned from, count, got;
	} cases[] = {
		{1, 1, 1},
		{1, 2, 1},
		{2, 1, 1},
		{5, 5, 5},
		{5, 6, 5},
		{5, KSEM_VALUE_MAX, 5},
		{KSEM_VALUE_MAX, KSEM_VALUE_MAX, KSEM_VALUE_MAX},
		{KSEM_VALUE_MAX, 3, 3},
		{(unsigned)INT32_MAX + 3, KSEM_VALUE_MAX, (unsigned)INT32_MAX + 3},
	};
	struct target *t = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		unsigned got = 0;

		renew(t, cases[i].from);
		OK(trywait_upto(t, cases[i].count, &got));
		assert_int_equal(got, cases[i].got);
		assert_int_equal(value(t), cases[i].from - cases[i].got);
	}
}

static void trywait_upto_of_none_is_EAGAIN_and_writes_nothing(void **state)
{
	struct target *t = *state;
	unsigned got = 77;

	FAILS(EAGAIN, trywait_upto(t, 3, &got));
	assert_int_equal(got, 77);
}

static void trywait_upto_of_0_is_EINVAL_though_there_are_permits(void **state)
{
	struct target *t = *state;
	unsigned got = 77;

	renew(t, 3);
	FAILS(EINVAL, trywait_upto(t, 0, &got));
	assert_int_equal(got, 77);
	assert_int_equal(value(t), 3);
}

static void null_got_is_EFAULT_before_all_but_the_semaphore(void **state)
{
	struct target *t = *state;

	renew(t, 3);
	FAILS(EFAULT, trywait_upto(t, 1, NULL));
	FAILS(EFAULT, trywait_upto(t, 0, NULL));
	assert_int_equal(value(t), 3);
	FAILS(EINVAL, ksem_pinned_trywait_upto(NULL, 0, NULL));
	FAILS(EINVAL, ksem_trywait_upto(NULL, t->id, 0, NULL));
	FAILS(EINVAL, ksem_pinned_trywait_many(NULL, 0));
	FAILS(EINVAL, ksem_trywait_many(NULL, t->id, 0));
}

/* ---- At one instant. ---- */

#define AT_ONCE 3

static struct {
	struct target *target;
	atomic_bool over;
	atomic_uint ready;
} crowd;

/* Puts and takes AT_ONCE permits at once, so nobody ever sees another number of them. */
static void *take_and_post_three(void *arg)
{
	atomic_fetch_add(&crowd.ready, 1);
	while (!atomic_load(&crowd.over)) {
		unsigned got = 0;

		if (arg ? trywait_upto(crowd.target, AT_ONCE, &got) == 0 : trywait_many(crowd.target, AT_ONCE) == 0) {
			MUST(!arg || got == AT_ONCE);
			MUST(post_many(crowd.target, AT_ONCE) == 0);
		}
	}
	return NULL;
}

static void several_permits_are_taken_at_one_instant(void **state)
{
	enum { THREADS = 3 };
	struct target *t = *state;
	pthread_t threads[THREADS];

	renew(t, 2 * AT_ONCE);
	crowd.target = t;
	atomic_store(&crowd.over, false);
	atomic_store(&crowd.ready, 0);
	for (size_t i = 0; i < THREADS; i++)
		threads[i] = start(take_and_post_three, i == 0 ? &crowd : NULL);
	while (atomic_load(&crowd.ready) < THREADS)
		sched_yield();
	for (int i = 0; i < ROUNDS(200000); i++)
		MUST(value(t) % AT_ONCE == 0);
	atomic_store(&crowd.over, true);
	for (size_t i = 0; i < THREADS; i++)
		finish(threads[i]);
	assert_int_equal(value(t), 2 * AT_ONCE);
}

/* Takes and posts one permit, on whatever processor, so that permits lie in its slot. */
static void *take_and_post_one(void *arg)
{
	(void)arg;
	atomic_fetch_add(&crowd.ready, 1);
	while (!atomic_load(&crowd.over)) {
		MUST(trywait(crowd.target) == 0);
		MUST(post(crowd.target) == 0);
	}
	return NULL;
}

/* Of 10 permits two threads take one each at most; so 8 can always be taken, wherever they lie. */
static void permits_that_are_there_are_found_wherever_they_lie(void **state)
{
	enum { THREADS = 2, ALL = 10 };
	struct target *t = *state;
	pthread_t threads[THREADS];

	renew(t, ALL);
	crowd.target = t;
	atomic_store(&crowd.over, false);
	atomic_store(&crowd.ready, 0);
	for (size_t i = 0; i < THREADS; i++)
		threads[i] = start(take_and_post_one, NULL);
	while (atomic_load(&crowd.ready) < THREADS)
		sched_yield();
	for (int i = 0; i < ROUNDS(20000); i++) {
		unsigned got = 0;

		MUST(trywait_many(t, ALL - 2 * THREADS) == 0); /* a thread may hold one while another takes one */
		MUST(post_many(t, ALL - 2 * THREADS) == 0);
		MUST(trywait_upto(t, ALL - 2 * THREADS, &got) == 0 && got == ALL - 2 * THREADS);
		MUST(post_many(t, got) == 0);
	}
	atomic_store(&crowd.over, true);
	for (size_t i = 0; i < THREADS; i++)
		finish(threads[i]);
	assert_int_equal(value(t), ALL);
	OK(trywait_many(t, ALL));
}

/* ---- In a signal handler ---- */

static volatile sig_atomic_t handled;

static void take_in_handler(int signal)
{
	struct target *t = crowd.target;
	unsigned got = 0, which = 0;

	(void)signal;
	MUST(trywait_many(t, 2) == 0);
	MUST(trywait_upto(t, 5, &got) == 0 && got == 3);
	MUST(post_many(t, 1) == 0);
	MUST(ksem_trywait_any(t->proc, &t->id, 1, &which) == 0 && which == 0);
	handled = 1;
}

static void they_may_be_called_from_a_signal_handler(void **state)
{
	struct target *t = *state;
	struct sigaction action = {.sa_handler = take_in_handler}, before;

	renew(t, 5);
	crowd.target = t;
	handled = 0;
	OK(sigaction(SIGUSR1, &action, &before));
	OK(raise(SIGUSR1));
	OK(sigaction(SIGUSR1, &before, NULL));
	assert_int_equal(handled, 1);
	assert_int_equal(value(t), 0);
}

/* ---- trywait_any ---- */

static void trywait_any_takes_of_the_first_that_has_a_permit(void **state)
{
	struct world *world = *state;
	ksem_id_t ids[4];
	unsigned which = 77;

	for (unsigned i = 0; i < 4; i++)
		OK(ksem_init(world->proc, 0, &ids[i]));
	FAILS(EAGAIN, ksem_trywait_any(world->proc, ids, 4, &which));
	assert_int_equal(which, 77);
	OK(ksem_post(world->proc, ids[3]));
	OK(ksem_post(world->proc, ids[1]));
	OK(ksem_trywait_any(world->proc, ids, 4, &which));
	assert_int_equal(which, 1);
	OK(ksem_trywait_any(world->proc, ids, 4, &which));
	assert_int_equal(which, 3);
	FAILS(EAGAIN, ksem_trywait_any(world->proc, ids, 4, &which));
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(value_of(world->proc, ids[i]), 0);
		OK(ksem_destroy(world->proc, ids[i]));
	}
}

static void trywait_any_of_one_id_twice_takes_one_permit(void **state)
{
	struct world *world = *state;
	ksem_id_t ids[3];
	unsigned which = 77;

	OK(ksem_init(world->proc, 0, &ids[0]));
	OK(ksem_init(world->proc, 2, &ids[1]));
	ids[2] = ids[1];
	OK(ksem_trywait_any(world->proc, ids, 3, &which));
	assert_int_equal(which, 1);
	assert_int_equal(value_of(world->proc, ids[1]), 1);
	OK(ksem_destroy(world->proc, ids[0]));
	OK(ksem_destroy(world->proc, ids[1]));
}

static void trywait_any_of_64_finds_the_last(void **state)
{
	struct world *world = *state;
	ksem_id_t ids[KSEM_ANY_MAX + 1];
	unsigned which = 77;

	for (unsigned i = 0; i <= KSEM_ANY_MAX; i++)
		OK(ksem_init(world->proc, i + 1 == KSEM_ANY_MAX, &ids[i]));
	FAILS(EINVAL, ksem_trywait_any(world->proc, ids, KSEM_ANY_MAX + 1, &which));
	assert_int_equal(which, 77);
	OK(ksem_trywait_any(world->proc, ids, KSEM_ANY_MAX, &which));
	assert_int_equal(which, KSEM_ANY_MAX - 1);
	for (unsigned i = 0; i <= KSEM_ANY_MAX; i++)
		OK(ksem_destroy(world->proc, ids[i]));
}

static void trywait_any_with_an_id_that_is_not_held_is_EINVAL_and_takes_nothing(void **state)
{
	struct world *world = *state;
	ksem_id_t ids[3];
	unsigned which = 77;

	OK(ksem_init(world->proc, 1, &ids[0]));
	OK(ksem_init(world->proc, 1, &ids[1]));
	ids[2] = 0;
	FAILS(EINVAL, ksem_trywait_any(world->proc, ids, 3, &which));
	OK(ksem_init(world->proc, 1, &ids[2]));
	OK(ksem_destroy(world->proc, ids[2]));
	FAILS(EINVAL, ksem_trywait_any(world->proc, ids, 3, &which));
	FAILS(EINVAL, ksem_trywait_any(world->proc, ids, 0, &which));
	FAILS(EINVAL, ksem_trywait_any(world->proc, ids, UINT32_MAX, &which));
	assert_int_equal(which, 77);
	assert_int_equal(value_of(world->proc, ids[0]), 1);
	assert_int_equal(value_of(world->proc, ids[1]), 1);
	OK(ksem_destroy(world->proc, ids[0]));
	OK(ksem_destroy(world->proc, ids[1]));
}

static void trywait_any_checks_null_arguments_first(void **state)
{
	struct world *world = *state;
	ksem_id_t id = 0;
	unsigned which;

	FAILS(EINVAL, ksem_trywait_any(NULL, NULL, 0, NULL));
	FAILS(EFAULT, ksem_trywait_any(world->proc, NULL, 0, &which));
	FAILS(EFAULT, ksem_trywait_any(world->proc, &id, 0, NULL));
	FAILS(EFAULT, ksem_trywait_any(world->proc, &id, KSEM_ANY_MAX + 1, NULL));
}

static void errno_is_left_alone(void **state)
{
	struct world *world = *state;
	unsigned got, which;
	ksem_id_t id;

	OK(ksem_init(world->proc, 0, &id));
	errno = 12345;
	FAILS(EAGAIN, ksem_trywait_many(world->proc, id, 2));
	FAILS(EAGAIN, ksem_trywait_upto(world->proc, id, 2, &got));
	FAILS(EAGAIN, ksem_trywait_any(world->proc, &id, 1, &which));
	FAILS(EINVAL, ksem_trywait_many(world->proc, 0, 2));
	assert_int_equal(errno, 12345);
	OK(ksem_destroy(world->proc, id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		both(trywait_many_takes_all_or_nothing),
		both(trywait_many_of_0_takes_nothing_and_succeeds),
		both(trywait_many_of_what_is_not_held_is_EINVAL),
		both(trywait_many_beside_a_sleeper_takes_what_was_posted_or_nothing),
		both(trywait_upto_takes_as_many_as_there_are),
		both(trywait_upto_of_none_is_EAGAIN_and_writes_nothing),
		both(trywait_upto_of_0_is_EINVAL_though_there_are_permits),
		both(null_got_is_EFAULT_before_all_but_the_semaphore),
		both(several_permits_are_taken_at_one_instant),
		both(permits_that_are_there_are_found_wherever_they_lie),
		both(they_may_be_called_from_a_signal_handler),
		world_test(trywait_any_takes_of_the_first_that_has_a_permit),
		world_test(trywait_any_of_one_id_twice_takes_one_permit),
		world_test(trywait_any_of_64_finds_the_last),
		world_test(trywait_any_with_an_id_that_is_not_held_is_EINVAL_and_takes_nothing),
		world_test(trywait_any_checks_null_arguments_first),
		world_test(errno_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
