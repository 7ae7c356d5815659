/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who spins before sleeping, and that spinning ends.
 */
#include "support.h"

#include <sched.h>
#include <sys/syscall.h>

#include "wait/spin.h"

#define A_NEW_ANSWER 300   /* calls, after which it was asked once more */
#define LATE         10000 /* calls, after which nobody remembers what was before */

static bool answer_after(int calls)
{
	bool can = false;

	for (int i = 0; i < calls; i++)
		can = spin_can(false);
	return can;
}

static cpu_set_t all; /* that the test may run on */

/* The calling thread may run on the nth of them only. */
static void keep_to(int n)
{
	cpu_set_t one;
	int processor = 0;

	while (!CPU_ISSET(processor, &all) || n-- > 0)
		processor++;
	CPU_ZERO(&one);
	CPU_SET(processor, &one);
	MUST(sched_setaffinity(0, sizeof(one), &one) == 0);
}

static void on_one_processor_and_on_all(void)
{
	errno = 77;
	keep_to(0);
	MUST(!spin_can(false)); /* the thread's first */
	MUST(sched_setaffinity(0, sizeof(all), &all) == 0);
	MUST(answer_after(LATE) == (CPU_COUNT(&all) > 1));
	keep_to(0);
	MUST(!answer_after(LATE));
	MUST(errno == 77);
}

static void in_a_process_of_its_own(void (*act)(void))
{
	pid_t child = fork();

	MUST(child >= 0);
	if (child == 0) {
		act();
		_exit(0);
	}
	must_end_well(child);
}

static void a_program_on_one_processor_does_not_spin(void **state)
{
	(void)state;
	in_a_process_of_its_own(on_one_processor_and_on_all);
}

static void *keep_to_the_second(void *arg)
{
	(void)arg;
	keep_to(1);
	MUST(answer_after(LATE)); /* the first thread has another one */
	return NULL;
}

static void each_on_its_own(void)
{
	keep_to(0);
	MUST(!spin_can(false));
	finish(start(keep_to_the_second, NULL));
	MUST(answer_after(A_NEW_ANSWER)); /* the second has asked */
	MUST(!answer_after(LATE));        /* but not any more */
}

static void threads_on_a_processor_each_spin(void **state)
{
	(void)state;
	if (CPU_COUNT(&all) < 2)
		SKIP("one processor");
	in_a_process_of_its_own(each_on_its_own);
}

static void for_shared_semaphores_only(void)
{
	keep_to(0);
	MUST(!spin_can(false));
	MUST(spin_can(true));
	MUST(!answer_after(LATE));
	MUST(spin_can(true)); /* however late */
}

/* As a server has it whose processes have a processor each. */
static void a_process_on_a_processor_spins_for_others(void **state)
{
	(void)state;
	if (CPU_COUNT(&all) < 2)
		SKIP("one processor");
	in_a_process_of_its_own(for_shared_semaphores_only);
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
	if (!spin_can(false))
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
		cmocka_unit_test(a_program_on_one_processor_does_not_spin),
		cmocka_unit_test(threads_on_a_processor_each_spin),
		cmocka_unit_test(a_process_on_a_processor_spins_for_others),
		cmocka_unit_test(spinning_ends_though_the_clock_stands_still),
	};

	MUST(sched_getaffinity(0, sizeof(all), &all) == 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
