/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The metrics of a semaphore with a line: how long threads and queues waited for it. If the semaphore is shared, they
 * are in its file (shared/page.h).
 */
#ifndef KSEM_OBJECT_METRICS_H
#define KSEM_OBJECT_METRICS_H

#include <stdint.h>

#include "base/atomic.h"

struct ksem_metrics;

/* Atomic, all of them: numbers to show. */
struct lined_metrics {
	atomic(uint64_t) waits, timeouts, interrupts, cancels, shutdowns, wait_ns, wait_max_ns, undone;
	atomic(uint32_t) waiters_max, unused;
	atomic(uint64_t) histogram[64];
};

/* The time at which a wait begins. */
int64_t metrics_now(void);

/* That many wait now. */
void metrics_note_waiters(struct lined_metrics *metrics, uint32_t waiters);

/* A wait that began then has ended: with its permits (0), or without. */
void metrics_note_wait(struct lined_metrics *metrics, int64_t begun, int error);

/* What struct ksem_metrics shows of them; its size is left 0. */
void metrics_tell(const struct lined_metrics *metrics, struct ksem_metrics *shown);

#endif
