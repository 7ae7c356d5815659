/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spinning before sleeping: see spin.h.
 *
 * A thread that spins for more than a moment yields its processor between looks: the thread that will post may be
 * waiting for the same processor. If yields don't pay (os/yield.h), it sleeps instead.
 *
 * Where all threads of the program may run on one processor only (sched_setaffinity, cpusets), none spins: the thread
 * that will post needs that processor. A thread asks the kernel now and then, since this may change. If it may itself
 * run on one only, others may still run elsewhere, as where each thread has a processor of its own: the first thread of
 * the program, or one that asked of late. Other processes, which may post to a shared semaphore, are taken to run where
 * the system's first process may.
 *
 * The clock may stand still, if another library replaces libc's (libfaketime). So the rounds are counted, too.
 */
#include "wait/spin.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/budget.h"
#include "base/cancel.h"
#include "base/compiler.h"
#include "os/clock.h"
#include "os/processors.h"
#include "os/yield.h"

#define SPINS_AN_ANSWER 256  /* spins, before the kernel is asked again on which processors the thread may run */
#define RECENT          16   /* questions, of all threads, that count as of late */
#define FIRST_PROCESS   1    /* its process id */
#define LAST_LOOKS      64   /* looks of a registered thread */
#define TIMED_MOST      1000 /* rounds that read the clock, in case it stands still */

static const struct budget_range range = {SPIN_LEAST, SPIN_MOST};
static _Thread_local unsigned without; /* owner only: waits of this thread that had no budget */

/* On which processors a thread may run: a bit for each. Two have the same bit only if they are 31 or more apart. */
static uint32_t processors_of(pid_t thread)
{
	uint32_t mask[PROCESSORS_MAX / 32];
	uint32_t processors = 0;
	int saved = errno;
	long bytes = syscall(SYS_sched_getaffinity, thread, sizeof(mask), mask);

	for (long i = 0; i < bytes / (long)sizeof(*mask); i++)
		processors |= mask[i] << i % 32 | (uint64_t)mask[i] >> (32 - i % 32);
	errno = saved;
	return bytes < 0 ? UINT32_MAX : processors; /* the call is refused: assume several */
}

/* The same of all threads that asked of late: since the last time that RECENT had asked, and before. */
static atomic(uint32_t) asks, recent, recent_before; /* atomic: hints */

static uint32_t processors_of_late(uint32_t own)
{
	uint32_t now = load_rlx(&asks), all = load_rlx(&recent); /* relaxed: hints, as the rest */

	store_rlx(&asks, now + 1); /* relaxed: as above */
	if (now % RECENT == 0) {
		store_rlx(&recent_before, all); /* relaxed: as above */
		all = 0;
	}
	store_rlx(&recent, all | own);               /* relaxed: as above */
	return all | own | load_rlx(&recent_before); /* relaxed: as above */
}

/* May the program run on another processor than the calling thread? */
static bool has_company(void)
{
	uint32_t own = processors_of(0), all = processors_of_late(own);

	return (all & (all - 1)) != 0 || processors_of(getpid()) != own;
}

/* May other processes? */
static bool has_neighbours(void)
{
	return processors_of(FIRST_PROCESS) != processors_of(0);
}

bool spin_can(bool shared)
{
	static _Thread_local struct {
		unsigned left;    /* how often the last answers may still be used */
		bool can, shared; /* the answers: in any case, for shared semaphores */
	} asked;                  /* owner only */

	if (asked.left == 0) {
		asked.can = has_company();
		asked.shared = asked.can || has_neighbours();
		asked.left = SPINS_AN_ANSWER;
	}
	asked.left--;
	return shared ? asked.shared : asked.can;
}

void spin_paid(const struct spin *spin)
{
	if (spin->budget > 0)
		budget_adapt(spin->hint, spin->budget, range, true);
}

bool spin_again(struct spin *spin)
{
	if (spin->budget == 0) {
		if (!spin_can(spin->shared))
			return false;
		spin->budget = budget_get(spin->hint, range, &without);
		return spin->budget > 0;
	}
	if (spin->rounds < SPIN_UNTIMED) {
		spin->rounds++;
		return true;
	}
	if (spin->begin == 0)
		spin->begin = clock_hint(CLOCK_MONOTONIC);
	spin->spent = clock_hint(CLOCK_MONOTONIC) - spin->begin;
	if (spin->spent >= 0 && spin->spent < spin->budget * SPIN_UNIT && ++spin->rounds < TIMED_MOST)
		return true;
	budget_adapt(spin->hint, spin->budget, range, false);
	return false;
}

/* Looks at the word some times: does it show anything else than that there is no permit? */
static bool has_changed(const atomic(word_t) *word)
{
	for (int i = 0; i < SPIN_LOOKS; i++) {
		word_t c = load_rlx(word); /* relaxed: a take looks again */

		if (word_value(c) > 0 || word_is_dead(c))
			return true;
		cpu_relax();
	}
	return false;
}

static enum spin_next rest_or_sleep(struct spin *spin)
{
	if (yield_pays()) {
		spin->rested = true;
		return SPIN_REST;
	}
	budget_adapt(spin->hint, spin->budget, range, false);
	return SPIN_SLEEP;
}

enum spin_next spin_look(struct spin *spin)
{
	if (spin->rested) {
		spin->rested = false;
		if (has_changed(spin->word))
			return SPIN_TRY;
	}
	while (spin_again(spin)) {
		if (spin->spent > SPIN_ALONE)
			return rest_or_sleep(spin);
		cpu_relax();
		if (has_changed(spin->word))
			return SPIN_TRY;
	}
	return SPIN_SLEEP;
}

void spin_rest(void)
{
	yield_processor();
}

bool spin_last_look(const atomic(word_t) *word)
{
	if (!spin_can(false))
		return false;
	for (int i = 0; i < LAST_LOOKS; i++) {
		if (word_value(load_rlx(word)) > 0) /* relaxed: a thread that deregisters looks again */
			return true;
		cpu_relax();
	}
	return false;
}
