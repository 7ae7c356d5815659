/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem-compare: runs every scenario for every peer in turn, and reports the results. See compare.h.
 *
 * First it finds out how many operations of a peer take TURN nanoseconds; that is a turn. In each round the peers take
 * turns, so that a disturbance doesn't hit one of them only. The medians over the rounds count.
 */
#include <dirent.h>
#include <errno.h>
#include <regex.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "others.h"
#include "results.h"

#define TURN       20000000.0 /* ns */
#define TURN_QUICK 4000000.0

#define COUNTED 500000000.0 /* ns, to count wakes */

static const char usage[] = "usage: ksem-compare [--quick] [--rounds N] [--only REGEX] [--peers REGEX] [--json FILE] "
			    "[--tsv FILE] [--list]\n";
static const char help[] = "Compares ksem with every other semaphore that it was built with; they take turns.\n"
			   "  --quick        short turns, and fewer ids\n"
			   "  --rounds N     1 to 101; 9 without it\n"
			   "  --only REGEX   scenarios whose name matches\n"
			   "  --peers REGEX  semaphores whose name matches\n"
			   "  --json FILE    writes the figures there, for programs\n"
			   "  --tsv FILE     the medians\n"
			   "  --list         names scenarios and semaphores, and measures nothing\n"
			   "Exit status: 0; 1 if something failed; 2 for wrong arguments.\n";

static struct {
	bool quick, list;
	int rounds;
	regex_t only, peers;
	const char *json, *tsv;
} options = {.rounds = 9};

static struct results results;
static int processors[PROCESSORS_MAX], processor_count;

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "ksem-compare: %s: %s\n%s", what, why, usage);
	exit(2);
}

static void find_processors(void)
{
	cpu_set_t set;

	sched_getaffinity(0, sizeof(set), &set);
	for (int i = 0; i < CPU_SETSIZE && processor_count < PROCESSORS_MAX; i++) {
		if (CPU_ISSET((unsigned)i, &set))
			processors[processor_count++] = i;
	}
}

/* ---- Cases and peers. ---- */

static bool matches(const regex_t *expression, const char *text)
{
	return regexec(expression, text, 0, NULL, 0) == 0;
}

static void add_case(const char *name, struct job job)
{
	if (!matches(&options.only, name))
		return;
	memcpy(job.processors, processors, sizeof(processors));
	job.processor_count = processor_count;
	snprintf(results.cases_[results.cases].name, sizeof(results.cases_[0].name), "%s", name);
	results.cases_[results.cases++].job = job;
}

static void leave_out(const char *name)
{
	results.left_out_names[results.left_out++] = name;
}

static void add_pairs(int threads)
{
	char name[32];

	snprintf(name, sizeof(name), "pair_%d", threads);
	add_case(name, (struct job){.scenario = PAIR, .threads = threads});
}

static void add_cases(void)
{
	char name[32];

	add_case("bytes", (struct job){.scenario = BYTES, .count = 100000});
	for (int threads = 1; threads < processor_count; threads *= 2)
		add_pairs(threads);
	add_pairs(processor_count);
	if (processor_count > 1) {
		add_case("handover", (struct job){.scenario = HANDOVER});
		add_case("handover_each", (struct job){.scenario = HANDOVER, .distribution = true});
		add_case("processes", (struct job){.scenario = PROCESSES});
		add_case("pipeline", (struct job){.scenario = PIPELINE});
		add_case("park", (struct job){.scenario = PARK, .distribution = true});
		add_case("park_both", (struct job){.scenario = PARK_BOTH, .distribution = true});
	} else {
		leave_out("handover, handover_each, processes, pipeline, park, park_both: they need two processors");
	}
	add_case("crowd", (struct job){.scenario = CROWD});
	add_case("batch", (struct job){.scenario = BATCH});
	for (long count = 10; count <= (options.quick ? 10000 : 1000000); count *= 10) {
		snprintf(name, sizeof(name), "ids_same_%ld", count);
		add_case(name, (struct job){.scenario = IDS, .count = count});
		snprintf(name, sizeof(name), "ids_random_%ld", count);
		add_case(name, (struct job){.scenario = IDS, .count = count, .random = true});
	}
	add_case("create", (struct job){.scenario = CREATE});
	add_case("open", (struct job){.scenario = OPEN});
	add_case("open_held", (struct job){.scenario = OPEN, .held = true});
}

