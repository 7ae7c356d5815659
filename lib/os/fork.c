/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The gate that keeps forks and changes of tables apart: see fork.h.
 *
 * The gate is one word: how many threads are inside, and a bit for "shut". A thread that finds it shut sleeps on it.
 * The last thread that leaves a shut gate wakes the fork. By KSEM_ORD_9, what was done inside happens before the fork,
 * and what a fork's child repaired happens before the next thread enters.
 *
 * `settled` says whether the steps of the child have run. It lies in a page that the kernel fills with zeros in each
 * child (MADV_WIPEONFORK, Linux 4.14). Where the kernel can't do that, the word contains the number of the process for
 * which the steps have run. Then each look costs a system call, and the child of a vfork is taken for a new child.
 *
 * Tables change only inside the gate, and in fork handlers. So this is the place that tells a tool not to report the
 * library's own accesses (base/watch.h).
 */
#include "os/fork.h"

#include <limits.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/cancel.h"
#include "base/compiler.h"
#include "base/memory.h"
#include "base/rcu.h"
#include "base/signals.h"
#include "base/watch.h"
#include "os/futex.h"

#define SHUT (UINT32_C(1) << 31)

static atomic(uint32_t) gate; /* atomic */

static sigset_t signals_before_fork; /* of the thread that has shut the gate for its fork */

static const struct fork_step *steps; /* constant once main runs, as is count */
static size_t count;

/* Owner only, and its signal handlers. */
static _Thread_local struct {
	unsigned inside;           /* 1: between enter and leave */
	unsigned ungated;          /* forks in progress that didn't shut the gate */
	bool forking;              /* a fork of this thread has shut the gate, or is about to */
	bool settling;             /* in a child: it runs the steps */
	struct cancel cancel;      /* what leave restores */
	struct cancel before_fork; /* what the end of the fork restores */
} thread;

/* The lowest two bits of *fork_state.settled; above them the process's number, if that is needed. */
enum { NEW, SETTLING, SETTLED = FORK_SETTLED };

static atomic(uint32_t) in_memory = SETTLED;
struct fork_state fork_state = {.settled = &in_memory};

static uint32_t own_state(uint32_t state)
{
	return fork_state.number_tells ? (uint32_t)getpid() << 2 | state : state;
}

bool fork_is_new_child(void)
{
	return load_acq(fork_state.settled) != own_state(SETTLED); /* KSEM_ORD_9 acquire */
}

uint32_t fork_generation(void)
{
	return load_rlx(&fork_state.generation); /* relaxed: it changes while the process has one thread */
}

