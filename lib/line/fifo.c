/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * First in, first out: only the first in line is granted, and nobody takes while somebody is in line.
 *
 * An entry that wants more than the limit gives way: it waits in a list of its own, ASIDE, and others may go before it.
 * When the limit changes, each entry that is in the wrong list goes to the end of the other list, in order.
 */
#include "line/order.h"

static uint32_t fifo_list(struct line_word w, uint32_t need)
{
	return need > word_limit(w) ? LINE_ASIDE : LINE_MAIN;
}

/* The next entry that stands in the wrong list, or gave up. */
static struct line_act misplaced(const struct line_view *view, struct line_word w, struct line_place *place)
{
	if (place->number != word_number(w))
		*place = (struct line_place){word_number(w), LINE_MAIN, LINE_MAIN};
	for (uint32_t steps = 0; steps < LINE_ENTRIES; steps++) {
		uint32_t slot = link_read(&node_at(view, place->after)->next);
		const struct line_entry *entry = slot < LINE_LISTS ? NULL : entry_at(view, slot);
		uint64_t x;

		if (!entry && place->list == LINE_ASIDE)
			break;
		if (!entry) {
			place->list = place->after = LINE_ASIDE;
			continue;
		}
		x = load_acq(&entry->state); /* KSEM_ORD_24 acquire */
		if (state_of(x) == ENTRY_GONE)
			return (struct line_act){LINE_DROP, slot};
		if (state_of(x) == ENTRY_WAIT && fifo_list(w, state_need(x)) != place->list)
			return (struct line_act){place->list == LINE_MAIN ? LINE_AWAY : LINE_BACK, slot};
		place->after = slot;
	}
	return (struct line_act){LINE_SWEPT, 0};
}

static struct line_act fifo_choose(const struct line_view *view, struct line_word w, struct line_place *place)
{
	struct line_act act = {LINE_NONE, 0};
	struct line_entry *entry;

	if (w.low & LINE_SWEEP)
		return misplaced(view, w, place);
	act.slot = list_first(view, LINE_MAIN);
	entry = act.slot ? entry_at(view, act.slot) : NULL;
	if (entry)
		act.kind = entry_act(entry, word_left(w), word_left(w) > 0);
	if (act.kind == LINE_NONE && (w.low & LINE_SHUT)) {
		act = turn_first(view, LINE_MAIN);
		if (act.kind == LINE_NONE)
			act = turn_first(view, LINE_ASIDE);
	}
	return act;
}

const struct line_order line_fifo = {fifo_choose, fifo_list, true};
