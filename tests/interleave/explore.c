/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver: goes through the executions of scenarios.
 *
 *     interleave [--long] [--random=N] [--list] [--max=N] [SCENARIO ...]
 *
 * An execution is the list of its choices. Without --random: all lists that the bounds of a scenario allow, depth
 * first, each begun anew. With it: N random ones of each, with wider bounds; KSEM_SEED=... repeats them. One that fails
 * is run once more with its trace, and named by its choices; KSEM_CHOICES=... runs just that one.
 *
 * Each scenario is gone through as strong memory (every load reads the latest store: then "before" is real time), and
 * as C11 has it with the sequences of x86-64, and of arm64 where there are any.
 */
#include "checker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "scenario.h"
#include "sequence.h"

#define CHOICES 4096

enum memory { STRONG, WEAK, WEAK_ARM64, MEMORIES };

static const char *const memory_names[MEMORIES] = {"strong", "weak", "arm64"};

bool tracing;
static struct {
	uint16_t chosen, n;
} choices[CHOICES];
static unsigned used, given; /* choices made; of which given beforehand */
static bool random_choices;
static uint64_t random_state;
static jmp_buf abandoned;
static bool failed;
static char message[256];
static const struct scenario *exploring;
static enum memory memory;
static uint64_t most_executions = UINT64_MAX;
static unsigned long random_executions;
static bool long_run;

void fail(const char *format, ...)
{
	va_list list;

	failed = true;
	va_start(list, format);
	vsnprintf(message, sizeof(message), format, list);
	va_end(list);
	trace("FAILS: %s", message);
	if (current_thread() != 0)
		leave_execution();
	longjmp(abandoned, 1);
}

void trace_line(const char *format, ...)
{
	va_list list;

	printf("%5u  ", used);
	if (current_thread() == 0)
		printf("         ");
	else
		printf("thread %u ", current_thread());
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	printf("\n");
}

/* ---- Choices ---- */

