/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Medians, tables, JSON: see results.h.
 */
#include "results.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double results_quantile(const struct measured *measured, double share)
{
	double sorted[ROUNDS_MAX];
	int at = (int)(share * (measured->rounds - 1) + 0.5);

	if (measured->rounds == 0)
		return -1;
	memcpy(sorted, measured->values, (size_t)measured->rounds * sizeof(*sorted));
	qsort(sorted, (size_t)measured->rounds, sizeof(*sorted), by_value);
	return sorted[at];
}

static int case_of(const struct results *results, const char *scenario)
{
	for (int i = 0; i < results->cases; i++) {
		if (strcmp(results->cases_[i].name, scenario) == 0)
			return i;
	}
	return -1;
}

double results_median(const struct results *results, const char *scenario, const char *peer)
{
	int i = case_of(results, scenario);

	for (int j = 0; i >= 0 && j < results->peers; j++) {
		if (strcmp(results->peer[j].name, peer) == 0)
			return results_quantile(&results->measured[i][j], 0.5);
	}
	return -1;
}

static bool is_peer(const char *name)
{
	return strncmp(name, "ksem", 4) != 0 && strncmp(name, "floor", 5) != 0;
}

double results_best_peer(const struct results *results, const char *scenario)
{
	int i = case_of(results, scenario);
	double best = -1;

	for (int j = 0; i >= 0 && j < results->peers; j++) {
		double median = results_quantile(&results->measured[i][j], 0.5);

		if (median >= 0 && is_peer(results->peer[j].name) && (best < 0 || median < best))
			best = median;
	}
	return best;
}

double results_wakes(const struct results *results, const char *peer)
{
	for (int j = 0; j < results->peers; j++) {
		const struct wakes *wakes = &results->wakes[j];

		if (strcmp(results->peer[j].name, peer) == 0 && wakes->slept > 0)
			return (double)wakes->wakes / (double)wakes->slept;
	}
	return -1;
}

/* Should this peer have figures here, and has none? Floors are for few scenarios. */
static bool is_missing(const struct results *results, int i, int j)
{
	return results->measured[i][j].rounds == 0 && strncmp(results->peer[j].name, "floor", 5) != 0;
}

static const char *reason(enum scenario scenario)
{
	switch (scenario) {
	case PROCESSES:
		return "no semaphore that processes share";
	case OPEN:
		return "no name to open, or another line opens it";
	case PARK:
	case PARK_BOTH:
		return "never slept";
	default:
		return "not asked";
	}
}

static const char *unit_of(const struct results *results, int i)
{
	return results->cases_[i].job.scenario == BYTES ? "bytes" : "ns";
}

static void print_ratio(double value, double to)
{
	if (value >= 0 && to > 0)
		printf(" %9.2f", value / to);
	else
		printf(" %9s", "-");
}

static void print_latencies(const struct histogram *latencies)
{
	if (!latencies || latencies->total == 0)
		return;
	printf("   p50 %llu, p99 %llu, p99.9 %llu, max %llu", (unsigned long long)histogram_quantile(latencies, 0.5),
	       (unsigned long long)histogram_quantile(latencies, 0.99),
	       (unsigned long long)histogram_quantile(latencies, 0.999), (unsigned long long)latencies->highest);
}

static void print_missing(const struct results *results, int i)
{
	const char *before = "  without ";

	for (int j = 0; j < results->peers; j++) {
		if (!is_missing(results, i, j))
			continue;
		printf("%s%s", before, results->peer[j].name);
		before = "; ";
	}
	if (before[0] == ';')
		printf(": %s\n", reason(results->cases_[i].job.scenario));
}

static void print_case(const struct results *results, int i)
{
	const char *name = results->cases_[i].name;
	double glibc = results_median(results, name, "glibc sem_t"), best = results_best_peer(results, name);

	printf("\n%-36s %10s %21s %9s %9s\n", name, unit_of(results, i), "quartiles", "to glibc", "to best");
	for (int j = 0; j < results->peers; j++) {
		const struct measured *measured = &results->measured[i][j];
		double median = results_quantile(measured, 0.5);

		if (measured->rounds == 0)
			continue;
		printf("  %-34s %10.2f %10.2f-%10.2f", results->peer[j].name, median, results_quantile(measured, 0.25),
		       results_quantile(measured, 0.75));
		print_ratio(median, glibc);
		print_ratio(median, best);
		print_latencies(measured->latencies);
		printf("\n");
	}
	print_missing(results, i);
	if (results->cases_[i].others > MUCH)
		printf("  Others had %.0f %% of the processors meanwhile: read this with care.\n",
		       100 * results->cases_[i].others);
}

static void print_wakes(const struct results *results)
{
	const char *heading = "\ncrowd: wake calls, wait calls and how many of these slept\n";

	for (int j = 0; j < results->peers; j++) {
		const struct wakes *wakes = &results->wakes[j];
		double each = results_wakes(results, results->peer[j].name);

		if (wakes->wakes == 0 && wakes->waits == 0)
			continue;
		printf("%s  %-34s %10ld %10ld %10ld", heading, results->peer[j].name, wakes->wakes, wakes->waits,
		       wakes->slept);
		heading = "";
		if (each >= 0)
			printf("  %.2f wake calls a sleep", each);
		printf("\n");
	}
}

