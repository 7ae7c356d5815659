/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The results, by case, peer and round; and how they are printed.
 */
#ifndef COMPARE_RESULTS_H
#define COMPARE_RESULTS_H

#include <stdio.h>

#include "compare.h"
#include "wakes.h"

#define PEERS_MAX  24
#define CASES_MAX  48
#define MUCH       0.1 /* share of the processors that others had: warns above this */
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
		double others; /* the share of the processors that others had; below 0: unknown */
	} cases_[CASES_MAX];
	struct measured measured[CASES_MAX][PEERS_MAX];
	int left_out;
	const char *left_out_names[PEERS_MAX];
	struct wakes wakes[PEERS_MAX]; /* in `crowd`; all 0: not counted */
};

/* The share of the values that are at most this; not measured: below 0. */
double results_quantile(const struct measured *measured, double share);
double results_median(const struct results *results, const char *scenario, const char *peer);

/* Wake calls a wait call that slept, in `crowd`; below 0: not counted, or nobody slept. */
double results_wakes(const struct results *results, const char *peer);

/* The lowest median of a peer other than ksem; below 0: there is none. */
double results_best_peer(const struct results *results, const char *scenario);

void results_print(const struct results *results);
void results_print_targets(const struct results *results);
void results_write_json(const struct results *results, FILE *file);
void results_write_tsv(const struct results *results, FILE *file);

#endif
