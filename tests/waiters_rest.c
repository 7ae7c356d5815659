/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that wait leave the processors alone, also where there are many more threads than processors: what all of
 * them together use while they wait for a deadline is a small part of what one that spins would.
 */
#include "support.h"

#define WAITERS 32
#define WAIT_NS 1000000000 /* so long each waits */
#define MOST_NS 500000000  /* of processor time, of all of them: one that spins to its deadline uses twice as much */

static struct world *world;
static ksem_id_t id;
static struct ksem *sem;
static struct timespec deadline;

static long processor_time(void)
{
	struct timespec used;

	MUST(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0);
	return used.tv_sec * 1000000000L + used.tv_nsec;
}

static void *wait_by_id(void *arg)
{
	(void)arg;
	MUST(ksem_clockwait(world->proc, id, CLOCK_MONOTONIC, &deadline) == ETIMEDOUT);
	return NULL;
}

static void *wait_pinned(void *arg)
{
	(void)arg;
	MUST(ksem_pinned_clockwait(sem, CLOCK_MONOTONIC, &deadline) == ETIMEDOUT);
	return NULL;
}

static void waiters_use(void *(*wait)(void *))
{
	pthread_t threads[WAITERS];
	long before = processor_time();

	MUST(clock_gettime(CLOCK_MONOTONIC, &deadline) == 0);
	deadline.tv_sec += WAIT_NS / 1000000000;
	for (int i = 0; i < WAITERS; i++)
		MUST(pthread_create(&threads[i], NULL, wait, NULL) == 0);
	for (int i = 0; i < WAITERS; i++)
		MUST(pthread_join(threads[i], NULL) == 0);
	assert_true(processor_time() - before < MOST_NS);
}

static void waiters_by_id_rest(void **state)
{
	(void)state;
	waiters_use(wait_by_id);
}

static void waiters_pinned_rest(void **state)
{
	(void)state;
	waiters_use(wait_pinned);
}

static int setup(void **state)
{
	if (world_setup(state))
		return -1;
	world = *state;
	OK(ksem_init(world->proc, 0, &id));
	OK(ksem_pin(world->proc, id, &sem));
	return 0;
}

static int teardown(void **state)
{
	ksem_unpin(sem);
	OK(ksem_destroy(world->proc, id));
	return world_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(waiters_by_id_rest, setup, teardown),
		cmocka_unit_test_setup_teardown(waiters_pinned_rest, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
