/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations on a line: whatever changes more than the value.
 *
 * An operation begins by a compare-and-swap on the word that names it: what it does, to which entry, and its
 * number. From there on it is everybody's. Each of its steps is a compare-and-swap that works once, whoever makes
 * it, and the last one takes the name out of the word and changes the value, if the operation does. A thread that
 * comes and finds an operation under way finishes it first. So a thread that is stopped or killed in the middle
 * holds nobody up, and a signal handler may do the same to the thread that it interrupts.
 *
 *   JOIN   the entry to the end of a list; it waits
 *   GRANT  the entry is out, and has its permits. Begins only where they suffice, and while it is under way the value
 *          can't fall, since nobody takes beside it
 *   TURN   the entry is out, turned away, because the line is shut
 *   DROP   an entry that gave up is out. A GRANT or TURN of such a one is the same
 *   MOVE   from the line to those who want more than the limit, or back
 *   POP    an entry that is decided is off its queue's ready list
 *   GIVE   the permits of a dead owner's entry go back
 *
 * Whoever has a decided entry in a queue's line puts it to the end of the queue's ready list with the same
 * operation. The owner of an entry is woken before the operation ends: so none sleeps on whose operation is over,
 * whoever stopped.
 *
 * KSEM_ORD_23 orders what operations do one after another; KSEM_ORD_24 an entry's fate before what its owner does
 * then.
 */
#ifndef KSEM_LINE_HELP_H
#define KSEM_LINE_HELP_H

#include "line/list.h"

/*
 * Finishes it, or sees that it is over. True: it was a GRANT, and its owner didn't sleep where it said that it
 * may; so it is on its way, or dead.
 */
bool line_help(const struct line_view *view, const struct line_op *op);

/* Begins one, if the word is as it was. */
bool line_announce(const struct line_view *view, struct line_word w, enum line_kind kind, uint32_t slot,
		   struct line_op *op);

/*
 * What a caller wants done with an entry, in the round of that state:
 *   LINE_DROP  takes it out, if it is GONE
 *   LINE_GIVE  its owner is dead: gives its permits back, if it is GRANTED; takes it off its queue's ready list
 *   LINE_POP   it is the head of a ready list: takes the first off that, once
 */
struct line_wish {
	enum line_kind kind; /* LINE_NONE: nothing */
	uint32_t slot;
	uint64_t state;
};

/*
 * Finishes what is under way, does what is wished, and serves the line until nothing is left to do. Returns what was
 * popped; 0: nothing.
 */
uint32_t line_settle_with(const struct line_view *view, struct line_wish wish);

static inline void line_settle(const struct line_view *view)
{
	line_settle_with(view, (struct line_wish){LINE_NONE, 0, 0});
}

#endif
