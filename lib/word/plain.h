/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plain semaphore: one word (word.h) in memory that isn't the library's own, because other OS processes have it too,
 * or because whoever took its last permit may free it. No permits per processor, and no eventcount: its waiters sleep
 * on the word itself (wait/direct.h).
 *
 * Of what stands in memory that others can write, nothing is believed that could lead out of it: the word has no mode
 * here, whatever its bits say, and a count of waiters that is too low isn't taken below 0.
 *
 * Value, waiters and `shared` lie and mean what they do in glibc's sem_t of 64-bit processors (little endian): so in a
 * process where some code calls libc's functions on the same sem_t, each wakes the other's.
 */
#ifndef KSEM_WORD_PLAIN_H
#define KSEM_WORD_PLAIN_H

#include "word/loop.h"

#define PLAIN_SHARED 0x80 /* glibc's value: what FUTEX_PRIVATE_FLAG is taken away by */

struct plain {
	atomic(word_t) word;  /* atomic; changed by read-modify-write only */
	uint32_t shared;      /* constant after creation: 0, or PLAIN_SHARED; <semaphore.h> alone asks */
	atomic(uint8_t) spin; /* atomic: a hint (wait/spin.h) */
};

static inline word_t plain_word(const struct plain *sem)
{
	return load_acq(&sem->word) & WORD_OPEN; /* KSEM_ORD_1 acquire */
}

/* The inline tries (word/loop.h). */
static inline bool plain_post_one(struct plain *sem)
{
	return word_post_one(&sem->word);
}

static inline bool plain_take_one(struct plain *sem)
{
	return word_take_one(&sem->word, load_rlx(&sem->word)); /* relaxed: the compare-and-swap checks it */
}

/* 0: took a permit; EAGAIN: none; EINVAL: dead. */
static inline int plain_take(struct plain *sem)
{
	struct word_change change;

	return word_take_loop(&sem->word, WORD_OPEN, 1, 1, WORD_TRIES, &change);
}

/* 0: took as many as there are, from `least` to `most`, at one instant; EAGAIN: fewer than `least`; EINVAL: dead. */
static inline int plain_take_some(struct plain *sem, uint32_t least, uint32_t most, uint32_t *took)
{
	struct word_change change;
	int error = word_take_loop(&sem->word, WORD_OPEN, least, most, WORD_TRIES, &change);

	if (!error)
		*took = word_value(change.from) - word_value(change.to);
	return error;
}

/* As plain_take, but EAGAIN: registered, and must leave. */
static inline int plain_take_or_register(struct plain *sem)
{
	struct word_change change;

	return word_take_loop(&sem->word, WORD_OPEN, 1, 1, WORD_REGISTERS, &change);
}

/*
 * The end of being registered: with a permit (0), or without if there is none and the thread gives up (ECANCELED).
 * EAGAIN; EINVAL: dead all the same.
 */
static inline int plain_leave(struct plain *sem, bool give_up)
{
	struct word_change change;

	return word_take_loop(&sem->word, WORD_OPEN, 1, 1, give_up ? WORD_GIVES_UP : WORD_REGISTERED, &change);
}

/* Ends posts and takes, if nobody waits. 0, or EBUSY. */
static inline int plain_kill(struct plain *sem)
{
	return word_kill_loop(&sem->word, WORD_OPEN);
}

#endif