static void print_disturbance(const struct results *results)
{
	int disturbed = 0;

	for (int i = 0; i < results->cases; i++)
		disturbed += results->cases_[i].others > MUCH;
	if (disturbed > 0)
		printf("\nDisturbed: in %d of %d scenarios others had more than %.0f %% of the processors.\n",
		       disturbed, results->cases, 100 * MUCH);
}

void results_print(const struct results *results)
{
	for (int i = 0; i < results->cases; i++)
		print_case(results, i);
	for (int i = 0; i < results->left_out; i++)
		printf("%sleft out: %s\n", i ? "" : "\n", results->left_out_names[i]);
	print_wakes(results);
	print_disturbance(results);
}

/* ---- For programs. ---- */

static void write_latencies(const struct histogram *latencies, FILE *file)
{
	static const double shares[] = {0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999};

	if (!latencies || latencies->total == 0)
		return;
	fprintf(file, ", \"p50\": %llu, \"p99\": %llu, \"p99.9\": %llu, \"max\": %llu",
		(unsigned long long)histogram_quantile(latencies, 0.5),
		(unsigned long long)histogram_quantile(latencies, 0.99),
		(unsigned long long)histogram_quantile(latencies, 0.999), (unsigned long long)latencies->highest);
	fprintf(file, ", \"shares\": [");
	for (size_t i = 0; i < sizeof(shares) / sizeof(*shares); i++)
		fprintf(file, "%s[%g, %llu]", i ? ", " : "", shares[i],
			(unsigned long long)histogram_quantile(latencies, shares[i]));
	fprintf(file, "]");
}

static void write_result(const struct results *results, int i, int j, FILE *file)
{
	const struct measured *measured = &results->measured[i][j];

	fprintf(file, "    {\"scenario\": \"%s\", \"peer\": \"%s\", \"unit\": \"%s\", \"rounds\": %d, ",
		results->cases_[i].name, results->peer[j].name, unit_of(results, i), measured->rounds);
	fprintf(file, "\"median\": %.3f, \"quartiles\": [%.3f, %.3f], \"lowest\": %.3f, \"highest\": %.3f",
		results_quantile(measured, 0.5), results_quantile(measured, 0.25), results_quantile(measured, 0.75),
		results_quantile(measured, 0), results_quantile(measured, 1));
	write_latencies(measured->latencies, file);
	fprintf(file, "}");
}

static void write_scenario(const struct results *results, int i, FILE *file)
{
	const char *comma = "";

	fprintf(file, "    {\"scenario\": \"%s\", \"others\": %.3f, \"without\": [", results->cases_[i].name,
		results->cases_[i].others);
	for (int j = 0; j < results->peers; j++) {
		if (!is_missing(results, i, j))
			continue;
		fprintf(file, "%s\"%s\"", comma, results->peer[j].name);
		comma = ", ";
	}
	fprintf(file, "]}");
}

static void write_wakes(const struct results *results, FILE *file)
{
	const char *comma = "";

	for (int j = 0; j < results->peers; j++) {
		const struct wakes *wakes = &results->wakes[j];

		if (wakes->wakes == 0 && wakes->waits == 0)
			continue;
		fprintf(file, "%s\n    {\"peer\": \"%s\", \"wakes\": %ld, \"waits\": %ld, \"slept\": %ld}", comma,
			results->peer[j].name, wakes->wakes, wakes->waits, wakes->slept);
		comma = ",";
	}
}

void results_write_json(const struct results *results, FILE *file)
{
	const char *comma = "";
	struct utsname system;

	uname(&system);
	fprintf(file, "{\n  \"kernel\": \"%s %s\",\n  \"processors\": %d,\n  \"left_out\": [", system.release,
		system.machine, results->cases_[0].job.processor_count);
	for (int i = 0; i < results->left_out; i++)
		fprintf(file, "%s\"%s\"", i ? ", " : "", results->left_out_names[i]);
	fprintf(file, "],\n  \"crowd_futex_calls\": [");
	write_wakes(results, file);
	fprintf(file, "],\n  \"scenarios\": [");
	for (int i = 0; i < results->cases; i++) {
		fprintf(file, "%s\n", i ? "," : "");
		write_scenario(results, i, file);
	}
	fprintf(file, "],\n  \"results\": [");
	for (int i = 0; i < results->cases; i++) {
		for (int j = 0; j < results->peers; j++) {
			if (results->measured[i][j].rounds == 0)
				continue;
			fprintf(file, "%s\n", comma);
			write_result(results, i, j, file);
			comma = ",";
		}
	}
	fprintf(file, "\n  ]\n}\n");
}

/* One line for each case, one column for each peer; NaN: not measured. */
void results_write_tsv(const struct results *results, FILE *file)
{
	fprintf(file, "scenario");
	for (int j = 0; j < results->peers; j++)
		fprintf(file, "\t%s", results->peer[j].name);
	for (int i = 0; i < results->cases; i++) {
		fprintf(file, "\n%s", results->cases_[i].name);
		for (int j = 0; j < results->peers; j++) {
			double median = results_quantile(&results->measured[i][j], 0.5);

			if (median < 0)
				fprintf(file, "\tNaN");
			else
				fprintf(file, "\t%.3f", median);
		}
	}
	fprintf(file, "\n");
}