bool fork_has_left(uint32_t since)
{
	return fork_generation() != since || unlikely(fork_is_new_child() && !thread.settling);
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

static void prepare(void)
{
	for (size_t i = 0; i < count; i++) {
		if (steps[i].before)
			steps[i].before();
	}
}

static void undo_prepare(void)
{
	for (size_t i = count; i-- > 0;) {
		if (steps[i].parent)
			steps[i].parent();
	}
}

/* Runs the steps of the child. The state of the gate is that of the parent's threads, and is ignored. */
static void become_child(void)
{
	bool prepared = thread.forking;

	/* relaxed: one thread runs the steps, both */
	store_rlx(&fork_state.generation, load_rlx(&fork_state.generation) + 1);
	thread.settling = true;
	for (size_t i = count; i-- > 0;) {
		if (steps[i].child)
			steps[i].child(prepared);
	}
	thread.settling = false;
	thread.forking = false;
	open_again();
}

/*
 * Runs the steps in a new child. If the child has several threads by now, one runs them, and the others wait. No
 * handler runs meanwhile: its calls would pass for calls of the steps (fork_has_left), and use what is still the
 * parent's.
 */
static void settle_child(void)
{
	sigset_t signals = signals_block();
	uint32_t state = load_acq(fork_state.settled); /* KSEM_ORD_9 acquire */

	while (state != own_state(SETTLED)) {
		if (state == own_state(SETTLING)) {
			futex_wait(fork_state.settled, state, NULL);
			state = load_acq(fork_state.settled);                          /* KSEM_ORD_9 acquire */
		} else if (cas_acq(fork_state.settled, &state, own_state(SETTLING))) { /* KSEM_ORD_9 acquire */
			become_child();
			state = own_state(SETTLED);
			store_rel(fork_state.settled, state); /* KSEM_ORD_9 release */
			futex_wake(fork_state.settled, INT_MAX);
		}
	}
	signals_restore(signals);
}

static void pass(void)
{
	uint32_t word = load_rlx(&gate); /* relaxed: the compare-and-swap checks it */

	for (;;) {
		if (word & SHUT) {
			futex_wait(&gate, word, NULL);
			word = load_rlx(&gate);               /* relaxed: as above */
		} else if (cas_acq(&gate, &word, word + 1)) { /* KSEM_ORD_9 acquire */
			return;
		}
	}
}

void fork_gate_enter(void)
{
	struct cancel cancel = cancel_disable();

	watch_enter();
	if (thread.inside++ == 0)
		thread.cancel = cancel;
	if (unlikely(fork_is_new_child()))
		settle_child();
	if (unlikely(thread.forking))
		undo_prepare();
	else
		pass();
}

void fork_gate_leave(void)
{
	struct cancel cancel = thread.cancel;

	if (unlikely(thread.forking))
		prepare();
	else if (fetch_sub_rel(&gate, 1) == (SHUT | 1)) /* KSEM_ORD_9 release */
		futex_wake(&gate, INT_MAX);
	watch_leave();
	if (--thread.inside == 0)
		cancel_restore(cancel);
}

void fork_settle(void)
{
	if (likely(!fork_is_new_child()))
		return;
	fork_gate_enter();
	fork_gate_leave();
}

static void prepare_ungated(void)
{
	for (size_t i = 0; i < count; i++) {
		if (steps[i].ungated)
			steps[i].ungated();
	}
}

static void become_ungated_child(void)
{
	for (size_t i = 0; i < count; i++) {
		if (steps[i].ungated_child)
			steps[i].ungated_child();
	}
}

/*
 * Cancellation stays disabled until the end of the fork: a cancelled thread would leave the gate shut. Signals stay
 * blocked: after its own step, the first in the child, liburcu restores the mask of before, and a handler would run
 * amid the rest.
 */
static void before_fork(void)
{
	sigset_t signals;

	if (thread.inside || thread.forking || rcu_reading()) {
		thread.ungated++;
		prepare_ungated();
		return;
	}
	fork_settle();
	signals = signals_block(); /* first: a handler that forks uses what follows, too */
	thread.before_fork = cancel_disable();
	watch_enter();
	thread.forking = true;
	shut();
	signals_before_fork = signals;
	prepare();
	watch_leave();
}

/* At the end of a fork. A handler that runs now may fork, so nothing is read afterwards. */
static void let_go(sigset_t signals, struct cancel cancel)
{
	signals_restore(signals);
	cancel_restore(cancel);
}

static void after_fork_parent(void)
{
	struct cancel cancel;
	sigset_t signals;

	if (thread.ungated) {
		thread.ungated--;
		return;
	}
	watch_enter();
	undo_prepare();
	signals = signals_before_fork;
	cancel = thread.before_fork;
	open_again();
	thread.forking = false;
	watch_leave();
	let_go(signals, cancel);
}

static void after_fork_child(void)
{
	if (thread.ungated) {
		thread.ungated--;
		/* relaxed: there is one thread. Another one's fork may have shut the gate, and this one wait for it */
		store_rlx(&gate, load_rlx(&gate) & ~SHUT);
		become_ungated_child();
		return;
	}
	if (thread.forking) { /* else a call of a handler has done it */
		watch_enter();
		/* relaxed: there is one thread. The kernel may have done the same */
		store_rlx(fork_state.settled, NEW);
		settle_child();
		watch_leave();
	}
	let_go(signals_before_fork, thread.before_fork);
}

static void watch_children(void)
{
	size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page != MAP_FAILED && madvise(page, bytes, MADV_WIPEONFORK) == 0) {
		fork_state.settled = page;
	} else {
		fork_state.number_tells = true;
		if (page != MAP_FAILED)
			munmap(page, bytes);
	}
	store_rlx(fork_state.settled, own_state(SETTLED)); /* relaxed: there is one thread */
}

/*
 * Before a fork, handlers run in the reverse order of registration. An allocator with handlers of its own must lock
 * itself after we have waited for threads that may be allocating. So it must register first: allocating a block makes
 * sure of that.
 */
void fork_install(const struct fork_step *wanted, size_t wanted_count)
{
	steps = wanted;
	count = wanted_count;
	memory_free(memory_alloc(1, 1));
	watch_children();
	pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}
