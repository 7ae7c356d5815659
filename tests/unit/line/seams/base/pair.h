/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands before lib/base/pair.h: two words, changed together between two points (atomic.h).
 */
#ifndef KSEM_BASE_PAIR_H
#define KSEM_BASE_PAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"

#define PAIR_WORKS 1

struct pair {
	_Alignas(16) atomic(uint64_t) low;
	atomic(uint64_t) high;
};

static inline bool pair_cas(struct pair *pair, uint64_t low, uint64_t high, uint64_t next_low, uint64_t next_high)
{
	point();
	if (pair->low != low || pair->high != high)
		return false;
	pair->low = next_low;
	pair->high = next_high;
	return true;
}

#endif
