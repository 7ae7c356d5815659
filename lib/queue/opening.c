/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening and closing the sources of a queue: see opening.h.
 */
#include "queue/opening.h"

#include <errno.h>

#include "base/rcu.h"
#include "queue/direct.h"
#include "queue/waits.h"

/* Room in the heap of looks, too: a source may need it later, when its waits are moved behind others. */
bool source_reserve(struct ksem_cq *cq)
{
	return heap_reserve(&cq->looks, cq->sources.by_id.count) && sources_reserve(&cq->sources, cq);
}

int source_for(struct ksem_cq *cq, struct ksem *ksem, struct source **source)
{
	struct ksem *pinned;
	int error;

	*source = sources_find(&cq->sources, ksem);
	if (*source)
		return 0;
	error = object_pin(ksem, &pinned);
	if (!error)
		*source = sources_add(&cq->sources, pinned);
	return error;
}

static void leave_line(struct source *source)
{
	listener_remove(source);
	if (source->look.place)
		heap_remove(&source->cq->looks, &source->look);
	source->view = NULL;
}

void source_close_if_idle(struct source *source, struct reclaim *garbage)
{
	struct ksem_cq *cq = source->cq;
	struct ksem *ksem = source->ksem;

	if (source->pending > 0 || source->active)
		return;
	if (source->direct.armed) { /* the listener sleeps on its word, and closes it when it wakes */
		listener_call(&cq->listener);
		return;
	}
	if (source->view && source_has_list(source)) {
		rcu_enter();
		line_close_ready(source->view, source->head, source->round);
		rcu_leave();
	}
	leave_line(source);
	sources_remove(&cq->sources, source);
	namespace_drop(object_ns(ksem), ksem, life_keep(), garbage);
}

static int open_direct(struct source *source, const struct direct_ops *ops)
{
	if (!line_works())
		return ENOTSUP;
	if (!listener_reserve(source->cq, source_close_if_idle))
		return ENOMEM;
	direct_open(source, ops);
	listener_add(source);
	return 0;
}

static void lose_wait(struct link *link, void *lost)
{
	struct wait *wait = container_of(link, struct wait, link);

	if (wait->source != lost)
		return;
	wait->handle.slot = 0;
	table_remove(&wait->source->cq->waits, link);
	wait_end(wait, ECANCELED);
}

/* Other processes took this one for dead, and its entries are theirs by now. */
bool source_check_list(struct source *source)
{
	if (!source->view || likely(source_has_list(source)))
		return false;
	table_for_all(&source->cq->waits, lose_wait, source);
	source->in_line = source->dues = 0;
	leave_line(source);
	return true;
}

int source_open(struct source *source)
{
	const struct semaphore_ops *ops = semaphore_ops(source->ksem);
	struct line_view *view;
	uint32_t holder;
	int error;

	if (source->view || source_is_direct(source))
		return 0;
	if (ops->direct)
		return open_direct(source, ops->direct);
	if (!ops->line)
		return ENOTSUP;
	error = ops->line(source->ksem, &view, &holder);
	if (!error && view->scope == FUTEX_SHARED && !listener_reserve(source->cq, source_close_if_idle))
		error = ENOMEM;
	if (error)
		return error;
	rcu_enter();
	error = line_open_ready(view, holder, (uintptr_t)source, &source->head);
	if (!error)
		source->round = line_ready_round(view, source->head);
	rcu_leave();
	if (error)
		return error;
	source->view = view;
	source->strange = 0;
	if (view->scope == FUTEX_SHARED)
		listener_add(source);
	return 0;
}
