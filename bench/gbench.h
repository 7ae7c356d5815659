/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Google Benchmark for C. A benchmark is a function that prepares, runs a GBENCH_LOOP, and cleans up:
 *
 *     static void bench_something(struct gbench *g, const void *arg)
 *     {
 *             GBENCH_LOOP(g)
 *                     something();
 *     }
 *
 * Google Benchmark runs it several times, with more iterations each time, until the loop takes long enough to be
 * measured; with several threads, each runs it, and the loops begin together. Code outside the loop isn't timed.
 *
 * GBENCH_LOOP asks Google Benchmark for all iterations at once and counts them down itself, in a register of the
 * benchmark's own, as Google Benchmark's loops in C++ do. (The benchmark loop/empty measures it.)
 */
#ifndef BENCH_GBENCH_H
#define BENCH_GBENCH_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gbench; /* one run of a benchmark on one thread */

struct gbench_case {
	const char *name; /* in the output, "/threads:N" is added */
	void (*run)(struct gbench *g, const void *arg);
	const void *arg;
	int threads;      /* 0: one */
	bool process_cpu; /* processor time is that of all the threads of the program, not of the loop's alone */
};

/* Adds a benchmark. The call copies *added, but not what it points to. */
void gbench_add(const struct gbench_case *added);

/*
 * Runs the benchmarks that were added. The arguments are Google Benchmark's; --help lists them. Returns the exit
 * status.
 */
int gbench_main(int argc, char **argv);

/* Which of the benchmark's threads is this? From 0. */
int gbench_thread(const struct gbench *g);

/* Reports an error: the run doesn't count, and gbench_main won't return 0. */
void gbench_fail(struct gbench *g, const char *why);

/* How many iterations to run now; 0: the end. For GBENCH_LOOP. */
int64_t gbench_iterations(struct gbench *g);

/* clang-format off */
#define GBENCH_LOOP(g)                                                         \
	for (int64_t gbench_left; (gbench_left = gbench_iterations(g)) > 0;)   \
		for (; gbench_left > 0; gbench_left--)
/* clang-format on */

#ifdef __cplusplus
}
#endif

#endif
