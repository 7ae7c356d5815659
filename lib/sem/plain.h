/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plain semaphore: one word (count.h) in memory that isn't the library's own, because other OS processes have it too,
 * or because whoever took its last permit may free it. No permits per processor, and no bell.
 *
 * Waiters sleep on the half of the word that is the value. A post that leaves waiters makes a wake call, for every
 * permit that it sees: a poster that stops, or dies, between its permit and its call is made good by the next. After
 * its permit can be taken a post touches the memory no more; the address alone it gives to the kernel, which takes any.
 *
 * Of what stands in memory that others can write, nothing is believed that could lead out of it: the word has no mode
 * here, whatever its bits say, and a count of waiters that is too low isn't taken below 0.
 *
 * Where it is shared, a sleeper looks at the word itself every PLAIN_LOOK: a poster may have been killed before its
 * wake call, and nobody may come after it.
 *
 * Orders: as for struct semaphore, on whose word the same transitions are made (KSEM_ORD_1, KSEM_ORD_3).
 */
#ifndef KSEM_SEM_PLAIN_H
#define KSEM_SEM_PLAIN_H

#include <stdbool.h>

#include "base/compiler.h"
#include "os/futex.h"
#include "sem/count.h"
#include "sem/spin.h"

#define PLAIN_LOOK 1 /* s */

struct plain {
	atomic(count_t) word; /* atomic; changed by read-modify-write only */
	atomic(uint8_t) spin; /* atomic: a hint (spin.h) */
};

void plain_init(struct plain *sem, uint32_t value);

static inline count_t plain_word(const struct plain *sem)
{
	return load_acq(&sem->word) & ~COUNT_MODES; /* KSEM_ORD_1 acquire */
}

/*
 * Posts n, to at most `most`. 0, EINVAL: dead, EOVERFLOW. *nobody: it made a wake call, and there was nobody to wake;
 * so waiters are on their way to sleep, or they died.
 */
int plain_post(struct plain *sem, uint32_t n, uint32_t most, enum futex_scope scope, bool *nobody);

/* 0: took a permit; EAGAIN: none; EINVAL: dead. */
int plain_take(struct plain *sem);

/*
 * The most usual post and take: of one permit, where nobody waits, and nobody else changes the word just now. False:
 * nothing was done, and the call above does it or says why not.
 */
static inline bool plain_post_one(struct plain *sem)
{
	count_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */

	return likely(c < COUNT_USUAL) && likely(cas_rel(&sem->word, &c, c + 1)); /* KSEM_ORD_1 release */
}

static inline bool plain_take_one(struct plain *sem)
{
	count_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */

	return likely(c - 1 < COUNT_USUAL) && likely(cas_acq(&sem->word, &c, c - 1)); /* KSEM_ORD_1 acquire */
}

/* The same, by a thread that spins (spin.h), which begins with *spin all 0. */
int plain_spin_take(struct spin *spin, struct plain *sem);

/* The same, after spinning for one if that pays. */
int plain_take_spinning(struct plain *sem);

/* The same as plain_take, but EAGAIN: enlisted, and must leave. */
int plain_take_or_enlist(struct plain *sem);

/* Sleeps while there is no permit. 0 or EAGAIN: try to leave; ETIMEDOUT; EINTR. */
int plain_sleep(struct plain *sem, const struct deadline *deadline, enum futex_scope scope);

/*
 * The end of being enlisted: with a permit (0), or without if there is none and the thread gives up (ECANCELED).
 * EAGAIN.
 */
int plain_leave(struct plain *sem, bool give_up);

/* From having enlisted to having left. 0, ETIMEDOUT, EINTR. */
int plain_park(struct plain *sem, const struct deadline *deadline, enum futex_scope scope);

/* Ends posts and takes, if nobody waits. 0, or EBUSY. */
int plain_kill(struct plain *sem);

/* Counts waiters down to `most`, if there are more in the word as it was when there were at most so many in fact. */
void plain_trim_waiters(struct plain *sem, count_t was, uint32_t most);

/* One waiter more: in a fork's child, whose one thread is enlisted as the thread is that it is a copy of. */
void plain_add_waiter(struct plain *sem);

#endif
