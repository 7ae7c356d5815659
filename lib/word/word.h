/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The word of a semaphore as a value: every fact that a decision needs, in 64 bits, and the transitions between words.
 *
 *   bits   name      meaning
 *   0-31   value     permits that can be taken
 *   32-53  waiters   threads that have registered, asleep or about to be; each keeps the semaphore alive.
 *          place     in the modes percpu and revoking, in which nobody waits: which slots it has (percpu/slots.h)
 *   54     warned    waiters look by themselves (wait/plain.h); 0 where nobody waits
 *          several   where only this process writes, instead: a waiter waits for one of several semaphores, so it may
 *                    sleep where no wake is counted (wait/eventcount.h); 0 where nobody waits
 *   55     wide      a waiter wants more than one permit; 0 where nobody waits
 *   56     dead      nothing can be posted or taken any more
 *   57     orphan    no reference, name or pin is left: the last waiter ends the semaphore
 *   58-60  mode      where permits may be besides the value (percpu/percpu.h); 0: nowhere. Bit 59 alone tells
 *                    percpu and revoking
 *   61     shut      nobody sleeps any more
 *   62     top       where others write, of one that is shut: see word/plain.h; else 0
 *   63     moved     dead here; the semaphore has moved to a line, with this value (private/lined.h)
 *
 * Dead, orphan, mode and shut share one byte, the guard: a restartable sequence checks it by one comparison.
 *
 * Legal and illegal:
 *   value    If there are waiters, a thread that raises the value must make as many of them (or all) look; else one may
 *            stay asleep while a permit is available. Raising it over KSEM_VALUE_MAX is illegal.
 *   waiters  Raising it while the value suffices for the thread is illegal: it would sleep while its permits are
 *            available. So is raising it while shut. Only the thread that raised it may lower it (or a fork's child,
 *            which counts off the threads that it hasn't got). 22 bits suffice for all threads that Linux can have. But
 *            dead processes leave waiters, so the count may grow. At WORD_WAITERS_MAX it is stuck: no waiter is counted
 *            on or off, and each post makes a wake call.
 *   mode     See percpu/percpu.h. Waiters in a mode other than central are illegal: a permit may be put into a slot, by
 *            a sequence that doesn't look for waiters.
 *   place    Changing it between becoming percpu and the membarrier that ends revoking is illegal: a sequence may have
 *            seen percpu and not yet the place.
 *   several  Clearing it while such a waiter is left is illegal: posts wouldn't wake it. The last waiter clears it.
 *   wide     Clearing it while a waiter wants more than one is illegal: a post wouldn't wake it. While it is set, a
 *            post wakes all who may want more than one. On a plain semaphore these are all waiters; on others, those
 *            that sleep apart (wait/eventcount.h). The last waiter clears it.
 *   shut     Clearing it is illegal. The thread that sets it makes all waiters look. In the mode percpu sequences
 *            refuse from then on, as it is in the guard; permits that are in slots are found as ever.
 *   dead     Setting it while waiters > 0 is illegal, unless moved: nobody would wake them. Clearing it is illegal.
 *   moved    Set together with dead, where only this process writes, and in the mode central. The value stays as it is.
 *            Waiters that registered before look, and get in line.
 *   orphan   Setting it while waiters = 0 is illegal: nobody would end the semaphore; set dead instead. For the same
 *            reason, the step of an orphan to waiters = 0 must set dead.
 *
 * A transition gets a word. It stores the next word and returns 0, or returns the error number that says why there is
 * none. It has no side effect, so a test can try it on every kind of word, without threads. loop.h makes them on a word
 * that other threads change, too.
 */
#ifndef KSEM_WORD_WORD_H
#define KSEM_WORD_WORD_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

typedef uint64_t word_t;

#define WORD_VALUE_MAX   UINT32_MAX
#define WORD_USUAL       INT32_MAX /* the inline tries serve values up to this: one instruction compares with it */
#define WORD_PERCPU_MAX  (WORD_VALUE_MAX / 2) /* the highest value in percpu mode, so that no sequence can overflow */
#define WORD_WAKE_ALL    INT32_MAX
#define WORD_WAITER      (UINT64_C(1) << 32)
#define WORD_WAITERS_MAX ((UINT64_C(1) << 22) - 1)
#define WORD_WARNED      (UINT64_C(1) << 54)
#define WORD_SEVERAL     WORD_WARNED
#define WORD_WIDE        (UINT64_C(1) << 55)
#define WORD_DEAD        (UINT64_C(1) << 56)
#define WORD_ORPHAN      (UINT64_C(1) << 57)
#define WORD_MODE_SHIFT  58
#define WORD_MODES       (UINT64_C(7) << WORD_MODE_SHIFT)
#define WORD_SHUT        (UINT64_C(1) << 61)
#define WORD_TOP         (UINT64_C(1) << 62)
#define WORD_MOVED       (UINT64_C(1) << 63)
#define WORD_GUARD       (UINT64_C(0xFF) << 56)
#define WORD_CALLED_BIT  31
#define WORD_CALLED      (UINT64_C(1) << WORD_CALLED_BIT) /* where top may be set: see word/plain.h */
#define WORD_PLACED      (UINT64_C(2) << WORD_MODE_SHIFT) /* in these modes it has a place, and no waiters */

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
	return c & WORD_PLACED ? 0 : (uint32_t)(c >> 32 & WORD_WAITERS_MAX);
}

