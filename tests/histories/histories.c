/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Short concurrent histories of a semaphore, recorded at random, each held to linearizability: with permits in the word
 * and per processor, few of them, none, and as many as there can be; with sleepers and timeouts. Into some of them lies
 * are planted, which must be seen.
 *
 * KSEM_HISTORIES=n records n times as many. KSEM_SEED gives the calls back, not how the threads interleave.
 */
#include "../support.h"

#include "checker.h"
#include "lies.h"
#include "recorder.h"

#define HISTORIES  ROUNDS(1500) /* of a profile */
#define LIED_EVERY 8            /* in so many histories, all lies are planted in one */

static unsigned long recorded, calls, lies[LIES];

static unsigned long repeats(void)
{
	const char *given = getenv("KSEM_HISTORIES");
	unsigned long n = given ? strtoul(given, NULL, 10) : 1;

	return n > 0 ? n : 1;
}

static void report(const struct history *history, const struct furthest *furthest)
{
	printf("No order of these calls is a semaphore's.\n");
	history_print(stdout, history);
	printf("The longest beginning that is: value %u after %u calls, of each thread the first", furthest->value,
	       furthest->calls);
	for (unsigned t = 0; t < history->threads; t++)
		printf(" %u", furthest->position[t]);
	printf("\n");
}

static void plant_lies(const struct history *history, struct random *random)
{
	static struct history told;

	for (enum lie lie = 0; lie < LIES; lie++) {
		told = *history;
		if (!lie_plant(lie, &told, random))
			continue;
		lies[lie]++;
		if (history_is_linearizable(&told, NULL)) {
			history_print(stdout, &told);
			fail_msg("not seen: %s", lie_names[lie]);
		}
	}
}

static void record_and_check(void **state, const struct profile *profile)
{
	static struct history history;
	struct world *world = *state;
	struct random random = random_new();
	unsigned long rounds = HISTORIES * repeats();

	for (unsigned long i = 0; i < rounds; i++) {
		struct furthest furthest;

		record(world->proc, profile, &random, &history);
		recorded++;
		for (unsigned t = 0; t < history.threads; t++)
			calls += history.thread[t].length;
		if (!history_is_linearizable(&history, &furthest)) {
			report(&history, &furthest);
			fail_msg("history %lu is not linearizable", i);
		}
		if (!profile->unstamped && i % LIED_EVERY == 0)
			plant_lies(&history, &random);
	}
}

#define HALF (KSEM_VALUE_MAX / 2) /* up to which value permits may be per processor */

static void few_permits(void **state)
{
	static const struct profile profile = {5, 30, 0, 4, 0, 4, {8, 0, 8, 2, 4}, .rest = 6};

	record_and_check(state, &profile);
}

static void few_permits_per_processor(void **state)
{
	static const struct profile profile = {5, 30, 0, 4, 0, 4, {8, 0, 8, 2, 4}, .rest = 6, .warm = true};

	record_and_check(state, &profile);
}

static void two_threads_with_permits_per_processor(void **state)
{
	static const struct profile profile = {2, 30, 0, 3, 2, 3, {8, 0, 8, 1, 4}, .warm = true};

	record_and_check(state, &profile);
}

static void program_order_without_fences_in_between(void **state)
{
	static const struct profile profile = {2, 60, 0, 3, 2, 3, {8, 0, 8, 0, 8}, .warm = true, .unstamped = true};

	record_and_check(state, &profile);
}

static void values_near_the_maximum(void **state)
{
	static const struct profile profile = {5,         30,          KSEM_VALUE_MAX - 5, 6, 0, 4, {8, 0, 8, 1, 4},
					       .rest = 6, .warm = true};

	record_and_check(state, &profile);
}

static void batches_up_to_the_maximum(void **state)
{
	static const struct profile profile = {4,         20,          0, 6, KSEM_VALUE_MAX - 20, 20, {2, 0, 8, 0, 4},
					       .rest = 6, .warm = true};

	record_and_check(state, &profile);
}

static void values_about_the_highest_that_is_per_processor(void **state)
{
	static const struct profile profile = {4,         20,          HALF - 5, 10, HALF - 10, 20, {4, 0, 8, 0, 4},
					       .rest = 6, .warm = true};

	record_and_check(state, &profile);
}

static void sleepers(void **state)
{
	static const struct profile profile = {5, 12, 0, 2, 0, 4, {8, 6, 2, 2, 2}, .rest = 4, .warm = true};

	record_and_check(state, &profile);
}

static void timeouts(void **state)
{
	static const struct profile profile = {5, 12, 0, 2, 0, 4, {5, 0, 2, 8, 2}, .rest = 4, .warm = true};

	record_and_check(state, &profile);
}

/* The last: a run that never met what it is for has shown nothing. */
static void every_lie_was_told_and_every_mode_was_met(void **state)
{
	(void)state;
	printf("%lu histories, %lu calls\n", recorded, calls);
	recorder_print_modes(stdout);
	for (enum lie lie = 0; lie < LIES; lie++) {
		printf("seen %lu times: %s\n", lies[lie], lie_names[lie]);
		assert_true(lies[lie] > 0);
	}
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
