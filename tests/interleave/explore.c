/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver: goes through the executions of scenarios.
 *
 *     interleave [--long] [--max=N] [SCENARIO ...]                    all executions within the scenarios' bounds
 *     interleave --random=N | --minutes=N [--seed=S] [SCENARIO ...]   random ones, within wider bounds
 *     interleave --choices='MEMORY CHOICES' [--long | --random=1] SCENARIO
 *     interleave --list
 *
 * --first: no more after the first that fails.
 *
 * An execution is the list of its choices. All executions: all lists that the bounds of a scenario allow, depth first,
 * each begun anew; --long allows one preemption more, --max=N ends each scenario after N. Without either, a scenario
 * ends after MOST, unless KSEM_TEST_WIDE is set. Random ones: execution i of a scenario is drawn from seed
 * S + i, so the seed of one that fails is enough to repeat it; --minutes=N goes round all scenarios for so long. One
 * that fails is run once more with its trace.
 *
 * Each scenario is gone through as strong memory (every load reads the latest store: then "before" is real time), and
 * as C11 has it with the sequences of x86-64 ("weak"), and of arm64 where there are any.
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
#define MOST    10000 /* executions of a scenario, in a short test */

enum memory { STRONG, WEAK, WEAK_ARM64, MEMORIES };

static const char *const memory_names[MEMORIES] = {"strong", "weak", "arm64"};

bool tracing;
static struct {
	uint16_t chosen, n;
} choices[CHOICES];
static unsigned used, given; /* choices made; of which given beforehand */
static bool random_choices;
static uint64_t random_state;
static unsigned random_plain;
static jmp_buf abandoned;
static bool failed;
static char message[256];
static const struct scenario *exploring;
static enum memory memory;
static uint64_t executions_made;

static struct {
	uint64_t most; /* executions of a scenario; 0: all */
	uint64_t random;
	double minutes;
	uint64_t seed;
	const char *choices;
	bool has_seed, further, first, list;
} options;

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

static void random_begin(uint64_t seed)
{
	random_state = seed * UINT64_C(0xD1342543DE82EF95);
	random_plain = 8u << random_next() % 4;
}

/* Mostly the plainest, so that threads get somewhere: all but one in 4, 8, 16 or 32. */
static unsigned random_choice(unsigned n)
{
	uint64_t number = random_next();

	return number % random_plain >= 2 ? 0 : (unsigned)(number / random_plain % n);
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

	if (options.further)
		bounds.most[PREEMPTIONS]++;
	if (options.random) {
		bounds.most[PREEMPTIONS] += 8;
		bounds.most[STALE_READS] += memory == STRONG ? 0 : 4;
		bounds.most[EVENTS] += 1;
		bounds.most[REFUSALS] += 1;
	}
	return bounds;
}

static void execute(const struct bounds *bounds)
{
	used = 0;
	failed = false;
	executions_made++;
	sequences_of_arm64(memory == WEAK_ARM64);
	memory_begin();
	kernel_begin();
	scheduler_begin();
	if (setjmp(abandoned) == 0)
		scenario_run(exploring, bounds);
}

/* Once more, with its trace. */
static void show(uint64_t execution, uint64_t seed, const struct bounds *bounds)
{
	printf("%s (%s memory) FAILS in execution %llu: %s\n", exploring->name, memory_names[memory],
	       (unsigned long long)execution, message);
	given = used;
	tracing = true;
	execute(bounds);
	tracing = false;
	if (options.random)
		printf("again: --random=1 --seed=%llu '%s'\n", (unsigned long long)seed, exploring->name);
	printf("again: --choices='%s ", memory_names[memory]);
	print_choices();
	printf("'%s '%s'\n", options.random ? " --random=1" : options.further ? " --long" : "", exploring->name);
}

static void tell(uint64_t executions, bool all, const struct bounds *bounds)
{
	printf("%-55s %-6s %u preemptions, %u stale reads, %u events: %llu executions%s\n", exploring->name,
	       memory_names[memory], bounds->most[PREEMPTIONS], bounds->most[STALE_READS], bounds->most[EVENTS],
	       (unsigned long long)executions,
	       all            ? "" :
	       options.random ? " at random" :
				", not all");
	fflush(stdout);
}

/* False: one failed. */
static bool explore_all(void)
{
	struct bounds bounds = bounds_now();
	uint64_t executions = 0;
	bool all = false;

	random_choices = false;
	given = 0;
	do {
		execute(&bounds);
		executions++;
		if (failed) {
			show(executions, 0, &bounds);
			return false;
		}
		all = !next_choices();
	} while (!all && executions != options.most);
	tell(executions, all, &bounds);
	return true;
}

