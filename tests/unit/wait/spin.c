/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who spins before sleeping, and that spinning ends.
 */
#include "support.h"

#include <sched.h>
#include <sys/syscall.h>

#include "wait/spin.h"

#define ASKS 1000 /* after which an answer is never the old one */

static bool answer_of_late(void)
{
	bool can = false;

	for (int i = 0; i < ASKS; i++)
		can = spin_can();
	return can;
}

static void *on_one_processor_and_on_all(void *arg)
{
	const cpu_set_t *all = arg;
	cpu_set_t one;
	int processor = 0;

	while (!CPU_ISSET(processor, all))
		processor++;
	CPU_ZERO(&one);
	CPU_SET(processor, &one);
	errno = 77;
	MUST(sched_setaffinity(0, sizeof(one), &one) == 0);
	MUST(!spin_can()); /* the thread's first */
	MUST(sched_setaffinity(0, sizeof(*all), all) == 0);
	MUST(answer_of_late() == (CPU_COUNT(all) > 1));
	MUST(sched_setaffinity(0, sizeof(one), &one) == 0);
	MUST(!answer_of_late());
	MUST(errno == 77);
	return NULL;
}

static void a_thread_on_one_processor_does_not_spin(void **state)
{
	cpu_set_t all;

	(void)state;
	OK(sched_getaffinity(0, sizeof(all), &all));
	finish(start(on_one_processor_and_on_all, &all));
}

/* libfaketime shows such a clock. */
static bool stands_still;

int clock_gettime(clockid_t clock, struct timespec *time)
{
	if (stands_still) {
		*time = (struct timespec){1234, 0};
		return 0;
	}
	return (int)syscall(SYS_clock_gettime, clock, time);
}

static void spinning_ends_though_the_clock_stands_still(void **state)
{
	atomic(uint8_t) hint = SPIN_MOST;
	struct spin spin = {.hint = &hint};
	int rounds = 0;

	(void)state;
	if (!spin_can())
		SKIP("one processor");
	stands_still = true;
	while (spin_again(&spin))
		assert_true(++rounds < 1000000);
	stands_still = false;
	assert_true(rounds > 1);
	assert_true(atomic_load(&hint) < SPIN_MOST); /* it wasn't enough */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_on_one_processor_does_not_spin),
		cmocka_unit_test(spinning_ends_though_the_clock_stands_still),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
