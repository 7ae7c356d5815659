/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deadlines: absolute times at which sleeps end.
 */
#ifndef KSEM_OS_DEADLINE_H
#define KSEM_OS_DEADLINE_H

#include "os/clock.h"

/* A time of CLOCK_REALTIME or CLOCK_MONOTONIC. */
struct deadline {
	clockid_t clock;
	struct timespec time;
};

/* That many nanoseconds from now. */
static inline struct deadline deadline_after(clockid_t clock, int64_t nanoseconds)
{
	struct timespec now = clock_now(clock);

	return (struct deadline){clock, clock_after(&now, nanoseconds)};
}

/* The sooner of the two, by their own clocks as they are now; a, if neither is. NULL: none, which is never. */
static inline const struct deadline *deadline_sooner(const struct deadline *a, const struct deadline *b)
{
	const int64_t far = INT64_C(1000000) * CLOCK_NS;
	struct timespec now_a, now_b;

	if (!a || !b)
		return a ? a : b;
	now_a = clock_now(a->clock);
	now_b = clock_now(b->clock);
	return clock_between(&now_a, &a->time, far) <= clock_between(&now_b, &b->time, far) ? a : b;
}

#endif
