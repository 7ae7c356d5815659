/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All queues of this OS process: see all.h.
 */
#include "queue/all.h"

#include "base/rcu.h"
#include "object/reclaim.h"
#include "queue/direct.h"
#include "queue/source_notify.h"

static pthread_mutex_t queues_lock = PTHREAD_MUTEX_INITIALIZER;
static struct ksem_cq *queues; /* under queues_lock: dead ones too */

void queues_add(struct ksem_cq *cq)
{
	pthread_mutex_lock(&queues_lock);
	cq->next = queues;
	cq->prev = &queues;
	if (queues)
		queues->prev = &cq->next;
	queues = cq;
	pthread_mutex_unlock(&queues_lock);
}

void queues_remove(struct ksem_cq *cq)
{
	pthread_mutex_lock(&queues_lock);
	*cq->prev = cq->next;
	if (cq->next)
		cq->next->prev = cq->prev;
	pthread_mutex_unlock(&queues_lock);
}

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
