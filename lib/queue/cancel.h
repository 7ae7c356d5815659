/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ends waits of a queue that are not decided: by ksem_cq_cancel, at their deadlines, and when the queue ends. Under the
 * queue's lock.
 */
#ifndef KSEM_QUEUE_CANCEL_H
#define KSEM_QUEUE_CANCEL_H

#include "queue/cq.h"

/* A wait gives up, for that reason: a positive error number. */
void cancel_wait(struct wait *wait, int why);

/* All waits with that user_data give up: none is granted what another one waited for. False: there is none. */
bool cancel_waits(struct ksem_cq *cq, uint64_t user_data);

/* The same of all waits that pend. */
void cancel_all(struct ksem_cq *cq);

#endif