static void add_peer(const struct peer *peer)
{
	if (matches(&options.peers, peer->name))
		results.peer[results.peers++] = *peer;
}

/* The helper programs are in the same folder as this one. */
static void add_helper(const char *file, const char *name)
{
	char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 64);
	struct peer peer;

	if (!matches(&options.peers, name))
		return;
	path[length > 0 ? length : 0] = '\0';
	strcpy(strrchr(path, '/') ? strrchr(path, '/') + 1 : path, file);
	if (remote_peer(path, name, &peer))
		results.peer[results.peers++] = peer;
	else
		leave_out(name);
}

static void add_peers(void)
{
	add_helper("compare-musl", "musl sem_t"); /* before this program has threads */
	add_helper("compare-libcxx", "std::counting_semaphore (libc++)");
	add_peer(&peer_ksem_pinned);
	add_peer(&peer_ksem_inline);
	add_peer(&peer_ksem_id);
	add_peer(&peer_ksem_shared);
	add_peer(&peer_ksem_shared_id);
	add_peer(&peer_ksem_id_inline);
	add_peer(&peer_glibc);
	add_peer(&peer_libstdcxx);
	add_peer(&peer_sysv);
	add_peer(&peer_eventfd);
#ifdef HAVE_MOODYCAMEL
	add_peer(&peer_moodycamel);
#else
	leave_out("moodycamel Lightweight");
#endif
#ifdef HAVE_BOOST
	add_peer(&peer_boost);
#else
	leave_out("Boost.Interprocess");
#endif
#ifdef HAVE_ABSEIL
	add_peer(&peer_abseil);
#else
	leave_out("abseil Mutex + Condition");
#endif
#ifdef HAVE_NSYNC
	add_peer(&peer_nsync);
#else
	leave_out("nsync mu + cv");
#endif
	add_peer(&floor_locked);
	add_peer(&floor_spin);
	add_peer(&floor_futex);
	add_peer(&floor_syscall);
}

/* ---- Measuring. ---- */

static bool repeats(const struct job *job)
{
	return job->scenario != BYTES;
}

/* Operations that run at the same time, or how many turns a scenario is to have. */
static double turns(const struct job *job)
{
	switch (job->scenario) {
	case PAIR:
		return 1.0 / job->threads;
	case HANDOVER:
	case PROCESSES:
		return 0.5; /* an operation is there and back */
	case CROWD:
		return 0.5; /* eight threads; longer than others: they are to be preempted */
	default:
		return 1;
	}
}

/* How many operations make a turn. */
static long operations_for(const struct peer *peer, struct job job, struct histogram *scratch)
{
	double turn = (options.quick ? TURN_QUICK : TURN) * turns(&job);

	if (job.scenario == PARK || job.scenario == PARK_BOTH)
		return (long)(2 * turn / 1000000) + 1; /* each waits that long */
	for (job.operations = 32;; job.operations *= 4) {
		double whole = (double)INT64_MAX;

		for (int i = 0; i < 3; i++) { /* a short one may have been disturbed */
			double each = peer->run(&job, scratch);

			whole = each * (double)job.operations < whole ? each * (double)job.operations : whole;
		}
		if (whole >= turn / 8 || job.operations > 100000000)
			return whole <= 0 ? job.operations : (long)((double)job.operations * turn / whole) + 1;
	}
}

/* Round -1 finds out how many operations make a turn. */
static void measure_once(int i, int j, int round)
{
	static struct histogram scratch;
	static long operations[PEERS_MAX];
	const struct peer *peer = &results.peer[j];
	struct measured *measured = &results.measured[i][j];
	struct job job = results.cases_[i].job;
	double value;

	if (!peer->can[job.scenario] || (!repeats(&job) && round > 0))
		return;
	if (round < 0) {
		operations[j] = repeats(&job) ? operations_for(peer, job, &scratch) : 1;
		return;
	}
	if (job.distribution && !measured->latencies)
		measured->latencies = calloc(1, sizeof(*measured->latencies));
	job.operations = operations[j];
	value = peer->run(&job, measured->latencies ? measured->latencies : &scratch);
	if (value >= 0)
		measured->values[measured->rounds++] = value;
}

