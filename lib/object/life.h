/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What keeps a semaphore alive. One word counts the references of processes in its lower half, and the name and the
 * pins (`keeps`) in its upper half. Waiters keep it alive too, but are counted in the semaphore's own word
 * (word/word.h).
 *
 * A count of zero stays zero: a late look-up can't revive a semaphore that is being ended. A full count refuses more.
 *
 * KSEM_ORD_4: each drop is a release, and the last one an acquire, so all uses happen before the end.
 */
#ifndef KSEM_OBJECT_LIFE_H
#define KSEM_OBJECT_LIFE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"

typedef uint64_t life_t;

#define LIFE_HALF_MAX UINT32_MAX

static inline life_t life_refs(uint32_t n)
{
	return n;
}

static inline life_t life_keep(void)
{
	return UINT64_C(1) << 32;
}

static inline uint32_t life_count_refs(life_t life)
{
	return (uint32_t)life;
}

static inline uint32_t life_count_keeps(life_t life)
{
	return (uint32_t)(life >> 32);
}

/* The transition of life_take. 0; EINVAL: the count is zero; ENOMEM: a half would overflow. */
static inline int life_add(life_t life, life_t more, life_t *next)
{
	if (life == 0)
		return EINVAL;
	if (life_count_refs(more) > LIFE_HALF_MAX - life_count_refs(life) ||
	    life_count_keeps(more) > LIFE_HALF_MAX - life_count_keeps(life))
		return ENOMEM;
	*next = life + more;
	return 0;
}

/*
 * Adds references (life_refs(n)) or a keep (life_keep()). 0; EINVAL: the semaphore is being ended; ENOMEM: the count is
 * full.
 */
static inline int life_take(atomic(life_t) *life, life_t more)
{
	life_t old = load_rlx(life); /* relaxed: the compare-and-swap checks it */
	life_t next;

	do {
		int error = life_add(old, more, &next);

		if (error)
			return error;
		/* relaxed: the caller reached it through a publication that it acquired */
	} while (!cas_rlx(life, &old, next));
	return 0;
}

/* Drops what life_take added. True: it was the last, and only waiters keep the semaphore alive now. */
static inline bool life_drop(atomic(life_t) *life, life_t less)
{
	life_t old = load_rlx(life); /* relaxed: the compare-and-swap checks it */

	while (!cas_acq_rel(life, &old, old - less)) /* KSEM_ORD_4 release, KSEM_ORD_4 acquire */
		;
	return old == less;
}

/*
 * Turns a reference into a keep. EAGAIN: it is the last reference, and the caller must do more before it drops it.
 * ENOMEM: the count of keeps is full.
 */
static inline int life_keep_unless_last(atomic(life_t) *life)
{
	life_t old = load_rlx(life); /* relaxed: the compare-and-swap checks it */
	life_t next;

	do {
		if (life_count_refs(old) == 1)
			return EAGAIN;
		if (life_add(old - life_refs(1), life_keep(), &next))
			return ENOMEM;
	} while (!cas_acq_rel(life, &old, next)); /* KSEM_ORD_4 release, KSEM_ORD_4 acquire */
	return 0;
}

#endif
