/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations on a line: whatever changes more than the value.
 *
 * An operation begins with a compare-and-swap that names it in the word: what it does, to which entry, and the number
 * of the operation. From then on any thread may do its steps (helping). Each step is a compare-and-swap that succeeds
 * once, whichever thread makes it. The last one takes the name out of the word, and changes the value if the operation
 * does. A thread that finds an operation under way finishes it first. So a thread that is stopped or killed in the
 * middle delays no other, and a signal handler can finish the operation of the thread that it interrupted.
 *
 *   JOIN   puts an entry at the end of the line; its owner waits
 *   GRANT  takes an entry out of the line, and gives it its permits. It begins only if there are enough. While it is
 *          under way the value can't fall, since no thread takes permits meanwhile
 *   TURN   takes an entry out without permits, because the line is shut: its owner is turned away
 *   DROP   takes an entry out whose owner gave up. A GRANT or TURN of such an entry does the same
 *   AWAY   moves an entry from the line to the list of those that want more than the limit
 *   BACK   moves an entry from that list to the end of the line
 *   POP    takes a decided entry off its queue's ready list
 *   GIVE   gives back the permits of an entry that was granted, and whose owner is dead. It changes no list
 *
 * If the entry belongs to a completion queue, GRANT, TURN and DROP also put it at the end of the queue's ready list.
 * The owner of an entry is woken before the operation ends, and so is the thread of its queue, if that sleeps on the
 * ready list. So no owner stays asleep after its operation, whichever thread stopped on the way.
 *
 * KSEM_ORD_23 orders operations one after another. KSEM_ORD_24 orders the decision about an entry before what its owner
 * does next.
 */
#ifndef KSEM_LINE_HELP_H
#define KSEM_LINE_HELP_H

#include "line/list.h"

/*
 * Finishes the operation, or sees that it is over. True: it was a GRANT, and its wake call found no sleeper, though the
 * entry says that its owner sleeps, or its queue's ready list was empty. So the owner is awake, or dead.
 */
bool line_help(const struct line_view *view, const struct line_op *op);

/* The state of an entry that no operation under way can change any more. */
uint64_t line_outcome(const struct line_view *view, uint32_t slot);

/* Begins an operation, if the word is still w. */
bool line_announce(const struct line_view *view, struct line_word w, enum line_kind kind, uint32_t slot,
		   struct line_op *op);

/*
 * What a caller wants done with an entry, if it is still in the round of `state`:
 *   LINE_DROP  take it out of the line, if it is GONE
 *   LINE_GIVE  give its permits back, if it is GRANTED, and aren't in the account of a queue; then, if its owner has
 *              certainly ended, take it off its queue's ready list
 *   LINE_CLOSED  it is an account (ledger.h): close it, and give back what it has
 *   LINE_POP   it is the head of a ready list: take the first entry off that list, once
 */
struct line_wish {
	enum line_kind kind; /* LINE_NONE: nothing */
	uint32_t slot;
	uint64_t state;
};

#define LINE_NOWHERE UINT32_MAX /* no entry has this number */

/*
 * Finishes the operation that is under way, does what is wished, and then makes further operations until the line needs
 * none. With LINE_POP it returns after the pop. On nonsense in a shared line it stops early. Returns the entry that was
 * popped; 0: none; LINE_NOWHERE: the list leads to the line's own node 0.
 */
uint32_t line_settle_with(const struct line_view *view, struct line_wish wish);

#endif
