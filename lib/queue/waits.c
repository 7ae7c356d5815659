/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The waits of a completion queue: see waits.h.
 */
#include "queue/waits.h"

#include <errno.h>

#include "base/memory.h"
#include "base/rcu.h"
#include "line/due.h"
#include "queue/active.h"

/* ---- Their memory. ---- */

#define CHUNK_WAITS 64

struct waits_chunk {
	struct wait waits[CHUNK_WAITS];
};

static bool add_waits(struct ksem_cq *cq)
{
	struct waits_chunk **chunks = memory_grow(cq->chunks, cq->chunk_count, &cq->chunk_room, sizeof(*chunks));
	struct waits_chunk *chunk;

	if (!chunks)
		return false;
	cq->chunks = chunks;
	chunk = memory_alloc(sizeof(*chunk), KSEM_CACHE_LINE);
	if (!chunk)
		return false;
	for (uint32_t i = CHUNK_WAITS; i-- > 0;) {
		chunk->waits[i].number = (uint32_t)cq->chunk_count * CHUNK_WAITS + i;
		wait_free(cq, &chunk->waits[i]);
	}
	cq->chunks[cq->chunk_count++] = chunk;
	return true;
}

/* The wait that the line calls so, if it is in line there; NULL: that is nonsense. */
static struct wait *find_wait(const struct source *source, const struct line_result *result)
{
	const struct ksem_cq *cq = source->cq;
	uint64_t chunk = result->user / CHUNK_WAITS;
	struct wait *wait = chunk < cq->chunk_count ? &cq->chunks[chunk]->waits[result->user % CHUNK_WAITS] : NULL;

	if (result->handle.slot == 0) /* as that of waits which are over */
		return NULL;
	if (!wait || wait->source != source || wait->handle.slot != result->handle.slot ||
	    wait->handle.round != result->handle.round)
		return NULL;
	return wait;
}

struct wait *wait_alloc(struct ksem_cq *cq, uint64_t due)
{
	struct wait *wait;
	struct heap *heap = queue_heap(cq, due);

	if (!table_reserve(&cq->waits) || (!cq->free && !add_waits(cq)))
		return NULL;
	if (due != 0 && !heap_reserve(heap, heap->count))
		return NULL;
	wait = cq->free;
	cq->free = wait->next;
	wait->begun = 0;
	wait->error = 0;
	wait->handle = (struct line_handle){0, 0};
	wait->prev = NULL;
	wait->timed.due = due;
	return wait;
}

void wait_free(struct ksem_cq *cq, struct wait *wait)
{
	wait->next = cq->free;
	cq->free = wait;
}

void waits_end(struct ksem_cq *cq)
{
	while (cq->chunk_count > 0)
		memory_free(cq->chunks[--cq->chunk_count]);
	memory_free(cq->chunks);
}

/* ---- Their beginnings. ---- */

/*
 * May a wait take its permits without getting in line? Not if an earlier wait of the source is in line, since that may
 * be decided meanwhile: its completion would come too late. Nor in a shared line: if this OS process is killed, permits
 * that nobody has reaped come back only if an entry says that they were granted.
 *
 * Afterwards all completions that were on the ready list are on the source's list.
 */
static bool may_take(struct source *source)
{
	if (source->view->scope != FUTEX_PRIVATE)
		return false;
	if (wait_has_ready(source))
		wait_take_all_ready(source);
	return source->in_line == 0;
}

static int take_or_join(struct wait *wait, bool takes, bool *joined, struct line_by by)
{
	struct source *source = wait->source;
	int error;

	rcu_enter();
	error = takes ? line_take_as(source->view, wait->count, by) : EAGAIN;
	*joined = error == EAGAIN;
	if (*joined)
		error = line_submit(source->view, wait->count, source->head, by, wait->number, wait->timed.due,
				    &wait->handle);
	rcu_leave();
	return error;
}

