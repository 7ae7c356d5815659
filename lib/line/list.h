/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lists of a line. They are circular, and pass through their heads.
 *
 * Only operations change lists (help.h), but several threads may work on one operation at the same time, and some may
 * be late. So each link has the number of the operation that wrote it. A thread that wants to change a link first reads
 * it. If the link has the operation's number, another thread has already changed it. If not, the thread looks whether
 * the operation is still in progress. If it is, the link is as before the operation, and one compare-and-swap makes the
 * change. If it isn't, the thread leaves. A late compare-and-swap fails, since the link has another number by then.
 *
 * An operation that moves an entry from one list to another has two halves: out of the one list, to the end of the
 * other. The links of the second half have a number of their own, so they can't be confused with those of the first.
 *
 * Numbers repeat after 2^34 operations: 15 minutes if nothing else is done, hours at a million a second. This could
 * harm a thread that is stopped between its look and its compare-and-swap for exactly that many operations. It could
 * also harm a link that nobody has changed for so long, if the next operation that changes it has the number of the
 * last one: its helpers would think that they had changed it. For each link as old as that, the chance is one in 2^34.
 */
#ifndef KSEM_LINE_LIST_H
#define KSEM_LINE_LIST_H

#include "line/entries.h"

#define LINK_NONE      (UINT64_C(1) << 63) /* no link: the entry is an account (ledger.h) */
#define LINK_TO(link)  ((uint32_t)(link) & ((1u << LINE_SLOT_BITS) - 1))
#define LINK_TAG(link) ((link) >> LINE_SLOT_BITS)

static inline uint64_t link_make(uint32_t slot, uint64_t tag)
{
	return slot | tag << LINE_SLOT_BITS;
}

/* The tags of an operation's two halves. */
static inline uint64_t op_first(const struct line_op *op)
{
	return op->number << 1;
}

static inline uint64_t op_second(const struct line_op *op)
{
	return op->number << 1 | 1;
}

/* The node to which a link leads. It may be outdated. */
static inline uint32_t link_read(const atomic(uint64_t) *link)
{
	return LINK_TO(load_acq(link)); /* KSEM_ORD_23 acquire */
}

/* Is the operation still in progress? */
bool op_is_under_way(const struct line_view *view, const struct line_op *op);

/*
 * Does the node before it lead to it? True at the instant, if no operation was under way then, or came between. What
 * was before one that isn't in a list may be an account by now.
 */
static inline bool stands_in_list(const struct line_view *view, uint32_t slot)
{
	uint32_t before = link_read(&node_at(view, slot)->prev);
	uint64_t next = load_acq(&node_at(view, before)->next); /* KSEM_ORD_23 acquire */

	return LINK_TO(next) == slot && !(next & LINK_NONE);
}

/* Makes a link lead to `to`. False: the operation is over. */
bool relink(const struct line_view *view, const struct line_op *op, atomic(uint64_t) *link, uint32_t to, uint64_t tag);

/* Takes the operation's entry out of its list. False: the operation is over. */
bool take_out(const struct line_view *view, const struct line_op *op);

/* Puts the entry of a JOIN, whose links its owner has prepared, at the end of that list. */
bool append_joined(const struct line_view *view, const struct line_op *op);

/* The second half: puts the operation's entry at the end of a list. */
bool append(const struct line_view *view, const struct line_op *op, uint32_t list);

#endif
