/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ends waits of a queue that are not decided: by ksem_cq_cancel (queue.h), at their deadlines, and when the queue ends.
 * Under the queue's lock.
 */
#ifndef KSEM_QUEUE_CANCEL_H
#define KSEM_QUEUE_CANCEL_H

#include "queue/cq.h"

/* A wait gives up, for that reason: a positive error number. */
void cancel_wait(struct wait *wait, int why);

/* All waits that pend give up: none is granted what another one waited for. */
void cancel_all(struct ksem_cq *cq);

#endif
