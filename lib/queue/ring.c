/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rings: see ring.h.
 */
#include "queue/ring.h"

#include "os/fork.h"
#include "queue/cq.h"

void ring_tell(struct source *source)
{
	sources_mark(source);
	notify_tell(&source->cq->notify);
}

/*
 * A new child isn't dead yet, but has its parent's descriptors. What it does to its copy of the line needs no
 * completion.
 */
void queue_ring(void *context, uint32_t holder, uint64_t user)
{
	struct source *source = (struct source *)(uintptr_t)user;

	(void)context;
	(void)holder;
	if (likely(!fork_is_new_child() && !queue_is_dead(source->cq)))
		ring_tell(source);
}
