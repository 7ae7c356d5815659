/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deadlines of a queue's waits: see deadlines.h.
 */
#include "queue/deadlines.h"

#include <errno.h>

#include "base/rcu.h"
#include "line/due.h"
#include "queue/cancel.h"
#include "queue/direct.h"

void deadlines_set_look(struct source *source, const struct line_handle *added)
{
	struct heap *looks = &source->cq->looks;
	struct deadline look;
	uint64_t due = 0;

	if (source_is_direct(source)) /* nobody stands behind another */
		return;
	rcu_enter();
	if (source->in_line > 0 &&
	    line_must_settle(source->view, source->head, source->dues, source->look.place ? added : NULL, &look))
		due = due_of(&look);
	rcu_leave();
	if (added && source->look.place && (due == 0 || source->look.due <= due))
		return;
	if (source->look.place)
		heap_remove(looks, &source->look);
	source->look.due = due;
	if (due != 0)
		heap_add(looks, &source->look);
}

/* A look that is due within DUE_SLACK stays as it is: so frequent news don't cost a walk each. */
void deadlines_renew_look(struct source *source)
{
	if (source->in_line > 0 && (!source->look.place || source->look.due > due_now(0) + ((uint64_t)DUE_SLACK << 1)))
		deadlines_set_look(source, NULL);
}

static uint64_t first_due(const struct ksem_cq *cq, unsigned clock)
{
	const struct timed *first = heap_first(&cq->heaps[clock]);
	const struct timed *look = clock == NOTIFY_MONOTONIC ? heap_first(&cq->looks) : NULL;

	if (!first || (look && look->due < first->due))
		return look ? look->due : 0;
	return first->due;
}

void deadlines_arm(struct ksem_cq *cq)
{
	for (unsigned clock = 0; clock < NOTIFY_CLOCKS; clock++) {
		uint64_t due = first_due(cq, clock);

		if (due != 0)
			notify_arm(&cq->notify, clock, due);
	}
}

static void expire_of(struct ksem_cq *cq, unsigned clock)
{
	uint64_t now = due_now(clock);
	struct timed *first;

	while ((first = heap_first(&cq->heaps[clock])) && first->due <= now) {
		heap_remove(&cq->heaps[clock], first);
		cancel_wait(container_of(first, struct wait, timed), ETIMEDOUT);
	}
	while (clock == NOTIFY_MONOTONIC && (first = heap_first(&cq->looks)) && first->due <= now) {
		struct source *source = container_of(first, struct source, look);

		rcu_enter();
		line_settle(source->view);
		rcu_leave();
		deadlines_set_look(source, NULL);
	}
	notify_rearm(&cq->notify, clock, first_due(cq, clock));
}

void deadlines_expire(struct ksem_cq *cq)
{
	for (unsigned clock = 0; clock < NOTIFY_CLOCKS; clock++) {
		if (notify_is_due(&cq->notify, clock))
			expire_of(cq, clock);
	}
}

/* The clock may have been set back after a timer of CLOCK_REALTIME went off. */
void deadlines_rearm(struct ksem_cq *cq)
{
	if (cq->notify.armed[NOTIFY_REALTIME] != 0)
		notify_rearm(&cq->notify, NOTIFY_REALTIME, first_due(cq, NOTIFY_REALTIME));
}
