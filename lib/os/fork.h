/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fork() in a host with threads.
 *
 * Calls that change tables stand between fork_gate_enter() and fork_gate_leave(). A fork shuts the gate, waits until
 * nobody is inside, and opens it again on both sides; so a child finds every table whole and no lock held, whatever the
 * parent's other threads were doing. The calls that don't pass the gate (post, take, wait) leave nothing half done but
 * waiters that the child hasn't got: a step of the child counts them off.
 *
 * Inside the gate cancellation is disabled. The gate doesn't nest, and nothing of the host's runs inside it.
 *
 * Handlers of the host. The host may have fork handlers of its own, which run between ours and the fork itself. The
 * forking thread passes the shut gate, so its handlers may make any call. A call in the parent finds the preparations
 * for the fork undone, and leaves them made anew. The first call in the child does what our child handler would. Our
 * handlers are registered as early as can be, so that few of the host's run while the gate is shut: a prepare handler
 * that was registered before ours must not wait for a lock that another thread may hold over a call of this library.
 *
 * Children without handlers. _Fork() and a fork that passed the gate by (below) run no handlers of ours. A page that
 * the kernel wipes in a child tells that; the first call of such a child that passes the gate, or sleeps, repairs what
 * it can. That is all of it if no other thread of the parent was inside the gate. vfork() is no fork: its child runs in
 * its parent's memory and may only post.
 *
 * A fork from a signal handler that interrupted a thread inside the gate, or in a read section, can wait for neither:
 * it passes by. That child may post, and end; it may not use the rest of the library.
 *
 * liburcu's own fork handlers run in the same place, as one of the steps: its host must not run them a second time.
 */
#ifndef KSEM_OS_FORK_H
#define KSEM_OS_FORK_H

#include <stdbool.h>
#include <stddef.h>

/* What a module does around a fork, with the gate shut; NULL: nothing. It may wait for grace periods. */
struct fork_step {
	/* In the parent. Before a handler of the host's makes a call, `parent` follows, and `before` again after it. */
	void (*before)(void);
	void (*parent)(void);

	/* In the child, once. False: `before` didn't run, since the child's fork ran no handlers. */
	void (*child)(bool prepared);
};

/*
 * Has the steps taken from now on: before a fork in this order, after it in the reverse. Once, before main, with one
 * thread; api/forks.c has the table of all steps.
 */
void fork_install(const struct fork_step *steps, size_t count);

void fork_gate_enter(void);
void fork_gate_leave(void);

/* Is this the child of a fork, in which the steps of the child aren't taken yet? No system call, in the usual case. */
bool fork_is_new_child(void);

/* Takes them, if so. For who won't pass the gate, but is going to sleep; outside read sections. */
void fork_settle(void);

#endif
