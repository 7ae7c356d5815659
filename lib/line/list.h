/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lists of a line: who stands where, as circular lists through their heads.
 *
 * Lists change within operations only (help.h), and any number of threads may work on one operation at a time,
 * some of them late. So a link carries the number of the operation that wrote it. Whoever is to change a link
 * reads it; if it has the operation's number, somebody was here before. Else the thread looks whether the
 * operation is still under way: if so, what it read is from before the operation's own change, and a
 * compare-and-swap makes the change once. If not, the thread leaves. A compare-and-swap that comes late fails,
 * since the link has another number by then.
 *
 * An operation that moves an entry from one list to another is two halves: out of the one, to the end of the
 * other. The links that the second half writes carry a number of their own, so that nobody takes them for those of
 * the first.
 *
 * Numbers come again after 2^34 operations. A thread would have to be stopped between its look and its
 * compare-and-swap, for exactly so many.
 */
#ifndef KSEM_LINE_LIST_H
#define KSEM_LINE_LIST_H

#include "line/entries.h"

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

/* Where a link leads. May be old. */
static inline uint32_t link_read(const atomic(uint64_t) *link)
{
	return LINK_TO(load_acq(link)); /* KSEM_ORD_23 acquire */
}

/* Is the operation not over? */
bool op_is_under_way(const struct line_view *view, const struct line_op *op);

/* Does the node before it lead to it? True at the instant, if no operation was under way then, or came between. */
static inline bool stands_in_list(const struct line_view *view, uint32_t slot)
{
	uint32_t before = link_read(&node_at(view, slot)->prev);

	return link_read(&node_at(view, before)->next) == slot;
}

/* Makes a link lead to `to`. False: the operation is over. */
bool relink(const struct line_view *view, const struct line_op *op, atomic(uint64_t) *link, uint32_t to, uint64_t tag);

/* The operation's entry out of the list that it stands in, if it does. False: the operation is over. */
bool take_out(const struct line_view *view, const struct line_op *op);

/* The entry of a JOIN, whose links its owner has prepared, to the end of that list. */
bool append_joined(const struct line_view *view, const struct line_op *op);

/* The operation's entry to the end of a list: the second half. */
bool append(const struct line_view *view, const struct line_op *op, uint32_t list);

#endif
