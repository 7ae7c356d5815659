/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lists: see list.h.
 */
#include "line/list.h"

bool op_is_under_way(const struct line_view *view, const struct line_op *op)
{
	uint64_t low = load_acq(&view->line->word.low); /* KSEM_ORD_23 acquire */

	if (!(low & LINE_BUSY) || low >> LINE_NUMBER_SHIFT != (op->number & ((1u << LINE_NUMBER_LOW) - 1)))
		return false;
	return load_acq(&view->line->word.high) == op->high; /* KSEM_ORD_23 acquire */
}

bool relink(const struct line_view *view, const struct line_op *op, atomic(uint64_t) *link, uint32_t to, uint64_t tag)
{
	uint64_t x = load_acq(link); /* KSEM_ORD_23 acquire */

	while (LINK_TAG(x) != tag) {
		if (!op_is_under_way(view, op))
			return false;
		if (cas_acq_rel(link, &x, link_make(to, tag))) /* KSEM_ORD_23 release, KSEM_ORD_23 acquire */
			break;
	}
	return true;
}

bool take_out(const struct line_view *view, const struct line_op *op)
{
	struct line_node *node = node_at(view, op->slot), *before, *after;
	uint64_t prev = load_acq(&node->prev); /* KSEM_ORD_23 acquire */
	uint64_t next = load_acq(&node->next); /* KSEM_ORD_23 acquire: after prev */

	if (!op_is_under_way(view, op))
		return false;
	if (LINK_TAG(next) == op_second(op))
		return true; /* in the other list already, or on its way there */
	before = node_at(view, LINK_TO(prev));
	after = node_at(view, LINK_TO(next));
	return relink(view, op, &before->next, LINK_TO(next), op_first(op)) &&
	       relink(view, op, &after->prev, LINK_TO(prev), op_first(op));
}

/* Between the last of the list, `last`, and its head. */
static bool hook_in(const struct line_view *view, const struct line_op *op, uint32_t last, uint32_t list, uint64_t tag)
{
	return relink(view, op, &node_at(view, last)->next, op->slot, tag) &&
	       relink(view, op, &node_at(view, list)->prev, op->slot, tag);
}

bool append_joined(const struct line_view *view, const struct line_op *op)
{
	struct line_node *node = node_at(view, op->slot);
	uint32_t list = link_read(&node->next);
	uint64_t last = load_acq(&node_at(view, list)->prev); /* KSEM_ORD_23 acquire */

	if (!op_is_under_way(view, op))
		return false;
	return LINK_TAG(last) == op_first(op) || hook_in(view, op, LINK_TO(last), list, op_first(op));
}

bool append(const struct line_view *view, const struct line_op *op, uint32_t list)
{
	struct line_node *node = node_at(view, op->slot);
	uint64_t tag = op_second(op), last;

	if (!relink(view, op, &node->next, list, tag))
		return false;
	last = load_acq(&node_at(view, list)->prev); /* KSEM_ORD_23 acquire */
	if (!op_is_under_way(view, op))
		return false;
	if (LINK_TAG(last) == tag)
		return true;
	return relink(view, op, &node->prev, LINK_TO(last), tag) && hook_in(view, op, LINK_TO(last), list, tag);
}
