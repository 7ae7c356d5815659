/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ratios that ksem aims at, on two processors, within one run. docs/performance.md says which it misses, and why.
 */
#include "results.h"

#define PINNED       "ksem, pinned"
#define INLINE       "ksem, pinned, inline"
#define BY_ID        "ksem, by id"
#define BY_ID_INLINE "ksem, by id, inline"
#define SHARED       "ksem, shared"
#define GLIBC        "glibc sem_t"

/* The lower of two peers' medians; below 0: neither was measured. */
static double lower(const struct results *results, const char *scenario, const char *one, const char *other)
{
	double a = results_median(results, scenario, one), b = results_median(results, scenario, other);

	return a < 0 || (b >= 0 && b < a) ? b : a;
}

static void line(const char *what, double value, double to, double at_most)
{
	if (value < 0 || to <= 0)
		printf("  %-66s %8s %8.2f\n", what, "-", at_most);
	else
		printf("  %-66s %8.2f %8.2f  %s\n", what, value / to, at_most,
		       value / to <= at_most ? "met" : "not met");
}

/* How much slower random ids are among 1,000,000 than among 1,000. */
static double growth(const struct results *results, const char *peer)
{
	double few = results_median(results, "ids_random_1000", peer);
	double lots = results_median(results, "ids_random_1000000", peer);

	return few > 0 && lots > 0 ? lots / few : -1;
}

void results_print_targets(const struct results *results)
{
	const struct results *r = results;

	printf("\n%-68s %8s %8s\n", "targets", "ratio", "at most");
	line("post + wait, one thread, pinned / glibc", lower(r, "pair_1", PINNED, INLINE),
	     results_median(r, "pair_1", GLIBC), 0.12);
	line("post + wait, one thread, by id / glibc", lower(r, "pair_1", BY_ID, BY_ID_INLINE),
	     results_median(r, "pair_1", GLIBC), 0.35);
	line("the same, 1,000 ids at random / glibc", lower(r, "ids_random_1000", BY_ID, BY_ID_INLINE),
	     results_median(r, "ids_random_1000", GLIBC), 0.5);
	line("two threads on one semaphore, pinned / glibc", lower(r, "pair_2", PINNED, INLINE),
	     results_median(r, "pair_2", GLIBC), 0.02);
	line("two threads on one semaphore, by id / glibc", lower(r, "pair_2", BY_ID, BY_ID_INLINE),
	     results_median(r, "pair_2", GLIBC), 0.06);
	line("hand-over between threads / the spinning floor", lower(r, "handover", PINNED, INLINE),
	     results_median(r, "handover", "floor: spinning"), 1.3);
	line("hand-over between threads / the best peer", lower(r, "handover", PINNED, INLINE),
	     results_best_peer(r, "handover"), 0.5);
	line("eight threads on two permits / the best peer", lower(r, "crowd", PINNED, INLINE),
	     results_best_peer(r, "crowd"), 1);
	line("producer and consumer / the best peer", lower(r, "pipeline", PINNED, INLINE),
	     results_best_peer(r, "pipeline"), 1);
	line("park and wake / glibc", lower(r, "park", PINNED, INLINE), results_median(r, "park", GLIBC), 1);
	line("wake calls a wait call that slept, eight threads on two permits", results_wakes(r, PINNED), 1, 1.2);
	line("random ids, 10^6 / 10^3, by id, over the same of a plain array", growth(r, BY_ID),
	     growth(r, "floor: two locked instructions"), 1.5);
	line("create + destroy / SysV semget + IPC_RMID", results_median(r, "create", BY_ID),
	     results_median(r, "create", "SysV semop"), 0.2);
	line("open + close of a name that exists / glibc", results_median(r, "open", BY_ID),
	     results_median(r, "open", GLIBC), 0.05);
	line("hand-over between processes / the spinning floor", results_median(r, "processes", SHARED),
	     results_median(r, "processes", "floor: spinning"), 1.3);
	line("hand-over between processes / glibc", results_median(r, "processes", SHARED),
	     results_median(r, "processes", GLIBC), 0.5);
	line("post + wait, one thread, shared by processes / glibc", results_median(r, "pair_1", SHARED),
	     results_median(r, "pair_1", GLIBC), 1);
	line("open + close of a shared name that is held / glibc", results_median(r, "open_held", SHARED),
	     results_median(r, "open_held", GLIBC), 0.05);
	line("open + close of a shared name that isn't held / glibc", results_median(r, "open", SHARED),
	     results_median(r, "open", GLIBC), 1);
}
