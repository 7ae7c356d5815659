/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tells a queue that one of its waits is decided. Any thread and any signal handler may do so: it takes no lock.
 */
#ifndef KSEM_QUEUE_RING_H
#define KSEM_QUEUE_RING_H

#include "queue/sources.h"

/* There is a completion of that source. */
void ring_tell(struct source *source);

/* The same, as a hook of lines (struct line_hooks), in a read section. `user` is the address of the source. */
void queue_ring(void *context, uint32_t holder, uint64_t user);

#endif
