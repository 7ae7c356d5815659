/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The word in memory: the transitions of word.h, made on a word that others change at the same time. There is one try
 * that stands inline in front of calls, and one loop, for posts and for takes each, whatever memory the word is in.
 *
 * A loop is a compare-and-swap that is tried again only when another thread changed the word: some thread always goes
 * on. It backs off in between. It says which word it made, and has no other effect: whom to wake, where else permits
 * may be, and what keeps the memory meanwhile is the caller's to know. After a post's permit can be taken, its loop
 * doesn't touch the memory.
 *
 * Orders: KSEM_ORD_1 joins a post to the take of its permit. Every change of the word is a read-modify-write, so each
 * post heads a release sequence that all later words belong to: a take acquires from every post before it, whichever
 * permit it thinks it took. A waiter that leaves releases what it did with the semaphore to its end (KSEM_ORD_3). A
 * post is sequentially consistent, for who goes by an eventcount (KSEM_ORD_14, KSEM_ORD_15).
 */
#ifndef KSEM_WORD_LOOP_H
#define KSEM_WORD_LOOP_H

#include "base/atomic.h"
#include "base/compiler.h"
#include "word/backoff.h"
#include "word/word.h"

/* Whose memory it is: the bits that are believed. */
#define WORD_OURS (~UINT64_C(0)) /* only the library writes there */
#define WORD_OPEN (~WORD_MODES)  /* others can write there: a mode would lead out of it, and there is none */

/* Answers of the loops that are no error numbers; nothing was done. */
#define WORD_ELSEWHERE (-1) /* permits may be elsewhere (mode): the caller looks there, and calls again */
#define WORD_BESIDE    (-2) /* there are waiters, beside whom the caller isn't ready to post */

/* Beside which waiters a post may make its permits: those that the caller will wake, or who look by themselves. */
enum word_beside {
	WORD_BESIDE_NONE,
	WORD_BESIDE_WARNED,
	WORD_BESIDE_ANY,
};

/* What a loop made. */
struct word_change {
	word_t from, to;
};

/*
 * The most usual post: of one permit, where the word is central, nobody waits, and nobody else changes it just now.
 * False: nothing was done.
 */
static inline bool word_post_one(atomic(word_t) *word)
{
	word_t c = load_rlx(word); /* relaxed: the compare-and-swap checks it */

	return likely(c < WORD_USUAL) && likely(cas_rel(word, &c, c + 1)); /* KSEM_ORD_1 release */
}

/* Could the same take be made of this word? */
static inline bool word_has_one(word_t c)
{
	return c - 1 < WORD_USUAL;
}

/* The same, of the word as it was loaded. */
static inline bool word_take_one(atomic(word_t) *word, word_t c)
{
	return likely(word_has_one(c)) && likely(cas_acq(word, &c, c - 1)); /* KSEM_ORD_1 acquire */
}

/*
 * Posts n permits, to at most `most`. 0, and the word that it made; EINVAL: dead; EOVERFLOW; WORD_ELSEWHERE: what is
 * there counts for the limit; WORD_BESIDE, and the word that it found.
 */
static inline int word_post_loop(atomic(word_t) *word, word_t believed, uint32_t n, uint32_t most,
				 enum word_beside beside, word_t *made)
{
	unsigned pauses = 0;

	for (;;) {
		word_t c = load_rlx(word); /* relaxed: the compare-and-swap checks it */
		int error = word_post(c & believed, n, most, made);

		if (unlikely(error) || n == 0)
			return error;
		if (unlikely(word_counts_slots(c & believed, *made)))
			return WORD_ELSEWHERE;
		if (unlikely(word_waiters(c) > 0) &&
		    (beside == WORD_BESIDE_NONE || (beside == WORD_BESIDE_WARNED && !(c & WORD_WARNED)))) {
			*made = c;
			return WORD_BESIDE;
		}
		/* KSEM_ORD_14 release, KSEM_ORD_14 acquire, KSEM_ORD_15 release, KSEM_ORD_15 acquire */
		if (likely(cas_seq(word, &c, *made))) /* KSEM_ORD_1 release */
			return 0;
		backoff(&pauses);
	}
}

/*
 * Takes permits, registers, or leaves, as that taker does (word_take_as), and says of which word it made which. As
 * word_take_as, or WORD_ELSEWHERE.
 */
static inline int word_take_loop(atomic(word_t) *word, word_t believed, uint32_t least, uint32_t most,
				 enum word_taker taker, struct word_change *change)
{
	unsigned pauses = 0;

	for (;;) {
		word_t was = load_acq(word); /* KSEM_ORD_1 acquire: an EAGAIN was posted to, and taken from, before */
		word_t c = was & believed;
		int error = word_take_as(c, least, most, taker, &change->to);

		change->from = c;
		if (unlikely(error == EAGAIN && word_mode(c) != WORD_CENTRAL) ||
		    unlikely(word_value(c) < most && word_slots_count(c) && error == 0))
			return WORD_ELSEWHERE;
		if (unlikely(change->to == c))
			return error;
		/* KSEM_ORD_1 acquire, KSEM_ORD_3 release, KSEM_ORD_3 acquire */
		if (likely(cas_acq_rel(word, &was, change->to)))
			return error;
		backoff(&pauses);
	}
}

/* Ends posts and takes, if nobody waits. 0, or EBUSY. */
static inline int word_kill_loop(atomic(word_t) *word, word_t believed)
{
	word_t c = load_rlx(word); /* relaxed: the compare-and-swap checks it */
	word_t next;

	do {
		int error = word_kill(c & believed, &next);

		if (error)
			return error;
	} while (!cas_acq(word, &c, next)); /* KSEM_ORD_3 acquire */
	return 0;
}

#endif
