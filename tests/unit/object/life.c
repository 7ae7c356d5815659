/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What keeps a semaphore (object/life.h): references and keeps are counted apart, a full half refuses, from zero there
 * is no way back, and of all who drop one is told that it was the last, with threads racing too.
 */
#include "support.h"

#include "object/life.h"

static const uint32_t counts[] = {0, 1, 2, LIFE_HALF_MAX - 1, LIFE_HALF_MAX};
#define COUNTS (sizeof(counts) / sizeof(*counts))
#define NEVER  UINT64_C(0x123456789ABCDEF0) /* stands where nothing may be written */

static life_t life_of(uint32_t refs, uint32_t keeps)
{
	return refs + keeps * (UINT64_C(1) << 32);
}

static void each_half_is_counted_apart(void **state)
{
	(void)state;
	for (size_t r = 0; r < COUNTS; r++) {
		for (size_t k = 0; k < COUNTS; k++) {
			life_t life = life_of(counts[r], counts[k]);

			assert_int_equal(life_count_refs(life), counts[r]);
			assert_int_equal(life_count_keeps(life), counts[k]);
		}
	}
	assert_true(life_refs(7) == life_of(7, 0));
	assert_true(life_keep() == life_of(0, 1));
}

/* To refs and keeps, adds some of one kind. */
static void check_take(uint32_t refs, uint32_t keeps, life_t more)
{
	uint64_t refs_then = (uint64_t)refs + life_count_refs(more);
	uint64_t keeps_then = (uint64_t)keeps + life_count_keeps(more);
	bool fits = refs_then <= LIFE_HALF_MAX && keeps_then <= LIFE_HALF_MAX;
	int error = refs == 0 && keeps == 0 ? EINVAL : fits ? 0 : ENOMEM;
	atomic(life_t) life = life_of(refs, keeps);
	life_t next = NEVER;

	FAILS(error, life_add(life_of(refs, keeps), more, &next));
	assert_true(next == (error ? NEVER : life_of((uint32_t)refs_then, (uint32_t)keeps_then)));
	FAILS(error, life_take(&life, more));
	assert_true(load_rlx(&life) == (error ? life_of(refs, keeps) : next));
}

static void taking_is_refused_from_zero_and_over_the_top(void **state)
{
	(void)state;
	for (size_t r = 0; r < COUNTS; r++) {
		for (size_t k = 0; k < COUNTS; k++) {
			check_take(counts[r], counts[k], life_keep());
			for (size_t more = 0; more < COUNTS; more++)
				check_take(counts[r], counts[k], life_refs(counts[more]));
		}
	}
}

static void check_keep_shared_ref(uint32_t refs, uint32_t keeps)
{
	int error = refs == 1 ? EAGAIN : keeps == LIFE_HALF_MAX ? ENOMEM : 0;
	atomic(life_t) life = life_of(refs, keeps);

	assert_int_equal(life_keep_unless_last(&life), error);
	assert_true(load_rlx(&life) == (error ? life_of(refs, keeps) : life_of(refs - 1, keeps + 1)));
}

static void only_the_drop_to_zero_is_the_last(void **state)
{
	(void)state;
	for (size_t r = 0; r < COUNTS; r++) {
		for (size_t k = 0; k < COUNTS; k++) {
			uint32_t refs = counts[r], keeps = counts[k];
			atomic(life_t) life = life_of(refs, keeps);

			if (refs > 0) {
				assert_int_equal(life_drop(&life, life_refs(1)), refs == 1 && keeps == 0);
				assert_true(load_rlx(&life) == life_of(refs - 1, keeps));
				store_rlx(&life, life_of(refs, keeps));
				assert_int_equal(life_drop(&life, life_refs(refs)), keeps == 0);
				assert_true(load_rlx(&life) == life_of(0, keeps));
				store_rlx(&life, life_of(refs, keeps));
				check_keep_shared_ref(refs, keeps);
			}
			store_rlx(&life, life_of(refs, keeps));
			if (keeps > 0) {
				assert_int_equal(life_drop(&life, life_keep()), refs == 0 && keeps == 1);
				assert_true(load_rlx(&life) == life_of(refs, keeps - 1));
			}
		}
	}
}

#define THREADS 4

/* Threads that start each round together, on one life. */
static struct race {
	pthread_barrier_t line;
	unsigned rounds;
	atomic(life_t) life;
	unsigned data[THREADS]; /* each thread's own until the last drop, then whose that was */
	atomic_uint lasts, alone;
	atomic_uint here; /* threads that have come to a round, over all rounds */
} race;

