/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The eventcount, on which waiters of a private semaphore sleep. A post wakes the waiters that can go on, by as few
 * system calls as possible.
 *
 * `eventcount` is the word on which they sleep. It has a state, and a generation, which changes each time the state
 * becomes ringing.
 *
 *   still     nobody sleeps. A thread that wants to sleep arms it, and then looks whether there is a permit.
 *   armed     threads may sleep, or be about to. A thread can go to sleep only on an armed eventcount, and only on the
 *             generation that it found.
 *   ringing   threads may sleep. To go to sleep, a thread must arm it again. If a wake call finds fewer sleepers than
 *             it should wake, or if every waiter has been woken after it, then nobody sleeps: the poster makes the
 *             eventcount still, unless it has changed since before the call.
 *   ended     the semaphore is being shut down. Nobody goes to sleep any more, and it stays so.
 *
 * A post that finds the eventcount still need not wake anybody: each registered thread will arm it, and then look
 * (KSEM_ORD_14). If the eventcount is armed, the post makes it ringing, and makes the wake call. If it is ringing, the
 * post only makes the wake call. So a post that is stopped before its call stops nobody: other posts make their calls.
 * And a registered thread that doesn't sleep yet, or was preempted, costs one wake call, not one for each post.
 *
 * `woken` counts the sleepers that the kernel says were woken, and that haven't looked yet. A post counts on those, and
 * wakes others only for further permits. A sleeper counts itself off before it looks, and a post reads `woken` after
 * its permits can be taken (KSEM_ORD_15): so a sleeper on which a post counted sees the permits of that post. A post
 * adds the sleepers that it woke after it woke them. If it is stopped before that, others wake more than needed. So
 * `woken` may be too low, even below 0, but never too high.
 *
 * The wakes of some threads aren't counted in `woken`. They sleep on the same word, but as on a shared one
 * (FUTEX_SHARED). The kernel keeps shared sleepers apart from private ones, and a wake call reaches either these or
 * those. The word of the semaphore says whether there may be such threads. There are two kinds:
 *
 *   - A thread that waits for one of several semaphores (WORD_SEVERAL) sleeps on several words at once. If two posts
 *     wake it before it runs, the kernel counts it as woken for both, but tells it of one. So if it were in `woken`, it
 *     would stay there. A post wakes as many of them as there are permits. Each looks at the semaphore, or, if it has a
 *     permit of another, passes the wake on when it deregisters.
 *   - A thread that wants several permits (WORD_WIDE). The kernel doesn't know who wants how many. Among the counted
 *     sleepers it would be woken for a post whose permits don't suffice for it, instead of one for which they do. While
 *     the word says that there is such a thread, a post wakes all of both kinds, besides the counted sleepers.
 *
 * Such a thread may come after a post, find too few permits, and go to sleep before the wakes of that post. If it wants
 * several permits, it may take the wake of one that waits for several semaphores: then the post wakes all of both
 * kinds. If it gets no wake, the post doesn't make the eventcount still, since the next post must wake it.
 *
 * A shutdown first ends the eventcount, then wakes all, and only then changes the word (WORD_SHUT). A thread that finds
 * the eventcount ended, and wants to sleep, does the rest of these steps for it. So if the thread that shuts down is
 * stopped, then either every waiter will leave, or no thread has been told of the shutdown.
 */
#ifndef KSEM_WAIT_EVENTCOUNT_H
#define KSEM_WAIT_EVENTCOUNT_H

#include "wait/waiter.h"
#include "word/state.h"

/*
 * Before a registered thread sleeps that wants so many permits. 0: there are fewer, and *signal says on what to sleep;
 * EAGAIN: it is to leave; ESHUTDOWN: it is to shut the semaphore down (semaphore_shut_down).
 */
int eventcount_arm(struct semaphore *sem, uint32_t want, struct signal *signal);

/* After a sleeper was woken that is counted in `woken`, before it looks for a permit. */
void eventcount_woke(struct semaphore *sem);

/* After a post that made the word `posted`, in the read section of that post: wakes the waiters that can go on. */
void eventcount_wake(struct semaphore *sem, word_t posted);

/* The first steps of a shutdown, in a read section: from now on nobody goes to sleep, and all sleepers are woken. */
void eventcount_end(struct semaphore *sem);

/* In a fork's child, which has one thread: no other thread sleeps. */
void eventcount_after_fork(struct semaphore *sem);

#endif
