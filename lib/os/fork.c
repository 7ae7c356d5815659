/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The gate that keeps forks and changes of tables apart: see fork.h.
 *
 * One word: how many threads are inside, and a bit for "shut". Whoever finds it shut sleeps on it; whoever leaves it
 * empty and shut wakes the fork. KSEM_ORD_9 joins what was done inside to the fork, and what a fork's child repaired to
 * who enters next.
 *
 * `settled` tells a new child from a process whose tables are its own. It lies in a page that the kernel fills with
 * zeros in each child (MADV_WIPEONFORK, Linux 4.14). Where it doesn't, the word also says whose tables these are, by
 * the process's number: that costs a system call a look, and takes the child of a vfork for a new one.
 *
 * Tables change inside the gate only, and in the handlers of forks. So a tool that watches the program is told here to
 * leave the library's own data alone (base/watch.h).
 */
#include "os/fork.h"

#include <limits.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/cancel.h"
#include "base/compiler.h"
#include "base/memory.h"
#include "base/rcu.h"
#include "base/watch.h"
#include "os/futex.h"

#define SHUT (UINT32_C(1) << 31)

static atomic(uint32_t) gate; /* atomic */

static const struct fork_step *steps; /* constant once main runs, as is count */
static size_t count;

/* Owner only, and its signal handlers. */
static _Thread_local struct {
	unsigned inside;           /* 1: between enter and leave */
	unsigned passes;           /* forks that are under way and didn't shut the gate */
	bool forking;              /* a fork of this thread has shut the gate, or is about to */
	struct cancel cancel;      /* what leave restores */
	struct cancel before_fork; /* what the end of the fork restores */
} thread;

enum { NEW, SETTLING, SETTLED }; /* the lowest two bits of *settled; above them the process's number, if that tells */

static atomic(uint32_t) in_memory = SETTLED;
static atomic(uint32_t) *settled = &in_memory; /* constant once main runs */
static bool number_tells;                      /* constant once main runs */

static uint32_t own_state(uint32_t state)
{
	return number_tells ? (uint32_t)getpid() << 2 | state : state;
}

bool fork_is_new_child(void)
{
	return load_acq(settled) != own_state(SETTLED); /* KSEM_ORD_9 acquire */
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

/* Makes the tables the child's. Whatever the gate says is of the parent's threads. */
static void become_child(void)
{
	bool prepared = thread.forking;

	for (size_t i = count; i-- > 0;) {
		if (steps[i].child)
			steps[i].child(prepared);
	}
	thread.forking = false;
	open_again();
}

/* In a new child: one thread does it, should there be several by now, and the others wait until it is done. */
static void settle(void)
{
	uint32_t state = load_acq(settled); /* KSEM_ORD_9 acquire */

	while (state != own_state(SETTLED)) {
		if (state == own_state(SETTLING)) {
			futex_wait(settled, state, NULL);
			state = load_acq(settled);                          /* KSEM_ORD_9 acquire */
		} else if (cas_acq(settled, &state, own_state(SETTLING))) { /* KSEM_ORD_9 acquire */
			become_child();
			state = own_state(SETTLED);
			store_rel(settled, state); /* KSEM_ORD_9 release */
			futex_wake(settled, INT_MAX);
		}
	}
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
		settle();
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

/* Cancellation stays disabled until the fork is done: nobody else would open the gate. */
static void before_fork(void)
{
	if (thread.inside || thread.forking || rcu_reading()) {
		thread.passes++;
		return;
	}
	fork_settle();
	thread.before_fork = cancel_disable();
	watch_enter();
	thread.forking = true;
	shut();
	prepare();
	watch_leave();
}

static void after_fork_parent(void)
{
	if (thread.passes) {
		thread.passes--;
		return;
	}
	watch_enter();
	undo_prepare();
	open_again();
	thread.forking = false;
	watch_leave();
	cancel_restore(thread.before_fork);
}

static void after_fork_child(void)
{
	if (thread.passes) {
		thread.passes--;
		return;
	}
	if (thread.forking) { /* else a call of a handler's has done it */
		watch_enter();
		store_rlx(settled, NEW); /* relaxed: there is one thread. As the kernel may have done */
		settle();
		watch_leave();
	}
	cancel_restore(thread.before_fork);
}

static void watch_children(void)
{
	size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page != MAP_FAILED && madvise(page, bytes, MADV_WIPEONFORK) == 0) {
		settled = page;
	} else {
		number_tells = true;
		if (page != MAP_FAILED)
			munmap(page, bytes);
	}
	store_rlx(settled, own_state(SETTLED)); /* relaxed: there is one thread */
}

/*
 * Handlers run last registered first before a fork. The allocator, if it brings its own, must lock itself after we have
 * waited for those who may be allocating: a block from it makes sure that it has registered its own.
 */
void fork_install(const struct fork_step *wanted, size_t wanted_count)
{
	steps = wanted;
	count = wanted_count;
	memory_free(memory_alloc(1, 1));
	watch_children();
	pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}
