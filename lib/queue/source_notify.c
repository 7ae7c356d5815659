/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Notifying a queue: see source_notify.h.
 */
#include "queue/source_notify.h"

#include "os/fork.h"
#include "queue/cq.h"

void source_notify(struct source *source)
{
	sources_mark(source);
	notify_set(&source->cq->notify);
}

/*
 * In a fork's new child the queue isn't marked as dead yet, but its descriptors are the parent's. What the child does
 * to its copy of the line needs no completion.
 */
void queue_notify(void *context, uint32_t holder, uint64_t user)
{
	struct source *source = (struct source *)(uintptr_t)user;

	(void)context;
	(void)holder;
	if (likely(!fork_is_new_child() && !queue_is_dead(source->cq)))
		source_notify(source);
}
