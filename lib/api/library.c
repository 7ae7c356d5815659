/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The public calls that use no semaphore.
 */
#include <errno.h>

#include "api/common.h"

PUBLIC struct timespec ksem_deadline_after(uint64_t ns)
{
	const uint32_t second = UINT32_C(1000000000);
	const time_t last = sizeof(time_t) == sizeof(int64_t) ? INT64_MAX : INT32_MAX;
	int before = errno;
	struct timespec time = {0, 0};
	uint64_t seconds = ns / second;

	clock_gettime(CLOCK_MONOTONIC, &time);
	errno = before;
	time.tv_nsec += (long)(ns % second);
	if (time.tv_nsec >= (long)second) {
		time.tv_nsec -= (long)second;
		seconds++;
	}
	if (__builtin_add_overflow(time.tv_sec, seconds, &time.tv_sec))
		time = (struct timespec){last, (long)second - 1};
	return time;
}

#define TEXT(x)        TEXT_OF_ALL(x)
#define TEXT_OF_ALL(x) #x

PUBLIC const char *ksem_version(void)
{
	return TEXT(KSEM_VERSION_MAJOR) "." TEXT(KSEM_VERSION_MINOR) "." TEXT(KSEM_VERSION_PATCH);
}
