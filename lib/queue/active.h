/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The active sources of a queue: those at which its reader looks next. Under the queue's lock. A thread without the
 * lock marks a source instead (ring.h).
 */
#ifndef KSEM_QUEUE_ACTIVE_H
#define KSEM_QUEUE_ACTIVE_H

#include "queue/cq.h"

/* Adds a source, at the end. */
void source_activate(struct source *source);

/* The same, for a thread that isn't the reader: there is a completion, and the queue is told. */
void source_tell(struct source *source);

#endif
