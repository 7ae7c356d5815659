/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the calling thread waits for. If a signal handler forks during a wait, the child has only this thread. By this
 * struct, the child can tell which waiters it still has.
 *
 * It changes together with the counts of waiters, in one read section. A fork from a signal handler inside a read
 * section runs no child steps (os/fork.h), so it never sees them differ.
 */
#ifndef KSEM_OBJECT_OWN_WAIT_H
#define KSEM_OBJECT_OWN_WAIT_H

#include <stdbool.h>

#include "object/object.h"

struct lined_holder;

struct own_wait {
	struct ksem *ksem;           /* in whose word it is registered, or which it must end; NULL: none */
	uint32_t slot;               /* of a semaphore with a line: its entry there; 0: none */
	uint32_t want;               /* of one with a line, or shared: how many permits */
	struct lined_holder *holder; /* of one with a ledger: who waits */
	int64_t begun;               /* of one whose waits are measured: when, in nanoseconds */
	bool registered;             /* of a shared semaphore: it is registered in the shared word, too */
	uint32_t counted; /* the same: in which record of this OS process (shared/own_record.h); 0: in none */
};

extern _Thread_local struct own_wait own_wait; /* owner only, and its signal handlers */

/*
 * A thread that waits for several semaphores has one struct for each. own_wait is that of the semaphore on which it
 * works; those of the others are set aside, in an array on its stack. own_wait_swap swaps one in, or out.
 */
void own_wait_set_aside(struct own_wait *waits, unsigned count); /* NULL, 0: none any more */
void own_wait_swap(struct own_wait *other);

/* What the calling thread has of that semaphore; NULL: it doesn't wait there. */
struct own_wait *own_wait_of(const struct ksem *ksem);

/* For the last waiter of an orphan: ends the semaphore, inside the fork gate. */
void own_wait_end_orphan(struct ksem *ksem);

#endif
