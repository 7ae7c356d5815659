/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A log-linear histogram of nanoseconds: 32 steps an octave, so a value is known to 3 %. (Debian has no library for it
 * that C can use.)
 */
#ifndef COMPARE_HISTOGRAM_H
#define COMPARE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS 32
#define HISTOGRAM_SIZE  (HISTOGRAM_STEPS * 40)

struct histogram {
	uint64_t total, highest;
	uint64_t counts[HISTOGRAM_SIZE];
};

static inline unsigned histogram_place(uint64_t value)
{
	unsigned octave;

	if (value < HISTOGRAM_STEPS)
		return (unsigned)value;
	octave = 63 - (unsigned)__builtin_clzll(value) - 5; /* 2^5 steps */
	value = octave * HISTOGRAM_STEPS + (value >> octave);
	return value < HISTOGRAM_SIZE ? (unsigned)value : HISTOGRAM_SIZE - 1;
}

static inline void histogram_add(struct histogram *histogram, uint64_t value)
{
	if (!histogram)
		return;
	histogram->counts[histogram_place(value)]++;
	histogram->total++;
	if (value > histogram->highest)
		histogram->highest = value;
}

static inline void histogram_join(struct histogram *histogram, const struct histogram *more)
{
	for (unsigned place = 0; place < HISTOGRAM_SIZE; place++)
		histogram->counts[place] += more->counts[place];
	histogram->total += more->total;
	if (more->highest > histogram->highest)
		histogram->highest = more->highest;
}

/* The least value of a place. */
static inline uint64_t histogram_value(unsigned place)
{
	unsigned octave = place / HISTOGRAM_STEPS;

	return octave < 2 ? place : (uint64_t)(place - (octave - 1) * HISTOGRAM_STEPS) << (octave - 1);
}

/* The value that `share` of all are at or below; 0 if there are none. */
static inline uint64_t histogram_quantile(const struct histogram *histogram, double share)
{
	uint64_t before = 0;

	for (unsigned place = 0; place < HISTOGRAM_SIZE; place++) {
		before += histogram->counts[place];
		if (before > 0 && (double)before >= share * (double)histogram->total)
			return histogram_value(place);
	}
	return 0;
}

#endif
