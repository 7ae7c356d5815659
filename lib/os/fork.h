/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fork() in a host with threads.
 *
 * Calls that change tables stand between fork_gate_enter() and fork_gate_leave(). A fork shuts the gate, waits until
 * nobody is inside, and opens it again on both sides; so a child finds every table whole and no lock held, whatever the
 * parent's other threads were doing. The calls that don't pass the gate (post, take, wait) leave nothing half done but
 * waiters that the child hasn't got: fork_in_child, set before main, counts them off.
 *
 * The gate doesn't nest, and nothing of the host's runs inside it. A fork from a signal handler that interrupted a
 * thread inside the gate, or in a read section, can wait for neither: it passes by, and that child may not use the
 * library.
 *
 * liburcu's own fork handlers run in the same place: its host must not run them a second time.
 */
#ifndef KSEM_OS_FORK_H
#define KSEM_OS_FORK_H

void fork_gate_enter(void);
void fork_gate_leave(void);

extern void (*fork_in_child)(void); /* constant once main runs */

#endif
