/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's clock, by which the kernel ends sleeps. A library that is loaded before libc may show the program
 * another time (libfaketime does). So the library reads the kernel's clock itself where it compares a time with a
 * deadline that it passes to the kernel.
 */
#ifndef KSEM_OS_CLOCK_H
#define KSEM_OS_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifdef SYS_clock_gettime64 /* 32 bits */
#define SYS_CLOCK_GETTIME (sizeof(time_t) > sizeof(long) ? SYS_clock_gettime64 : SYS_clock_gettime)
#else
#define SYS_CLOCK_GETTIME SYS_clock_gettime
#endif

#define CLOCK_NS INT64_C(1000000000) /* a second */

static inline struct timespec clock_now(clockid_t clock)
{
	struct timespec time = {0, 0};

	if (syscall(SYS_CLOCK_GETTIME, clock, &time) != 0)
		clock_gettime(clock, &time); /* a filter that lists no clock_gettime: the vDSO's may serve */
	return time;
}

/* Nanoseconds, by libc's function, which is the fastest way. Another library may replace that: only for hints. */
static inline int64_t clock_hint(clockid_t clock)
{
	struct timespec time = {0, 0};

	clock_gettime(clock, &time);
	return time.tv_sec * CLOCK_NS + time.tv_nsec;
}

static inline bool clock_is_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* Nanoseconds from a to b, but at most `most`, which must be less than some years. 0: b is not after a. */
static inline int64_t clock_between(const struct timespec *a, const struct timespec *b, int64_t most)
{
	int64_t seconds;

	if (!clock_is_before(a, b))
		return 0;
	if (__builtin_sub_overflow((int64_t)b->tv_sec, (int64_t)a->tv_sec, &seconds) || seconds > most / CLOCK_NS + 1)
		return most;
	seconds = seconds * CLOCK_NS + b->tv_nsec - a->tv_nsec;
	return seconds < most ? seconds : most;
}

static inline struct timespec clock_after(const struct timespec *time, int64_t nanoseconds)
{
	int64_t sum = time->tv_nsec + nanoseconds;

	return (struct timespec){time->tv_sec + (time_t)(sum / CLOCK_NS), (long)(sum % CLOCK_NS)};
}

static inline int64_t clock_nanoseconds(const struct timespec *time)
{
	return (int64_t)time->tv_sec * CLOCK_NS + time->tv_nsec;
}

/* A random time, from half of that to one and a half; at most 4 seconds. Seeds that differ a little suffice. */
static inline int64_t clock_about(int64_t nanoseconds, uint64_t seed)
{
	uint64_t mixed = seed * UINT64_C(0x9E3779B97F4A7C15);

	return nanoseconds / 2 + (int64_t)((mixed >> 32) * (uint64_t)nanoseconds >> 32);
}

#endif