static void measure_case(int i)
{
	others_begin(processors, processor_count);
	for (int round = -1; round < options.rounds; round++) {
		for (int j = 0; j < results.peers; j++)
			measure_once(i, j, round);
	}
	results.cases_[i].others = others_end();
}

/* Where others take the processors, the crowd may come through one after another, and none sleeps: then again. */
#define COUNT_MOST 10

/* In a run of its own, since counting takes time. */
static void count_wakes(void)
{
	static struct histogram scratch;
	struct job job = {.scenario = CROWD, .processor_count = processor_count};

	memcpy(job.processors, processors, sizeof(processors));
	for (int j = 0; j < results.peers; j++) {
		double each = results_median(&results, "crowd", results.peer[j].name);

		if (each <= 0)
			continue;
		job.operations = (long)(COUNTED / (options.quick ? 5 : 1) / 8 / each) + 1;
		for (int runs = 0; runs < COUNT_MOST && results.wakes[j].waits == 0; runs++) {
			wakes_begin();
			results.peer[j].run(&job, &scratch);
			results.wakes[j] = wakes_end();
		}
	}
}

/* ---- Arguments and output. ---- */

static void compile(regex_t *expression, const char *text)
{
	if (regcomp(expression, text, REG_EXTENDED | REG_NOSUB) != 0)
		fail(text, "not a regular expression");
}

static void parse(int argc, char **argv)
{
	const char *only = "", *peers = "";

	for (int i = 1; i < argc; i++) {
		const char *option = argv[i];
		char *end;

		if (strcmp(option, "--help") == 0) {
			printf("%s%s", usage, help);
			exit(0);
		}
		if (strcmp(option, "--quick") == 0 || strcmp(option, "--list") == 0) {
			*(option[2] == 'q' ? &options.quick : &options.list) = true;
			continue;
		}
		if (i + 1 == argc)
			fail(option, "not an option, or its value is missing");
		if (strcmp(option, "--rounds") == 0) {
			long rounds = strtol(argv[++i], &end, 10);

			if (*end || rounds < 1 || rounds > ROUNDS_MAX)
				fail(argv[i], "rounds are 1 to 101");
			options.rounds = (int)rounds;
		} else if (strcmp(option, "--only") == 0) {
			only = argv[++i];
		} else if (strcmp(option, "--peers") == 0) {
			peers = argv[++i];
		} else if (strcmp(option, "--json") == 0) {
			options.json = argv[++i];
		} else if (strcmp(option, "--tsv") == 0) {
			options.tsv = argv[++i];
		} else {
			fail(option, "no such option");
		}
	}
	compile(&options.only, only);
	compile(&options.peers, peers);
}

static FILE *create(const char *path)
{
	FILE *file = path ? fopen(path, "w") : NULL;

	if (path && !file) {
		fprintf(stderr, "ksem-compare: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	return file;
}

static void write_to(FILE *file, void (*write)(const struct results *, FILE *))
{
	if (!file)
		return;
	write(&results, file);
	if (ferror(file) || fclose(file) != 0) {
		fprintf(stderr, "ksem-compare: can't write the results: %s\n", strerror(errno));
		exit(1);
	}
}

int main(int argc, char **argv)
{
	FILE *json, *tsv;

	setvbuf(stdout, NULL, _IOLBF, 0);
	parse(argc, argv);
	find_processors();
	add_cases();
	add_peers();
	if (results.cases == 0 || results.peers == 0)
		fail("--only, --peers", "nothing is left to measure");
	for (int i = 0; options.list && i < results.cases; i++)
		printf("%s\n", results.cases_[i].name);
	for (int j = 0; options.list && j < results.peers; j++)
		printf("%s\n", results.peer[j].name);
	if (options.list)
		return 0;
	json = create(options.json); /* before the minutes of measuring, in case it fails */
	tsv = create(options.tsv);
	for (int i = 0; i < results.cases; i++) {
		fprintf(stderr, "\r%d of %d: %-24s", i + 1, results.cases, results.cases_[i].name);
		measure_case(i);
	}
	count_wakes();
	fprintf(stderr, "\r%40s\r", "");
	results_print(&results);
	results_print_targets(&results);
	write_to(json, results_write_json);
	write_to(tsv, results_write_tsv);
	return 0;
}
