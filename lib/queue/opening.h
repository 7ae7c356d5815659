/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening and closing the sources of a queue. Under the queue's lock. A source keeps its semaphore by a pin, but only
 * while the queue has a wait on it that isn't reaped.
 */
#ifndef KSEM_QUEUE_OPENING_H
#define KSEM_QUEUE_OPENING_H

#include "queue/cq.h"

/* Makes sure that source_for has memory for a new source, and for the heap of looks. False: no memory. */
bool source_reserve(struct ksem_cq *cq);

/*
 * The source for a semaphore of the queue's process, after source_reserve, in the read section that found the
 * semaphore. ENOMEM: it has too many pins; EINVAL: it is being ended.
 */
int source_for(struct ksem_cq *cq, struct ksem *ksem, struct source **source);

/* Opens the source, if it isn't open. 0; ENOTSUP: the processor can't; ENOMEM. */
int source_open(struct source *source);

/* True: the ready list isn't the source's any more. Its waits there end with ECANCELED, and it isn't open then. */
bool source_check_list(struct source *source);

/* Closes the source if it has no waits; at once, or when the listener is awake. */
void source_close_if_idle(struct source *source, struct reclaim *garbage);

#endif