/* A call that says at once that there are too few permits first looks for those of the dead. So does this one. */
static void look_for_dead(struct source *source)
{
	uint32_t value;

	semaphore_ops(source->ksem)->value(source->ksem, &value);
}

static int begin(struct wait *wait, bool takes, bool *joined)
{
	struct source *source = wait->source;
	const struct semaphore_ops *ops = semaphore_ops(source->ksem);
	struct line_by by;
	int error = ops->begin_submit(source->ksem, source->cq->proc, &by);

	*joined = false;
	if (error)
		return error;
	if (unlikely(due_has_passed(wait->timed.due)))
		look_for_dead(source);
	error = take_or_join(wait, takes, joined, by);
	if (unlikely(error == ESHUTDOWN)) {
		look_for_dead(source);
		error = take_or_join(wait, takes, joined, by);
	}
	ops->end_submit(source->ksem);
	if (error) {
		*joined = false;
		wait->handle.slot = 0; /* it isn't in line, whatever others write to the entry */
	} else if (*joined) {
		source->in_line++;
		source->dues += wait->timed.due != 0;
	}
	return error;
}

int wait_begin(struct wait *wait, bool *joined)
{
	return begin(wait, may_take(wait->source), joined);
}

/* ---- Their ends. ---- */

void wait_end(struct wait *wait, int error)
{
	struct source *source = wait->source;
	int64_t begun = wait->begun;

	if (wait->timed.place)
		heap_remove(queue_heap(source->cq, wait->timed.due), &wait->timed);
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

/*
 * Other processes took this one for dead, and the wait out of the line. It gets in line again, at its end; but not if
 * it was canceled after it was granted, and they took that back. Returns how it ends instead; EAGAIN: it waits.
 */
static int join_again(struct wait *wait)
{
	bool joined;
	int error;

	if (wait->error)
		return wait->error;
	if (due_has_passed(wait->timed.due))
		return ETIMEDOUT;
	error = begin(wait, false, &joined);
	return error == 0 ? EAGAIN : error == ESHUTDOWN ? ESHUTDOWN : ECANCELED;
}

/*
 * Moves the next completion from the ready list to the source's list. False: there is none, or the list is others' by
 * now (source_has_list).
 */
static bool take_ready(struct source *source)
{
	struct line_result result;
	struct wait *wait;
	int error;

	if (source->in_line == 0)
		return false;
	rcu_enter();
	error = line_reap_ready(source->view, source->head, &result);
	rcu_leave();
	if (error)
		return false;
	wait = find_wait(source, &result);
	if (unlikely(!wait))
		return ++source->strange <= source->in_line;
	wait->handle.slot = 0;
	source->in_line--;
	source->dues -= wait->timed.due != 0;
	error = result.error == ENOENT ? join_again(wait) : result.error;
	if (error == EAGAIN)
		return true;
	table_remove(&source->cq->waits, &wait->link);
	wait_end(wait, error);
	return true;
}

bool wait_has_ready(const struct source *source)
{
	bool ready;

	if (source->in_line == 0)
		return false;
	rcu_enter();
	ready = line_has_ready(source->view, source->head);
	rcu_leave();
	return ready;
}

void wait_take_all_ready(struct source *source)
{
	while (take_ready(source))
		;
}

struct wait *wait_take_done(struct source *source)
{
	struct wait *wait;

	while (!source->done && take_ready(source))
		;
	wait = source->done;
	if (!wait)
		return NULL;
	source->done = wait->next;
	if (source->direct.ops)
		table_remove(&source->cq->waits, &wait->link);
	source->pending--;
	return wait;
}

bool wait_give_up(struct wait *wait, int why)
{
	bool gives_up;

	rcu_enter();
	gives_up = line_give_up(wait->source->view, wait->handle, why);
	rcu_leave();
	if (gives_up)
		source_notify_locked(wait->source); /* the line's notify hook may come late */
	else
		wait->error = why;
	return gives_up;
}

void wait_drop(struct wait *wait)
{
	rcu_enter();
	line_drop(wait->source->view, wait->handle);
	rcu_leave();
}
