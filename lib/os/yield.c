/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Yielding the processor, where that pays: see yield.h.
 *
 * A yield may also be long because the program has more threads than processors, and each has its turn. Then yields
 * pay, since a turn brings permits. So after a long yield the thread compares the processor time that the program has
 * had, since the thread's last long yield, with what the processors could have given on which the thread may run. That
 * is a guess: a program that has slept meanwhile, or has a quota, seems to be kept waiting by others. Then its waits
 * sleep for a while, which is never wrong.
 */
#include "os/yield.h"

#include <errno.h>
#include <sched.h>

#include "base/compiler.h"
#include "os/clock.h"

static _Thread_local struct {
	int64_t next;     /* when the thread may yield again; 0: now */
	int64_t at, used; /* when it had its last long yield, and the program's processor time by then; 0: none yet */
} yields;                 /* owner only, and its signal handlers: hints */

bool yield_pays(void)
{
	if (likely(yields.next == 0))
		return true;
	if (clock_hint(CLOCK_MONOTONIC) < yields.next)
		return false;
	yields.next = 0;
	return true;
}

/* Did the program have at least three quarters of the processors since this thread's last long yield? */
static bool program_has_processors(int64_t now)
{
	int64_t used = clock_hint(CLOCK_PROCESS_CPUTIME_ID), before = yields.used, passed = now - yields.at;
	bool first = yields.at == 0;
	cpu_set_t processors;

	yields.at = now;
	yields.used = used;
	return first || (sched_getaffinity(0, sizeof(processors), &processors) == 0 &&
			 used - before >= passed / 4 * 3 * CPU_COUNT(&processors));
}

void yield_processor(void)
{
	int64_t before = clock_hint(CLOCK_MONOTONIC), lost;
	int saved = errno;

	sched_yield();
	lost = clock_hint(CLOCK_MONOTONIC) - before;
	if (unlikely(lost > YIELD_LONG) && !program_has_processors(before + lost))
		yields.next = before + lost + YIELD_PAUSES * (lost < YIELD_LOST ? lost : YIELD_LOST);
	errno = saved;
}