static inline bool word_is_dead(word_t c)
{
	return (c & WORD_DEAD) != 0;
}

static inline bool word_is_orphan(word_t c)
{
	return (c & WORD_ORPHAN) != 0;
}

static inline bool word_is_shut(word_t c)
{
	return (c & WORD_SHUT) != 0;
}

static inline enum word_mode word_mode(word_t c)
{
	return (enum word_mode)((c & WORD_MODES) >> WORD_MODE_SHIFT);
}

/* Can slots have permits that aren't in the value? */
static inline bool word_slots_count(word_t c)
{
	return word_mode(c) == WORD_PERCPU || word_mode(c) == WORD_REVOKING;
}

static inline word_t word_with_mode(word_t c, enum word_mode mode)
{
	word_t next = (c & ~WORD_MODES) | (word_t)mode << WORD_MODE_SHIFT;

	if (c & WORD_PLACED && !(next & WORD_PLACED))
		next &= ~(WORD_WAITERS_MAX << 32);
	return next;
}

/* The mode percpu, with that place; where nobody waits. */
static inline word_t word_with_place(word_t c, uint32_t place)
{
	return word_with_mode(c, WORD_PERCPU) | (word_t)place << 32;
}

/* Is there surely no permit, neither in the value nor in a slot? Of a word that isn't dead or shut. */
static inline bool word_is_empty(word_t c)
{
	return (c & (WORD_GUARD | WORD_VALUE_MAX)) == 0;
}

/* Posts n permits; the value may become at most `most`. */
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
 * Must the semaphore become central before a post changes c to `next`? Permits in slots count for the limit, and in
 * percpu mode the value must stay so low that no sequence can overflow.
 */
static inline bool word_counts_slots(word_t c, word_t next)
{
	return word_mode(c) != WORD_CENTRAL && word_value(next) > WORD_PERCPU_MAX;
}

/*
 * How many waiters must a post wake that made the word `posted`, if `woken` sleepers will look at it anyway? Where all
 * want one permit, as many as there are permits. Else all: it doesn't know who wants how many, and those that will look
 * may sleep again, and be the ones that are woken. It wakes for all permits of the word, not only for its own: an
 * earlier post may be stopped before its wake, and then counts on the sleepers that this post woke.
 */
static inline uint32_t word_to_wake(word_t posted, int32_t woken)
{
	uint32_t can_go = word_waiters(posted) < word_value(posted) ? word_waiters(posted) : word_value(posted);
	uint32_t will_look = woken > 0 ? (uint32_t)woken : 0;

	if (posted & (WORD_WIDE | WORD_SHUT))
		return word_waiters(posted) > 0 ? WORD_WAKE_ALL : 0;
	return can_go > will_look ? can_go - will_look : 0;
}

/* Takes as many permits as there are, at most `most`. EAGAIN: fewer than `least`. */
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

/* Takes n permits. */
static inline int word_take(word_t c, uint32_t n, word_t *next)
{
	return word_take_some(c, n, n, next);
}

/* One waiter more or less, in the count only. If others can write the word, the count may be too low. */
static inline word_t word_waiter_more(word_t c)
{
	return word_waiters(c) < WORD_WAITERS_MAX ? c + WORD_WAITER : c;
}

static inline word_t word_waiter_less(word_t c)
{
	return word_waiters(c) > 0 && word_waiters(c) < WORD_WAITERS_MAX ? c - WORD_WAITER : c;
}

