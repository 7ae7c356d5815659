/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Active sources: see active.h.
 */
#include "queue/active.h"

void source_activate(struct source *source)
{
	struct ksem_cq *cq = source->cq;

	if (source->active || !source->ksem)
		return;
	source->active = true;
	source->next = NULL;
	if (cq->active)
		cq->last_active->next = source;
	else
		cq->active = source;
	cq->last_active = source;
}

void source_notify_locked(struct source *source)
{
	source_activate(source);
	notify_set(&source->cq->notify);
}
