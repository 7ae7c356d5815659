/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The word of a semaphore as a value: every fact that a decision needs, in 64 bits, and the transitions between words.
 *
 *   bits   name      meaning
 *   0-31   value     permits that can be taken
 *   32-53  waiters   threads that have registered, asleep or about to be; each keeps the semaphore's memory
 *   54     warned    waiters look by themselves (wait/direct.h); 0 where nobody waits
 *   55     -         kept; 0
 *   56     dead      nothing can be posted or taken any more
 *   57     orphan    no reference, name or pin is left: the last waiter to go ends the semaphore
 *   58-60  mode      where permits are besides value (percpu.h); 0: nowhere
 *   61-63  -         kept; 0
 *
 * Dead, orphan and mode have a byte of their own, which one comparison can check: it is the guard of a restartable
 * sequence.
 *
 * Legal and illegal:
 *   value    raising it while waiters > 0 without then seeing to it that as many of them (or all) look: illegal, one
 *            may sleep beside a permit for ever. Raising it over KSEM_VALUE_MAX: illegal.
 *   waiters  raising it while value > 0: illegal, the thread would sleep beside a permit. Lowering it by another than
 *            the thread that raised it: illegal (but for a fork's child, which counts off the threads it hasn't got).
 *            22 bits hold all threads that Linux can have; but a count that the dead left can grow, so one that is
 *            WORD_WAITERS_MAX is stuck: nobody is counted on or off any more, and each post makes a wake call.
 *   mode     see percpu.h. Waiters where the mode isn't central: illegal, a permit may come where nobody looks for
 *            waiters.
 *   dead     setting it while waiters > 0: illegal, nobody would wake them. Clearing it: illegal.
 *   orphan   setting it while waiters = 0: illegal, set dead instead: nobody would end the semaphore. Missing it on the
 *            way to waiters = 0: illegal, for the same reason.
 *
 * A transition takes the word it starts from, and either writes the next word and returns 0 or returns the error number
 * that says why there is none. None has a side effect, so each can be tested on every kind of word without a thread.
 * loop.h makes them on a word that others change too.
 */
#ifndef KSEM_WORD_WORD_H
#define KSEM_WORD_WORD_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

typedef uint64_t word_t;

#define WORD_VALUE_MAX   UINT32_MAX
#define WORD_USUAL       INT32_MAX            /* how far the inline tries go: one instruction compares with it */
#define WORD_PERCPU_MAX  (WORD_VALUE_MAX / 2) /* the highest in percpu mode: no sequence can overflow */
#define WORD_WAITER      (UINT64_C(1) << 32)
#define WORD_WAITERS_MAX ((UINT64_C(1) << 22) - 1)
#define WORD_WARNED      (UINT64_C(1) << 54)
#define WORD_DEAD        (UINT64_C(1) << 56)
#define WORD_ORPHAN      (UINT64_C(1) << 57)
#define WORD_MODE_SHIFT  58
#define WORD_MODES       (UINT64_C(7) << WORD_MODE_SHIFT)

enum word_mode {
	WORD_CENTRAL = 0,
	WORD_PREPARING = 1,
	WORD_PERCPU = 2,
	WORD_REVOKING = 3,
	WORD_EMPTYING = 4,
};

static inline word_t word_new(uint32_t value)
{
	return value;
}

static inline uint32_t word_value(word_t c)
{
	return (uint32_t)c;
}

static inline uint32_t word_waiters(word_t c)
{
	return (uint32_t)(c >> 32 & WORD_WAITERS_MAX);
}

static inline bool word_is_dead(word_t c)
{
	return (c & WORD_DEAD) != 0;
}

static inline bool word_is_orphan(word_t c)
{
	return (c & WORD_ORPHAN) != 0;
}

static inline enum word_mode word_mode(word_t c)
{
	return (enum word_mode)((c & WORD_MODES) >> WORD_MODE_SHIFT);
}

/* Do the slots hold permits that aren't in the value? */
static inline bool word_slots_count(word_t c)
{
	return word_mode(c) == WORD_PERCPU || word_mode(c) == WORD_REVOKING;
}

static inline word_t word_with_mode(word_t c, enum word_mode mode)
{
	return (c & ~WORD_MODES) | (word_t)mode << WORD_MODE_SHIFT;
}

/* n permits more, up to `most`. */
static inline int word_post(word_t c, uint32_t n, uint32_t most, word_t *next)
{
	if (word_is_dead(c))
		return EINVAL;
	if (word_value(c) > most || n > most - word_value(c))
		return EOVERFLOW;
	*next = c + n;
	return 0;
}

/*
 * Must the semaphore be central before a post makes c `next`? What the slots hold counts for the limit, and in percpu
 * mode the value stays where no sequence can overflow.
 */
static inline bool word_counts_slots(word_t c, word_t next)
{
	return word_mode(c) != WORD_CENTRAL && word_value(next) > WORD_PERCPU_MAX;
}