static void run_race(void *(*body)(void *), unsigned rounds)
{
	pthread_t threads[THREADS];

	race.rounds = rounds;
	atomic_store(&race.here, 0);
	MUST(pthread_barrier_init(&race.line, NULL, THREADS) == 0);
	for (uintptr_t i = 0; i < THREADS; i++)
		threads[i] = start(body, (void *)i);
	for (unsigned i = 0; i < THREADS; i++)
		finish(threads[i]);
	pthread_barrier_destroy(&race.line);
}

/*
 * Until all are here, with no order made by it. ThreadSanitizer lets who leaves a barrier late acquire from who has
 * come to the next one already, and would see no race then.
 */
static void all_are_here(unsigned round)
{
	atomic_fetch_add_explicit(&race.here, 1, memory_order_relaxed);
	while (atomic_load_explicit(&race.here, memory_order_relaxed) < (round + 1) * THREADS)
		sched_yield();
}

/* What each thread did happens before the end, which the last one makes: plain data, as a semaphore's memory is. */
static void end_it(void)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < THREADS; i++) {
		sum += race.data[i];
		race.data[i] = 0;
	}
	MUST(sum == THREADS);
	MUST(life_take(&race.life, life_refs(1)) == EINVAL);
	MUST(life_take(&race.life, life_keep()) == EINVAL);
	atomic_fetch_add(&race.lasts, 1);
}

static void *drop_one_each(void *arg)
{
	uintptr_t me = (uintptr_t)arg;

	for (unsigned round = 0; round < race.rounds; round++) {
		if (me == 0)
			store_rlx(&race.life, life_of(THREADS / 2, THREADS - THREADS / 2));
		pthread_barrier_wait(&race.line);
		all_are_here(round);
		race.data[me] = 1;
		if (life_drop(&race.life, me < THREADS / 2 ? life_refs(1) : life_keep()))
			end_it();
		pthread_barrier_wait(&race.line);
	}
	return NULL;
}

static void of_racing_drops_one_is_the_last(void **state)
{
	unsigned rounds = ROUNDS(5000);

	(void)state;
	atomic_store(&race.lasts, 0);
	run_race(drop_one_each, rounds);
	assert_int_equal(atomic_load(&race.lasts), rounds);
}

/* One has a reference; the others try to get one, as a look-up does, and give back what they get. */
static void *take_while_it_ends(void *arg)
{
	uintptr_t me = (uintptr_t)arg;
	life_t mine = me % 2 ? life_refs(1) : life_keep();

	for (unsigned round = 0; round < race.rounds; round++) {
		if (me == 0)
			store_rlx(&race.life, life_refs(1));
		pthread_barrier_wait(&race.line);
		if (me == 0) {
			if (life_drop(&race.life, life_refs(1)))
				atomic_fetch_add(&race.lasts, 1);
		} else if (life_take(&race.life, mine) == 0) {
			if (life_drop(&race.life, mine))
				atomic_fetch_add(&race.lasts, 1);
		}
		pthread_barrier_wait(&race.line);
	}
	return NULL;
}

static void who_comes_late_does_not_revive_it(void **state)
{
	unsigned rounds = ROUNDS(5000);

	(void)state;
	atomic_store(&race.lasts, 0);
	run_race(take_while_it_ends, rounds);
	assert_int_equal(atomic_load(&race.lasts), rounds);
}

static void *drop_one_shared_each(void *arg)
{
	uintptr_t me = (uintptr_t)arg;

	for (unsigned round = 0; round < race.rounds; round++) {
		if (me == 0)
			store_rlx(&race.life, life_of(THREADS, 1));
		pthread_barrier_wait(&race.line);
		if (life_keep_unless_last(&race.life)) {
			atomic_fetch_add(&race.alone, 1);
			MUST(load_rlx(&race.life) == life_of(1, THREADS));
		}
		pthread_barrier_wait(&race.line);
	}
	return NULL;
}

static void of_racing_sharers_one_is_left_alone(void **state)
{
	unsigned rounds = ROUNDS(5000);

	(void)state;
	atomic_store(&race.alone, 0);
	run_race(drop_one_shared_each, rounds);
	assert_int_equal(atomic_load(&race.alone), rounds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_half_is_counted_apart),
		cmocka_unit_test(taking_is_refused_from_zero_and_over_the_top),
		cmocka_unit_test(only_the_drop_to_zero_is_the_last),
		cmocka_unit_test(of_racing_drops_one_is_the_last),
		cmocka_unit_test(who_comes_late_does_not_revive_it),
		cmocka_unit_test(of_racing_sharers_one_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
