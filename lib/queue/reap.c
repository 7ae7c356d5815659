/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reaping the completions of a queue: see queue.h.
 */
#include "queue/active.h"
#include "queue/deadlines.h"
#include "queue/opening.h"
#include "queue/queue.h"
#include "queue/waits.h"

static struct source *first_active(struct ksem_cq *cq)
{
	struct source *source = cq->active;

	cq->active = source->next;
	source->active = false;
	return source;
}

/* Takes completions of a source; returns how many. */
static unsigned int take_from(struct source *source, struct ksem_completion *out, unsigned int room)
{
	unsigned int count = 0;
	struct wait *wait;

	while (count < room && (wait = wait_take_done(source))) {
		out[count++] = (struct ksem_completion){
			.user_data = wait->link.key,
			.id = source->link.key,
			.count = wait->count,
			.error = wait->error,
		};
		wait_free(source->cq, wait);
	}
	return count;
}

static bool has_more(const struct source *source)
{
	return source->done || wait_has_ready(source);
}

/* Takes completions of all sources that were marked. What is left is active. */
static unsigned int take_all(struct ksem_cq *cq, struct ksem_completion *out, unsigned int room,
			     struct reclaim *garbage)
{
	unsigned int count = 0;

	sources_take_marks(&cq->sources, source_activate);
	listener_look(cq, source_activate);
	while (cq->active && count < room) {
		struct source *source = first_active(cq);

		source_check_list(source);
		count += take_from(source, &out[count], room - count);
		deadlines_renew_look(source);
		if (has_more(source))
			source_activate(source);
		else
			source_close_if_idle(source, garbage);
	}
	return count;
}

int queue_reap(struct ksem_cq *cq, struct ksem_completion *out, unsigned int room, unsigned int *n,
	       struct reclaim *garbage)
{
	unsigned int count = 0;

	deadlines_expire(cq);
	do {
		count += take_all(cq, count < room ? &out[count] : NULL, room - count, garbage);
		if (cq->active)
			break;
		notify_clear(&cq->notify, count == 0);
	} while (sources_are_marked(&cq->sources) && count < room);
	if (cq->active || sources_are_marked(&cq->sources))
		notify_set(&cq->notify);
	if (count == 0)
		deadlines_rearm(cq);
	deadlines_arm(cq);
	*n = count;
	return 0;
}
