/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The word of a semaphore as a value: every fact that a decision needs, in 64 bits, and the transitions between words.
 *
 *   bits   name      meaning
 *   0-31   value     permits that can be taken
 *   32-53  waiters   threads that have enlisted, asleep or about to be; each keeps the semaphore's memory
 *   54     warned    of plain semaphores: plain.h. Elsewhere 0
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
 *            COUNT_WAITERS_MAX is stuck: nobody is counted on or off any more, and each post makes a wake call.
 *   mode     see percpu.h. Waiters where the mode isn't central: illegal, a permit may come where nobody looks for
 *            waiters.
 *   dead     setting it while waiters > 0: illegal, nobody would wake them. Clearing it: illegal.
 *   orphan   setting it while waiters = 0: illegal, set dead instead: nobody would end the semaphore. Missing it on the
 *            way to waiters = 0: illegal, for the same reason.
 *
 * A transition takes the word it starts from, and either writes the next word and returns 0 or returns the error number
 * that says why there is none. None has a side effect, so each can be tested on every kind of word without a thread.
 */
#ifndef KSEM_SEM_COUNT_H
#define KSEM_SEM_COUNT_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

typedef uint64_t count_t;

#define COUNT_VALUE_MAX   UINT32_MAX
#define COUNT_USUAL       INT32_MAX /* how far the short ways go: x86-64 compares with it in one instruction */
#define COUNT_WAITER      (UINT64_C(1) << 32)
#define COUNT_WAITERS_MAX ((UINT64_C(1) << 22) - 1)
#define COUNT_DEAD        (UINT64_C(1) << 56)
#define COUNT_ORPHAN      (UINT64_C(1) << 57)
#define COUNT_MODE_SHIFT  58
#define COUNT_MODES       (UINT64_C(7) << COUNT_MODE_SHIFT)

enum count_mode {
	COUNT_CENTRAL = 0,
	COUNT_PREPARING = 1,
	COUNT_PERCPU = 2,
	COUNT_REVOKING = 3,
	COUNT_DRAINING = 4,
};

static inline count_t count_new(uint32_t value)
{
	return value;
}

static inline uint32_t count_value(count_t c)
{
	return (uint32_t)c;
}

static inline uint32_t count_waiters(count_t c)
{
	return (uint32_t)(c >> 32 & COUNT_WAITERS_MAX);
}

static inline bool count_is_dead(count_t c)
{
	return (c & COUNT_DEAD) != 0;
}

static inline bool count_is_orphan(count_t c)
{
	return (c & COUNT_ORPHAN) != 0;
}

static inline enum count_mode count_mode(count_t c)
{
	return (enum count_mode)((c & COUNT_MODES) >> COUNT_MODE_SHIFT);
}

static inline count_t count_with_mode(count_t c, enum count_mode mode)
{
	return (c & ~COUNT_MODES) | (count_t)mode << COUNT_MODE_SHIFT;
}

/* n permits more. */
static inline int count_post(count_t c, uint32_t n, count_t *next)
{
	if (count_is_dead(c))
		return EINVAL;
	if (n > COUNT_VALUE_MAX - count_value(c))
		return EOVERFLOW;
	*next = c + n;
	return 0;
}

/*
 * How many waiters a post that made the word `posted` must wake, if `woken` of them will look at it anyway. For all the
 * permits there are, not for its own alone: a post before it may not have come to its wake yet, and then counts on the
 * sleepers that this one woke.
 */
static inline uint32_t count_to_wake(count_t posted, int32_t woken)
{
	uint32_t can_go = count_waiters(posted) < count_value(posted) ? count_waiters(posted) : count_value(posted);
	uint32_t will_look = woken > 0 ? (uint32_t)woken : 0;

	return can_go > will_look ? can_go - will_look : 0;
}

/* One permit less. */
static inline int count_take(count_t c, count_t *next)
{
	if (count_is_dead(c))
		return EINVAL;
	if (count_value(c) == 0)
		return EAGAIN;
	*next = c - 1;
	return 0;
}

/* One waiter more or less, in the count alone. */
static inline count_t count_waiter_more(count_t c)
{
	return count_waiters(c) < COUNT_WAITERS_MAX ? c + COUNT_WAITER : c;
}

static inline count_t count_waiter_less(count_t c)
{
	return count_waiters(c) < COUNT_WAITERS_MAX ? c - COUNT_WAITER : c;
}

/* One waiter more; only where there is no permit (EAGAIN: there is one, or may be one elsewhere). */
static inline int count_enlist(count_t c, count_t *next)
{
	if (count_is_dead(c))
		return EINVAL;
	if (count_value(c) != 0 || count_mode(c) != COUNT_CENTRAL)
		return EAGAIN;
	*next = count_waiter_more(c);
	return 0;
}

/* One waiter less: an orphan's last waiter leaves it dead. */
static inline count_t count_delist(count_t c)
{
	c = count_waiter_less(c);
	if (count_is_orphan(c) && count_waiters(c) == 0)
		c |= COUNT_DEAD;
	return c;
}

/* A waiter takes a permit, and is a waiter no more. */
static inline int count_take_enlisted(count_t c, count_t *next)
{
	if (count_value(c) == 0)
		return EAGAIN;
	*next = count_delist(c - 1);
	return 0;
}

/* A waiter gives up; only where there is no permit (EAGAIN: there is one, take it). */
static inline int count_give_up(count_t c, count_t *next)
{
	if (count_value(c) != 0)
		return EAGAIN;
	*next = count_delist(c);
	return 0;
}

/* The end by destroy: only where nobody waits. */
static inline int count_kill(count_t c, count_t *next)
{
	if (count_waiters(c) != 0)
		return EBUSY;
	*next = c | COUNT_DEAD;
	return 0;
}

/* The end by losing the last reference, name and pin: at once, or when the last waiter goes. */
static inline count_t count_abandon(count_t c)
{
	return c | (count_waiters(c) == 0 ? COUNT_DEAD : COUNT_ORPHAN);
}

/* In the child of a fork: of all the waiters, only those of the one thread that it has. */
static inline count_t count_after_fork(count_t c, uint32_t waiters)
{
	if (count_waiters(c) == waiters)
		return c;
	c &= ~(COUNT_WAITERS_MAX << 32);
	c |= waiters * COUNT_WAITER;
	if (count_is_orphan(c) && waiters == 0)
		c |= COUNT_DEAD;
	return c;
}

#endif
