/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Last in first out, and barging. Of the entries for which the permits suffice, the newest is granted, or the oldest.
 * Other threads may take permits meanwhile.
 *
 * Entries wait in several lists, by how much they want. So a post need not look at many entries that want more than
 * there is. If all entries of a list want no more than the value, its last or first entry is a candidate. In the list
 * of the value's own class, a post looks for an entry for which the value suffices. It doesn't look at lists above.
 * Tickets tell which candidate is the newest or the oldest.
 */
#include "line/order.h"

/* The most that those of each list want. */
static const uint32_t most[LINE_LISTS] = {1, 2, 4, 8, 16, 64, 1024, UINT32_MAX};

static uint32_t class_list(struct line_word w, uint32_t need)
{
	uint32_t list = 0;

	(void)w;
	while (need > most[list])
		list++;
	return list;
}

static int64_t least(uint32_t list)
{
	return list == 0 ? 1 : (int64_t)most[list - 1] + 1;
}

/*
 * Finds the newest or oldest entry of a list for which the value suffices, or an entry before it that gave up. `shut`:
 * or one before it for which the value doesn't suffice, which must be turned away.
 */
static struct line_act find_in_class(const struct line_view *view, uint32_t list, int64_t value, bool newest, bool shut)
{
	const struct line_node *node = &view->line->lists[list];

	for (uint32_t steps = 0; steps < LINE_ENTRIES; steps++) {
		uint32_t slot = link_read(newest ? &node->prev : &node->next);
		struct line_entry *entry = slot < LINE_LISTS ? NULL : entry_at(view, slot);
		enum line_kind kind;

		if (!entry)
			break;
		kind = shut ? entry_act_shut(entry, value) : entry_act(entry, value, false);
		if (kind != LINE_NONE)
			return (struct line_act){kind, slot};
		node = &entry->node;
	}
	return (struct line_act){LINE_NONE, 0};
}

static struct line_act choose_of_classes(const struct line_view *view, struct line_word w, bool newest)
{
	struct line_act best = {LINE_NONE, 0};
	int64_t value = word_left(w);
	uint64_t best_ticket = 0;

	for (uint32_t list = 0; list < LINE_LISTS && least(list) <= value; list++) {
		struct line_act act = find_in_class(view, list, value, newest, w.low & LINE_SHUT);
		uint64_t ticket;

		if (act.kind == LINE_DROP || act.kind == LINE_TURN)
			return act;
		if (act.kind == LINE_NONE)
			continue;
		ticket = load_rlx(&entry_at(view, act.slot)->ticket); /* relaxed: constant while it waits */
		if (best.kind == LINE_NONE || (newest ? ticket > best_ticket : ticket < best_ticket)) {
			best = act;
			best_ticket = ticket;
		}
	}
	for (uint32_t list = 0; (w.low & LINE_SHUT) && best.kind == LINE_NONE && list < LINE_LISTS; list++)
		best = turn_first(view, list);
	return best;
}

static struct line_act lifo_choose(const struct line_view *view, struct line_word w, struct line_place *place)
{
	(void)place;
	return choose_of_classes(view, w, true);
}

static struct line_act barging_choose(const struct line_view *view, struct line_word w, struct line_place *place)
{
	(void)place;
	return choose_of_classes(view, w, false);
}

const struct line_order line_lifo = {lifo_choose, class_list, false};
const struct line_order line_barging = {barging_choose, class_list, false};
