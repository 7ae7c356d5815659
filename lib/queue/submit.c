/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Submitting a wait to a queue: see queue.h.
 */
#include <errno.h>

#include "base/rcu.h"
#include "line/due.h"
#include "queue/deadlines.h"
#include "queue/opening.h"
#include "queue/queue.h"
#include "queue/ring.h"
#include "queue/waits.h"

/* A wait that didn't get in line. Others of that semaphore may have been decided before. */
static void end_at_once(struct wait *wait, int error)
{
	struct source *source = wait->source;

	table_remove(&source->cq->waits, &wait->link);
	while (wait_take_ready(source))
		;
	wait_end(wait, error);
	ring_tell(source);
}

/* It is in line. If it wasn't granted at once, it is measured, and its deadline matters. */
static void begin_waiting(struct wait *wait)
{
	struct source *source = wait->source;
	struct ksem_cq *cq = source->cq;
	bool pends;

	rcu_enter();
	pends = line_pends(source->view, wait->handle);
	rcu_leave();
	if (!pends) {
		ring_tell(source); /* the line's ring may be late (listener.h) */
		return;
	}
	if (semaphore_ops(source->ksem)->begin_queued)
		wait->begun = semaphore_ops(source->ksem)->begin_queued(source->ksem);
	if (wait->timed.due != 0)
		heap_add(&cq->heaps[wait->timed.due & LINE_DUE_REALTIME], &wait->timed);
	source->newest = wait->handle;
	deadlines_set_pass(source, true);
	deadlines_arm(cq);
}

static int begin_wait(struct source *source, uint32_t count, uint64_t due, uint64_t user_data)
{
	struct ksem_cq *cq = source->cq;
	struct wait *wait = wait_take(cq, due);
	int error = 0;

	if (!wait)
		return ENOMEM;
	wait->source = source;
	wait->count = count;
	if (count > 0)
		error = wait_join(wait);
	if (error && error != ESHUTDOWN) {
		wait_give(cq, wait);
		return error;
	}
	table_add(&cq->waits, &wait->link, user_data);
	source->pending++;
	source->dues += due != 0;
	if (count == 0 || error)
		end_at_once(wait, error);
	else
		begin_waiting(wait);
	return 0;
}

int queue_submit(struct source *source, uint32_t count, uint64_t due, uint64_t user_data, struct reclaim *garbage)
{
	int error = source_open(source);

	if (!error && line_never(source->view, count))
		error = EINVAL;
	if (!error)
		error = begin_wait(source, count, due, user_data);
	if (error)
		source_close_if_idle(source, garbage);
	return error;
}
