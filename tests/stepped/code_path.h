/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The code path of a call, instruction by instruction. One process runs the call in single steps (stepper.h), and the
 * path is recorded. Other processes then run to any step of the path by a breakpoint, inside of restartable sequences
 * too.
 *
 * Each process is made by fork(). It makes a few calls first, then the call in question, and then ends itself by a
 * signal.
 */
#ifndef KSEM_TESTS_CODE_PATH_H
#define KSEM_TESTS_CODE_PATH_H

#include "stepper.h"

#define CODE_PATH_MAX 100000

struct code_path {
	unsigned steps;
	bool stops[CODE_PATH_MAX];             /* is it worth one? */
	uint64_t trace[CODE_PATH_MAX];         /* the addresses of the instructions, but for those that tell the time */
	unsigned rounds_before[CODE_PATH_MAX]; /* how often it came to the same instruction before that step, */
	unsigned rounds_after[CODE_PATH_MAX];  /* and comes there after it */
};

/*
 * First of all in main. Executes the program anew with all symbols bound at once: else the process that is the first to
 * call a function would take another path than the rest. Binds it, and all processes that it makes, to one processor: a
 * step is two switches from one process to the other, which take ten times as long between processors.
 */
void code_path_begin(char **argv);

/*
 * From now on pthread_create fails: another thread would run into the breakpoints. code_path_start calls this after
 * `before`.
 */
void code_path_allow_no_more_threads(void);

/* A process that is stopped before its first instruction of `act`. False: ptrace is forbidden here. */
bool code_path_start(struct stepper *stepper, void (*before)(void), void (*act)(void));

/*
 * Records the path. The steps don't abort restartable sequences. False: ptrace is forbidden here.
 *
 * `stops` says at which steps a stop is worth while: at every `stride`th, except in the midst of a loop. Of the rounds
 * of a loop these are the first and the last few, and one of sixteen. If that makes more than 250 stops, and
 * KSEM_TEST_WIDE isn't set, only every eighth of them is left, from one of the first eight on, by chance.
 */
bool code_path_record(struct code_path *path, void (*before)(void), void (*act)(void), unsigned stride);

/* Runs to step n, and leaves the breakpoint set. False: this time the process took another path, and ended. */
bool code_path_run_to(const struct code_path *path, struct stepper *stepper, unsigned n);

#endif
