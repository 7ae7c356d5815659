/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Notifies a queue that one of its waits is decided: marks the source (sources.h), and makes the queue's descriptor
 * readable (notify.h). Any thread and any signal handler may do so: it takes no lock.
 */
#ifndef KSEM_QUEUE_SOURCE_NOTIFY_H
#define KSEM_QUEUE_SOURCE_NOTIFY_H

#include "queue/sources.h"

/* Notifies the queue of a completion of that source. With the queue's lock or without it. */
void source_notify(struct source *source);

/* The same, as the `notify` hook of lines (struct line_hooks), in a read section. `user` is the source's address. */
void queue_notify(void *context, uint32_t holder, uint64_t user);

#endif
