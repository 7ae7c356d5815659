/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Budgets that adapt: how long a semaphore's waiters do something before they sleep, such as spinning, which may save
 * the sleep or be in vain.
 *
 * A budget is doubled, up to a maximum, when it was enough, and halved when it wasn't. Where it has become too small to
 * be of use, waits do without; but about one in BUDGET_TRIAL of each thread gets the maximum, to find out whether it
 * pays by now.
 *
 * A budget is a hint: threads that wait at the same time may overwrite each other's changes. Its unit is the caller's.
 */
#ifndef KSEM_BASE_BUDGET_H
#define KSEM_BASE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"

#define BUDGET_TRIAL 64

struct budget_range {
	uint8_t least, most; /* less than `least` is of no use */
};

/* 0: do without. `without` is the calling thread's: how many of its waits did. */
static inline unsigned budget_get(const atomic(uint8_t) *hint, struct budget_range range, unsigned *without)
{
	unsigned budget = load_rlx(hint); /* relaxed: a hint */

	if (budget < range.least)
		return ++*without % BUDGET_TRIAL == 0 ? range.most : 0;
	return budget;
}

/* After a wait that had that budget: was it enough? */
static inline void budget_adapt(atomic(uint8_t) *hint, unsigned budget, struct budget_range range, bool enough)
{
	unsigned next = !enough ? budget / 2 : 2 * budget < range.most ? 2 * budget : range.most;

	if (load_rlx(hint) != next)             /* relaxed: a hint */
		store_rlx(hint, (uint8_t)next); /* relaxed: a hint */
}

#endif
