/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting on a plain semaphore (word/plain.h): threads sleep on the half of its word that is the value.
 *
 * A post that leaves waiters makes a wake call, for every permit that it sees: what a thread that stopped, or died,
 * left undone is made good by the next post. After its permit can be taken a post touches the memory no more; the
 * address alone it gives to the kernel, which takes any.
 *
 * Where it is shared, processes may be killed at any instruction, and perhaps nobody posts again. So a post that sees
 * waiters has the kernel add its permit and wake for it in one call (futex.h: add_shared). Not so a post of more than
 * FUTEX_ADD_MAX, one to a value of more than half of what there can be, and one where the kernel refuses. Such a poster
 * warns the sleepers before its permits: it sets WORD_WARNED and wakes all, and those that sleep again look, as below.
 * The last waiter to leave takes the warning back.
 *
 * A sleeper that is killed, or stopped, after a post woke it takes the wake call with it, and others may sleep
 * beside the permit. plain_arm_shared sees to that: beside other waiters, or warned, a thread sleeps for about
 * PLAIN_LOOK, looks at the word, and so on. A thread that is the only waiter sleeps until it is woken, however many
 * come after it: the kernel wakes those first that slept first. This matters for EINTR. The kernel says ETIMEDOUT of
 * a sleep whose time was over before the handler ran, and nothing then tells of the handler. So a wait may only go
 * on after such a sleep where there is no other way. Looks go by CLOCK_MONOTONIC whatever the deadline's clock; a
 * clock that was set shows at the look.
 */
#ifndef KSEM_WAIT_DIRECT_H
#define KSEM_WAIT_DIRECT_H

#include "os/futex.h"
#include "wait/spin.h"
#include "wait/waiter.h"
#include "word/plain.h"

#define PLAIN_LOOK INT64_C(1000000000) /* ns */

void plain_init(struct plain *sem, uint32_t value, enum futex_scope scope);

/*
 * Posts n, to at most `most`. 0, EINVAL: dead, EOVERFLOW. *nobody: it made a wake call, and there was nobody to wake;
 * so waiters are on their way to sleep, or they died.
 */
int plain_post(struct plain *sem, uint32_t n, uint32_t most, enum futex_scope scope, bool *nobody);

/* As plain_take, after spinning for a permit if that pays. */
int plain_take_spinning(struct plain *sem);

/* On what a waiter sleeps while there is no permit. */
struct signal plain_signal(struct plain *sem, enum futex_scope scope);

/*
 * The same of a waiter of a shared one, before each sleep. Beside other waiters it looks by itself, at its
 * deadline at the latest; `alone`: always, since no post may wake it.
 */
void plain_arm_shared(struct plain *sem, struct waiter *waiter, bool alone);

/*
 * Counts waiters down to `most`, if there are more in the word as it was when there were at most so many in fact. Then
 * wakes all sleepers: one that only seemed to be dead finds out, and counts again.
 * False: the count was stuck, and is loose now: find out anew, and call again.
 */
bool plain_trim_waiters(struct plain *sem, word_t was, uint32_t most);

/* n waiters more, which had been taken for dead, and may sleep beside a permit: all sleepers of a shared one look. */
void plain_count_again(struct plain *sem, uint32_t n);

/* One waiter more: in a fork's child, whose one thread is registered as the thread is that it is a copy of. */
void plain_add_waiter(struct plain *sem);

#endif
