/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem-bench: all benchmarks. Its arguments are Google Benchmark's, such as --benchmark_filter=post_wait.
 *
 * A line says how long one iteration takes: "Time" is wall time divided by the iterations of all threads together,
 * "CPU" is processor time for each iteration, which is what tools/run compares.
 */
#include "bench.h"

/* Measures the loop itself. */
static void empty_loop(struct gbench *g, const void *arg)
{
	(void)arg;
	GBENCH_LOOP(g)
		__asm__ volatile("" ::: "memory");
}

int main(int argc, char **argv)
{
	int status;

	gbench_add(&(struct gbench_case){.name = "loop/empty", .run = empty_loop});
	add_post_wait();
	add_references();
	add_designs();
	add_retire();
	status = gbench_main(argc, argv);
	drop_references();
	drop_post_wait();
	return status;
}
