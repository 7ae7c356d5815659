/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The waits of a completion queue: see waits.h.
 */
#include "queue/waits.h"

#include <errno.h>

#include "base/memory.h"
#include "base/rcu.h"
#include "line/due.h"

/* ---- Their memory. ---- */

struct waits_chunk {
	struct waits_chunk *next;
	struct wait waits[63];
};

static bool add_waits(struct ksem_cq *cq)
{
	struct waits_chunk *chunk = memory_alloc(sizeof(*chunk), KSEM_CACHE_LINE);

	if (!chunk)
		return false;
	chunk->next = cq->chunks;
	cq->chunks = chunk;
	for (size_t i = sizeof(chunk->waits) / sizeof(chunk->waits[0]); i-- > 0;) {
		chunk->waits[i].next = cq->free;
		cq->free = &chunk->waits[i];
	}
	return true;
}

struct wait *wait_take(struct ksem_cq *cq, uint64_t due)
{
	struct wait *wait;
	struct heap *heap = &cq->heaps[due & LINE_DUE_REALTIME];

	if (!table_reserve(&cq->waits) || (!cq->free && !add_waits(cq)))
		return NULL;
	if (due != 0 && !heap_reserve(heap, heap->count))
		return NULL;
	wait = cq->free;
	cq->free = wait->next;
	wait->begun = 0;
	wait->timed.due = due;
	return wait;
}

void wait_give(struct ksem_cq *cq, struct wait *wait)
{
	wait->next = cq->free;
	cq->free = wait;
}

void waits_end(struct ksem_cq *cq)
{
	while (cq->chunks) {
		struct waits_chunk *chunk = cq->chunks;

		cq->chunks = chunk->next;
		memory_free(chunk);
	}
}

/* ---- Their ends. ---- */

void wait_end(struct wait *wait, int error)
{
	struct source *source = wait->source;
	int64_t begun = wait->begun;

	if (wait->timed.place)
		heap_remove(&source->cq->heaps[wait->timed.due & LINE_DUE_REALTIME], &wait->timed);
	if (begun)
		semaphore_ops(source->ksem)->end_queued(source->ksem, begun, error);
	wait->error = error;
	wait->next = NULL;
	if (source->done)
		source->last_done->next = wait;
	else
		source->done = wait;
	source->last_done = wait;
}

bool wait_take_ready(struct source *source)
{
	struct line_result result;
	struct wait *wait;
	int error = EAGAIN;

	if (source->view) {
		rcu_enter();
		error = line_reap_ready(source->view, source->head, &result);
		rcu_leave();
	}
	if (error)
		return false;
	wait = (struct wait *)(uintptr_t)result.user;
	table_remove(&source->cq->waits, &wait->link);
	wait_end(wait, result.error);
	return true;
}

struct wait *wait_take_done(struct source *source)
{
	struct wait *wait;

	if (!source->done)
		wait_take_ready(source);
	wait = source->done;
	if (!wait)
		return NULL;
	source->done = wait->next;
	source->pending--;
	if (wait->timed.due != 0)
		source->dues--;
	return wait;
}

bool wait_cancel(struct wait *wait, int why)
{
	bool canceled;

	rcu_enter();
	canceled = line_cancel(wait->source->view, wait->handle, why);
	rcu_leave();
	return canceled;
}
