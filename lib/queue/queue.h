/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Completion queues: waits without a thread.
 *
 * What its user sees: a wait is submitted and stands in the semaphore's line, as a thread's does. When it is over, its
 * completion can be reaped, and the queue's descriptor is readable.
 *
 * How it works: the line moves a wait that is decided to the queue's ready list there (line/line.h), and calls
 * queue_notify (source_notify.h). The queue has a source for each semaphore that it has waits on (sources.h): it keeps
 * the semaphore by a pin, and has the ready list. Reaping takes the sources that were marked, and their ready lists.
 *
 * For semaphores that OS processes share, the queue has a thread, the listener (listener.h). It learns which waits
 * other processes have decided, and takes the permits for waits on those semaphores that have no line (direct.h).
 *
 * Deadlines are in heaps, one for each clock. A timer makes the descriptor readable for the earliest, and the next call
 * that reaps ends the waits that are past theirs. Others that stand behind such a wait, or post, need not wait for that
 * (line/due.h).
 *
 * What protects its data: the queue's lock. Nobody blocks on it in a read section: its owner may wait for an epoch.
 * A thread that decides a wait, perhaps in a signal handler, takes no lock: it calls source_notify. It does so in a
 * read section; so a queue ends only after an epoch. Only queues_serve takes locks in read sections, if they are free.
 *
 * All calls but those of source_notify.h and queues_serve (all.h) are made inside the fork gate.
 */
#ifndef KSEM_QUEUE_QUEUE_H
#define KSEM_QUEUE_QUEUE_H

#include "queue/cq.h"

/* For the calls of the contract, which say what they return. */
int queue_create(struct ksem_proc *proc, struct ksem_cq **created);
int queue_cancel(struct ksem_cq *cq, uint64_t user_data);
int queue_reap(struct ksem_cq *cq, struct ksem_completion *out, unsigned int room, unsigned int *n,
	       struct reclaim *garbage);

/* Ends the queue's thread, if it has one. Outside the fork gate. */
void queue_stop(struct ksem_cq *cq);

/* After that: cancels all waits, posts what was granted and not reaped, and frees the queue. */
void queue_destroy(struct ksem_cq *cq);

/* Begins a wait, under the queue's lock, outside read sections. EINVAL, ENOMEM, ENOTSUP. */
int queue_submit(struct source *source, uint32_t count, uint64_t due, uint64_t user_data, struct reclaim *garbage);

#endif
