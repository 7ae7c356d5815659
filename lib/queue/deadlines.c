/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deadlines of a queue's waits: see deadlines.h.
 */
#include "queue/deadlines.h"

#include <errno.h>

#include "base/rcu.h"
#include "line/due.h"
#include "queue/direct.h"

void deadlines_set_pass(struct source *source, bool more)
{
	struct heap *passes = &source->cq->passes;
	struct deadline look;
	uint64_t due = 0;

	if (source_is_direct(source)) /* nobody stands behind another */
		return;
	rcu_enter();
	if (source->in_line > 0 &&
	    line_must_pass(source->view, source->head, source->newest, source->dues, more && source->pass.place, &look))
		due = due_of(&look);
	rcu_leave();
	if (more && source->pass.place && (due == 0 || source->pass.due <= due))
		return;
	if (source->pass.place)
		heap_remove(passes, &source->pass);
	source->pass.due = due;
	if (due != 0)
		heap_add(passes, &source->pass);
}

static uint64_t first_due(const struct ksem_cq *cq, unsigned clock)
{
	const struct timed *first = heap_first(&cq->heaps[clock]);
	const struct timed *pass = clock == NOTIFY_MONOTONIC ? heap_first(&cq->passes) : NULL;

	if (!first || (pass && pass->due < first->due))
		return pass ? pass->due : 0;
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
		direct_cancel(container_of(first, struct wait, timed), ETIMEDOUT);
	}
	while (clock == NOTIFY_MONOTONIC && (first = heap_first(&cq->passes)) && first->due <= now) {
		struct source *source = container_of(first, struct source, pass);

		rcu_enter();
		line_pass(source->view);
		rcu_leave();
		deadlines_set_pass(source, false);
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