/*
 * How many waiters, each for one permit, a post that made the word `posted` must wake, if `woken` of them will look at
 * it anyway. For all the permits there are, not for its own alone: a post before it may not have come to its wake yet,
 * and then counts on the sleepers that this one woke.
 */
static inline uint32_t word_to_wake(word_t posted, int32_t woken)
{
	uint32_t can_go = word_waiters(posted) < word_value(posted) ? word_waiters(posted) : word_value(posted);
	uint32_t will_look = woken > 0 ? (uint32_t)woken : 0;

	return can_go > will_look ? can_go - will_look : 0;
}

/* As many permits less as there are, up to `most`. EAGAIN: fewer than `least`. */
static inline int word_take_some(word_t c, uint32_t least, uint32_t most, word_t *next)
{
	uint32_t n = word_value(c) < most ? word_value(c) : most;

	if (word_is_dead(c))
		return EINVAL;
	if (n < least)
		return EAGAIN;
	*next = c - n;
	return 0;
}

/* n permits less. */
static inline int word_take(word_t c, uint32_t n, word_t *next)
{
	return word_take_some(c, n, n, next);
}

/* One waiter more or less, in the count alone. What others can write may count too few. */
static inline word_t word_waiter_more(word_t c)
{
	return word_waiters(c) < WORD_WAITERS_MAX ? c + WORD_WAITER : c;
}

static inline word_t word_waiter_less(word_t c)
{
	return word_waiters(c) > 0 && word_waiters(c) < WORD_WAITERS_MAX ? c - WORD_WAITER : c;
}

/* One waiter more; only where n permits aren't there (EAGAIN: they are, or may be elsewhere). */
static inline int word_register(word_t c, uint32_t n, word_t *next)
{
	if (word_is_dead(c))
		return EINVAL;
	if (word_value(c) >= n || word_mode(c) != WORD_CENTRAL)
		return EAGAIN;
	*next = word_waiter_more(c);
	return 0;
}

/* One waiter less: an orphan's last waiter leaves it dead. */
static inline word_t word_deregister(word_t c)
{
	c = word_waiter_less(c);
	if (word_waiters(c) == 0)
		c &= ~WORD_WARNED;
	if (word_is_orphan(c) && word_waiters(c) == 0)
		c |= WORD_DEAD;
	return c;
}

/* A waiter takes n permits, and is a waiter no more. */
static inline int word_take_registered(word_t c, uint32_t n, word_t *next)
{
	int error = word_take(c, n, next);

	if (!error)
		*next = word_deregister(*next);
	return error;
}

/* A waiter gives up; only where n permits aren't there (EAGAIN: they are, take them). */
static inline int word_give_up(word_t c, uint32_t n, word_t *next)
{
	if (word_value(c) >= n)
		return EAGAIN;
	*next = word_deregister(c);
	return 0;
}

/* Who takes, and what becomes of one for whom the permits aren't there. */
enum word_taker {
	WORD_TRIES,      /* a thread that isn't registered; nothing */
	WORD_REGISTERS,  /* the same; it registers */
	WORD_REGISTERED, /* a waiter; it stays one */
	WORD_GIVES_UP,   /* a waiter; it leaves */
};

/*
 * What that taker of `least` to `most` permits makes of the word, always in *next, perhaps c as it is. One that is or
 * becomes a waiter takes `least`. 0: it has them; EAGAIN: it hasn't; ECANCELED: it left without; EINVAL: dead.
 */
static inline int word_take_as(word_t c, uint32_t least, uint32_t most, enum word_taker taker, word_t *next)
{
	bool registered = taker == WORD_REGISTERED || taker == WORD_GIVES_UP;
	int error = registered ? word_take_registered(c, least, next) : word_take_some(c, least, most, next);

	if (error == 0)
		return 0;
	*next = c;
	if (error == EAGAIN && taker == WORD_REGISTERS)
		word_register(c, least, next); /* or the mode isn't central */
	if (error == EAGAIN && taker == WORD_GIVES_UP) {
		word_give_up(c, least, next); /* can't fail: the permits aren't there */
		return ECANCELED;
	}
	return error;
}

/* The end by destroy: only where nobody waits. */
static inline int word_kill(word_t c, word_t *next)
{
	if (word_waiters(c) != 0)
		return EBUSY;
	*next = c | WORD_DEAD;
	return 0;
}

/* The end by losing the last reference, name and pin: at once, or when the last waiter goes. */
static inline word_t word_abandon(word_t c)
{
	return c | (word_waiters(c) == 0 ? WORD_DEAD : WORD_ORPHAN);
}

/* In the child of a fork: of all the waiters, only those of the one thread that it has. */
static inline word_t word_after_fork(word_t c, uint32_t waiters)
{
	if (word_waiters(c) == waiters)
		return c;
	c &= ~(WORD_WAITERS_MAX << 32);
	c |= waiters * WORD_WAITER;
	if (word_is_orphan(c) && waiters == 0)
		c |= WORD_DEAD;
	return c;
}

#endif
