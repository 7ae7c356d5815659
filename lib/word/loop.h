/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The word in memory: makes the transitions of word.h on a word that other threads change at the same time. For posts
 * and for takes there is one inline try, which calls begin with, and one loop, whatever memory the word is in.
 *
 * A loop repeats a compare-and-swap only if another thread changed the word meanwhile, so some thread always goes on.
 * It backs off in between. It returns the word that it made, and has no other effect. The caller decides whom to wake,
 * looks for permits elsewhere, and keeps the memory allocated. Once a post's permit can be taken, the loop doesn't
 * touch the memory any more.
 *
 * Orders: KSEM_ORD_1 joins a post to the take of its permit. Every change of the word is a read-modify-write, so each
 * post heads a release sequence to which all later words belong: a take acquires from every earlier post, so it doesn't
 * matter whose permit it took. A waiter that deregisters releases, and the end of the semaphore acquires (KSEM_ORD_3).
 * A post is sequentially consistent, because of eventcounts (KSEM_ORD_14, KSEM_ORD_15).
 */
#ifndef KSEM_WORD_LOOP_H
#define KSEM_WORD_LOOP_H

#include "base/atomic.h"
#include "base/compiler.h"
#include "word/backoff.h"
#include "word/word.h"

/* Which bits of the word a caller believes (`believed`); the others count as 0. */
#define WORD_OURS (~UINT64_C(0)) /* only the library writes there */
#define WORD_OPEN \
	(~(WORD_MODES | WORD_TOP | WORD_MOVED)) /* others can write there; a mode would lead to slots, and is ignored */

/*
 * A word as it is in memory, and what it means. They differ only where others can write, if it is shut: plain.h says
 * how. word_to_memory is for a change of the word that was read as `memory`.
 */
static ALWAYS_INLINE word_t word_from_memory(word_t memory, word_t believed)
{
	word_t c = memory & believed;

	if (believed == WORD_OURS || likely(!word_is_shut(c)))
		return c;
	return (c & ~WORD_CALLED) | (memory & WORD_TOP ? WORD_CALLED : 0);
}

static ALWAYS_INLINE word_t word_to_memory(word_t c, word_t memory, word_t believed)
{
	if (believed == WORD_OURS || likely(!word_is_shut(c)))
		return c;
	return (c & ~WORD_CALLED) | (c & WORD_CALLED ? WORD_TOP : 0) |
	       (word_is_shut(memory) ? memory & WORD_CALLED : 0);
}

/* Results of the loops that are not error numbers. Nothing was done. */
#define WORD_ELSEWHERE (-1) /* permits may be in slots (mode): the caller must look there, and call again */
#define WORD_BESIDE    (-2) /* there are waiters, and the caller isn't prepared for them */

/* With which waiters a post may go on: those that the caller will wake, or that look by themselves. */
enum word_beside {
	WORD_BESIDE_NONE,
	WORD_BESIDE_WARNED,
	WORD_BESIDE_ANY,
};

/* The words before and after a take. */
struct word_change {
	word_t from, to;
};

/*
 * The common case of a post: one permit, the word is central, no thread waits, and no other thread changes the word at
 * the same time. False: nothing was done.
 */
static inline bool word_post_one(atomic(word_t) *word)
{
	word_t c = load_rlx(word); /* relaxed: the compare-and-swap checks it */

	return likely(c < WORD_USUAL) && likely(cas_rel(word, &c, c + 1)); /* KSEM_ORD_1 release */
}

/* Does this word allow the common case of a take? */
static inline bool word_has_one(word_t c)
{
	return c - 1 < WORD_USUAL;
}

/* The common case of a take, from the word c as it was loaded. */
static inline bool word_take_one(atomic(word_t) *word, word_t c)
{
	return likely(word_has_one(c)) && likely(cas_acq(word, &c, c - 1)); /* KSEM_ORD_1 acquire */
}

/*
 * Posts n permits; the value may become at most `most`. 0, and the word that it made; EINVAL: dead; EOVERFLOW;
 * WORD_ELSEWHERE: permits in slots count for the limit; WORD_BESIDE, and the word that it found.
 */
static inline int word_post_loop(atomic(word_t) *word, word_t believed, uint32_t n, uint32_t most,
				 enum word_beside beside, word_t *made)
{
	unsigned pauses = 0;

	for (;;) {
		word_t was = load_rlx(word); /* relaxed: the compare-and-swap checks it */
		word_t c = word_from_memory(was, believed);
		int error = word_post(c, n, most, made);

		if (unlikely(error) || n == 0)
			return error;
		if (unlikely(word_counts_slots(c, *made)))
			return WORD_ELSEWHERE;
		if (unlikely(word_waiters(c) > 0) &&
		    (beside == WORD_BESIDE_NONE || (beside == WORD_BESIDE_WARNED && !(c & WORD_WARNED)))) {
			*made = c;
			return WORD_BESIDE;
		}
		/* KSEM_ORD_14 release, KSEM_ORD_14 acquire, KSEM_ORD_15 release, KSEM_ORD_15 acquire */
		if (likely(cas_seq(word, &was, word_to_memory(*made, was, believed)))) /* KSEM_ORD_1 release */
			return 0;
		backoff(&pauses);
	}
}

/*
 * Takes permits, registers or deregisters, as that kind of taker does (word_take_as). Stores the words before and
 * after. The result is that of word_take_as, or WORD_ELSEWHERE.
 */
static inline int word_take_loop(atomic(word_t) *word, word_t believed, uint32_t least, uint32_t most,
				 enum word_taker taker, struct word_change *change)
{
	unsigned pauses = 0;

	for (;;) {
		/* KSEM_ORD_1 acquire: an EAGAIN comes after the posts and takes that it saw */
		word_t was = load_acq(word);
		word_t c = word_from_memory(was, believed);
		int error = word_take_as(c, least, most, taker, &change->to);

		change->from = c;
		if (unlikely(error == EAGAIN && word_mode(c) != WORD_CENTRAL) ||
		    unlikely(word_value(c) < most && word_slots_count(c) && error == 0))
			return WORD_ELSEWHERE;
		if (unlikely(change->to == c))
			return error;
		/* KSEM_ORD_1 acquire, KSEM_ORD_3 release, KSEM_ORD_3 acquire */
		if (likely(cas_acq_rel(word, &was, word_to_memory(change->to, was, believed))))
			return error;
		backoff(&pauses);
	}
}

/* Makes the word dead, if no thread waits. 0, or EBUSY. */
static inline int word_kill_loop(atomic(word_t) *word, word_t believed)
{
	word_t was = load_rlx(word); /* relaxed: the compare-and-swap checks it */
	word_t next;

	do {
		int error = word_kill(word_from_memory(was, believed), &next);

		if (error)
			return error;
	} while (!cas_acq(word, &was, word_to_memory(next, was, believed))); /* KSEM_ORD_3 acquire */
	return 0;
}

#endif
