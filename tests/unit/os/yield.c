/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads yield their processor where that pays: a long yield ends that for a while, for waits that spin, and for
 * waits in line; unless the program itself kept the processors busy. Clocks and yields are the test's own.
 */
#include "support.h"

#include <sched.h>

#include "../line/waiting.h"

#include "os/yield.h"
#include "wait/spin.h"

static int64_t now = 1000, used, takes; /* ns: the time, the program's processor time, and how long a yield takes */
static unsigned busy;                   /* processors that the program keeps busy meanwhile */
static unsigned yields;

int clock_gettime(clockid_t clock, struct timespec *time)
{
	int64_t ns = clock == CLOCK_PROCESS_CPUTIME_ID ? used : (now += 50);

	*time = (struct timespec){ns / 1000000000, ns % 1000000000};
	return 0;
}

int sched_yield(void)
{
	now += takes;
	used += takes * busy;
	yields++;
	errno = 78;
	return 0;
}

static unsigned processors(void)
{
	cpu_set_t set;

	MUST(sched_getaffinity(0, sizeof(set), &set) == 0);
	return (unsigned)CPU_COUNT(&set);
}

/* What was before is over, and the program has slept for long since its last long yield. */
static int setup(void **state)
{
	(void)state;
	takes = 2 * YIELD_LONG;
	yield_processor();
	now += 100 * YIELD_LOST;
	takes = 400;
	busy = yields = 0;
	MUST(yield_pays());
	return 0;
}

static void yield_for(int64_t nanoseconds)
{
	takes = nanoseconds;
	yield_processor();
}

static void it_pauses_for_a_multiple_of_what_it_lost(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		yield_for(YIELD_LONG - 1000);
	assert_true(yield_pays());
	yield_for(2 * YIELD_LONG);
	assert_false(yield_pays());
	now += 60 * YIELD_LONG;
	assert_false(yield_pays());
	now += 5 * YIELD_LONG;
	assert_true(yield_pays());
}

/* The program's processor time before it is unknown. */
static void the_first_long_yield_begins_the_comparison(void **state)
{
	(void)state;
	yield_for(2 * YIELD_LONG);
	assert_true(yield_pays());
	yield_for(2 * YIELD_LONG);
	assert_false(yield_pays());
}

static void the_turns_of_its_own_threads_do_not_count(void **state)
{
	(void)state;
	busy = processors();
	used += 100 * YIELD_LOST * busy;
	for (int i = 0; i < 100; i++) {
		yield_for(20 * YIELD_LONG);
		assert_true(yield_pays());
	}
	busy = 0;
	errno = 77;
	yield_for(20 * YIELD_LONG);
	assert_false(yield_pays());
	assert_int_equal(errno, 77);
}

static void a_program_that_was_stopped_yields_again(void **state)
{
	(void)state;
	yield_for(10000 * YIELD_LOST);
	assert_false(yield_pays());
	now += 33 * YIELD_LOST;
	assert_true(yield_pays());
}

/* How often a wait yields that spins in vain. */
static unsigned yields_of_spinning(void)
{
	atomic(word_t) word = 0;
	atomic(uint8_t) hint = SPIN_MOST;
	struct spin spin = {.word = &word, .hint = &hint};

	yields = 0;
	while (spin_on(&spin))
		;
	assert_true(atomic_load(&hint) < SPIN_MOST); /* it was in vain */
	return yields;
}

static void a_wait_that_spins_sleeps_instead(void **state)
{
	(void)state;
	if (!spin_can(false))
		SKIP("one processor");
	assert_true(yields_of_spinning() > 1);
	takes = 20 * YIELD_LONG;
	assert_int_equal(yields_of_spinning(), 1);
	assert_int_equal(yields_of_spinning(), 0);
	now += 700 * YIELD_LONG;
	assert_int_equal(yields_of_spinning(), 1);
}

static void a_wait_in_line_sleeps_instead(void **state)
{
	struct line line = {0};
	struct line_view view;
	uint32_t slot;
	bool full;

	(void)state;
	line_init(&line, 0, 5, KSEM_FIFO);
	line_view_init(&view, &line, FUTEX_PRIVATE, NULL, NULL);
	assert_int_equal(enter_line(&view, 1, 1, &slot, &full), EAGAIN);
	assert_false(line_yield(&view, slot));
	assert_int_equal(yields, LINE_YIELDS);
	takes = 20 * YIELD_LONG;
	assert_false(line_yield(&view, slot));
	assert_int_equal(yields, LINE_YIELDS + 1);
	assert_false(line_yield(&view, slot));
	assert_int_equal(yields, LINE_YIELDS + 1);
	assert_int_equal(line_leave(&view, slot, true), ECANCELED);
	line_view_end(&view);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_long_yield_begins_the_comparison),
		cmocka_unit_test_setup(it_pauses_for_a_multiple_of_what_it_lost, setup),
		cmocka_unit_test_setup(the_turns_of_its_own_threads_do_not_count, setup),
		cmocka_unit_test_setup(a_program_that_was_stopped_yields_again, setup),
		cmocka_unit_test_setup(a_wait_that_spins_sleeps_instead, setup),
		cmocka_unit_test_setup(a_wait_in_line_sleeps_instead, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
