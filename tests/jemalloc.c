/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the host has jemalloc, the library's memory is jemalloc's, in an arena that nothing else uses, and all of it
 * goes back.
 */
#include "support.h"

#include <jemalloc/jemalloc.h>

static size_t read_size(const char *name)
{
	size_t value, size = sizeof(value);

	MUST(mallctl(name, &value, &size, NULL, 0) == 0);
	return value;
}

static unsigned read_unsigned(const char *name)
{
	unsigned value;
	size_t size = sizeof(value);

	MUST(mallctl(name, &value, &size, NULL, 0) == 0);
	return value;
}

/* Statistics are as of the last epoch. */
static void refresh(void)
{
	uint64_t epoch = 1;
	size_t size = sizeof(epoch);

	MUST(mallctl("epoch", &epoch, &size, &epoch, size) == 0);
}

#define ARENAS_MAX 4096

static unsigned arenas(void)
{
	unsigned n = read_unsigned("arenas.narenas");

	MUST(n <= ARENAS_MAX);
	return n;
}

/* Bytes allocated from an arena; 0 where it hasn't come to be. */
static size_t allocated(unsigned arena)
{
	char name[64];
	bool initialized;
	size_t size = sizeof(initialized);

	snprintf(name, sizeof(name), "arena.%u.initialized", arena);
	if (mallctl(name, &initialized, &size, NULL, 0) != 0 || !initialized)
		return 0;
	snprintf(name, sizeof(name), "stats.arenas.%u.small.allocated", arena);
	size = read_size(name);
	snprintf(name, sizeof(name), "stats.arenas.%u.large.allocated", arena);
	return size + read_size(name);
}

static void note_all(size_t *bytes)
{
	refresh();
	for (unsigned i = 0; i < arenas(); i++)
		bytes[i] = allocated(i);
}

enum { SEMS = 10000 };

/* The arena that holds what so many semaphores take; the only one. */
static unsigned arena_of_the_library(struct ksem_proc *proc, ksem_id_t *ids)
{
	static size_t before[ARENAS_MAX], after[ARENAS_MAX];
	unsigned found = ARENAS_MAX;

	note_all(before);
	for (unsigned i = 0; i < SEMS; i++)
		OK(ksem_init(proc, i, &ids[i]));
	note_all(after);
	for (unsigned i = 0; i < arenas(); i++) {
		if (after[i] < before[i] + SEMS * 16) /* the tables */
			continue;
		assert_int_equal(found, ARENAS_MAX);
		found = i;
	}
	assert_true(found < ARENAS_MAX);
	return found;
}

static void memory_is_of_an_arena_of_its_own_and_goes_back(void **state)
{
	static ksem_id_t ids[SEMS];
	static size_t start_bytes[ARENAS_MAX];
	void *host[1000];
	struct ksem_ns *ns;
	struct ksem_proc *proc;
	unsigned arena;
	size_t full;

	(void)state;
	note_all(start_bytes);
	OK(ksem_ns_create(NULL, &ns));
	OK(ksem_proc_create(ns, NULL, &proc));
	arena = arena_of_the_library(proc, ids);
	assert_true(arena >= read_unsigned("opt.narenas")); /* not one that threads are given */
	assert_true(arena != read_unsigned("thread.arena"));

	refresh();
	full = allocated(arena);
	for (unsigned i = 0; i < 1000; i++) { /* the host's own go elsewhere */
		host[i] = malloc(1 + i * 20);
		assert_non_null(host[i]);
	}
	refresh();
	assert_int_equal(allocated(arena), full);
	for (unsigned i = 0; i < SEMS - 100; i++) /* the table shrinks */
		OK(ksem_destroy(proc, ids[i]));
	refresh();
	assert_true(allocated(arena) < full);
	for (unsigned i = 0; i < 1000; i++)
		free(host[i]);

	OK(ksem_proc_exit(proc));
	OK(ksem_ns_destroy(ns));
	refresh();
	assert_int_equal(allocated(arena), start_bytes[arena]);
}

static void *init_and_destroy(void *arg)
{
	ksem_id_t id;

	for (unsigned i = 0; i < 3000; i++) {
		MUST(ksem_init(arg, 0, &id) == 0);
		MUST(ksem_destroy(arg, id) == 0);
	}
	return NULL;
}

/* Whichever thread allocates and whichever frees: no thread's cache keeps the library's blocks. */
static void threads_keep_nothing_of_it(void **state)
{
	static ksem_id_t ids[SEMS];
	struct world *world = *state;
	unsigned arena = arena_of_the_library(world->proc, ids);
	pthread_t threads[3];
	size_t before, after;

	for (unsigned i = 0; i < SEMS; i++)
		OK(ksem_destroy(world->proc, ids[i]));
	refresh();
	before = allocated(arena);
	for (unsigned i = 0; i < 3; i++)
		threads[i] = start(init_and_destroy, world->proc);
	for (unsigned i = 0; i < 3; i++)
		finish(threads[i]);
	refresh();
	after = allocated(arena);
	assert_true(after < before + 1024 * 1024);
	assert_true(before < after + 1024 * 1024); /* but for what is retired */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_of_an_arena_of_its_own_and_goes_back),
		world_test(threads_keep_nothing_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
