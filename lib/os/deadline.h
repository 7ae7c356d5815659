/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deadlines: absolute times at which sleeps end.
 */
#ifndef KSEM_OS_DEADLINE_H
#define KSEM_OS_DEADLINE_H

#include <errno.h>
#include <stddef.h>

#include "os/clock.h"

/* A time of CLOCK_REALTIME or CLOCK_MONOTONIC. */
struct deadline {
	clockid_t clock;
	struct timespec time;
};

/* A deadline that a caller gave. 0, EINVAL. */
static inline int deadline_read(struct deadline *deadline, clockid_t clock, const struct timespec *time)
{
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
		return EINVAL;
	if (time->tv_nsec < 0 || time->tv_nsec > 999999999)
		return EINVAL;
	deadline->clock = clock;
	deadline->time = time->tv_sec < 0 ? (struct timespec){0, 0} : *time; /* before 1970 has long passed */
	return 0;
}

/* The same of one that may be missing: then *until is NULL, which is never, and the clock is ignored. */
static inline int deadline_read_any(struct deadline *deadline, const struct deadline **until, clockid_t clock,
				    const struct timespec *time)
{
	*until = time ? deadline : NULL;
	return time ? deadline_read(deadline, clock, time) : 0;
}

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
