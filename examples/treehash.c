/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * treehash: hashes all files of a directory tree. An example for ksem: its threads synchronise by semaphores alone.
 *
 *     walkers                                      workers
 *     (threads of one ksem process)                (threads of another)
 *
 *     read directories  --->  queue of paths  ---> hash the files
 *            |                                            |
 *            +-------- "/open-files": the limit ----------+
 *
 * treehash_queue.c   a bounded queue: two counting semaphores, two binary ones as locks
 * treehash_limit.c   a limit: a named semaphore, which both processes open by its name
 * treehash_walk.c    the walkers: a shared list of work, and how they learn that it is done
 * treehash_hash.c    the workers
 * this file          the options, the two processes, the report
 *
 * The digest that it prints is the SHA-256 of one line for each file, "<sha256 of the file>  <path>", sorted by path,
 * which is
 *
 *     cd DIRECTORY && find . -type f | LC_ALL=C sort | xargs -r -d '\n' sha256sum | sha256sum
 *
 * or, as sha256sum writes names that have a newline or a backslash in another form, for every name that there may be:
 *
 *     find . -type f -print0 | LC_ALL=C sort -z | xargs -r0 sha256sum -z | tr '\0' '\n' | sha256sum
 */
#include "treehash.h"

#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EXIT_USAGE  2
#define THREADS_MAX 256
#define PERMITS_MAX 65536

/* ---- Words for what every part does ---- */

void must(int error, const char *what)
{
	if (!error)
		return;
	fprintf(stderr, "treehash: %s: %s\n", what, strerror(error));
	exit(EXIT_FAILURE);
}

void *need(void *block)
{
	must(block ? 0 : ENOMEM, "memory");
	return block;
}

void wait_for(struct ksem_proc *proc, ksem_id_t id)
{
	int error;

	do
		error = ksem_wait(proc, id);
	while (error == EINTR); /* a signal handler ran; nothing was taken */
	must(error, "ksem_wait");
}

void post(struct ksem_proc *proc, ksem_id_t id)
{
	must(ksem_post(proc, id), "ksem_post");
}

/* ---- Options ---- */

struct options {
	const char *directory;
	unsigned walkers, workers, limit, queue;
};

static void usage(FILE *to)
{
	fprintf(to,
		"usage: treehash [--walkers N] [--workers N] [--limit N] [--queue N] [DIRECTORY]\n"
		"Hashes all regular files in the tree of DIRECTORY (/usr/include); symbolic links aren't followed.\n"
		"  --walkers N  threads that read directories, 1 to %d (2)\n"
		"  --workers N  threads that hash files, 1 to %d (two for each processor)\n"
		"  --limit N    files and directories open at once, 1 to %d (one for each processor, at least 2)\n"
		"  --queue N    paths that may wait to be hashed, 1 to %d (256)\n"
		"Exit status: 0; 1 if a file couldn't be read or something failed; 2 for wrong arguments.\n",
		THREADS_MAX, THREADS_MAX, PERMITS_MAX, PERMITS_MAX);
}

static _Noreturn void wrong_arguments(void)
{
	usage(stderr);
	exit(EXIT_USAGE);
}

static unsigned number(const char *option, const char *text, unsigned max)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno || n < 1 || n > max) {
		fprintf(stderr, "treehash: --%s: '%s' isn't a number from 1 to %u\n", option, text, max);
		wrong_arguments();
	}
	return (unsigned)n;
}

static struct options defaults(void)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned processors = online < 2 ? 2 : online > THREADS_MAX / 2 ? THREADS_MAX / 2 : (unsigned)online;

	return (struct options){
		.directory = "/usr/include",
		.walkers = 2,
		.workers = 2 * processors,
		.limit = processors,
		.queue = 256,
	};
}

