/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Torture: storms that only count. The command:
 *
 *   ksem-torture [--minutes N] [--seed S] [--variant NAME] [--threads N] [--processors N] [--patience SECONDS]
 *                [--plant BUG] [--shared] [--features]
 *
 * Rounds of a few seconds, of one variant after another, for N minutes (1; fractions are taken). Each begins afresh:
 * round.c says how it goes and what is checked. The first pass over the variants has 8 threads on all processors, the
 * second 8 on one, the third 32 times as many threads as processors, the fourth a few; then over again; with --threads
 * and --processors always that many. Throughout, threads are interrupted, moved, put in other scheduling classes, held
 * up in the library's own windows, and replaced.
 *
 * Held to it, at all times: permits in = permits out + value; never more holders than permits; no semaphore, payload or
 * reference that its user can't have (they age); nobody asleep beside a permit; no answer but those of the contract;
 * nothing left at the end of a round. The first failure is told with what everybody was doing, and ends the program
 * with 1; without one it ends with 0. --plant has the torture itself do something wrong, so that a check must fail
 * (stress/planted). With --shared the namespaces are in directories, as those that OS processes share. With --features
 * the variants are others: semaphores with attributes, one for each order (features.c).
 *
 * The seed is printed; --seed, or KSEM_SEED in the environment, takes it back. It fixes what each thread draws, not how
 * threads meet.
 */
#include "torture.h"

#include <getopt.h>

#define ROUND_MS    3000
#define PROGRESS_MS 5000

struct settings settings = {.patience = 20};

static const struct variant *const variants[] = {
	&variant_hot,     &variant_names, &variant_anonymous, &variant_processes, &variant_overflow, &variant_pins,
	&variant_batches, &variant_hosts, &variant_barging,   &variant_first,     &variant_last,
};

/* How many of them are for --features: the last. */
#define FEATURES 3

/* Those that take turns. Without hosts where forks share semaphores: its children look at their own. */
static unsigned first_here(void)
{
	return settings.features ? sizeof(variants) / sizeof(*variants) - FEATURES : 0;
}

static unsigned variants_here(void)
{
	return settings.features ? FEATURES : sizeof(variants) / sizeof(*variants) - FEATURES - settings.shared;
}

enum { VARIANTS = sizeof(variants) / sizeof(*variants) };

static const char *const plants[] = {
	[PLANT_LOST_PERMIT] = "lost-permit",
	[PLANT_OVERFLOW] = "overflow",
	[PLANT_VALUE] = "value",
	[PLANT_HOLDER] = "holder",
	[PLANT_PAYLOAD] = "payload",
	[PLANT_AGE] = "age",
	[PLANT_ASLEEP] = "asleep",
	[PLANT_STUCK] = "stuck",
	[PLANT_EARLY] = "early",
	[PLANT_ANSWER] = "answer",
	[PLANT_LEFT] = "left",
	[PLANT_CHILD] = "child",
	[PLANT_LIMIT] = "limit",
	[PLANT_ORDER] = "order",
	[PLANT_COMPLETION] = "completion",
	[PLANT_SHUTDOWN] = "shutdown",
};

bool planted(enum plant plant, struct random *random, unsigned one_in)
{
	return settings.plant == plant && random_below(random, one_in) == 0;
}

/* ---- The command line. ---- */

static double number(const char *text, double max)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value > 0) || value > max) {
		fprintf(stderr, "torture: not a number above 0 and up to %g: %s\n", max, text);
		exit(2);
	}
	return value;
}

static enum plant plant_by_name(const char *name)
{
	for (size_t i = 1; i < sizeof(plants) / sizeof(*plants); i++) {
		if (strcmp(plants[i], name) == 0)
			return (enum plant)i;
	}
	fprintf(stderr, "torture: no such bug to plant: %s\n", name);
	exit(2);
}

