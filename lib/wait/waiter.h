/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A waiter: a thread that found too few permits, from the instant that makes it one until it has what it wants, or
 * gives up.
 *
 * There is one wait, whatever the semaphore: before each sleep the waiter is armed, which says on which word it sleeps
 * and shows whether it must; after each sleep it tries to leave. What these steps are is the policy's: who is served
 * first, and how a post finds whom to wake. A policy is a table of functions. Those that there are let any thread take
 * a permit that comes (barging): by an eventcount (eventcount.h), in memory that the library keeps while a thread
 * waits, and on the value itself (direct.h), in memory that may vanish or be another process's, too.
 *
 * A waiter is its thread's, on its stack. Who wakes it touches no more of it than the word of its signal.
 */
#ifndef KSEM_WAIT_WAITER_H
#define KSEM_WAIT_WAITER_H

#include <stdbool.h>

#include "os/futex.h"

/* On what a waiter sleeps: whoever wakes it changes this word first, and then wakes who sleeps on it. */
struct signal {
	atomic(uint32_t) *word;
	uint32_t expected; /* it sleeps while the word is this */
	enum futex_scope scope;
	bool looks;           /* it wakes by itself, to look: */
	struct deadline look; /* then */
};

struct waiter;

struct wait_policy {
	/*
	 * Takes what the waiter wants (0), or makes it a waiter (EAGAIN). EINVAL: the semaphore is at its end. In the
	 * caller's read section.
	 */
	int (*enter)(struct waiter *waiter);

	/* Before each sleep: 0, and the signal says on what; EAGAIN: it needn't sleep, and tries to leave. */
	int (*arm)(struct waiter *waiter);

	/* The sleep: signal_sleep, or around it what else a cancelled thread must undo. */
	int (*sleep)(struct waiter *waiter);

	/*
	 * After each sleep: leaves with what it wants (0), or, if it gives up, without (ECANCELED). EAGAIN: it waits
	 * still. EINVAL: the semaphore is at its end all the same.
	 */
	int (*leave)(struct waiter *waiter, bool give_up);
};

struct waiter {
	const struct wait_policy *policy;
	void *sem;                       /* what it waits for, as the policy knows it */
	uint32_t want;                   /* permits */
	const struct deadline *deadline; /* NULL: none */
	int why;                         /* why it woke: 0: a wake, EAGAIN: to look, ETIMEDOUT, EINTR */
	struct signal signal;            /* whom to wake: who sleeps on this */
	bool last;                       /* it was the last that kept the semaphore, and its thread ends that */
};

/* Sleeps on the waiter's signal: why it woke. */
int signal_sleep(struct waiter *waiter);

/* The wait of one that has entered, until it has left. 0, ETIMEDOUT, EINTR, EINVAL. */
int waiter_wait(struct waiter *waiter);

#endif
