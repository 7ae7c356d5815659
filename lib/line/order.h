/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Orders: who is granted next, and who may take without waiting. A file each, or one for two that are alike.
 */
#ifndef KSEM_LINE_ORDER_H
#define KSEM_LINE_ORDER_H

#include "line/list.h"

/* What is to be done next; LINE_NONE: nothing. */
struct line_act {
	enum line_kind kind;
	uint32_t slot;
};

struct line_order {
	/*
	 * For the line that w shows. Reads lists and states, which may change meanwhile; whoever announces what this
	 * says finds out whether an operation came between.
	 */
	struct line_act (*choose)(const struct line_view *view, struct line_word w);

	/* The list in which one that needs so many waits, by that word. */
	uint32_t (*list)(struct line_word w, uint32_t need);

	/* Must nobody take while somebody waits? */
	bool fair;
};

extern const struct line_order line_fifo, line_lifo, line_barging;

const struct line_order *line_order(const struct line *line);

/* Does an entry in a list have to be dropped, or does it wait for no more than that? LINE_NONE: neither. */
static inline enum line_kind entry_act(const struct line_entry *entry, int64_t value)
{
	uint64_t x = load_acq(&entry->state); /* KSEM_ORD_24 acquire */

	if (state_of(x) == ENTRY_GONE)
		return LINE_DROP;
	return state_of(x) == ENTRY_WAIT && state_need(x) <= value ? LINE_GRANT : LINE_NONE;
}

/* The first of a list; 0: nobody is there. */
static inline uint32_t list_first(const struct line_view *view, uint32_t list)
{
	uint32_t slot = link_read(&view->line->lists[list].next);

	return slot == list ? 0 : slot;
}

/* What a line that is shut does with the first of a list for whom the value doesn't suffice. */
static inline struct line_act turn_first(const struct line_view *view, uint32_t list)
{
	uint32_t slot = list_first(view, list);
	const struct line_entry *entry = slot ? entry_at(view, slot) : NULL;

	if (!entry)
		return (struct line_act){LINE_NONE, 0};
	return (struct line_act){entry_act(entry, -1) == LINE_DROP ? LINE_DROP : LINE_TURN, slot};
}

#endif
