/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records and judges: see judge.h.
 */
#include "judge.h"

#include "checker.h"

#define LIED_EVERY 8 /* in so many histories, all lies are planted in one */

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
	printf("The longest beginning that is: value %u and %u in line after %u calls, of each thread the first",
	       furthest->value, furthest->waiting, furthest->calls);
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

void record_and_judge(void **state, const struct profile *profile, unsigned histories)
{
	static struct history history;
	struct world *world = *state;
	struct random random = random_new();
	unsigned long rounds = histories * repeats();

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

void judge_report(unsigned expected)
{
	printf("%lu histories, %lu calls\n", recorded, calls);
	for (enum lie lie = 0; lie < LIES; lie++) {
		printf("seen %lu times: %s\n", lies[lie], lie_names[lie]);
		assert_true(lies[lie] > 0 || lie >= (enum lie)expected);
	}
}
