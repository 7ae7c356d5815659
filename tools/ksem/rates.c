/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rates: what happened to semaphores between two looks at all of them. A semaphore is told by its id; one that wasn't
 * there the last time has no rates yet.
 */
#include "tool.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What was read of a semaphore. */
struct counts {
	ksem_id_t id;
	uint64_t waits;
	struct ksem_metrics *metrics; /* NULL: it has none */
};

/* A look at all semaphores. */
struct look {
	struct counts *counts;
	size_t count, room;
	uint64_t time; /* of CLOCK_MONOTONIC, in nanoseconds */
};

static struct look last, present; /* the counts of `last` are sorted by id */

void begin_look(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	present = (struct look){.time = (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec};
}

static int compare_ids(const void *a, const void *b)
{
	const struct counts *one = a, *other = b;

	return (one->id > other->id) - (one->id < other->id);
}

void end_look(void)
{
	for (size_t i = 0; i < last.count; i++)
		free(last.counts[i].metrics);
	free(last.counts);
	last = present;
	if (last.count > 0)
		qsort(last.counts, last.count, sizeof(*last.counts), compare_ids);
}

static void note(const struct ksem_info *info, const struct details *details)
{
	struct counts counts = {.id = info->id, .waits = details->waits};

	if (details->measured) {
		counts.metrics = malloc(sizeof(*counts.metrics));
		if (!counts.metrics)
			die(FAILED, "no memory");
		*counts.metrics = details->metrics;
	}
	if (present.count == present.room) {
		present.room = 2 * present.room + 16;
		present.counts = reallocarray(present.counts, present.room, sizeof(counts));
		if (!present.counts)
			die(FAILED, "no memory");
	}
	present.counts[present.count++] = counts;
}

/* The waits that ended in between, and how long 99 of 100 of them took at most: to the next power of two. */
static void read_times(struct rates *rates, const struct ksem_metrics *was, const struct ksem_metrics *is)
{
	uint64_t ended = 0, sum = 0;
	int i;

	for (i = 0; i < 64; i++)
		ended += is->histogram[i] - was->histogram[i];
	rates->ended = ended > 0;
	if (!rates->ended)
		return;
	rates->mean = (is->wait_ns - was->wait_ns) / ended;
	for (i = 0; i < 63; i++) {
		sum += is->histogram[i] - was->histogram[i];
		if (sum >= ended - ended / 100)
			break;
	}
	rates->p99 = UINT64_C(2) << i;
}

struct rates rates_of(const struct ksem_info *info, const struct details *details)
{
	const struct counts key = {.id = info->id};
	const struct counts *was =
		last.count > 0 ? bsearch(&key, last.counts, last.count, sizeof(key), compare_ids) : NULL;
	struct rates rates = {.known = was && details->waits >= was->waits};

	note(info, details);
	if (!rates.known)
		return rates;
	rates.waits = (double)(details->waits - was->waits) * (double)SECOND / (double)(present.time - last.time);
	if (was->metrics && details->measured)
		read_times(&rates, was->metrics, &details->metrics);
	return rates;
}
