/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bounded queue, after Dijkstra. `spaces` counts the free places, so a thread that puts a path waits while the queue
 * is full. `items` counts the paths, so a thread that takes one waits while the queue is empty. Of two binary
 * semaphores, one lets only one thread at a time put, and the other lets only one take.
 *
 * No other synchronisation is needed: what a thread wrote before ksem_post, another sees after the ksem_wait that took
 * its permit.
 */
#include <stdlib.h>

#include "treehash.h"

void queue_make(struct queue *queue, struct ksem_proc *proc, unsigned capacity)
{
	queue->paths = need(calloc(capacity, sizeof(*queue->paths)));
	queue->capacity = capacity;
	queue->next_put = queue->next_take = 0;
	must(ksem_init(proc, 0, &queue->items), "ksem_init");
	must(ksem_init(proc, capacity, &queue->spaces), "ksem_init");
	must(ksem_init(proc, 1, &queue->put_lock), "ksem_init");
	must(ksem_init(proc, 1, &queue->take_lock), "ksem_init");
}

void queue_put(struct queue *queue, struct ksem_proc *proc, char *path)
{
	wait_for(proc, queue->spaces);
	wait_for(proc, queue->put_lock);
	queue->paths[queue->next_put] = path;
	queue->next_put = (queue->next_put + 1) % queue->capacity;
	post(proc, queue->put_lock);
	post(proc, queue->items);
}

char *queue_take(struct queue *queue, struct ksem_proc *proc)
{
	char *path;

	wait_for(proc, queue->items);
	wait_for(proc, queue->take_lock);
	path = queue->paths[queue->next_take];
	queue->next_take = (queue->next_take + 1) % queue->capacity;
	post(proc, queue->take_lock);
	post(proc, queue->spaces);
	return path;
}

/* Drops the process's references. The last process's ksem_destroy frees each semaphore. */
void queue_let_go(struct queue *queue, struct ksem_proc *proc)
{
	must(ksem_destroy(proc, queue->items), "ksem_destroy");
	must(ksem_destroy(proc, queue->spaces), "ksem_destroy");
	must(ksem_destroy(proc, queue->put_lock), "ksem_destroy");
	must(ksem_destroy(proc, queue->take_lock), "ksem_destroy");
}
