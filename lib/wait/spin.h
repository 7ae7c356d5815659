/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spinning before sleeping. A hand-over between two running threads takes well under a hundred nanoseconds; to a
 * sleeping thread it takes thousands. So a thread that finds no permit looks again for a while before it registers.
 *
 * Each semaphore has a budget for that, which adapts (base/budget.h). It begins with SPIN_MOST, which is longer than
 * waking a sleeper takes: so two threads that hand over to each other stop sleeping after a while. If there are more
 * threads than processors, or permits come seldom, the budget becomes 0, and waiters sleep at once. Where those that
 * could post may run on one processor only, none spins.
 *
 * The looks of the first few hundred nanoseconds are counted, not timed: reading the clock takes as long as a hand-over
 * between running threads.
 *
 * The caller tries to take; while that is EAGAIN and spin_on returns true, it tries again. A caller in a read section
 * must not yield its processor in it. So it uses spin_look, and calls spin_rest outside the read section.
 */
#ifndef KSEM_WAIT_SPIN_H
#define KSEM_WAIT_SPIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"
#include "word/word.h"

#define SPIN_UNIT  INT64_C(125) /* ns: the unit of budgets */
#define SPIN_LEAST 2            /* units */
#define SPIN_MOST  160          /* units */
#define SPIN_ALONE 500          /* ns of timed spinning, before the thread yields the processor between looks */

#define SPIN_LOOKS   16 /* looks in a round */
#define SPIN_UNTIMED 1  /* rounds before the clock is read; it is read after each later round */

/* All members begin as 0, except the first three. */
struct spin {
	const atomic(word_t) *word; /* the semaphore's word */
	atomic(uint8_t) *hint;      /* the semaphore's budget */
	bool shared;                /* other processes may post to it */
	int64_t begin, spent;       /* ns; begin 0: not timed yet */
	unsigned budget;            /* in units; 0: not begun */
	unsigned rounds;            /* rounds so far */
	bool rested;                /* yielded the processor since the last look */
};

enum spin_next {
	SPIN_SLEEP, /* no permit came in time: register */
	SPIN_TRY,   /* there may be one: try to take it */
	SPIN_REST,  /* call spin_rest, then try */
};

/*
 * Is there another processor, on which a thread could post meanwhile: one of the program, or, if `shared`, of any
 * process?
 */
bool spin_can(bool shared);

/* After EAGAIN: should the thread go on spinning? */
bool spin_again(struct spin *spin);

/* After a try that was EAGAIN: looks until there may be a permit, and returns what to do next. */
enum spin_next spin_look(struct spin *spin);

/* Yields the processor. */
void spin_rest(void);

/* Both. True: try again. */
static inline bool spin_on(struct spin *spin)
{
	enum spin_next next = spin_look(spin);

	if (next == SPIN_REST)
		spin_rest();
	return next != SPIN_SLEEP;
}

/* The thread got its permit: if it spun, the budget was enough. */
void spin_paid(const struct spin *spin);

/*
 * Before each sleep of a registered thread: looks for a permit for about a microsecond. If posts come so often that one
 * comes just then, this saves the sleep and the wake call. True: there is a permit.
 */
bool spin_last_look(const atomic(word_t) *word);

#endif
