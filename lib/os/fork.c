/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The gate that keeps forks and changes of tables apart: see fork.h.
 *
 * One word: how many threads are inside, and a bit for "shut". Whoever finds it shut sleeps on it; whoever leaves it
 * empty and shut wakes the fork. KSEM_ORD_9 joins what was done inside to the fork, and what a fork's child repaired to
 * who enters next.
 */
#include "os/fork.h"

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/atomic.h"
#include "base/memory.h"
#include "base/rcu.h"
#include "os/futex.h"

#define SHUT (UINT32_C(1) << 31)

static atomic(uint32_t) gate;         /* atomic */
static _Thread_local unsigned inside; /* owner only, and its signal handlers */
static _Thread_local bool passed_by;  /* owner only: this thread's fork didn't shut the gate */

void (*fork_in_child)(void);

void fork_gate_enter(void)
{
	uint32_t word = load_rlx(&gate); /* relaxed: the compare-and-swap checks it */

	inside++;
	for (;;) {
		if (word & SHUT) {
			futex_wait(&gate, word, NULL);
			word = load_rlx(&gate);               /* relaxed: as above */
		} else if (cas_acq(&gate, &word, word + 1)) { /* KSEM_ORD_9 acquire */
			return;
		}
	}
}

void fork_gate_leave(void)
{
	if (fetch_sub_rel(&gate, 1) == (SHUT | 1)) /* KSEM_ORD_9 release */
		futex_wake(&gate, INT_MAX);
	inside--;
}

static void shut(void)
{
	uint32_t word = load_rlx(&gate); /* relaxed: the compare-and-swap checks it */

	for (;;) {
		if (word & SHUT) {
			futex_wait(&gate, word, NULL);           /* for another thread's fork */
			word = load_rlx(&gate);                  /* relaxed: as above */
		} else if (cas_rlx(&gate, &word, word | SHUT)) { /* relaxed: the wait below acquires */
			break;
		}
	}
	while ((word = load_acq(&gate)) != SHUT) /* KSEM_ORD_9 acquire */
		futex_wait(&gate, word, NULL);
}

static void open_again(void)
{
	store_rel(&gate, 0); /* KSEM_ORD_9 release */
	futex_wake(&gate, INT_MAX);
}

static void before_fork(void)
{
	passed_by = inside || rcu_reading();
	if (passed_by)
		return;
	shut();
	rcu_before_fork();
}

static void after_fork_parent(void)
{
	if (passed_by)
		return;
	rcu_after_fork_parent();
	open_again();
}

static void after_fork_child(void)
{
	if (passed_by)
		return;
	rcu_after_fork_child();
	if (fork_in_child)
		fork_in_child();
	open_again();
}

/*
 * Handlers run last registered first before a fork. The allocator, if it brings its own, must lock itself after we have
 * waited for those who may be allocating: a block from it makes sure that it has registered its own.
 */
__attribute__((constructor)) static void install(void)
{
	memory_free(memory_alloc(1, 1));
	pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}
