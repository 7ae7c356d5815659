/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records histories: makes a semaphore, warms it up if the profile says so (one that is used much gets permits per
 * processor), lets threads call at random what the profile allows, and ends with a getvalue after all threads have.
 *
 * Stamps are drawn from one counter by sequentially consistent fetch-and-adds, before and after each call. If the end
 * of one call is below the begin of another, the first fetch-and-add synchronizes with the second, so the calls happen
 * one before the other, on any machine: a checker that holds them to that order asks for no more than a program can
 * see. It is also a fence on either side of each call, which a program needn't have there. So a profile may do without
 * stamps: all calls of different threads count as concurrent, and each thread's own order alone is held to.
 *
 * A thread that waits where there will never be enough permits is rescued, by a post that is part of the history. Only
 * if the value is below what each that waits wants: a thread that sleeps beside its permits sleeps for ever, and the
 * test hangs. If the semaphore is first in, first out, the value need only be below what one of them wants, as it may
 * be the first in line; there the history itself shows one that sleeps beside its permits.
 *
 * A thread's history is its own until it has ended.
 */
#ifndef KSEM_TESTS_HISTORIES_RECORDER_H
#define KSEM_TESTS_HISTORIES_RECORDER_H

#include "../support.h"
#include "history.h"

/* `initial` is the lowest of `initials` values, of which a history begins with any; likewise the others. */
struct profile {
	unsigned threads_max, calls_max; /* 2 or more threads; 5 or more calls of each */
	uint32_t initial, initials;
	uint32_t batch, batches; /* what post_many posts */
	unsigned weights[ACTS];  /* how often each call, next to the others; post: half of them singly */
	unsigned wants;          /* a wait wants 1 to so many permits; 0: 1 */
	/*
	 * What it is made with; NULL: the default attributes. set_limit sets a limit from lowest on. If the semaphore
	 * is first in, first out, no wait may want more than any of them, as it would give way to others.
	 */
	const struct ksem_attr *attr;
	uint32_t lowest, limits;
	unsigned rest; /* one in so many calls is followed by giving the processor to others; 0: none */
	bool warm;     /* most semaphores have been used much before */
	bool unstamped;
};

void record(struct ksem_proc *proc, const struct profile *profile, struct random *random, struct history *history);

/* How many semaphores were in which mode as their histories began and ended; and whether any mode but one can be. */
void recorder_print_modes(FILE *file);
bool recorder_saw_slots(void);
bool recorder_slots_work(void);

#endif
