/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Canceling waits: see cancel.h.
 */
#include "queue/cancel.h"

#include <errno.h>

#include "queue/direct.h"
#include "queue/queue.h"
#include "queue/waits.h"

/* False: it was decided before. */
static bool begin_cancel(struct wait *wait, int why)
{
	return source_is_direct(wait->source) ? direct_cancel(wait, why) : wait_give_up(wait, why);
}

/* After that, of a wait that may have been decided before. */
static void end_cancel(struct wait *wait)
{
	if (!source_is_direct(wait->source))
		wait_drop(wait);
}

void cancel_wait(struct wait *wait, int why)
{
	begin_cancel(wait, why);
	end_cancel(wait);
}

int queue_cancel(struct ksem_cq *cq, uint64_t user_data)
{
	struct link *first = table_find(&cq->waits, user_data);
	bool any = false;

	for (struct link *link = first; link; link = table_find_next(link))
		any |= begin_cancel(container_of(link, struct wait, link), ECANCELED);
	for (struct link *link = first; link; link = table_find_next(link))
		end_cancel(container_of(link, struct wait, link));
	return any ? 0 : ENOENT;
}

static void begin_linked(struct link *link, void *arg)
{
	(void)arg;
	begin_cancel(container_of(link, struct wait, link), ECANCELED);
}

static void end_linked(struct link *link, void *arg)
{
	(void)arg;
	end_cancel(container_of(link, struct wait, link));
}

void cancel_all(struct ksem_cq *cq)
{
	table_for_all(&cq->waits, begin_linked, NULL);
	table_for_all(&cq->waits, end_linked, NULL);
}
