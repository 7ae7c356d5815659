/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A waiter: a thread that found too few permits. It is a waiter until it has the permits that it wants, or gives up.
 *
 * There is one wait for all semaphores. Before each sleep the waiter arms: it finds out on which word to sleep, and
 * whether it must. After each sleep it tries to leave. A policy is a table with a function for each of these steps. It
 * decides who is served first, and how a post finds the waiters to wake. With some policies any thread may take a
 * permit (barging): it sleeps on an eventcount (eventcount.h), in memory that the library keeps while a thread waits;
 * or on the value itself (plain.h), in memory that may vanish, or that other processes have mapped. With the others
 * the thread stands in a line, and sleeps on its entry there (line/line.h).
 *
 * The waiter is on its thread's stack. A thread that wakes it touches only the word of its signal.
 */
#ifndef KSEM_WAIT_WAITER_H
#define KSEM_WAIT_WAITER_H

#include <stdbool.h>

#include "os/futex.h"

/*
 * The word on which a waiter sleeps. A thread that wakes it changes the word first, and then wakes the sleepers on it.
 */
struct signal {
	atomic(uint32_t) *word;
	uint32_t expected; /* sleeps while the word has this value */
	enum futex_scope scope;
	bool looks;           /* wakes by itself, to look: */
	struct deadline look; /* then */
};

struct waiter;

struct wait_policy {
	/*
	 * Takes the permits (0), or makes the thread a waiter (EAGAIN). ESHUTDOWN. EINVAL: the semaphore is being
	 * ended. In the caller's read section.
	 */
	int (*enter)(struct waiter *waiter);

	/* Before each sleep. 0: sleep on the signal, which it has set; EAGAIN: don't sleep, try to leave. */
	int (*arm)(struct waiter *waiter);

	/* The sleep: calls signal_sleep. lib/posix/ also prepares for cancellation here. */
	int (*sleep)(struct waiter *waiter);

	/*
	 * After each sleep. 0: it took the permits, and is no longer a waiter; ECANCELED: it gave up without them;
	 * EAGAIN: it is still a waiter; ESHUTDOWN: it left without them; EINVAL: the semaphore is dead nevertheless.
	 */
	int (*leave)(struct waiter *waiter, bool give_up);

	/*
	 * Instead of leave, of a thread that waits for several semaphores and has a permit of another: it is no longer
	 * a waiter. What it was granted or woken for here, others get. NULL: no thread waits so.
	 */
	void (*renounce)(struct waiter *waiter);
};

struct waiter {
	const struct wait_policy *policy;
	void *sem;                       /* the semaphore; its type depends on the policy */
	const void *by;                  /* the process that waits; NULL: through a pin */
	uint32_t want;                   /* permits */
	bool several;                    /* it waits for one of several: arm sets the signal, without spinning */
	const struct deadline *deadline; /* NULL: none */
	int why;                         /* why it woke. 0: a wake; EAGAIN: to look; ETIMEDOUT; EINTR */
	struct signal signal;            /* the word on which it sleeps */
	bool last; /* it was the last waiter of an orphan, and its thread must end the semaphore */
};

/* Sleeps on the waiter's signal, and returns why it woke. */
int signal_sleep(struct waiter *waiter);

/* The wait after `enter`, until the waiter has left. 0, ETIMEDOUT, EINTR, ESHUTDOWN, EINVAL. */
int waiter_wait(struct waiter *waiter);

#endif
