/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Metrics: see metrics.h.
 */
#include "object/metrics.h"

#include <errno.h>
#include <stddef.h>

#include "ksem/ksem.h"
#include "os/clock.h"

int64_t metrics_now(void)
{
	struct timespec now = clock_now(CLOCK_MONOTONIC);

	return clock_nanoseconds(&now);
}

void metrics_note_waiters(struct lined_metrics *metrics, uint32_t waiters)
{
	uint32_t most = load_rlx(&metrics->waiters_max); /* relaxed: a number to show, as are all metrics */

	while (most < waiters && !cas_rlx(&metrics->waiters_max, &most, waiters)) /* relaxed: as above */
		;
}

static void raise_to(atomic(uint64_t) *most, uint64_t value)
{
	uint64_t was = load_rlx(most); /* relaxed: as above */

	while (was < value && !cas_rlx(most, &was, value)) /* relaxed: as above */
		;
}

void metrics_note_wait(struct lined_metrics *metrics, int64_t begun, int error)
{
	uint64_t ns = (uint64_t)(metrics_now() - begun);
	atomic(uint64_t) *why = error == ETIMEDOUT ? &metrics->timeouts :
				error == EINTR     ? &metrics->interrupts :
				error == ECANCELED ? &metrics->cancels :
				error == ESHUTDOWN ? &metrics->shutdowns :
						     NULL;

	fetch_add_rlx(&metrics->waits, 1); /* relaxed: as above */
	if (why)
		fetch_add_rlx(why, 1);        /* relaxed: as above */
	fetch_add_rlx(&metrics->wait_ns, ns); /* relaxed: as above */
	raise_to(&metrics->wait_max_ns, ns);
	fetch_add_rlx(&metrics->histogram[ns ? 63 - __builtin_clzll(ns) : 0], 1); /* relaxed: as above */
}

void metrics_tell(const struct lined_metrics *metrics, struct ksem_metrics *shown)
{
	*shown = (struct ksem_metrics){
		.waits = load_rlx(&metrics->waits),             /* relaxed: as above */
		.timeouts = load_rlx(&metrics->timeouts),       /* relaxed: as above */
		.interrupts = load_rlx(&metrics->interrupts),   /* relaxed: as above */
		.cancels = load_rlx(&metrics->cancels),         /* relaxed: as above */
		.shutdowns = load_rlx(&metrics->shutdowns),     /* relaxed: as above */
		.wait_ns = load_rlx(&metrics->wait_ns),         /* relaxed: as above */
		.wait_max_ns = load_rlx(&metrics->wait_max_ns), /* relaxed: as above */
		.undone = load_rlx(&metrics->undone),           /* relaxed: as above */
		.waiters_max = load_rlx(&metrics->waiters_max), /* relaxed: as above */
	};
	for (unsigned i = 0; i < 64; i++)
		shown->histogram[i] = load_rlx(&metrics->histogram[i]); /* relaxed: as above */
}
