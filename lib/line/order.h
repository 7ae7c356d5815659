/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Orders: which entry is granted next, and whether a thread may take without waiting. fifo.c has one order, classes.c
 * two that are similar.
 */
#ifndef KSEM_LINE_ORDER_H
#define KSEM_LINE_ORDER_H

#include <errno.h>

#include "line/due.h"
#include "line/list.h"

/*
 * How far a sweep has come: no entry up to `after` stands in the wrong list, if the word has that number. A thread that
 * sweeps keeps it, so it need not begin anew after each entry that it moves, unless another operation came between.
 */
struct line_place {
	uint64_t number;
	uint32_t list, after;
};

#define LINE_NO_PLACE ((struct line_place){UINT64_MAX, LINE_MAIN, LINE_MAIN})

/* What is to be done next; LINE_NONE: nothing. */
struct line_act {
	enum line_kind kind;
	uint32_t slot;
};

struct line_order {
	/*
	 * Chooses what to do next, for the word w. Lists and states may change while it reads them. The caller that
	 * begins the operation finds out whether another operation came between. `place` is where the caller's sweep
	 * is, and is moved on.
	 */
	struct line_act (*choose)(const struct line_view *view, struct line_word w, struct line_place *place);

	/* The list for an entry that needs that many permits, for that word. */
	uint32_t (*list)(struct line_word w, uint32_t need);

	/* Must no thread take while an entry waits? */
	bool fair;
};

extern const struct line_order line_fifo, line_lifo, line_barging;

const struct line_order *line_order(const struct line *line);

/* Must a thread that comes now get in line, because others wait, whatever the value is? */
static inline bool others_come_first(const struct line_view *view, struct line_word w)
{
	return line_order(view->line)->fair && (w.low & LINE_WAITED);
}

/*
 * LINE_DROP: the entry gave up; LINE_GRANT: the value suffices for it; LINE_NONE: neither. A queue's wait that is past
 * its deadline is made one that gave up: instead of a grant, or, if it is `first` in a fair line, instead of blocking
 * those behind it.
 */
static inline enum line_kind entry_act(struct line_entry *entry, int64_t value, bool first)
{
	uint64_t x = load_acq(&entry->state); /* KSEM_ORD_24 acquire */

	while (state_of(x) == ENTRY_WAIT) {
		bool enough = state_need(x) <= value;

		/* KSEM_ORD_24 acquire */
		if (likely(!enough && !first) || likely(!due_has_passed(load_acq(&entry->due))))
			return enough ? LINE_GRANT : LINE_NONE;
		/* KSEM_ORD_24 acquire, KSEM_ORD_24 release */
		if (cas_acq_rel(&entry->state, &x, state_gone(x, ETIMEDOUT)))
			return LINE_DROP;
	}
	return state_of(x) == ENTRY_GONE ? LINE_DROP : LINE_NONE;
}

/* The first entry of a list; 0: the list is empty. */
static inline uint32_t list_first(const struct line_view *view, uint32_t list)
{
	uint32_t slot = link_read(&view->line->lists[list].next);

	return slot == list ? 0 : slot;
}

/*
 * As entry_act, but after a shutdown. LINE_TURN: the value doesn't suffice, so the entry must be turned away. An entry
 * that is decided, and still in a list, is nonsense.
 */
static inline enum line_kind entry_act_shut(struct line_entry *entry, int64_t value)
{
	enum line_kind kind = entry_act(entry, value, false);
	uint64_t x = load_acq(&entry->state); /* KSEM_ORD_24 acquire */

	return kind == LINE_NONE && (state_of(x) == ENTRY_WAIT || state_of(x) == ENTRY_GONE) ? LINE_TURN : kind;
}

/* After a shutdown: turns away the first entry of a list, whose entries all want more than the value. */
static inline struct line_act turn_first(const struct line_view *view, uint32_t list)
{
	uint32_t slot = list_first(view, list);
	struct line_entry *entry = slot ? entry_at(view, slot) : NULL;

	return (struct line_act){entry ? entry_act_shut(entry, -1) : LINE_NONE, slot};
}

#endif
