/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A queue's waits on a semaphore that has no line: a shared one with the default attributes.
 *
 * Such waits are direct: each is registered in the semaphore's own word, as a waiting thread is (object/kind.h). The
 * queue has a list of those that pend. Whoever has the queue's lock may try for them (direct_serve): the listener,
 * which sleeps on the word for all of them; threads that reap or cancel; threads of this OS process that post. As with
 * threads, whoever comes first takes a permit.
 *
 * Why doesn't the semaphore move to a line, as a private one does? While a thread waits, the kernel makes the posts
 * (wait/plain.h), and adds to the value whatever the rest of the word says. A poster that stopped before its system
 * call would add to a word that is no longer used. Whoever carried that permit to the line could be killed on the way,
 * and the permit would be lost. Besides, threads of other processes go on as before, and the file's layout stays.
 *
 * No wake is lost. The listener looks under the lock, and sleeps only while the value is as it saw it. A new wait for
 * which that value would do wakes it (direct_needs_call). The listener may still sleep on the word when the last wait
 * there is over. Then it is woken, too, and the source is closed only after that. If a post woke the listener
 * meanwhile, it passes the wake on. If the process is killed before that, other waiters look by themselves.
 *
 * The listener passes a wake on only if, at some moment of its sleep, no wait was pending. Otherwise the post saw a
 * pending wait. That wait takes the permit; or it gave up, and then it woke others (plain_renounce); or it wants
 * several permits, and then the post woke all sleepers. If listeners passed on other wakes, too, they could wake each
 * other for ever.
 *
 * A wait that is decided stays in the table by user_data until it is reaped, so whoever goes through that table may try
 * for waits.
 *
 * What protects its data: the queue's lock.
 */
#ifndef KSEM_QUEUE_DIRECT_H
#define KSEM_QUEUE_DIRECT_H

#include "queue/cq.h"

static inline bool source_is_direct(const struct source *source)
{
	return source->direct.ops != NULL;
}

/* Begins to have waits there. */
void direct_open(struct source *source, const struct direct_ops *ops);

/*
 * Takes the permits, or registers the wait. 0: took; EAGAIN: registered, and direct_add must follow; ESHUTDOWN; EINVAL;
 * ENOMEM.
 */
int direct_enter(struct wait *wait);
void direct_add(struct wait *wait);

/* Must the listener be called for a wait that was added? */
bool direct_needs_call(const struct wait *wait);

/*
 * Ends the waits that can go on. True: there were some, and the caller must notify the queue. If others are left, sets
 * *place to the futex word on which to sleep for them.
 */
bool direct_serve(struct source *source, struct futex_place *place);

/* Before the listener sleeps on the semaphore's word. */
void direct_arm(struct source *source, const struct futex_place *place);

/*
 * After that sleep: as direct_serve. `woken`: a wake call ended the sleep. If that may have been meant for another
 * waiter, the wake is passed on.
 */
bool direct_woke(struct source *source, bool woken);

/* A wait gives up. False: it was decided before. */
bool direct_cancel(struct wait *wait, int why);

#endif
