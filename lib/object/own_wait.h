/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the calling thread waits for. The child of a fork from a signal handler has this thread and no other: by this it
 * tells which waiters it still has.
 *
 * It changes together with the counts of waiters, in one read section, in which no fork is looked after (os/fork.h).
 */
#ifndef KSEM_OBJECT_OWN_WAIT_H
#define KSEM_OBJECT_OWN_WAIT_H

#include <stdbool.h>

#include "object/object.h"

struct own_wait {
	struct ksem *ksem; /* in whose word it is registered, or which it must end; NULL: none */
	bool registered;   /* of one that is elsewhere: in the word there, too */
};

extern _Thread_local struct own_wait own_wait; /* owner only, and its signal handlers */

/* The thread is the last waiter of a semaphore that nothing else keeps: ends it, inside the fork gate. */
void own_wait_end_orphan(struct ksem *ksem);

#endif
