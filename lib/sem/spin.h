/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spinning before sleeping. A hand-over between two running threads takes a hundred nanoseconds, through a sleep ten
 * thousand; so a thread that finds no permit looks again for a while, before it enlists.
 *
 * For how long adapts, a semaphore. The budget begins with SPIN_MAX: longer than a sleeper takes to wake, so that two
 * threads that hand over to each other, of which one slept, come to where both spin. It doubles when a permit came
 * within it, up to SPIN_MAX, and halves when none did, down to nothing. From nothing SPIN_MAX is tried now and then. So
 * where there are more threads than processors, or permits come seldom, waiters sleep at once. With one processor
 * nobody spins.
 *
 * The caller loops: spin_take, and while that is EAGAIN and spin_again says so, spin_rest. In between it may leave and
 * re-enter a read section: spin_rest needs none, and takes most of the time.
 */
#ifndef KSEM_SEM_SPIN_H
#define KSEM_SEM_SPIN_H

#include <stdbool.h>

#include "sem/semaphore.h"

#define SPIN_MIN   250  /* ns; less isn't worth it */
#define SPIN_ALONE 1000 /* ns; after that, giving the processor to others in between */

#define SPIN_LOOKS 4 /* between two readings of the clock */

struct spin {
	int64_t begin, spent; /* ns */
	unsigned budget;      /* ns; 0: not begun */
};

/* The miss path of spin_take, once the thread spins. */
int spin_look(struct spin *spin, struct semaphore *sem);

/* As semaphore_take; *spin begins as all 0. */
static inline int spin_take(struct spin *spin, struct semaphore *sem)
{
	return likely(spin->budget == 0) ? semaphore_take(sem) : spin_look(spin, sem);
}

/* After EAGAIN: goes the thread on spinning? `hint`: the semaphore's budget. */
bool spin_again(struct spin *spin, atomic(uint8_t) *hint);

/* It got its permit; for who doesn't loop by spin_take. */
void spin_paid(const struct spin *spin, atomic(uint8_t) *hint);

void spin_rest(const struct spin *spin);

/*
 * Before each sleep of a thread that has enlisted: looks for a permit a little longer, about a microsecond. Where posts
 * come so densely that one falls into going to sleep, this saves its wake call, and the sleep. True: there is one.
 */
bool spin_last_look(const struct semaphore *sem);

#endif
