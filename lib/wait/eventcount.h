/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parking: threads that have registered sleep until a post, and a post wakes those that can go on, by as few calls of
 * the kernel as can be.
 *
 * `eventcount` is what they sleep on: a state, and a generation that every ring changes.
 *
 *   still     nobody sleeps. Who wants to sleep arms it, and then looks whether there is a permit, before it sleeps.
 *   armed     threads may sleep, or be about to. Only on an armed eventcount, and only on the generation that it found,
 *             can a thread go to sleep.
 *   ringing   threads may sleep. Nobody goes to sleep but by arming it again. A wake call that finds fewer than it was
 *             to wake, or after which every waiter has been woken, shows that nobody sleeps: it makes the eventcount
 *             still, if it is ringing as it was before the call.
 *
 * A post that sees the eventcount still has nobody to wake: whoever is registered will arm it, and then look
 * (KSEM_ORD_14). On an armed eventcount it rings, and makes the call; on a ringing one it makes the call. So a post
 * that is stopped between ring and call stops nobody: others' posts make theirs. And a thread that has registered but
 * not gone to sleep, because it was preempted or found the eventcount rung, costs a call once, not each post.
 *
 * `woken` is how many sleepers were woken, according to the kernel, and haven't said yet that they are about to look. A
 * post counts on those, and wakes others only for permits beyond them. A sleeper counts itself off before it looks, a
 * post looks at `woken` after its permits can be taken, and both are read-modify-writes (KSEM_ORD_15): so a sleeper
 * that a post counted on sees that post. A post counts those it woke after it woke them; so one that is stopped before
 * that only makes others wake more than they need, and `woken` may be less than there are, even below 0, but never
 * more.
 */
#ifndef KSEM_WAIT_EVENTCOUNT_H
#define KSEM_WAIT_EVENTCOUNT_H

#include "wait/waiter.h"
#include "word/state.h"

/* Before a thread that has registered sleeps while there is no permit: 0, and on what; EAGAIN: there is one. */
int eventcount_arm(struct semaphore *sem, struct signal *signal);

/* After it was woken, before it looks for a permit. */
void eventcount_woke(struct semaphore *sem);

/* After a post that made the word `posted`, in the read section of that post: wakes who can go on. */
void eventcount_wake(struct semaphore *sem, word_t posted);

/* In a fork's child, which has one thread: nobody else sleeps or was woken. */
void eventcount_after_fork(struct semaphore *sem);

#endif
