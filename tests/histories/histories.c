/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Short concurrent histories of a semaphore, recorded at random, each held to linearizability: with permits in the word
 * and per processor, few of them, none, and as many as there can be; with sleepers and timeouts. Into some of them lies
 * are planted, which must be seen (judge.h).
 */
#include "../support.h"

#include "judge.h"
#include "recorder.h"

#define HISTORIES ROUNDS(1500)         /* of a profile */
#define HALF      (KSEM_VALUE_MAX / 2) /* up to which value permits may be per processor */

static void few_permits(void **state)
{
	static const struct profile profile = {5, 30, 0, 4, 0, 4, {8, 0, 8, 2, 4}, .rest = 6};

	record_and_judge(state, &profile, HISTORIES);
}

static void few_permits_per_processor(void **state)
{
	static const struct profile profile = {5, 30, 0, 4, 0, 4, {8, 0, 8, 2, 4}, .rest = 6, .warm = true};

	record_and_judge(state, &profile, HISTORIES);
}

static void two_threads_with_permits_per_processor(void **state)
{
	static const struct profile profile = {2, 30, 0, 3, 2, 3, {8, 0, 8, 1, 4}, .warm = true};

	record_and_judge(state, &profile, HISTORIES);
}

static void program_order_without_fences_in_between(void **state)
{
	static const struct profile profile = {2, 60, 0, 3, 2, 3, {8, 0, 8, 0, 8}, .warm = true, .unstamped = true};

	record_and_judge(state, &profile, HISTORIES);
}

static void values_near_the_maximum(void **state)
{
	static const struct profile profile = {5,         30,          KSEM_VALUE_MAX - 5, 6, 0, 4, {8, 0, 8, 1, 4},
					       .rest = 6, .warm = true};

	record_and_judge(state, &profile, HISTORIES);
}

static void batches_up_to_the_maximum(void **state)
{
	static const struct profile profile = {4,         20,          0, 6, KSEM_VALUE_MAX - 20, 20, {2, 0, 8, 0, 4},
					       .rest = 6, .warm = true};

	record_and_judge(state, &profile, HISTORIES);
}

static void values_about_the_highest_that_is_per_processor(void **state)
{
	static const struct profile profile = {4,         20,          HALF - 5, 10, HALF - 10, 20, {4, 0, 8, 0, 4},
					       .rest = 6, .warm = true};

	record_and_judge(state, &profile, HISTORIES);
}

static void sleepers(void **state)
{
	static const struct profile profile = {5, 12, 0, 2, 0, 4, {8, 6, 2, 2, 2}, .rest = 4, .warm = true};

	record_and_judge(state, &profile, HISTORIES);
}

static void timeouts(void **state)
{
	static const struct profile profile = {5, 12, 0, 2, 0, 4, {5, 0, 2, 8, 2}, .rest = 4, .warm = true};

	record_and_judge(state, &profile, HISTORIES);
}

/* The last: a run that never met what it is for has shown nothing. */
static void every_lie_was_told_and_every_mode_was_met(void **state)
{
	(void)state;
	recorder_print_modes(stdout);
	judge_report(LIES_OF_ANY);
	assert_true(recorder_saw_slots() || !recorder_slots_work() || getenv("KSEM_TEST_SHARED"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(few_permits),
		world_test(few_permits_per_processor),
		world_test(two_threads_with_permits_per_processor),
		world_test(program_order_without_fences_in_between),
		world_test(values_near_the_maximum),
		world_test(batches_up_to_the_maximum),
		world_test(values_about_the_highest_that_is_per_processor),
		world_test(sleepers),
		world_test(timeouts),
		cmocka_unit_test(every_lie_was_told_and_every_mode_was_met),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
