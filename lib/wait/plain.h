/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting on a plain semaphore (word/plain.h): threads sleep on the half of its word that is the value.
 *
 * A post makes a wake call if there are waiters, and wakes for every permit that it sees. So it makes up for an earlier
 * post whose thread stopped or died before its wake. Once its permit can be taken, a post doesn't touch the memory any
 * more. It only passes the address to the kernel, which accepts any address.
 *
 * A process that posts to a shared semaphore may be killed at any instruction, and perhaps nobody posts again. So if
 * there are waiters, the kernel adds the permit and wakes, in one system call (futex.h: add_shared). The kernel can't
 * do that for a post of more than FUTEX_ADD_MAX permits, or if the value is more than half of the maximum, or where it
 * refuses the call. Such a poster first warns the sleepers: it sets WORD_WARNED and wakes all of them. Those that sleep
 * again look by themselves, as below. The last waiter that deregisters removes the warning.
 *
 * Where a waiter wants several permits (wide), a post wakes all sleepers: it doesn't know which of them can go on. The
 * kernel adds without looking for that. So a poster that saw no such waiter before it looks again afterwards, and then
 * wakes the rest (plain_wake_wide). A poster that is killed in between leaves that to the looks.
 *
 * Shutdown wakes all sleepers by the system call that changes the value's half: see word/plain.h.
 *
 * A sleeper may be killed, or stopped, after a post woke it. Then others would stay asleep while a permit is available.
 * plain_arm_shared prevents that: if there are other waiters, a warning, or a shutdown, a thread sleeps for about
 * PLAIN_LOOK, looks at the word, and so on. A thread that is the only waiter when it goes to sleep sleeps until it is
 * woken, however many come later: the kernel wakes the one that slept first. The reason for this exception is EINTR. If
 * the time of a sleep is over before a signal handler runs, the kernel reports ETIMEDOUT, and the thread can't know
 * that a handler ran. So a thread sleeps with such a time only where it must. These times are on CLOCK_MONOTONIC,
 * whatever the deadline's clock is; if that clock is set, the waiter notices at its next look.
 *
 * A wake may go astray: to a sleeper that can't go on, while another one could. There are two kinds of such sleepers:
 *   - The listener of a completion queue, which sleeps here once for all waits of the queue (queue/direct.h). It may
 *     still sleep when the last of these is over. If it is woken then, it passes the wake on (plain_pass_on), unless it
 *     is killed before that.
 *   - A thread of a process that others took for dead, and that can't open its directory again. Others have counted it
 *     off, so no post knows that it wants several permits. It passes a wake on only when it stops waiting; otherwise
 *     two of this kind could wake each other for ever.
 * So from the first such sleeper on, all waiters look by themselves (`wakes_stray`). A thread that goes to sleep just
 * when that is set may miss it, and then sleeps until the next wake.
 */
#ifndef KSEM_WAIT_PLAIN_H
#define KSEM_WAIT_PLAIN_H

#include "os/futex.h"
#include "wait/spin.h"
#include "wait/waiter.h"
#include "word/plain.h"

#define PLAIN_LOOK INT64_C(1000000000) /* ns */

void plain_init(struct plain *sem, uint32_t value, enum futex_scope scope);

/* What a post leaves to its caller, if the memory is still there. */
struct plain_after {
	bool nobody; /* it made a wake call that found no sleeper, so waiters are about to sleep, or have died */
	bool blind;  /* it didn't look for waiters that want several permits: call plain_wake_wide */
};

/* Posts n permits; the value may become at most `most`. 0; EINVAL: dead; EOVERFLOW. */
int plain_post(struct plain *sem, uint32_t n, uint32_t most, enum futex_scope scope, struct plain_after *after);

/* Wakes all sleepers of a shared semaphore, if one of them wants several permits. */
void plain_wake_wide(struct plain *sem);

/* Shuts a shared semaphore down, and wakes all that wait. 0; EINVAL: dead. */
int plain_shut_down(struct plain *sem);

/* Wakes all that wait, if the semaphore is shut, and nobody has done so: the thread that shut it may have stopped. */
void plain_end_waits(struct plain *sem);

/* As plain_take, after spinning for a permit if that pays. */
int plain_take_spinning(struct plain *sem, enum futex_scope scope);

/* The signal on which a waiter sleeps while there is no permit. */
struct signal plain_signal(struct plain *sem, enum futex_scope scope);

/*
 * Sets the signal of a waiter of a shared semaphore, before each sleep. If there are other waiters, it looks by itself,
 * at its deadline at the latest. `unseen`: it isn't registered in the word any more; so it looks in any case, since
 * posts may not wake it. 0; EAGAIN: don't sleep, since it can leave, or the semaphore is dead.
 */
int plain_arm_shared(struct plain *sem, struct waiter *waiter, bool unseen);

/* Deregisters without a permit, and wakes those that can go on. For a thread that has a permit of another semaphore. */
void plain_renounce(struct plain *sem, enum futex_scope scope);

/* From now on wakes may go astray. For a queue: before its first wait registers. */
void plain_expect_stray_wakes(struct plain *sem);

/* For one that was perhaps woken, and goes without a permit: wakes others instead, if there are permits. */
void plain_pass_on(struct plain *sem);

/*
 * Counting off waiters that have died, of a semaphore that is aligned to 16 bytes.
 *
 * A thread counts the living, and lowers the word's count to theirs. Between the two, another thread may do the same,
 * and a new waiter may register. Then the word is as it was, but one more waiter is alive. So the semaphore counts how
 * often it was trimmed (`trims`), and one compare-and-swap changes the word and this number together. Where the
 * processor has no such instruction (base/pair.h), the word alone is swapped, and the case above loses a waiter.
 */
struct plain_seen {
	word_t word;
	uint64_t rest;
};

/* The semaphore as it is now, for plain_trim_waiters. */
struct plain_seen plain_see(struct plain *sem);

/*
 * Lowers the count of waiters to `most`, if the semaphore is still as it was seen, at which time at most that many were
 * alive. Then wakes all sleepers: a process that only seemed to be dead notices, and counts its waiters again. False:
 * the semaphore has changed, or the count was stuck, and is no longer; count the living again, and call again.
 */
bool plain_trim_waiters(struct plain *sem, const struct plain_seen *seen, uint32_t most);

/*
 * Counts n waiters again that had been taken for dead, and wakes all sleepers to look: these waiters may have missed a
 * wake. They count as if one of them wanted several permits.
 */
void plain_count_again(struct plain *sem, uint32_t n);

/* One waiter more, which wants n permits: in a fork's child, whose one thread is registered, as the parent's was. */
void plain_add_waiter(struct plain *sem, uint32_t n);

#endif
