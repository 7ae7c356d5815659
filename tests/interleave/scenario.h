/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios: what a few threads do, a letter a call, and how the semaphores begin.
 *
 *   p post   t trywait   w wait   c clockwait   v getvalue   2 post_many of 2   m of 2^31   (pinned)
 *   3 trywait_many of 2   4 trywait_upto of 2   x wait_many of 2   y the same with a deadline (pinned)
 *   s shutdown                                                                              (pinned)
 *   P post   T trywait   W wait   C clockwait   V getvalue                                  (by id)
 *   D destroy   n pin, and if that works post and unpin   i init of another semaphore in the process
 *   l look for that, by its id
 *   G a grace period, for memory that others lost   ' after a letter: on the second semaphore
 *   q move it to a line, as a queue does that waits for it                                  (pinned)
 *   f free its memory, if the thread's last call took a permit                              (plain)
 *   E destroy, and free its memory after an epoch                                           (plain)
 */
#ifndef KSEM_TESTS_INTERLEAVE_SCENARIO_H
#define KSEM_TESTS_INTERLEAVE_SCENARIO_H

#include "checker.h"
#include "word/word.h"

struct beginning {
	unsigned value;             /* in the word */
	enum word_mode mode;        /* other than central: it has slots */
	bool has_slots;             /* also where it is central */
	unsigned slots[PROCESSORS]; /* in emptying they count no more */
	unsigned back_off;
	int16_t samples; /* without slots: what stands for them */
};

struct scenario {
	const char *name;
	const char *scripts[4];
	const char *processors; /* a digit a thread; NULL: each its own, which is none that sequences serve */
	const char *processes;  /* a digit a thread; NULL: all are in process 0. 1 is its fork */
	struct beginning begin[2];
	bool plain;    /* the semaphores are those of words.h; the letters p t w c v 2 3 4 x y s P T D E f */
	bool unpinned; /* the driver keeps no pins: destroy ends the semaphore */
	bool sampled;  /* each thread's first take from a word is a sample */
	unsigned may_stop;
	struct bounds strong, weak; /* the weak one has stale reads; all 0: not run */
};

extern const struct scenario scenarios[];
extern const unsigned scenarios_count;

/* One execution. */
void scenario_run(const struct scenario *scenario, const struct bounds *bounds);

#endif
