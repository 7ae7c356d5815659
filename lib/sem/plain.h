/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plain semaphore: one word (word.h) in memory that isn't the library's own, because other OS processes have it too,
 * or because whoever took its last permit may free it. No permits per processor, and no eventcount.
 *
 * Waiters sleep on the half of the word that is the value. A post that leaves waiters makes a wake call, for every
 * permit that it sees: what a thread that stopped, or died, left undone is made good by the next post. After its permit
 * can be taken a post touches the memory no more; the address alone it gives to the kernel, which takes any.
 *
 * Where it is shared, processes may be killed at any instruction, and perhaps nobody posts again. So a post that sees
 * waiters has the kernel add its permit and wake for it in one call (futex.h: add_shared). Not so a post of more than
 * FUTEX_ADD_MAX, one to a value of more than half of what there can be, and one where the kernel refuses. Such a poster
 * warns the sleepers before its permits: it sets PLAIN_WARNED and wakes all, and those that sleep again look, as below.
 * The last waiter to leave takes the warning back.
 *
 * A sleeper that is killed, or stopped, after a post woke it takes the wake call with it, and others may sleep
 * beside the permit. plain_sleep_shared sees to that: beside other waiters, or warned, a thread sleeps for about
 * PLAIN_LOOK, looks at the word, and so on. A thread that is the only waiter sleeps until it is woken, however many
 * come after it: the kernel wakes those first that slept first. This matters for EINTR. The kernel says ETIMEDOUT of
 * a sleep whose time was over before the handler ran, and nothing then tells of the handler. So a wait may only go
 * on after such a sleep where there is no other way. Looks go by CLOCK_MONOTONIC whatever the deadline's clock; a
 * clock that was set shows at the look.
 *
 * Of what stands in memory that others can write, nothing is believed that could lead out of it: the word has no mode
 * here, whatever its bits say, and a count of waiters that is too low isn't taken below 0.
 *
 * Value, waiters and `shared` lie and mean what they do in glibc's sem_t of 64-bit processors (little endian): so in a
 * process where some code calls libc's functions on the same sem_t, each wakes the other's.
 *
 * Orders: as for struct semaphore, on whose word the same transitions are made (KSEM_ORD_1, KSEM_ORD_3).
 */
#ifndef KSEM_SEM_PLAIN_H
#define KSEM_SEM_PLAIN_H

#include <stdbool.h>

#include "base/compiler.h"
#include "os/futex.h"
#include "word/word.h"
#include "wait/spin.h"

#define PLAIN_LOOK   INT64_C(1000000000) /* ns */
#define PLAIN_WARNED (UINT64_C(1) << 54) /* in the word: sleepers look by themselves */
#define PLAIN_SHARED 0x80                /* glibc's value: what FUTEX_PRIVATE_FLAG is taken away by */

struct plain {
	atomic(word_t) word;  /* atomic; changed by read-modify-write only */
	uint32_t shared;      /* constant after creation: 0, or PLAIN_SHARED; <semaphore.h> alone asks */
	atomic(uint8_t) spin; /* atomic: a hint (spin.h) */
};

void plain_init(struct plain *sem, uint32_t value, enum futex_scope scope);

static inline word_t plain_word(const struct plain *sem)
{
	return load_acq(&sem->word) & ~WORD_MODES; /* KSEM_ORD_1 acquire */
}

/*
 * Posts n, to at most `most`. 0, EINVAL: dead, EOVERFLOW. *nobody: it made a wake call, and there was nobody to wake;
 * so waiters are on their way to sleep, or they died.
 */
int plain_post(struct plain *sem, uint32_t n, uint32_t most, enum futex_scope scope, bool *nobody);

/* 0: took a permit; EAGAIN: none; EINVAL: dead. */
int plain_take(struct plain *sem);

/* 0: took as many as there are, from `least` to `most`, at one instant; EAGAIN: fewer than `least`; EINVAL: dead. */
int plain_take_some(struct plain *sem, uint32_t least, uint32_t most, uint32_t *took);

/*
 * The most usual post and take: of one permit, where nobody waits, and nobody else changes the word just now. False:
 * nothing was done, and the call above does it or says why not.
 */
static inline bool plain_post_one(struct plain *sem)
{
	word_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */

	return likely(c < WORD_USUAL) && likely(cas_rel(&sem->word, &c, c + 1)); /* KSEM_ORD_1 release */
}

static inline bool plain_take_one(struct plain *sem)
{
	word_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */

	return likely(c - 1 < WORD_USUAL) && likely(cas_acq(&sem->word, &c, c - 1)); /* KSEM_ORD_1 acquire */
}

/* The same, by a thread that spins (spin.h), which begins with *spin all 0. */
int plain_spin_take(struct spin *spin, struct plain *sem);

/* The same, after spinning for one if that pays. */
int plain_take_spinning(struct plain *sem);

/* The same as plain_take, but EAGAIN: registered, and must leave. */
int plain_take_or_register(struct plain *sem);

/* Sleeps while there is no permit. 0 or EAGAIN: try to leave; ETIMEDOUT; EINTR. */
int plain_sleep(struct plain *sem, const struct deadline *deadline, enum futex_scope scope);

/* The same, but at most until it is time for a look (EAGAIN), since no post may wake the thread. */
int plain_sleep_and_look(struct plain *sem, const struct deadline *deadline);

/* The same on a shared one; beside other waiters the thread looks by itself (EAGAIN). */
int plain_sleep_shared(struct plain *sem, const struct deadline *deadline);

/*
 * The end of being registered: with a permit (0), or without if there is none and the thread gives up (ECANCELED).
 * EAGAIN.
 */
int plain_leave(struct plain *sem, bool give_up);

/* Ends posts and takes, if nobody waits. 0, or EBUSY. */
int plain_kill(struct plain *sem);

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
