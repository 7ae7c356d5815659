/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Yielding the processor, where that pays: see yield.h.
 */
#include "os/yield.h"

#include <sched.h>

#include "base/compiler.h"
#include "os/clock.h"

static _Thread_local int64_t next; /* owner only: when the thread may yield again; 0: now */

bool yield_pays(void)
{
	if (likely(next == 0))
		return true;
	if (clock_hint() < next)
		return false;
	next = 0;
	return true;
}

void yield_processor(void)
{
	int64_t before = clock_hint(), lost;

	sched_yield();
	lost = clock_hint() - before;
	if (unlikely(lost > YIELD_LONG))
		next = before + lost + YIELD_PAUSES * (lost < YIELD_LOST ? lost : YIELD_LOST);
}
