/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The listener: the thread of a queue that waits on semaphores that OS processes share.
 *
 * A process that decides a wait of another process's queue can't mark its source, nor write to its descriptor. It puts
 * the wait on the queue's ready list, in the memory that they share, and makes a wake call there (line/queue.c). The
 * listener sleeps on the ready lists of all sources that are shared. When it wakes, it notifies the queue of those with
 * news (source_notify.h). So readers learn of waits of shared and of private semaphores in the same way.
 *
 * A queue gets its listener with its first source that is shared, and keeps it to its end. The thread blocks all
 * signals. Like any sleeper of a shared line, it looks about once a second for what killed processes left undone.
 *
 * The kernel lets a thread sleep on 128 words. One is the listener's own: it changes when there is a new source. With
 * more sources than fit, the thread also looks at all of them every POLL_NS; a source with news then changes places
 * with one on which the thread sleeps. Where the kernel has no futex_waitv, it looks every millisecond.
 *
 * Threads of this process that reap look at the ready lists themselves (listener_look), so they needn't wait for the
 * listener to run.
 *
 * A source without a ready list, of a semaphore without a line, has direct waits (direct.h). Then the thread sleeps on
 * the semaphore's word, and takes the permits for them. A thread that submits such a wait meanwhile wakes the listener
 * if the value on which it sleeps would do for that wait.
 *
 * What protects its data: the queue's lock, but for `calls`. The thread sleeps without the lock, and a source may be
 * closed meanwhile, and its memory unmapped. So the thread never reads a word of a source without the lock; only the
 * kernel does, which accepts any address. `armed` names the words on which the thread sleeps by the semaphore's id and
 * the head of the ready list. So if a source is closed, and one of the same list is opened, the thread isn't woken: it
 * sleeps there already.
 */
#ifndef KSEM_QUEUE_LISTENER_H
#define KSEM_QUEUE_LISTENER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/atomic.h"
#include "ksem/ksem.h"
#include "os/several.h"

struct ksem_cq;
struct reclaim;
struct source;

/* A source on whose futex word the thread sleeps, or is about to; head 0: on the word of a semaphore without a line. */
struct armed {
	ksem_id_t id;
	uint32_t head;
};

/* All zero: there is none yet. */
struct listener {
	atomic(uint32_t) calls; /* atomic: changes when the thread must look again; it sleeps there, too */
	bool runs, stops;
	pthread_t thread;
	struct source **sources; /* all of shared semaphores; the thread sleeps on the first of them */
	size_t count, room;
	struct armed armed[SEVERAL_MAX];
	unsigned armed_count;
	void (*close)(struct source *source, struct reclaim *garbage); /* closes a source if it has no waits */
};

/* Makes sure that one more source can be added, and that the thread runs. False: no memory. Under the lock. */
bool listener_reserve(struct ksem_cq *cq, void (*close)(struct source *source, struct reclaim *garbage));

/* Adds a source that was opened; removes it, if it was added. Under the lock. */
void listener_add(struct source *source);
void listener_remove(struct source *source);

/* Wakes the thread: it must look at the sources again, and at which words to sleep on. Under the lock. */
void listener_call(struct listener *listener);

/* For a thread that reaps: calls `visit` for each source that has news. Under the lock. */
void listener_look(struct ksem_cq *cq, void (*visit)(struct source *source));

/* Ends the thread, before the queue's end. Outside the lock and the fork gate. */
void listener_end(struct ksem_cq *cq);

#endif
