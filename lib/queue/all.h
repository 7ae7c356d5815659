/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All completion queues of this OS process: for its posts, and for a fork.
 */
#ifndef KSEM_QUEUE_ALL_H
#define KSEM_QUEUE_ALL_H

#include "queue/cq.h"

void queues_add(struct ksem_cq *cq);
void queues_remove(struct ksem_cq *cq);

/*
 * For a thread of this OS process that has posted to a shared semaphore without a line, or shut it down: lets the waits
 * go on that can, as their queue's listener would. Leaves out a queue whose lock another thread has; the listener
 * looks, too. Outside the fork gate, in a read section or not, and from signal handlers.
 */
void queues_serve(ksem_id_t id);

/* Steps of a fork, in the child (os/fork.h). All queues are dead from now on. */
void queues_child_after_fork(bool prepared);

/* Drops what they pinned. After the step in which the semaphores become the child's own. */
void queues_abandon_after_fork(bool prepared);

#endif
