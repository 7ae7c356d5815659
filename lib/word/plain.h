/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plain semaphore: one word (word.h), in memory that isn't the library's own. Other OS processes may have it mapped,
 * or the thread that takes the last permit may free it. It has neither slots nor an eventcount: waiters sleep on the
 * word itself (wait/plain.h).
 *
 * Others may write anything to that memory. So the library ignores the mode bits, which would lead to slots, and never
 * lowers a count of waiters below 0.
 *
 * Waiters sleep while the value is as they saw it: the kernel compares that half of the word. So shutdown must change
 * it, and by the system call that wakes them: a process that is killed in between would leave them asleep. In a word
 * that is shut, bit 31 (called) is no bit of the value. It says that all sleepers were woken, and once set it stays.
 * Bit 31 of the value is in `top` then. The thread that sets shut clears `called`, and then has the kernel set it and
 * wake. Whoever finds shut without called does that too, before it says that the semaphore is shut. A thread that was
 * stopped may do it late; it is set then, and stays. word_from_memory (loop.h) reads such a word as any other.
 *
 * On 64-bit little-endian processors, value, waiters and `shared` have the same place and meaning as in glibc's sem_t.
 * So if some code of a program calls libc's functions on the same sem_t, posts of either wake waiters of the other.
 */
#ifndef KSEM_WORD_PLAIN_H
#define KSEM_WORD_PLAIN_H

#include "word/loop.h"

#define PLAIN_SHARED 0x80 /* glibc's value, which removes FUTEX_PRIVATE_FLAG */

struct plain {
	atomic(word_t) word; /* atomic; changed by read-modify-write only */
	union {
		struct {
			uint32_t shared;             /* constant: 0, or PLAIN_SHARED; only lib/posix/ reads it */
			atomic(uint8_t) spin;        /* atomic: a hint (wait/spin.h) */
			atomic(uint8_t) wakes_stray; /* atomic: 1: who is woken may be one that can't go on */
			uint16_t trims; /* counts when waiters are counted off; changes together with the word */
		};
		atomic(uint64_t) rest; /* atomic: all of these, as plain_trim_waiters swaps them (wait/plain.h) */
	};
};

_Static_assert(sizeof(struct plain) == 16, "a pair (base/pair.h), if it is aligned as one");

static inline word_t plain_word(const struct plain *sem)
{
	return word_from_memory(load_acq(&sem->word), WORD_OPEN); /* KSEM_ORD_1 acquire */
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

/* Takes as many as there are, from `least` to `most`, at one instant. 0; EAGAIN: fewer than `least`; EINVAL: dead. */
static inline int plain_take_some(struct plain *sem, uint32_t least, uint32_t most, uint32_t *took)
{
	struct word_change change;
	int error = word_take_loop(&sem->word, WORD_OPEN, least, most, WORD_TRIES, &change);

	if (!error)
		*took = word_value(change.from) - word_value(change.to);
	return error;
}

/* As plain_take, of n; but EAGAIN: the thread is registered, and must call plain_leave. ESHUTDOWN. */
static inline int plain_take_or_register(struct plain *sem, uint32_t n)
{
	struct word_change change;

	return word_take_loop(&sem->word, WORD_OPEN, n, n, WORD_REGISTERS, &change);
}

/*
 * Tries to deregister. 0: with n permits; ECANCELED: without, since there were too few and the thread gives up;
 * ESHUTDOWN: so it did; EAGAIN: still registered; EINVAL: the semaphore is dead nevertheless.
 */
static inline int plain_leave(struct plain *sem, uint32_t n, bool give_up)
{
	struct word_change change;

	return word_take_loop(&sem->word, WORD_OPEN, n, n, give_up ? WORD_GIVES_UP : WORD_REGISTERED, &change);
}

/* Makes the word dead, if no thread waits. 0, or EBUSY. */
static inline int plain_kill(struct plain *sem)
{
	return word_kill_loop(&sem->word, WORD_OPEN);
}

#endif
