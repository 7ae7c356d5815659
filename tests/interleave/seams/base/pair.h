/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands before lib/base/pair.h: two halves that one instruction changes.
 */
#ifndef KSEM_BASE_PAIR_H
#define KSEM_BASE_PAIR_H

#include "base/atomic.h"

#define PAIR_WORKS 1

struct pair {
	_Alignas(16) atomic(uint64_t) low;
	atomic(uint64_t) high;
};

static inline bool pair_cas(struct pair *pair, uint64_t low, uint64_t high, uint64_t next_low, uint64_t next_high)
{
	return memory_cas_pair(&pair->low, low, high, next_low, next_high, __func__);
}

#endif
