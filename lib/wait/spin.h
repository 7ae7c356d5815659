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
 * The caller tries to take, and while that is EAGAIN and spin_on says so, tries again. One that must not give its
 * processor away in between, since it keeps others' memory, goes by spin_look, and does spin_rest where it keeps none.
 */
#ifndef KSEM_WAIT_SPIN_H
#define KSEM_WAIT_SPIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"
#include "word/word.h"

#define SPIN_UNIT  125               /* ns: what budgets are counted in */
#define SPIN_MIN   250               /* ns; less isn't worth it */
#define SPIN_MAX   (160 * SPIN_UNIT) /* ns */
#define SPIN_ALONE 500               /* ns that are timed; after that, giving the processor to others in between */

#define SPIN_LOOKS   16 /* a round */
#define SPIN_UNTIMED 1  /* rounds before the clock is read; after each later one it is */

/* Begins as all 0, but for where. */
struct spin {
	const atomic(word_t) *word; /* where: the word */
	atomic(uint8_t) *hint;      /* and the semaphore's budget */
	int64_t begin, spent;       /* ns; begin 0: not timed yet */
	unsigned budget;            /* ns; 0: not begun */
	unsigned rounds;            /* so far */
	bool rested;                /* since the last look */
};

enum spin_next {
	SPIN_SLEEP, /* no permit came in time: register */
	SPIN_TRY,   /* there may be one: try to take it */
	SPIN_REST,  /* spin_rest, and then try */
};

/* Is there another processor, on which somebody could post meanwhile? */
bool spin_can(void);

/* After EAGAIN: goes the thread on spinning? */
bool spin_again(struct spin *spin);

/* After EAGAIN of a try to take: looks until there may be a permit, and says what is next. */
enum spin_next spin_look(struct spin *spin);

/* Gives the processor to others. */
void spin_rest(void);

/* Both. True: try again. */
static inline bool spin_on(struct spin *spin)
{
	enum spin_next next = spin_look(spin);

	if (next == SPIN_REST)
		spin_rest();
	return next != SPIN_SLEEP;
}

/* It got its permit: the budget was enough, if it was begun. */
void spin_paid(const struct spin *spin);

/*
 * Before each sleep of a thread that has registered: looks for a permit a little longer, about a microsecond. Where
 * posts come so densely that one falls into going to sleep, this saves its wake call, and the sleep. True: there is
 * one.
 */
bool spin_last_look(const atomic(word_t) *word);

#endif
