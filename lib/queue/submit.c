/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Submitting a wait to a queue: see queue.h.
 */
#include <errno.h>

#include "base/rcu.h"
#include "queue/active.h"
#include "queue/deadlines.h"
#include "queue/direct.h"
#include "queue/opening.h"
#include "queue/queue.h"
#include "queue/waits.h"

/* A wait that doesn't get in line. Others of that semaphore may have been decided before. */
static void end_at_once(struct wait *wait, int error)
{
	wait_take_all_ready(wait->source);
	wait_end(wait, error);
	source_notify_locked(wait->source);
}

/*
 * It is in line. If it wasn't granted at once, it is measured. Its deadline matters in any case: who takes this process
 * for dead takes a grant back, too, and the wait begins anew.
 */
static void begin_waiting(struct wait *wait)
{
	struct source *source = wait->source;
	struct ksem_cq *cq = source->cq;
	bool pends;

	if (wait->timed.due != 0)
		heap_add(queue_heap(cq, wait->timed.due), &wait->timed);
	rcu_enter();
	pends = line_pends(source->view, wait->handle);
	rcu_leave();
	if (!pends) {
		source_notify_locked(source); /* the line's notify hook may come late */
		return;
	}
	if (semaphore_ops(source->ksem)->begin_queued)
		wait->begun = semaphore_ops(source->ksem)->begin_queued(source->ksem);
	deadlines_set_look(source, &wait->handle);
	deadlines_arm(cq);
}

/* The same of a direct one. Where it ended at once, it isn't direct any more. */
static void begin_waiting_directly(struct wait *wait)
{
	struct ksem_cq *cq = wait->source->cq;

	direct_add(wait);
	if (wait->timed.due != 0)
		heap_add(queue_heap(cq, wait->timed.due), &wait->timed);
	deadlines_arm(cq);
	if (direct_needs_call(wait))
		listener_call(&cq->listener);
}

static int begin_wait(struct source *source, uint32_t count, uint64_t due, uint64_t user_data)
{
	struct ksem_cq *cq = source->cq;
	struct wait *wait = wait_alloc(cq, due);
	bool joined = false;
	int error = 0;

	if (!wait)
		return ENOMEM;
	wait->source = source;
	wait->count = count;
	if (count > 0)
		error = source_is_direct(source) ? direct_enter(wait) : wait_begin(wait, &joined);
	if (error && error != ESHUTDOWN && error != EAGAIN) {
		wait_free(cq, wait);
		return error;
	}
	source->pending++;
	wait->link.key = user_data;
	if (joined || source_is_direct(source)) /* a direct one is in the table until it is reaped */
		table_add(&cq->waits, &wait->link, user_data);
	if (joined)
		begin_waiting(wait);
	else if (error == EAGAIN)
		begin_waiting_directly(wait);
	else
		end_at_once(wait, error);
	return 0;
}

int queue_submit(struct source *source, uint32_t count, uint64_t due, uint64_t user_data, struct reclaim *garbage)
{
	int error;

	if (unlikely(source_check_list(source)))
		source_notify_locked(source); /* the reader knows of it only if the listener saw it first */
	error = source_open(source);
	if (!error && !source_is_direct(source) && line_never(source->view, count))
		error = EINVAL;
	if (!error)
		error = begin_wait(source, count, due, user_data);
	if (error)
		source_close_if_idle(source, garbage);
	return error;
}
