/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Completion queues of the variants with attributes: see features.c.
 *
 * A thread makes a queue, and submits waits for several semaphores, some with deadlines; it reaps, gives back what it
 * was granted, and cancels, all in turns at random. Then it destroys the queue, with what is still pending and not
 * reaped; or it cancels all first, and looks that each wait has had just one completion. With KSEM_FIFO the waits of
 * one queue for one semaphore are granted in the order in which they were submitted.
 */
#include "torture.h"

#define WAITS_MAX 16
#define BOOKS     4

struct own_queue {
	struct worker *self;
	struct ksem_cq *cq;
	unsigned submitted, completed;
	struct own_wait {
		struct book *book;
		unsigned count;
		unsigned long generation;
		struct timespec deadline; /* of CLOCK_MONOTONIC; 0: none */
		bool completed;
	} waits[WAITS_MAX];
	unsigned last[BOOKS]; /* 1 + the last that was granted; 0: none was */
};

static void submit(struct own_queue *queue)
{
	struct worker *self = queue->self;
	struct own_wait *wait = &queue->waits[queue->submitted];
	bool has_deadline = random_below(&self->random, 2);

	if (queue->submitted == WAITS_MAX)
		return;
	*wait = (struct own_wait){.book = &round_now.books[random_below(&self->random, BOOKS)],
				  .count = 1 + random_below(&self->random, 3),
				  .generation = atomic_load(&round_now.generation)};
	if (has_deadline)
		wait->deadline = soon(self, CLOCK_MONOTONIC);
	CALL(ksem_cq_submit(queue->cq, wait->book->id, wait->count, CLOCK_MONOTONIC,
			    has_deadline ? &wait->deadline : NULL, queue->submitted),
	     0);
	queue->submitted++;
}

static void must_be_late(const struct own_wait *wait)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!wait->deadline.tv_sec || now.tv_sec < wait->deadline.tv_sec ||
	    (now.tv_sec == wait->deadline.tv_sec && now.tv_nsec < wait->deadline.tv_nsec))
		complain("early", "%s: a wait of a queue timed out before its deadline", wait->book->what);
}

static void granted(struct own_queue *queue, struct own_wait *wait)
{
	unsigned number = (unsigned)(wait - queue->waits), *last = &queue->last[wait->book - round_now.books];

	feature_took(queue->self, wait->book, wait->count, wait->generation);
	if (wait->book->attr->order == KSEM_FIFO && number + 1 < *last)
		complain("order", "%s: wait %u of a queue was granted after wait %u", wait->book->what, number,
			 *last - 1);
	*last = number + 1;
	dawdle(&queue->self->random);
	feature_gives(queue->self, wait->book, wait->count);
	CALL(ksem_post_many(queue->self->own, wait->book->id, wait->count), 0);
}

static void complete(struct own_queue *queue, const struct ksem_completion *completion)
{
	struct own_wait *wait = &queue->waits[completion->user_data];

	if (completion->user_data >= queue->submitted || wait->completed || completion->id != wait->book->id ||
	    completion->count != wait->count)
		complain("completions", "one that was never submitted, or again: number %llu",
			 (unsigned long long)completion->user_data);
	wait->completed = true;
	queue->completed++;
	CALL(completion->error, 0, ETIMEDOUT, ECANCELED, feature_ended());
	if (completion->error == ETIMEDOUT)
		must_be_late(wait);
	if (completion->error == 0)
		granted(queue, wait);
}

static void reap(struct own_queue *queue)
{
	struct ksem_completion out[3];
	unsigned n;

	CALL(ksem_cq_reap(queue->cq, out, 1 + random_below(&queue->self->random, 3), &n), 0);
	for (unsigned i = 0; i < n; i++) {
		if (out[i].error != 0 && planted(PLANT_COMPLETION, &queue->self->random, 1))
			continue;
		complete(queue, &out[i]);
	}
}

/* Each is canceled or was decided before; so all completions are there, but for a shared queue's, which may be late. */
static void end_all(struct own_queue *queue)
{
	for (unsigned i = 0; i < queue->submitted; i++) {
		if (!queue->waits[i].completed)
			CALL(ksem_cq_cancel(queue->cq, i), 0, ENOENT);
	}
	for (unsigned looks = 0; queue->completed < queue->submitted; looks++) {
		reap(queue);
		if (looks > 100)
			sleep_ms(1);
		if (looks > 10000)
			complain("completions", "%u of %u waits have had theirs", queue->completed, queue->submitted);
	}
}

void feature_queue(struct worker *self)
{
	struct own_queue queue = {.self = self};

	CALL(ksem_cq_create(self->own, &queue.cq), 0);
	for (unsigned steps = random_below(&self->random, 2 * WAITS_MAX); steps > 0; steps--) {
		switch (random_below(&self->random, 4)) {
		case 0:
			reap(&queue);
			break;
		case 1:
			dawdle(&self->random);
			if (queue.submitted > 0 && random_below(&self->random, 4) == 0)
				CALL(ksem_cq_cancel(queue.cq, random_below(&self->random, queue.submitted)), 0, ENOENT);
			break;
		default:
			submit(&queue);
		}
	}
	if (random_below(&self->random, 2))
		end_all(&queue);
	CALL(ksem_cq_destroy(queue.cq), 0);
}
