/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Completion queues, from their beginning to their end: see queue.h.
 */
#include "queue/queue.h"

#include <errno.h>

#include "base/memory.h"
#include "base/rcu.h"
#include "object/reclaim.h"
#include "queue/cancel.h"
#include "queue/direct.h"
#include "queue/opening.h"
#include "queue/source_notify.h"
#include "queue/waits.h"

static pthread_mutex_t queues_lock = PTHREAD_MUTEX_INITIALIZER;
static struct ksem_cq *queues; /* under queues_lock: all, dead ones too */

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
	pthread_mutex_lock(&queues_lock);
	cq->next = queues;
	cq->prev = &queues;
	if (queues)
		queues->prev = &cq->next;
	queues = cq;
	pthread_mutex_unlock(&queues_lock);
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
	pthread_mutex_lock(&queues_lock);
	*cq->prev = cq->next;
	if (cq->next)
		cq->next->prev = cq->prev;
	pthread_mutex_unlock(&queues_lock);
	reclaim_wait_epoch(); /* a thread that decided a wait may not have notified yet */
	if (!dead)
		notify_close(&cq->notify);
	free_all(cq);
}

/* ---- For threads that post. ---- */

static void serve(struct ksem_cq *cq, ksem_id_t id)
{
	struct source *source = sources_find_id(&cq->sources, id);
	struct futex_place place;

	if (source && source_is_direct(source) && direct_serve(source, &place))
		source_notify(source);
}

static void serve_queues(ksem_id_t id)
{
	if (pthread_mutex_trylock(&queues_lock) != 0)
		return;
	for (struct ksem_cq *cq = queues; cq; cq = cq->next) {
		if (queue_is_dead(cq) || pthread_mutex_trylock(&cq->lock) != 0)
			continue;
		serve(cq, id);
		pthread_mutex_unlock(&cq->lock);
	}
	pthread_mutex_unlock(&queues_lock);
}

/* In a read section: a fork in a handler would wait for calls that wait for these locks (os/fork.h). */
void queues_serve(ksem_id_t id)
{
	rcu_enter();
	serve_queues(id);
	rcu_leave();
}

/* ---- After a fork. ---- */

static void abandon_source(struct link *link, void *garbage)
{
	struct source *source = container_of(link, struct source, link);

	namespace_drop(object_ns(source->ksem), source->ksem, life_keep(), garbage);
}

/* The child's private lines lose all entries (private/lined.c), and call queue_notify, which does nothing here. */
void queues_child_after_fork(bool prepared)
{
	(void)prepared;
	pthread_mutex_init(&queues_lock, NULL); /* a thread that posted may have had it, and those of queues */
	for (struct ksem_cq *cq = queues; cq; cq = cq->next) {
		if (queue_is_dead(cq))
			continue;
		store_rlx(&cq->dead, true); /* relaxed: the child has one thread */
		pthread_mutex_init(&cq->lock, NULL);
		notify_close(&cq->notify);
	}
}

/* Those that were abandoned in an earlier child have no sources any more. */
void queues_abandon_after_fork(bool prepared)
{
	struct reclaim garbage = RECLAIM_NONE;

	(void)prepared;
	for (struct ksem_cq *cq = queues; cq; cq = cq->next) {
		table_for_all(&cq->sources.by_id, abandon_source, &garbage);
		table_end(&cq->sources.by_id);
	}
	reclaim_free(garbage);
}
