/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spinning before sleeping. A hand-over between two running threads takes a hundred nanoseconds, through a sleep ten
 * thousand; so a thread that finds no permit looks again for a while, before it registers.
 *
 * For how long adapts, a semaphore. The budget begins with SPIN_MAX: longer than a sleeper takes to wake, so that two
 * threads that hand over to each other, of which one slept, come to where both spin. It doubles when a permit came
 * within it, up to SPIN_MAX, and halves when none did, down to nothing. From nothing SPIN_MAX is tried now and then. So
 * where there are more threads than processors, or permits come seldom, waiters sleep at once. Who may run on one
 * processor only doesn't spin.
 *
 * The first looks, some hundred nanoseconds, are counted, not timed: reading the clock takes longer than a hand-over
 * between two running threads needs.
 *
 * The caller loops: a look (look.h, plain.h), and while that is EAGAIN and spin_again says so, spin_rest.
 */
#ifndef KSEM_WAIT_SPIN_H
#define KSEM_WAIT_SPIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"

#define SPIN_UNIT  125               /* ns: what budgets are counted in */
#define SPIN_MIN   250               /* ns; less isn't worth it */
#define SPIN_MAX   (160 * SPIN_UNIT) /* ns */
#define SPIN_ALONE 500               /* ns that are timed; after that, giving the processor to others in between */

#define SPIN_LOOKS   16 /* a round */
#define SPIN_UNTIMED 1  /* rounds before the clock is read; after each later one it is */

struct spin {
	int64_t begin, spent; /* ns; begin 0: not timed yet */
	unsigned budget;      /* ns; 0: not begun */
	unsigned rounds;      /* so far */
};

/* Is there another processor, on which somebody could post meanwhile? */
bool spin_can(void);

/* After EAGAIN: goes the thread on spinning? `hint`: the semaphore's budget. */
bool spin_again(struct spin *spin, atomic(uint8_t) *hint);

/* It got its permit: the budget was enough, if it was begun. */
void spin_paid(const struct spin *spin, atomic(uint8_t) *hint);

void spin_rest(const struct spin *spin);

#endif
