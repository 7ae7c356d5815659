/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an execution's calls answered, and whether that can be: one order of all calls, each after those that came
 * before it, in which semaphores that know nothing of threads would have answered the same.
 *
 * "Before" is what a program can tell: by the clocks of happens-before; or, where loads are never stale, by the order
 * in which calls ended and began.
 */
#ifndef KSEM_TESTS_INTERLEAVE_HISTORY_H
#define KSEM_TESTS_INTERLEAVE_HISTORY_H

#include "checker.h"

#define CALLS      16
#define SEMAPHORES 2

#define PROCESSES 2
#define PINNED    PROCESSES /* a call that is not by id */

enum call_kind { POST, TRYWAIT, TRYWAIT_MANY, TRYWAIT_UPTO, WAIT, SHUTDOWN, GETVALUE, DESTROY, PIN, CALL_KINDS };

struct call {
	enum call_kind kind;
	unsigned thread, semaphore, process;
	unsigned count; /* permits posted, or wanted; the value seen */
	unsigned got;   /* permits taken */
	int error;
	bool ended;
	unsigned began_at, ended_at;                 /* in the order of the execution */
	uint32_t began[THREADS], ended_by, begun_by; /* clocks: what came before it; its own */
	uint32_t saw[THREADS];                       /* at its end */
};

/* Each of so many processes holds one reference to each semaphore. */
void history_begin(const unsigned values[SEMAPHORES], unsigned processes);
struct call *history_call(enum call_kind kind, unsigned semaphore, unsigned process, unsigned count);
void history_end(struct call *call, int error, unsigned value);

/* Fails unless the calls can be so; `weak`: by happens-before. */
void history_judge(bool weak);

/* Permits that were posted by calls that ended, and taken; by calls that never ended, perhaps posted. */
void history_permits(unsigned semaphore, unsigned *posted, unsigned *taken, unsigned *perhaps);
bool history_destroyed(unsigned semaphore); /* by every process */
bool history_shut(unsigned semaphore);      /* by a call that ended */

/* The fewest permits that a thread wants which is asleep. */
unsigned history_least_wanted(unsigned semaphore);

#endif
