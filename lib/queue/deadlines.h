/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deadlines of a queue's waits, and timers for them. Under the queue's lock, outside read sections.
 *
 * A timer stays armed for a wait that ends before its deadline. So it may go off too early, and is then armed anew;
 * that costs less than a system call for each wait.
 */
#ifndef KSEM_QUEUE_DEADLINES_H
#define KSEM_QUEUE_DEADLINES_H

#include "queue/cq.h"

/*
 * Sets when the source must call line_settle, because waits of other queues, ahead of ours, are past their deadlines
 * and their queue is slow. `added`: the time that it has remains, unless this wait, which joined since, needs an
 * earlier one; NULL: for all its waits.
 */
void deadlines_set_look(struct source *source, const struct line_handle *added);

/* After news of the source, for all its waits: some may stand behind others now. */
void deadlines_renew_look(struct source *source);

/* Makes the timers go off in time for the earliest deadlines. */
void deadlines_arm(struct ksem_cq *cq);

/* If a timer has gone off: ends the waits that are past their deadlines, and arms it anew. */
void deadlines_expire(struct ksem_cq *cq);

/* The descriptor was readable, though nothing was there: arms anew what may have gone off. */
void deadlines_rearm(struct ksem_cq *cq);

#endif
