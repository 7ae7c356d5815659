/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spinning before sleeping: see spin.h.
 *
 * A thread that spins for more than a moment gives its processor away between looks: the scheduler may have put whoever
 * would post on the same one, and balances what it sees running.
 *
 * The budget is a hint in the semaphore's own line: threads that wait at the same time may overwrite each other's
 * change.
 */
#include "sem/spin.h"

#include <errno.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/compiler.h"

#define WAITS_A_TRIAL 64 /* without a budget, to one with SPIN_MAX */

static _Thread_local unsigned without; /* owner only: waits of this thread that had no budget */

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

bool spin_can(void)
{
	static atomic(long) processors;
	long n = load_rlx(&processors); /* relaxed: all find the same */

	if (n == 0) {
		int saved = errno;
		struct cancel cancel = cancel_disable();

		n = sysconf(_SC_NPROCESSORS_ONLN); /* reads files */
		cancel_restore(cancel);
		errno = saved;
		store_rlx(&processors, n); /* relaxed: as above */
	}
	return n > 1;
}

/* The semaphore's budget; 0: none. */
static unsigned budget_of(atomic(uint8_t) *hint)
{
	unsigned budget = load_rlx(hint) * SPIN_UNIT; /* relaxed: a hint */

	if (budget < SPIN_MIN)
		return ++without % WAITS_A_TRIAL == 0 ? SPIN_MAX : 0;
	return budget;
}

/* The next budget, after one that was enough or wasn't. */
static void adapt(atomic(uint8_t) *hint, unsigned budget, bool enough)
{
	unsigned next = !enough ? budget / 2 : budget < SPIN_MAX / 2 ? 2 * budget : SPIN_MAX;

	next /= SPIN_UNIT;
	if (load_rlx(hint) != next)             /* relaxed: a hint */
		store_rlx(hint, (uint8_t)next); /* relaxed: a hint */
}

void spin_paid(const struct spin *spin, atomic(uint8_t) *hint)
{
	if (spin->budget > 0)
		adapt(hint, spin->budget, true);
}

bool spin_again(struct spin *spin, atomic(uint8_t) *hint)
{
	if (spin->budget == 0) {
		if (!spin_can())
			return false;
		spin->budget = budget_of(hint);
		return spin->budget > 0;
	}
	if (spin->rounds < SPIN_UNTIMED) {
		spin->rounds++;
		return true;
	}
	if (spin->begin == 0)
		spin->begin = now();
	spin->spent = now() - spin->begin;
	if (spin->spent < spin->budget)
		return true;
	adapt(hint, spin->budget, false);
	return false;
}

void spin_rest(const struct spin *spin)
{
	if (spin->spent > SPIN_ALONE)
		sched_yield();
	else
		cpu_relax();
}
