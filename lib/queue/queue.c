/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Completion queues, from their beginning to their end: see queue.h.
 */
#include "queue/queue.h"

#include <errno.h>

#include "base/memory.h"
#include "object/reclaim.h"
#include "queue/all.h"
#include "queue/cancel.h"
#include "queue/opening.h"
#include "queue/waits.h"

int queue_create(struct ksem_proc *proc, struct ksem_cq **created)
{
	struct ksem_cq *cq = memory_alloc(sizeof(*cq), KSEM_CACHE_LINE);
	int error;

	if (!cq)
		return ENOMEM;
	error = notify_open(&cq->notify);
	if (error) {
		memory_free(cq);
		return error;
	}
	pthread_mutex_init(&cq->lock, NULL);
	cq->proc = proc;
	queues_add(cq);
	*created = cq;
	return 0;
}

/* All its waits are decided. */
static void end_source(struct link *link, void *garbage)
{
	struct source *source = container_of(link, struct source, link);
	struct wait *wait;

	source_check_list(source);
	do {
		while ((wait = wait_take_done(source))) {
			if (wait->error == 0 && wait->count > 0)
				semaphore_ops(source->ksem)->give_back(source->ksem, wait->count, source->cq->proc);
		}
	} while (source_check_list(source)); /* what was taken may have shown that it is others' */
	source->active = false;
	source_close_if_idle(source, garbage);
}

static void end_all(struct ksem_cq *cq)
{
	struct reclaim garbage = RECLAIM_NONE;

	pthread_mutex_lock(&cq->lock);
	cancel_all(cq);
	table_for_all(&cq->sources.by_id, end_source, &garbage);
	pthread_mutex_unlock(&cq->lock);
	reclaim_free(garbage);
}

static void free_all(struct ksem_cq *cq)
{
	waits_end(cq);
	sources_end(&cq->sources);
	table_end(&cq->waits);
	for (unsigned clock = 0; clock < NOTIFY_CLOCKS; clock++)
		heap_end(&cq->heaps[clock]);
	heap_end(&cq->looks);
	memory_free(cq->listener.sources);
	pthread_mutex_destroy(&cq->lock);
	memory_free(cq);
}

void queue_stop(struct ksem_cq *cq)
{
	if (!queue_is_dead(cq))
		listener_end(cq);
}

void queue_destroy(struct ksem_cq *cq)
{
	bool dead = queue_is_dead(cq);

	if (!dead)
		end_all(cq);
	queues_remove(cq);
	reclaim_wait_epoch(); /* a thread that decided a wait may not have notified yet */
	if (!dead)
		notify_close(&cq->notify);
	free_all(cq);
}
