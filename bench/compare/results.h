/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was measured: cases by peers by rounds; and how it is told.
 */
#ifndef COMPARE_RESULTS_H
#define COMPARE_RESULTS_H

#include <stdio.h>

#include "compare.h"

#define PEERS_MAX  24
#define CASES_MAX  48
#define ROUNDS_MAX 101

struct measured {
	int rounds; /* 0: not measured */
	double values[ROUNDS_MAX];
	struct histogram *latencies; /* NULL: none */
};

struct results {
	int peers, cases;
	struct peer peer[PEERS_MAX];
	struct {
		char name[32];
		struct job job;
	} cases_[CASES_MAX];
	struct measured measured[CASES_MAX][PEERS_MAX];
	int left_out;
	const char *left_out_names[PEERS_MAX];
	double wakes_a_sleep, wakes_a_wait; /* of ksem, pinned, in `crowd`; below 0: not measured */
};

/* The share of the values that are at most this; not measured: below 0. */
double results_quantile(const struct measured *measured, double share);
double results_median(const struct results *results, const char *scenario, const char *peer);

/* The lowest median of a peer other than ksem; below 0: there is none. */
double results_best_peer(const struct results *results, const char *scenario);

void results_print(const struct results *results);
void results_print_targets(const struct results *results);
void results_write_json(const struct results *results, FILE *file);
void results_write_tsv(const struct results *results, FILE *file); /* for plot.gp */

#endif