static struct options options_from(int argc, char **argv)
{
	static const struct option known[] = {
		{"walkers", required_argument, NULL, 'd'}, {"workers", required_argument, NULL, 'w'},
		{"limit", required_argument, NULL, 'l'},   {"queue", required_argument, NULL, 'q'},
		{"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
	};
	struct options options = defaults();
	int option, index = 0;

	while ((option = getopt_long(argc, argv, "", known, &index)) != -1) {
		switch (option) {
		case 'd':
			options.walkers = number(known[index].name, optarg, THREADS_MAX);
			break;
		case 'w':
			options.workers = number(known[index].name, optarg, THREADS_MAX);
			break;
		case 'l':
			options.limit = number(known[index].name, optarg, PERMITS_MAX);
			break;
		case 'q':
			options.queue = number(known[index].name, optarg, PERMITS_MAX);
			break;
		case 'h':
			usage(stdout);
			exit(EXIT_SUCCESS);
		default:
			wrong_arguments(); /* getopt_long said why */
		}
	}
	if (argc - optind > 1) {
		fprintf(stderr, "treehash: more than one directory\n");
		wrong_arguments();
	}
	if (optind < argc)
		options.directory = argv[optind];
	return options;
}

/* ---- The two processes and their semaphores ---- */

struct program {
	struct ksem_ns *ns;
	struct ksem_proc *walking, *hashing;
	struct queue queue;
	struct limit limit;
	struct walk walk;
	struct worker *workers;
};

static void program_make(struct program *program, const struct options *options)
{
	must(ksem_ns_create(NULL, &program->ns), "ksem_ns_create");
	must(ksem_proc_create(program->ns, NULL, &program->walking), "ksem_proc_create");

	/* Anonymous semaphores, in the first process ... */
	queue_make(&program->queue, program->walking, options->queue);
	limit_make(&program->limit, program->walking);
	program->walk = (struct walk){
		.proc = program->walking,
		.queue = &program->queue,
		.limit = &program->limit,
		.walkers = options->walkers,
		.workers = options->workers,
	};
	walk_make(&program->walk);

	/* ... which the second holds, too, because it is a fork of the first. */
	must(ksem_proc_fork(program->walking, &program->hashing), "ksem_proc_fork");

	/* The named one each opens for itself. */
	limit_join(&program->limit, program->walking, options->limit);
	limit_join(&program->limit, program->hashing, options->limit);

	program->workers = need(calloc(options->workers, sizeof(*program->workers)));
	for (unsigned i = 0; i < options->workers; i++)
		program->workers[i] = (struct worker){
			.proc = program->hashing,
			.queue = &program->queue,
			.limit = &program->limit,
		};
}

/* Lets go of everything; ksem_ns_destroy answers EBUSY if a process is left. */
static void program_end(struct program *program)
{
	struct ksem_proc *both[] = {program->walking, program->hashing};

	limit_end(program->walking);
	for (int i = 0; i < 2; i++) {
		limit_let_go(&program->limit, both[i]);
		walk_let_go(&program->walk, both[i]);
		queue_let_go(&program->queue, both[i]);
		must(ksem_proc_exit(both[i]), "ksem_proc_exit");
	}
	must(ksem_ns_destroy(program->ns), "ksem_ns_destroy");
	free(program->queue.paths);
	free(program->workers);
}

/* Runs all threads until the whole tree is hashed. */
static void program_run(struct program *program, const struct options *options)
{
	unsigned count = options->walkers + options->workers;
	pthread_t *threads = need(calloc(count, sizeof(*threads)));

	for (unsigned i = 0; i < options->walkers; i++)
		must(pthread_create(&threads[i], NULL, walk_run, &program->walk), "pthread_create");
	for (unsigned i = 0; i < options->workers; i++)
		must(pthread_create(&threads[options->walkers + i], NULL, worker_run, &program->workers[i]),
		     "pthread_create");
	for (unsigned i = 0; i < count; i++)
		must(pthread_join(threads[i], NULL), "pthread_join");
	free(threads);
}

/* ---- The report ---- */

struct result {
	struct file *files; /* sorted by path */
	size_t count;
	uint64_t bytes;
	unsigned unreadable;
};

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

/* Moves what the workers found to one place. */
static struct result collect(struct program *program, unsigned workers)
{
	struct result result = {.unreadable = program->walk.unreadable};
	size_t filled = 0;

	for (unsigned i = 0; i < workers; i++) {
		result.count += program->workers[i].count;
		result.unreadable += program->workers[i].unreadable;
	}
	result.files = need(calloc(result.count + 1, sizeof(*result.files)));
	for (unsigned i = 0; i < workers; i++) {
		struct worker *worker = &program->workers[i];

		if (worker->count)
			memcpy(result.files + filled, worker->files, worker->count * sizeof(*result.files));
		filled += worker->count;
		free(worker->files);
	}
	for (size_t i = 0; i < result.count; i++)
		result.bytes += result.files[i].bytes;
	qsort(result.files, result.count, sizeof(*result.files), by_path);
	return result;
}

static void result_free(struct result *result)
{
	for (size_t i = 0; i < result->count; i++)
		free(result->files[i].path);
	free(result->files);
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void print(const struct result *result, double seconds, unsigned highest, unsigned limit)
{
	unsigned char digest[DIGEST_BYTES];
	char hex[HEX_BYTES];

	digest_of_all(result->files, result->count, digest);
	to_hex(digest, hex);
	printf("files       %zu\n", result->count);
	printf("unreadable  %u\n", result->unreadable);
	printf("bytes       %llu\n", (unsigned long long)result->bytes);
	printf("seconds     %.3f\n", seconds);
	printf("throughput  %.1f MB/s, %.0f files/s\n", (double)result->bytes / 1e6 / seconds,
	       (double)result->count / seconds);
	printf("open files  %u at most, limit %u\n", highest, limit);
	printf("digest      %s\n", hex);
	if (fflush(stdout) != 0)
		must(errno, "standard output");
}

int main(int argc, char **argv)
{
	struct options options = options_from(argc, argv);
	struct program program;
	struct result result;
	double begin;
	bool complete;

	if (chdir(options.directory) != 0)
		must(errno, options.directory);
	begin = seconds_now();
	program_make(&program, &options);
	program_run(&program, &options);
	result = collect(&program, options.workers);
	print(&result, seconds_now() - begin, program.limit.highest, options.limit);
	program_end(&program);
	complete = result.unreadable == 0;
	result_free(&result);
	return complete ? EXIT_SUCCESS : EXIT_FAILURE;
}