static int variant_by_name(const char *name)
{
	for (int i = 0; i < VARIANTS; i++) {
		if (strcmp(variants[i]->name, name) == 0)
			return i;
	}
	fprintf(stderr, "torture: no such variant: %s; there are:", name);
	for (int i = 0; i < VARIANTS; i++)
		fprintf(stderr, " %s", variants[i]->name);
	fprintf(stderr, "\n");
	exit(2);
}

struct command {
	double minutes;
	int variant; /* -1: all */
};

static struct command read_command_line(int argc, char **argv)
{
	static const struct option options[] = {
		{"minutes", required_argument, NULL, 'm'},  {"seed", required_argument, NULL, 's'},
		{"variant", required_argument, NULL, 'v'},  {"threads", required_argument, NULL, 't'},
		{"patience", required_argument, NULL, 'p'}, {"processors", required_argument, NULL, 'c'},
		{"plant", required_argument, NULL, 'b'},    {"shared", no_argument, NULL, 'd'},
		{"features", no_argument, NULL, 'f'},       {NULL, 0, NULL, 0}};
	struct command command = {1, -1};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'm')
			command.minutes = number(optarg, 1e6);
		else if (option == 's')
			MUST(setenv("KSEM_SEED", optarg, 1) == 0);
		else if (option == 'v')
			command.variant = variant_by_name(optarg);
		else if (option == 't')
			settings.threads = (unsigned)number(optarg, WORKERS_MAX);
		else if (option == 'p')
			settings.patience = (unsigned)number(optarg, 1e6);
		else if (option == 'c')
			settings.processors = (unsigned)number(optarg, CPU_SETSIZE);
		else if (option == 'b')
			settings.plant = plant_by_name(optarg);
		else if (option == 'd')
			settings.shared = true;
		else if (option == 'f')
			settings.features = true;
		else
			exit(2);
	}
	if (optind < argc) {
		fprintf(stderr, "torture: what is %s?\n", argv[optind]);
		exit(2);
	}
	return command;
}

/* ---- Rounds. ---- */

static long now_ms(void)
{
	struct timespec now = in_ms(CLOCK_MONOTONIC, 0);

	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static unsigned long acts[VARIANTS], rounds;

static void tell_progress(long elapsed)
{
	unsigned long sum = 0;

	for (int i = 0; i < VARIANTS; i++)
		sum += acts[i];
	printf("%6ld s, %lu rounds, %lu quiescent, %lu signals, %lu replaced, %lu acts/s:", elapsed / 1000, rounds,
	       round_now.quiescent, round_now.signalled, round_now.replaced, sum * 1000 / (unsigned long)elapsed);
	for (int i = 0; i < VARIANTS; i++) {
		if (acts[i])
			printf(" %s %lu", variants[i]->name, acts[i]);
	}
	printf("\n");
}

static void run(const struct command *command, struct random *random)
{
	long begun = now_ms(), told = begun, total = (long)(command->minutes * 60000), left;
	unsigned n = command->variant < 0 ? variants_here() : 1;
	long each = total / n;

	while ((left = begun + total - now_ms()) > 0) {
		int variant = command->variant < 0 ? (int)(first_here() + rounds % n) : command->variant;
		long ms = each < ROUND_MS ? each : ROUND_MS;

		acts[variant] += round_run(variants[variant], (unsigned)(rounds / n), random_next(random),
					   ms < left ? ms : left);
		rounds++;
		if (now_ms() - told >= PROGRESS_MS) {
			told = now_ms();
			tell_progress(told - begun);
		}
	}
	tell_progress(now_ms() - begun);
}

int main(int argc, char **argv)
{
	struct command command = read_command_line(argc, argv);
	struct random random;

	setvbuf(stdout, NULL, _IOLBF, 0);
	random = random_new();
	crew_prepare();
	watchdog_start();
	run(&command, &random);
	watchdog_stop();
	if (!settings.features)
		objects_report();
	puts("torture: every permit accounted for, nobody asleep beside one, nothing used after its end, nothing left");
	return 0;
}
