/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way that a call goes, instruction by instruction: one process is led through it in steps (stepper.h), to see it.
 * Others then run to any place of it by a breakpoint, inside of restartable sequences too.
 *
 * All are made anew by fork(), make a few calls first, and then the call in question, after which they end themselves
 * by a signal.
 */
#ifndef KSEM_TESTS_WAY_H
#define KSEM_TESTS_WAY_H

#include "stepper.h"

#define WAY_MAX 100000

struct way {
	unsigned steps;
	unsigned phase; /* of a long way, which of every two steps is worth a stop; else 2 */
	uint64_t trace[WAY_MAX];
	unsigned rounds_before[WAY_MAX], rounds_after[WAY_MAX]; /* how often it comes to the same instruction */
};

/*
 * First of all in main: executes the program anew with its calls bound at once, or the first process to come somewhere
 * would go another way than the rest. And holds it and all that it makes on one processor: a step is two switches from
 * one process to the other, which take ten times as long between processors.
 */
void way_begin(char **argv);

/* From now on pthread_create fails: another thread would run into the breakpoints. way_start does it after `before`. */
void way_allow_no_more_threads(void);

/* A process that is stopped before its first instruction of `act`. False: ptrace is forbidden here. */
bool way_start(struct stepper *stepper, void (*before)(void), void (*act)(void));

/* Sees the way. Sequences are gone through, not ended by the steps. False: ptrace is forbidden here. */
bool way_see(struct way *way, void (*before)(void), void (*act)(void));

/*
 * Is step n worth a stop? Each is, but those in the midst of a loop: of its rounds these are the first and the last
 * few, and one of sixteen. Unless KSEM_TEST_WIDE is set, of a way of over a thousand steps it is only every other one,
 * the even or the odd by chance.
 */
bool way_is_worth(const struct way *way, unsigned n);

/* To step n of the way, with the breakpoint still set. False: this time it went another one, to its end. */
bool way_run_to(const struct way *way, struct stepper *stepper, unsigned n);

#endif
