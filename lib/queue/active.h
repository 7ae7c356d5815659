/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The active sources of a queue: those at which its reader looks next. Under the queue's lock. A thread without the
 * lock marks a source instead (source_notify.h).
 */
#ifndef KSEM_QUEUE_ACTIVE_H
#define KSEM_QUEUE_ACTIVE_H

#include "queue/cq.h"

/* Adds a source, at the end. */
void source_activate(struct source *source);

/*
 * As source_notify, for a thread that has the queue's lock, outside read sections: puts the source on the list of
 * active ones at once, instead of marking it.
 */
void source_notify_locked(struct source *source);

#endif
