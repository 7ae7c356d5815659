/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deadlines of waits in queues.
 *
 * No thread sleeps for such a wait, and its queue may be slow to see that its deadline has passed. Meanwhile the wait
 * must not block others. So the deadline is in the entry: a thread that is about to grant permits to the entry sees
 * that the deadline has passed, and ends the wait instead (order.h). In a fair line, an entry that needs more than
 * there is blocks those behind it. So a thread that sleeps in a fair line wakes by itself when a deadline ahead of it
 * has passed, and a queue that waits there sets its timer.
 *
 * A deadline is a number: nanoseconds of its clock, and the clock in bit 0. Entries that come later stand behind; so a
 * waiter that has looked once at those ahead knows all deadlines that concern it. If the limit changes, and an
 * operation moves an entry behind others (help.h, BACK), its owner looks again.
 */
#ifndef KSEM_LINE_DUE_H
#define KSEM_LINE_DUE_H

#include <stdbool.h>
#include <stdint.h>

#include "line/state.h"

#define LINE_DUE_REALTIME UINT64_C(1)
#define LINE_DUE_COMES    UINT64_MAX /* it has one, which is about to be written */

#define DUE_SLACK INT64_C(5000000) /* ns, by which a waiter may be late */

/* A deadline as that number; 0: there is none (NULL), or it is too late (after 2262 on CLOCK_REALTIME). */
uint64_t due_of(const struct deadline *deadline);

/* The time of a deadline's clock, as a deadline that passes just now. */
uint64_t due_now(uint64_t due);

static inline bool due_has_passed(uint64_t due)
{
	return unlikely(due != 0) && due != LINE_DUE_COMES && due <= due_now(due);
}

/* Whose deadlines the caller needn't look for. */
struct due_own {
	uint32_t ready; /* the queue with this ready list sees its own; 0: a thread */
	bool more;      /* and it has looked at all that is ahead of its other waits */
};

/*
 * When to look for waits past their deadlines ahead of the entry: not before the first deadline there, at most
 * DUE_SLACK later. LINE_MAIN: ahead of the last wait of the queue that stands in that list. False: there is no
 * deadline.
 */
bool due_ahead(const struct line_view *view, uint32_t slot, struct due_own own, struct deadline *look);

#endif
