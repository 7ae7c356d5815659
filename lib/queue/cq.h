/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a completion queue is made of. See queue.h for what protects it.
 */
#ifndef KSEM_QUEUE_CQ_H
#define KSEM_QUEUE_CQ_H

#include <pthread.h>

#include "line/due.h"
#include "object/namespace.h"
#include "queue/heap.h"
#include "queue/listener.h"
#include "queue/notify.h"
#include "queue/sources.h"
#include "queue/table.h"

/* A wait that wasn't reaped yet. Lines know it by its number, but other processes may write to a shared line. */
struct wait {
	struct link link;   /* in the table by user_data; key is user_data for ever */
	struct timed timed; /* due 0: no deadline */
	struct source *source;
	union {
		struct line_handle handle; /* while it is in line, or on the ready list there */
		struct wait **prev;        /* on its source's list of direct waits; NULL: it isn't there */
	};
	union {
		int64_t begun;     /* while it is in line: since when, if its semaphore has metrics; else 0 */
		struct wait *next; /* otherwise: on one of its source's lists, or on that of free ones */
	};
	uint32_t number; /* constant */
	uint32_t count;
	union {
		int error;        /* why it ended; in line: why it ends if others take its grant back, or 0 */
		uint32_t counted; /* of a direct wait, before it is decided: where it is counted (object/kind.h) */
	};
};

struct waits_chunk;

struct ksem_cq {
	pthread_mutex_t lock; /* protects what follows, but for what says otherwise */
	struct notify notify;
	struct sources sources;
	struct table waits;
	struct wait *free;
	struct waits_chunk **chunks;
	size_t chunk_count, chunk_room;
	struct listener listener;
	struct heap heaps[NOTIFY_CLOCKS];    /* of waits with deadlines */
	struct heap looks;                   /* of sources */
	struct source *active, *last_active; /* a list: those that may have something to reap */
	struct ksem_proc *proc;              /* constant; its maker's */
	atomic(bool) dead;                   /* atomic: it is a fork's copy */
	struct ksem_cq *next, **prev;        /* under queues_lock: the list of all */
};

/* The heap for waits with that deadline. */
static inline struct heap *queue_heap(struct ksem_cq *cq, uint64_t due)
{
	return &cq->heaps[due & LINE_DUE_REALTIME];
}

static inline bool queue_is_dead(const struct ksem_cq *cq)
{
	return load_rlx(&cq->dead); /* relaxed: set by the one thread of a fork's child */
}

#endif