static bool explore_random(uint64_t seed)
{
	struct bounds bounds = bounds_now();

	random_choices = true;
	for (uint64_t i = 0; i < options.random; i++) {
		random_begin(seed + i);
		given = 0;
		execute(&bounds);
		if (failed) {
			show(i + 1, seed + i, &bounds);
			return false;
		}
	}
	if (options.minutes == 0)
		tell(options.random, false, &bounds);
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
		fprintf(stderr, "interleave: --choices: which memory?\n");
		return false;
	}
	bounds = bounds_now();
	tracing = true;
	execute(&bounds);
	return !failed;
}

static bool explore_memories(uint64_t seed)
{
	bool good = true;

	for (memory = STRONG; good && memory < MEMORIES; memory++) {
		bool weak = exploring->weak.most[STALE_READS] > 0;

		if (memory == STRONG || (memory == WEAK && weak) ||
		    (memory == WEAK_ARM64 && weak && exploring->processors))
			good = options.random ? explore_random(seed) : explore_all();
	}
	return good;
}

/* ---- The program ---- */

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

/* How many scenarios there were that had one of these names; *bad: that failed. */
static unsigned explore_scenarios(char **names, uint64_t seed, unsigned *bad)
{
	unsigned found = 0;

	for (unsigned i = 0; i < scenarios_count && !(options.first && *bad > 0); i++) {
		if (!is_wanted(&scenarios[i], names))
			continue;
		found++;
		exploring = &scenarios[i];
		*bad += options.choices ? !repeat_one(options.choices) : !explore_memories(seed);
	}
	return found;
}

static double now_in_minutes(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return ((double)now.tv_sec + (double)now.tv_nsec / 1e9) / 60;
}

/* Round after round, until the time is over or something failed. */
static unsigned explore_for_minutes(char **names, unsigned *bad)
{
	double end = now_in_minutes() + options.minutes;
	uint64_t seed = options.seed;
	unsigned found, rounds = 0;

	do {
		found = explore_scenarios(names, seed, bad);
		seed += options.random;
		rounds++;
	} while (found > 0 && *bad == 0 && now_in_minutes() < end);
	printf("%u rounds of %llu executions of each scenario in each memory\n", rounds,
	       (unsigned long long)options.random);
	return found;
}

static uint64_t seed_of_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec << 20 ^ (uint64_t)now.tv_nsec;
}

/* The value of an option --NAME=VALUE; NULL: it is another. */
static const char *value_of(const char *option, const char *name)
{
	size_t length = strlen(name);

	return strncmp(option, name, length) == 0 && option[length] == '=' ? option + length + 1 : NULL;
}

static bool read_option(const char *option)
{
	const char *value;

	if (strcmp(option, "--list") == 0) {
		options.list = true;
	} else if (strcmp(option, "--long") == 0) {
		options.further = true;
	} else if (strcmp(option, "--first") == 0) {
		options.first = true;
	} else if ((value = value_of(option, "--max"))) {
		options.most = strtoull(value, NULL, 0);
	} else if ((value = value_of(option, "--random"))) {
		options.random = strtoull(value, NULL, 0);
	} else if ((value = value_of(option, "--minutes"))) {
		options.minutes = strtod(value, NULL);
		options.random = 2000;
	} else if ((value = value_of(option, "--seed"))) {
		options.seed = strtoull(value, NULL, 0);
		options.has_seed = true;
	} else if ((value = value_of(option, "--choices"))) {
		options.choices = value;
	} else {
		return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	unsigned found, bad = 0;

	(void)argc;
	for (argv++; *argv && **argv == '-'; argv++) {
		if (!read_option(*argv)) {
			fprintf(stderr, "interleave: no such option: %s\n", *argv);
			return 2;
		}
	}
	for (unsigned i = 0; options.list && i < scenarios_count; i++)
		puts(scenarios[i].name);
	if (options.list)
		return 0;
	if (!options.further && options.most == 0 && !getenv("KSEM_TEST_WIDE"))
		options.most = MOST;
	if (!options.has_seed)
		options.seed = seed_of_now();
	if (options.random && !options.choices)
		printf("--seed=%llu\n", (unsigned long long)options.seed);
	kernel_start();
	found = options.minutes > 0 ? explore_for_minutes(argv, &bad) : explore_scenarios(argv, options.seed, &bad);
	if (found == 0)
		fprintf(stderr, "interleave: no such scenario\n");
	printf("%u scenarios, %llu executions, %.0f s of processor time, %u failed\n", found,
	       (unsigned long long)executions_made, (double)clock() / CLOCKS_PER_SEC, bad);
	return bad > 0 || found == 0;
}
