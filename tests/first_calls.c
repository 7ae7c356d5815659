/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * First calls of threads while there is no memory: liburcu would end the program where it can't have any for a reader.
 * In a fork's child, too.
 */
#include "support.h"

#include <sys/resource.h>

#define THREADS 150 /* more than half of what the library has for itself; liburcu has room for 8 at first */
#define ENDS    2000

static struct world world;
static ksem_id_t id;
static atomic_int met;
static atomic_bool go, stop;

static void *call(void *arg)
{
	unsigned value;

	(void)arg;
	while (!atomic_load(&go))
		sched_yield();
	MUST(ksem_getvalue(world.proc, id, &value) == 0); /* in a read section */
	MUST(ksem_post(world.proc, id) == 0 && ksem_wait(world.proc, id) == 0);
	atomic_fetch_add(&met, 1);
	while (!atomic_load(&stop)) {
		ksem_getvalue(world.proc, id + 1, &value);
		sched_yield();
	}
	return NULL;
}

static void end_semaphores(void)
{
	for (int i = 0; i < ENDS; i++) {
		ksem_id_t other;

		MUST(ksem_init(world.proc, 0, &other) == 0 && ksem_destroy(world.proc, other) == 0);
	}
}

/* Starts as many, which make their first call without memory. */
static void start_without_memory(pthread_t *threads)
{
	struct rlimit before, none;

	atomic_store(&go, false);
	atomic_store(&stop, false);
	atomic_store(&met, 0);
	for (int i = 0; i < THREADS; i++)
		threads[i] = start(call, NULL);
	MUST(getrlimit(RLIMIT_AS, &before) == 0);
	none = (struct rlimit){1, before.rlim_max};
	MUST(setrlimit(RLIMIT_AS, &none) == 0);
	atomic_store(&go, true);
	while (atomic_load(&met) < THREADS)
		sched_yield();
	MUST(setrlimit(RLIMIT_AS, &before) == 0);
	end_semaphores(); /* whose grace periods wait for those readers too */
}

static void stop_threads(const pthread_t *threads)
{
	atomic_store(&stop, true);
	for (int i = 0; i < THREADS; i++)
		finish(threads[i]);
	end_semaphores();
}

static void without_memory(void)
{
	pthread_t threads[THREADS];

	start_without_memory(threads);
	for (int i = 0; i < 3; i++) {
		pid_t child = fork();

		if (child == 0) {
			alarm(60);
			start_without_memory(threads);
			stop_threads(threads);
			_exit(0);
		}
		must_end_well(child);
	}
	stop_threads(threads);
}

static void a_threads_first_call_needs_no_memory(void **state)
{
	pid_t child;

	(void)state;
	if (SANITIZED || EMULATED)
		SKIP("what runs it needs memory all the time");
	fflush(stdout);
	child = fork(); /* where nothing is in the way of the limit */
	if (child == 0) {
		alarm(120);
		world = world_limited(0, 0);
		MUST(ksem_init(world.proc, 0, &id) == 0);
		for (int i = 0; i < 3; i++) /* records are given back: there aren't as many for all of them */
			without_memory();
		MUST(ksem_destroy(world.proc, id) == 0);
		world_end(&world);
		_exit(0);
	}
	must_end_well(child);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_threads_first_call_needs_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
