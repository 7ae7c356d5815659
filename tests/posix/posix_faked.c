/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The timed waits of <semaphore.h> in a program whose clocks are faked, as libfaketime does it: by a clock_gettime that
 * stands before libc's. This program's own is two days late.
 */
#include "posix.h"

#include <sys/syscall.h>

#define LATE (2 * 24 * 3600)

static int64_t kernels_ms(void)
{
	struct timespec time;

	MUST(syscall(SYS_clock_gettime, CLOCK_BOOTTIME, &time) == 0);
	return time.tv_sec * INT64_C(1000) + time.tv_nsec / 1000000;
}

static time_t fake(clockid_t clock)
{
	return clock == CLOCK_REALTIME ? -LATE : LATE; /* the monotonic one is ahead: it may not be below 0 */
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
	int error = (int)syscall(SYS_clock_gettime, clock, time);

	if (error == 0)
		time->tv_sec += fake(clock);
	return error;
}

static void waits_end_at_their_deadline_in_faked_time(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		clockid_t clock = i % 3 == 2 ? CLOCK_MONOTONIC : CLOCK_REALTIME;
		int64_t begin = kernels_ms(), took;
		struct timespec soon = in_ms(clock, 200);
		sem_t sem;

		OK(sem_init(&sem, i / 3, 0));
		if (i % 3 == 0)
			REFUSES(ETIMEDOUT, sem_timedwait(&sem, &soon));
		else
			REFUSES(ETIMEDOUT, sem_clockwait(&sem, clock, &soon));
		took = kernels_ms() - begin;
		assert_true(took >= 190 && took < 20000);
		soon.tv_sec -= 10;
		REFUSES(ETIMEDOUT, sem_clockwait(&sem, clock, &soon));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_end_at_their_deadline_in_faked_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
