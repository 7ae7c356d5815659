/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deadlines of waits in queues: see due.h.
 *
 * due_ahead walks from the entry to the head of its list, while others change the list. At each step the two
 * neighbours must lead to each other. If they don't, or the walk ends elsewhere, it begins anew. If that happens too
 * often, or the way is too long, the caller looks again after DUE_SLACK. So what a walk costs is bounded, and so is how
 * late a waiter is.
 */
#include "line/due.h"

#include "line/entries.h"
#include "line/list.h"
#include "os/clock.h"

#define WALKS 4
#define STEPS 1000

#define NO_DEADLINE UINT64_MAX

uint64_t due_of(const struct deadline *deadline)
{
	uint64_t seconds = deadline ? (uint64_t)deadline->time.tv_sec : UINT64_MAX;

	if (seconds >= (UINT64_MAX >> 1) / (uint64_t)CLOCK_NS - 1)
		return 0;
	return (seconds * (uint64_t)CLOCK_NS + (uint64_t)deadline->time.tv_nsec + 1) << 1 | /* never 0 */
	       (deadline->clock == CLOCK_REALTIME ? LINE_DUE_REALTIME : 0);
}

uint64_t due_now(uint64_t due)
{
	struct timespec now = clock_now(due & LINE_DUE_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC);

	return ((uint64_t)now.tv_sec * (uint64_t)CLOCK_NS + (uint64_t)now.tv_nsec + 1) << 1 | (due & LINE_DUE_REALTIME);
}

/* The nanoseconds until then. */
static uint64_t due_left(uint64_t due)
{
	uint64_t now = due_now(due);

	return now < due ? (due - now) >> 1 : 0;
}

/* If the entry waits and has a deadline: the lower of `left` and the nanoseconds until then, at least 1. */
static uint64_t lower_left(const struct line_entry *entry, uint64_t left)
{
	uint64_t due = load_acq(&entry->due); /* KSEM_ORD_24 acquire */
	uint64_t its;

	if (due == 0 || state_of(load_acq(&entry->state)) != ENTRY_WAIT) /* KSEM_ORD_24 acquire */
		return left;
	its = due == LINE_DUE_COMES ? 1 : due_left(due);
	its = its == 0 ? 1 : its;
	return its < left ? its : left;
}

/*
 * Walks once, and sets the nanoseconds until the first deadline, or NO_DEADLINE. From the end of the list, deadlines
 * count only once it has come to a wait of the caller's own. False: others changed the list, or the way is too long.
 */
static bool walk(const struct line_view *view, uint32_t slot, struct due_own own, uint64_t *left)
{
	bool counts = slot >= LINE_LISTS;

	*left = NO_DEADLINE;
	for (uint32_t steps = 0; steps < STEPS; steps++) {
		uint32_t before = link_read(&node_at(view, slot)->prev);
		const struct line_entry *entry = before < LINE_LISTS ? NULL : entry_at(view, before);

		if (link_read(&node_at(view, before)->next) != slot)
			return false;
		if (!entry) {
			if (before == LINE_ASIDE) /* nobody is blocked by what stands aside */
				*left = NO_DEADLINE;
			return before == LINE_MAIN || before == LINE_ASIDE;
		}
		if (own.ready != 0 && load_rlx(&entry->ready) == own.ready) { /* relaxed: constant while it waits */
			if (own.more)
				return true;
			counts = true;
		} else if (counts) {
			*left = lower_left(entry, *left);
		}
		slot = before;
	}
	return false;
}

bool due_ahead(const struct line_view *view, uint32_t slot, struct due_own own, struct deadline *look)
{
	uint64_t left;
	bool walked = false;

	for (unsigned i = 0; i < WALKS && !walked; i++)
		walked = walk(view, slot, own, &left);
	if (walked && left == NO_DEADLINE)
		return false;
	*look = deadline_after(CLOCK_MONOTONIC, DUE_SLACK);
	if (walked && left > (uint64_t)DUE_SLACK)
		look->time = clock_after(&look->time, (int64_t)left - DUE_SLACK);
	return true;
}
