/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * post + wait that never sleeps: each thread posts before it waits. By id, pinned, and glibc's sem_t. One thread; two
 * threads that share a semaphore; two that have one each.
 *
 * Each semaphore has its own cache lines, and is made once for the whole run.
 */
#include <semaphore.h>
#include <stdbool.h>

#include "bench.h"

#define SEMAPHORES 2

struct line {
	_Alignas(64) sem_t sem;
};

static struct ksem_ns *ns;
static struct ksem_proc *proc;
static ksem_id_t ids[SEMAPHORES];
static struct ksem *pins[SEMAPHORES];
static struct line lines[SEMAPHORES];

static const bool one = true, each = false; /* do the threads share one semaphore? */

static int which(const struct gbench *g, const void *shared)
{
	return *(const bool *)shared ? 0 : gbench_thread(g);
}

static void by_id(struct gbench *g, const void *shared)
{
	struct ksem_proc *self = proc;
	ksem_id_t id = ids[which(g, shared)];
	int error = 0;

	GBENCH_LOOP(g) {
		error |= ksem_post(self, id);
		error |= ksem_wait(self, id);
	}
	if (error)
		gbench_fail(g, "ksem_post or ksem_wait failed");
}

static void pinned(struct gbench *g, const void *shared)
{
	struct ksem *pin = pins[which(g, shared)];
	int error = 0;

	GBENCH_LOOP(g) {
		error |= ksem_pinned_post(pin);
		error |= ksem_pinned_wait(pin);
	}
	if (error)
		gbench_fail(g, "ksem_pinned_post or ksem_pinned_wait failed");
}

static void glibc(struct gbench *g, const void *shared)
{
	sem_t *sem = &lines[which(g, shared)].sem;
	int error = 0;

	GBENCH_LOOP(g) {
		error |= sem_post(sem);
		error |= sem_wait(sem);
	}
	if (error)
		gbench_fail(g, "sem_post or sem_wait failed");
}

void add_post_wait(void)
{
	const struct gbench_case cases[] = {
		{.name = "post_wait/id/one", .run = by_id, .arg = &one},
		{.name = "post_wait/pinned/one", .run = pinned, .arg = &one},
		{.name = "post_wait/glibc/one", .run = glibc, .arg = &one},
		{.name = "post_wait/id/one", .run = by_id, .arg = &one, .threads = 2},
		{.name = "post_wait/pinned/one", .run = pinned, .arg = &one, .threads = 2},
		{.name = "post_wait/glibc/one", .run = glibc, .arg = &one, .threads = 2},
		{.name = "post_wait/id/each", .run = by_id, .arg = &each, .threads = 2},
		{.name = "post_wait/pinned/each", .run = pinned, .arg = &each, .threads = 2},
		{.name = "post_wait/glibc/each", .run = glibc, .arg = &each, .threads = 2},
	};

	must(ksem_ns_create(NULL, &ns), "ksem_ns_create");
	must(ksem_proc_create(ns, NULL, &proc), "ksem_proc_create");
	for (int i = 0; i < SEMAPHORES; i++) {
		must(ksem_init(proc, 0, &ids[i]), "ksem_init");
		must(ksem_pin(proc, ids[i], &pins[i]), "ksem_pin");
		must(sem_init(&lines[i].sem, 0, 0) == 0 ? 0 : errno, "sem_init");
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		gbench_add(&cases[i]);
}

void drop_post_wait(void)
{
	for (int i = 0; i < SEMAPHORES; i++) {
		ksem_unpin(pins[i]);
		must(ksem_destroy(proc, ids[i]), "ksem_destroy");
		must(sem_destroy(&lines[i].sem) == 0 ? 0 : errno, "sem_destroy");
	}
	must(ksem_proc_exit(proc), "ksem_proc_exit");
	must(ksem_ns_destroy(ns), "ksem_ns_destroy");
}