static uint64_t random_next(void)
{
	uint64_t z = (random_state += UINT64_C(0x9E3779B97F4A7C15)); /* splitmix64 */

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

/* Mostly the plainest, so that threads get somewhere. */
static unsigned random_choice(unsigned n)
{
	uint64_t number = random_next();

	return number % 8 < 6 ? 0 : (unsigned)(number / 8 % n);
}

unsigned driver_choose(unsigned n)
{
	unsigned at = used++;

	if (used > CHOICES)
		fail("too many choices");
	if (at < given) {
		if (choices[at].n != 0 && choices[at].n != n)
			fail("the execution is not the same as before: %u choices, not %u", n, choices[at].n);
		choices[at].n = (uint16_t)n;
		if (choices[at].chosen >= n)
			fail("no such choice: %u of %u", choices[at].chosen, n);
		return choices[at].chosen;
	}
	choices[at].n = (uint16_t)n;
	choices[at].chosen = random_choices ? (uint16_t)random_choice(n) : 0;
	return choices[at].chosen;
}

/* The next list, depth first; false: that was the last. */
static bool next_choices(void)
{
	while (used > 0 && choices[used - 1].chosen + 1 == choices[used - 1].n)
		used--;
	if (used == 0)
		return false;
	choices[used - 1].chosen++;
	given = used;
	return true;
}

/* Those that aren't the plainest, as index:choice. */
static void print_choices(void)
{
	const char *between = "";

	for (unsigned i = 0; i < used; i++) {
		if (choices[i].chosen == 0)
			continue;
		printf("%s%u:%u", between, i, choices[i].chosen);
		between = ",";
	}
}

static void read_choices(const char *text)
{
	unsigned at, chosen;
	int length;

	memset(choices, 0, sizeof(choices));
	given = 0;
	while (sscanf(text, "%u:%u%n", &at, &chosen, &length) == 2 && at < CHOICES) {
		choices[at].chosen = (uint16_t)chosen;
		given = at + 1;
		text += length + (text[length] == ',');
	}
}

/* ---- Executions ---- */

static struct bounds bounds_now(void)
{
	struct bounds bounds = memory == STRONG ? exploring->strong : exploring->weak;

	if (long_run)
		bounds.most[PREEMPTIONS]++;
	if (random_executions) {
		bounds.most[PREEMPTIONS] += 8;
		bounds.most[STALE_READS] += memory == STRONG ? 0 : 4;
		bounds.most[REFUSALS] += 1;
	}
	return bounds;
}

static void execute(const struct bounds *bounds)
{
	used = 0;
	failed = false;
	sequences_of_arm64(memory == WEAK_ARM64);
	memory_begin();
	kernel_begin();
	scheduler_begin();
	if (setjmp(abandoned) == 0)
		scenario_run(exploring, bounds);
}

static void report(uint64_t executions, uint64_t seed, const struct bounds *bounds)
{
	printf("%s (%s memory) FAILS in execution %llu: %s\n", exploring->name, memory_names[memory],
	       (unsigned long long)executions, message);
	if (random_executions)
		printf("KSEM_SEED=%llu\n", (unsigned long long)seed);
	given = used;
	tracing = true;
	execute(bounds);
	tracing = false;
	printf("again: KSEM_CHOICES='%s ", memory_names[memory]);
	print_choices();
	printf("'%s '%s'\n", long_run ? " (--long)" : random_executions ? " (--random=1)" : "", exploring->name);
}

/* False: one failed. */
static bool explore(uint64_t seed)
{
	struct bounds bounds = bounds_now();
	uint64_t executions = 0;

	random_choices = random_executions > 0;
	random_state = seed;
	given = 0;
	do {
		if (random_choices)
			given = 0;
		execute(&bounds);
		executions++;
		if (failed) {
			report(executions, seed, &bounds);
			return false;
		}
	} while (executions < most_executions &&
		 (random_choices ? executions < random_executions : next_choices()));
	printf("%-58s %-6s %9llu executions%s\n", exploring->name, memory_names[memory], (unsigned long long)executions,
	       executions == most_executions ? ", not all" : "");
	fflush(stdout);
	return true;
}

static bool repeat_one(const char *text)
{
	struct bounds bounds;

	for (memory = STRONG; memory < MEMORIES; memory++) {
		size_t length = strlen(memory_names[memory]);

		if (strncmp(text, memory_names[memory], length) == 0 && text[length] == ' ') {
			read_choices(text + length + 1);
			break;
		}
	}
	if (memory == MEMORIES) {
		fprintf(stderr, "KSEM_CHOICES: which memory?\n");
		return false;
	}
	bounds = bounds_now();
	tracing = true;
	execute(&bounds);
	return !failed;
}

static bool is_wanted(const struct scenario *scenario, char **names)
{
	if (!*names)
		return true;
	for (; *names; names++) {
		if (strcmp(*names, scenario->name) == 0)
			return true;
	}
	return false;
}

static bool explore_memories(const struct scenario *scenario, uint64_t seed)
{
	bool good = true;

	exploring = scenario;
	for (memory = STRONG; good && memory < MEMORIES; memory++) {
		bool weak = scenario->weak.most[STALE_READS] > 0;

		if (memory == STRONG || (memory == WEAK && weak) || (memory == WEAK_ARM64 && weak && scenario->processors))
			good = explore(seed);
	}
	return good;
}

static uint64_t seed_to_use(void)
{
	const char *given_seed = getenv("KSEM_SEED");
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return given_seed ? strtoull(given_seed, NULL, 0) : (uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 20;
}

static bool read_option(const char *option)
{
	if (strcmp(option, "--long") == 0)
		long_run = true;
	else if (strncmp(option, "--random=", 9) == 0)
		random_executions = strtoul(option + 9, NULL, 0);
	else if (strncmp(option, "--max=", 6) == 0)
		most_executions = strtoull(option + 6, NULL, 0);
	else
		return false;
	return true;
}

int main(int argc, char **argv)
{
	const char *repeated = getenv("KSEM_CHOICES");
	uint64_t seed = seed_to_use();
	unsigned found = 0, bad = 0;

	(void)argc;
	for (argv++; *argv && **argv == '-'; argv++) {
		if (strcmp(*argv, "--list") == 0) {
			for (unsigned i = 0; i < scenarios_count; i++)
				puts(scenarios[i].name);
			return 0;
		}
		if (!read_option(*argv)) {
			fprintf(stderr, "interleave: no such option: %s\n", *argv);
			return 2;
		}
	}
	kernel_start();
	if (random_executions)
		printf("KSEM_SEED=%llu\n", (unsigned long long)seed);
	for (unsigned i = 0; i < scenarios_count; i++) {
		if (!is_wanted(&scenarios[i], argv))
			continue;
		found++;
		exploring = &scenarios[i];
		bad += repeated ? !repeat_one(repeated) : !explore_memories(&scenarios[i], seed);
	}
	if (found == 0)
		fprintf(stderr, "interleave: no such scenario\n");
	return bad > 0 || found == 0;
}
