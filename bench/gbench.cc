/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Google Benchmark for C: see gbench.h. The only C++ of the project, because Google Benchmark has no other interface.
 */
#include "gbench.h"

#include <atomic>

#include <benchmark/benchmark.h>

struct gbench {
	benchmark::State &state;
};

static std::atomic<bool> failed{false};

void gbench_add(const struct gbench_case *added)
{
	auto run = added->run;
	auto arg = added->arg;
	auto *registered = benchmark::RegisterBenchmark(added->name, [run, arg](benchmark::State &state) {
		struct gbench g = {state};

		run(&g, arg);
		state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
	});

	registered->Threads(added->threads ? added->threads : 1);
	if (added->process_cpu)
		registered->MeasureProcessCPUTime();
}

int gbench_main(int argc, char **argv)
{
	benchmark::Initialize(&argc, argv);
	if (benchmark::ReportUnrecognizedArguments(argc, argv))
		return 2;
	if (benchmark::RunSpecifiedBenchmarks() == 0)
		failed = true; /* no benchmark matches the filter */
	benchmark::Shutdown();
	return failed ? 1 : 0;
}

int gbench_thread(const struct gbench *g)
{
	return g->state.thread_index();
}

void gbench_fail(struct gbench *g, const char *why)
{
	failed = true;
	g->state.SkipWithError(why);
}

/* The first time all iterations, in one batch; the second time none, which is the end. */
int64_t gbench_iterations(struct gbench *g)
{
	return g->state.KeepRunningBatch(g->state.max_iterations) ? g->state.max_iterations : 0;
}