/* One waiter more, if there are fewer than n permits. EAGAIN: there are n, or some may be in slots; ESHUTDOWN. */
static inline int word_register(word_t c, uint32_t n, word_t *next)
{
	if (word_is_dead(c))
		return EINVAL;
	if (word_value(c) >= n || word_mode(c) != WORD_CENTRAL)
		return EAGAIN;
	if (word_is_shut(c))
		return ESHUTDOWN;
	*next = word_waiter_more(c) | (n > 1 ? WORD_WIDE : 0);
	return 0;
}

/* One waiter less. If it was the last waiter of an orphan, the word becomes dead. */
static inline word_t word_deregister(word_t c)
{
	c = word_waiter_less(c);
	if (word_waiters(c) == 0)
		c &= ~(WORD_WARNED | WORD_WIDE);
	if (word_is_orphan(c) && word_waiters(c) == 0)
		c |= WORD_DEAD;
	return c;
}

/* A waiter takes n permits, and deregisters. */
static inline int word_take_registered(word_t c, uint32_t n, word_t *next)
{
	int error = word_take(c, n, next);

	if (!error)
		*next = word_deregister(*next);
	return error;
}

/* A waiter gives up, if there are fewer than n permits. EAGAIN: there are n, take them. */
static inline int word_give_up(word_t c, uint32_t n, word_t *next)
{
	if (word_value(c) >= n)
		return EAGAIN;
	*next = word_deregister(c);
	return 0;
}

/* The kinds of takers, and what each does if there are too few permits. */
enum word_taker {
	WORD_TRIES,      /* not registered; does nothing */
	WORD_REGISTERS,  /* not registered; registers */
	WORD_REGISTERED, /* a waiter; stays one */
	WORD_GIVES_UP,   /* a waiter; deregisters */
};

/*
 * The step of a taker that wants `least` to `most` permits. Always stores *next, which may be c. A waiter, or a taker
 * that registers, takes exactly `least`. 0: it took them; EAGAIN: it didn't; ECANCELED: it deregistered without them;
 * ESHUTDOWN: so it did, or it didn't register; EINVAL: dead.
 */
static inline int word_take_as(word_t c, uint32_t least, uint32_t most, enum word_taker taker, word_t *next)
{
	bool registered = taker == WORD_REGISTERED || taker == WORD_GIVES_UP;
	int error = registered ? word_take_registered(c, least, next) : word_take_some(c, least, most, next);

	if (error == 0)
		return 0;
	*next = c;
	if (error == EAGAIN && taker == WORD_REGISTERS && word_register(c, least, next) == ESHUTDOWN)
		return ESHUTDOWN; /* EAGAIN: the mode isn't central */
	if (error == EAGAIN && registered && word_is_shut(c)) {
		*next = word_deregister(c);
		return ESHUTDOWN;
	}
	if (error == EAGAIN && taker == WORD_GIVES_UP) {
		word_give_up(c, least, next); /* can't fail: there are too few permits */
		return ECANCELED;
	}
	return error;
}

/* Would a waiter that wants n permits leave now? */
static inline bool word_ends_wait(word_t c, uint32_t n)
{
	return word_value(c) >= n || (c & (WORD_SHUT | WORD_MOVED)) != 0;
}

/* The semaphore moves to a line; in the mode central. */
static inline word_t word_move(word_t c)
{
	return c | WORD_DEAD | WORD_MOVED;
}

/* The end by destroy. EBUSY: a thread waits. */
static inline int word_kill(word_t c, word_t *next)
{
	if (word_waiters(c) != 0)
		return EBUSY;
	*next = c | WORD_DEAD;
	return 0;
}

/* The end when the last reference, name and pin are gone: at once, or when the last waiter deregisters. */
static inline word_t word_abandon(word_t c)
{
	return c | (word_waiters(c) == 0 ? WORD_DEAD : WORD_ORPHAN);
}

/* In a fork's child: sets the count to the waits of its one thread. */
static inline word_t word_after_fork(word_t c, uint32_t waiters)
{
	if (word_waiters(c) == waiters)
		return c;
	c &= ~(WORD_WAITERS_MAX << 32);
	c |= waiters * WORD_WAITER;
	if (waiters == 0)
		c &= ~(WORD_SEVERAL | WORD_WIDE);
	if (word_is_orphan(c) && waiters == 0)
		c |= WORD_DEAD;
	return c;
}

#endif
