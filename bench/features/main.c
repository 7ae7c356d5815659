/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See features.h. Both ways of a row take turns; a ratio is that of one round. Printed are the medians of ROUNDS, the
 * range of the ratio, and what the project aims at. Nothing else may run. On more than two processors: taskset -c 0,1.
 *
 *   ksem-bench-features [--languages DIRECTORY] [WORD]     the rows whose name contains that word
 *
 * DIRECTORY has what `tools/compare --features` builds of languages/. Without it, those rows are left out.
 */
#include "features.h"

#include <string.h>
#include <unistd.h>

#define ROUNDS 7

struct ksem_proc *own, *shared;

static const struct row {
	const char *name, *other_name;
	const char *unit;
	double (*ksem)(void), (*other)(void); /* without another way: `target` is of ksem's own figure */
	double target;
} rows[] = {
	{"bytes of a wait, one of 100,000 of a queue", NULL, "bytes", bytes_of_a_wait, NULL, 200},
	{"three permits at once and back, one thread", "SysV semop", "ns", many_pair, sysv_many_pair, 0.1},
	{"three permits at once and back, one thread", "tokio", "ns", many_pair, tokio_many_pair, 0.8},
	{"three permits at once and back, one thread", "Java", "ns", many_pair, java_many_pair, 0.8},
	{"three permits at once and back, one thread", "Go", "ns", many_pair, go_many_pair, 0.8},
	{"FIFO: wait + post, one thread", "glibc sem_t, no order", "ns", fifo_pair, glibc_pair, 1},
	{"the same with metrics", "FIFO without metrics", "ns", metrics_pair, fifo_pair, 1.02},
	{"FIFO: eight threads on two permits", "SysV semop", "ns", fifo_crowd, sysv_crowd, 0.35},
	{"FIFO: eight threads on two permits", "glibc sem_t, no order", "ns", fifo_crowd, glibc_crowd, 2.5},
	{"FIFO: eight threads on two permits", "Java, fair", "ns", fifo_crowd, java_fair_crowd, 0.5},
	{"FIFO: wait of 64 threads on four, p99 / median", "SysV semop", "", fifo_tail, sysv_tail, 1},
	{"a permit to an event loop", "eventfd and epoll", "ns", queue_loop, eventfd_loop, 0.25},
	{"one of 64, the last has it, and back", "poll of 64 eventfds", "ns", any_of_64, poll_of_64, 0.05},
	{"KSEM_UNDO: wait + post, one thread", "SysV SEM_UNDO", "ns", undo_pair, sysv_undo_pair, 0.1},
	{"KSEM_UNDO: wait + post, one thread", "robust mutex", "ns", undo_pair, mutex_pair, 1.3},
	{"KSEM_UNDO: two threads on a limit of two", "glibc shared sem_t", "ns", undo_two, glibc_shared_two, 1.2},
};

static bool is_of_a_language(const struct row *row)
{
	return row->other == tokio_many_pair || row->other == java_many_pair || row->other == go_many_pair ||
	       row->other == java_fair_crowd;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *of)
{
	qsort(of, ROUNDS, sizeof(*of), by_size);
	return of[ROUNDS / 2];
}

static void measure(const struct row *row)
{
	double ksem[ROUNDS], other[ROUNDS], ratios[ROUNDS], ratio;

	if (!row->other) {
		printf("%-46s %-22s %8.1f %8s %-6s %25s %5.0f\n", row->name, "", row->ksem(), "", row->unit, "",
		       row->target);
		return;
	}
	for (int i = 0; i < ROUNDS; i++) {
		ksem[i] = row->ksem();
		other[i] = row->other();
		ratios[i] = ksem[i] / other[i];
	}
	ratio = median(ratios);
	printf("%-46s %-22s %8.1f %8.1f %-6s %6.3f (%6.3f to %6.3f) %5.2f\n", row->name, row->other_name, median(ksem),
	       median(other), row->unit, ratio, ratios[0], ratios[ROUNDS - 1], row->target);
}

static struct ksem_ns *enter(const struct ksem_ns_options *options, struct ksem_proc **proc)
{
	struct ksem_ns *ns;

	must_be_0(ksem_ns_create(options, &ns), "ksem_ns_create");
	must_be_0(ksem_proc_create(ns, NULL, proc), "ksem_proc_create");
	return ns;
}

static void leave(struct ksem_ns *ns, struct ksem_proc *proc)
{
	must_be_0(ksem_proc_exit(proc), "ksem_proc_exit");
	must_be_0(ksem_ns_destroy(ns), "ksem_ns_destroy");
}

int main(int argc, char **argv)
{
	char directory[] = "/dev/shm/ksem-bench.XXXXXX";
	struct ksem_ns *own_ns, *shared_ns;

	if (argc > 2 && strcmp(argv[1], "--languages") == 0) {
		languages = argv[2];
		argc -= 2;
		argv += 2;
	}
	must(mkdtemp(directory) != NULL, "mkdtemp");
	own_ns = enter(NULL, &own);
	shared_ns = enter(&(struct ksem_ns_options){.size = sizeof(struct ksem_ns_options), .dir = directory}, &shared);
	printf("%-46s %-22s %8s %8s %6s %-25s %5s\n", "what", "beside", "ksem", "other", "", " ratio (least to most)",
	       "aim");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if ((argc < 2 || strstr(rows[i].name, argv[1])) && (languages || !is_of_a_language(&rows[i])))
			measure(&rows[i]);
		fflush(stdout);
	}
	leave(own_ns, own);
	leave(shared_ns, shared);
	must(rmdir(directory) == 0, "rmdir");
	return 0;
}
