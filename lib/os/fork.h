/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fork() in a program with threads.
 *
 * Calls that change tables run between fork_gate_enter() and fork_gate_leave(). A fork shuts the gate, waits until
 * nobody is inside, and opens it again in parent and child. So the child finds every table whole and every lock free,
 * whatever the parent's other threads were doing. Post, take and wait don't enter the gate. They leave nothing half
 * done except waiters whose threads the child hasn't got; a step in the child counts these off.
 *
 * Inside the gate cancellation is disabled. The gate doesn't nest, and no code of the program runs inside it.
 *
 * Fork handlers of the program may run between ours and the fork itself. The forking thread may enter the shut gate, so
 * its handlers may make any call. In the parent, such a call first undoes the preparations for the fork, and makes them
 * anew when it is done. In the child, the first such call does what our child handler would do. We register our
 * handlers as early as possible, so that few of the program's handlers run while the gate is shut. A prepare handler
 * that was registered before ours must not wait for a lock that another thread may hold during a call of this library.
 *
 * Children without handlers: _Fork(), and a fork that didn't shut the gate (below), don't run our handlers. The child
 * notices that by a page that the kernel wipes in each child. Its first call that enters the gate, or sleeps, repairs
 * what it can. That is everything, if no other thread of the parent was inside the gate. The child of vfork() runs in
 * its parent's memory, and may only post.
 *
 * A signal handler may fork while the thread that it interrupted is inside the gate or in a read section. Such a fork
 * can't wait for either to end, so it doesn't shut the gate: it is ungated. In its handler the child may only post, and
 * end. If it returns from the handler instead, it goes on in the call that was interrupted. Calls whose other half, in
 * the parent, that could harm must notice it (fork_has_left); a step of the fork prepares them (`ungated`). Such a
 * child, and one of _Fork(), never take liburcu's locks (base/readers.h), which another thread may have had.
 *
 * One of the steps runs liburcu's own fork handlers. So the program must not run these, too.
 */
#ifndef KSEM_OS_FORK_H
#define KSEM_OS_FORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"

/* What a module does around a fork, with the gate shut; NULL: nothing. It may wait for grace periods. */
struct fork_step {
	/*
	 * In the parent. If a handler of the program makes a call between the two, `parent` runs before that call, and
	 * `before` again after it.
	 */
	void (*before)(void);
	void (*parent)(void);

	/* In the child, once. False: `before` didn't run, since the child's fork ran no handlers. */
	void (*child)(bool prepared);

	/*
	 * Instead of all of these, in the parent before an ungated fork: a signal handler forks, and both processes go
	 * on in the call that it interrupted. It may be interrupted itself.
	 */
	void (*ungated)(void);

	/* In the child of such a fork, at once: what must be known before the child has other threads. */
	void (*ungated_child)(void);
};

/*
 * Installs the steps. They run in this order before a fork, and in the reverse order after it. Called once, before
 * main, with one thread. api/forks.c has the table of all steps.
 */
void fork_install(const struct fork_step *wanted, size_t wanted_count);

void fork_gate_enter(void);
void fork_gate_leave(void);

/* Is this a fork's child in which the steps haven't run yet? Usually makes no system call. */
bool fork_is_new_child(void);

/*
 * For a call that a signal handler may interrupt and fork in: is the calling thread in another OS process than when it
 * read the generation? The steps of the child are of the child's generation; no signal handler runs meanwhile.
 */
uint32_t fork_generation(void);
bool fork_has_left(uint32_t generation);

/* What both depend on, for the next function. */
struct fork_state {
	atomic(uint32_t) generation; /* atomic: how many forks are between the first process and this one */
	atomic(uint32_t) *settled;   /* constant once main runs, as is number_tells */
	bool number_tells;
};

extern struct fork_state fork_state;

#define FORK_SETTLED 2 /* of *settled, unless a number tells: the steps have run here */

/* As !fork_has_left, inline. False: it may have left nevertheless, where a number tells. */
static inline bool fork_stays(uint32_t generation)
{
	return load_rlx(&fork_state.generation) == generation && /* relaxed: changed while the process has one thread */
	       !fork_state.number_tells && load_acq(fork_state.settled) == FORK_SETTLED; /* KSEM_ORD_9 acquire */
}

/* If this is such a child, runs the steps. For calls that sleep without entering the gate. Outside read sections. */
void fork_settle(void);

#endif
