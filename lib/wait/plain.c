/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting on plain semaphores: see plain.h.
 */
#include "wait/plain.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>

#include "base/compiler.h"
#include "base/pair.h"
#include "os/clock.h"

/* The half of the word on which waiters sleep: the value. */
static atomic(uint32_t) *value_half(struct plain *sem)
{
	return futex_half(&sem->word);
}

void plain_init(struct plain *sem, uint32_t value, enum futex_scope scope)
{
	store_rlx(&sem->word, word_new(value)); /* relaxed: nobody sees the semaphore until it is published */
	sem->shared = scope == FUTEX_SHARED ? PLAIN_SHARED : 0;
	store_rlx(&sem->spin, SPIN_MOST); /* relaxed: as above */
	store_rlx(&sem->wakes_stray, 0);  /* relaxed: as above */
}

/*
 * Posts to a shared semaphore that has waiters: the kernel adds the permits and wakes, in one system call. False:
 * nothing was done. The kernel doesn't check for overflow. So this is only done if the value is so low that all threads
 * that Linux can have may do it at the same time. It wakes for all permits that it saw, as every post does; the number
 * of waiters may have changed.
 */
static bool post_by_kernel(struct plain *sem, word_t c, uint32_t n, uint32_t most, struct plain_after *after)
{
	uint32_t value = word_value(c);
	int woken;

	if (n > FUTEX_ADD_MAX || value > most / 2 || n > most / 2 / WORD_WAITERS_MAX)
		return false;
	woken = futex_add_shared(value_half(sem), n, c & WORD_WIDE ? WORD_WAKE_ALL : value + n); /* a release too */
	if (woken < 0)
		return false;
	after->nobody = woken == 0;
	after->blind = !(c & WORD_WIDE);
	return true;
}

/*
 * Before a post to a shared semaphore that the kernel can't make: makes all sleepers look by themselves. False: they do
 * that already.
 */
static bool warn_sleepers(struct plain *sem, word_t c)
{
	if (c & WORD_WARNED)
		return false;
	/* relaxed: a waiter is either woken and sees it, or registers after it */
	if (cas_rlx(&sem->word, &c, c | WORD_WARNED))
		futex_wake_in(FUTEX_SHARED, value_half(sem), INT_MAX);
	return true;
}

/*
 * Posts to a shared semaphore with waiters, whose word is c. 0, EINVAL, EOVERFLOW; EAGAIN: the word may have changed.
 * Once it is shut, and all are woken, nobody sleeps that a post would have to wake.
 */
static int post_to_shared(struct plain *sem, word_t c, uint32_t n, uint32_t most, struct plain_after *after)
{
	word_t made;
	int error;

	if (unlikely(word_is_shut(c))) {
		plain_end_waits(sem);
		return word_post_loop(&sem->word, WORD_OPEN, n, most, WORD_BESIDE_ANY, &made);
	}
	if (post_by_kernel(sem, c, n, most, after))
		return 0;
	if (warn_sleepers(sem, c))
		return EAGAIN;
	error = word_post_loop(&sem->word, WORD_OPEN, n, most, WORD_BESIDE_WARNED, &made);
	if (error == WORD_BESIDE)
		return EAGAIN;
	if (!error && word_waiters(made) > 0)
		after->nobody = futex_wake_in(FUTEX_SHARED, value_half(sem), word_to_wake(made, 0)) <= 0;
	return error;
}

int plain_post(struct plain *sem, uint32_t n, uint32_t most, enum futex_scope scope, struct plain_after *after)
{
	enum word_beside beside = scope == FUTEX_SHARED ? WORD_BESIDE_NONE : WORD_BESIDE_ANY;
	word_t made;
	int error;

	do {
		error = word_post_loop(&sem->word, WORD_OPEN, n, most, beside, &made);
		if (unlikely(error == WORD_BESIDE))
			error = post_to_shared(sem, made, n, most, after);
		else if (likely(!error) && n > 0 && unlikely(word_waiters(made) > 0))
			after->nobody = futex_wake_in(scope, value_half(sem), word_to_wake(made, 0)) <= 0;
	} while (unlikely(error == EAGAIN));
	return error;
}

void plain_wake_wide(struct plain *sem)
{
	if (load_rlx(&sem->word) & WORD_WIDE) /* relaxed: a waiter that isn't seen comes later, and sees the post */
		futex_wake_in(FUTEX_SHARED, value_half(sem), INT_MAX);
}

/* Where the kernel refuses, a thread that is killed between the two leaves sleepers to the next post. */
void plain_end_waits(struct plain *sem)
{
	word_t c = load_rlx(&sem->word); /* relaxed: once set, both stay */

	if (!word_is_shut(c) || c & WORD_CALLED)
		return;
	if (futex_mark_shared(value_half(sem), WORD_CALLED_BIT) >= 0)
		return;
	fetch_or_seq(&sem->word, WORD_CALLED); /* KSEM_ORD_1 release, KSEM_ORD_1 acquire */
	futex_wake_in(FUTEX_SHARED, value_half(sem), INT_MAX);
}

int plain_shut_down(struct plain *sem)
{
	word_t was = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */
	word_t c;

	do {
		c = word_from_memory(was, WORD_OPEN);
		if (word_is_dead(c))
			return EINVAL;
		/* KSEM_ORD_1 release: to the waits that it ends */
	} while (!cas_rel(&sem->word, &was, word_to_memory(c | WORD_SHUT, was, WORD_OPEN)));
	plain_end_waits(sem);
	return 0;
}

int plain_take_spinning(struct plain *sem, enum futex_scope scope)
{
	struct spin spin = {.word = &sem->word, .hint = &sem->spin, .shared = scope == FUTEX_SHARED};
	int error;

	do {
		error = plain_take(sem);
	} while (unlikely(error == EAGAIN) && spin_on(&spin));
	if (error == 0)
		spin_paid(&spin);
	return error;
}

struct signal plain_signal(struct plain *sem, enum futex_scope scope)
{
	return (struct signal){.word = value_half(sem), .expected = 0, .scope = scope};
}

/* The time of the next look, unless the deadline comes first: the kernel ends the sleep then. */
static void arm_look(struct waiter *waiter)
{
	const struct deadline *deadline = waiter->deadline;
	struct timespec now;
	int64_t length;

	now = clock_now(CLOCK_MONOTONIC);
	length = clock_about(PLAIN_LOOK, (uint64_t)now.tv_nsec);
	if (deadline) {
		struct timespec by_its_clock = clock_now(deadline->clock);

		length = clock_between(&by_its_clock, &deadline->time, length);
		if (length == 0)
			return;
	}
	waiter->signal.looks = true;
	waiter->signal.look = (struct deadline){CLOCK_MONOTONIC, clock_after(&now, length)};
}

void plain_expect_stray_wakes(struct plain *sem)
{
	if (!load_rlx(&sem->wakes_stray))        /* relaxed: once set, it stays */
		store_rlx(&sem->wakes_stray, 1); /* relaxed: as in plain_arm_shared */
}

/*
 * The sleeps are of random length: a signal that comes at the very end of one doesn't end the wait, and programs'
 * timers often fire at whole seconds. A waiter that finds bit 31 of the value set, and wants still more, looks: if the
 * semaphore is shut before it sleeps, that half of the word may become the same again.
 */
int plain_arm_shared(struct plain *sem, struct waiter *waiter, bool unseen)
{
	word_t c = plain_word(sem);

	if (unlikely(word_is_dead(c)) || word_ends_wait(c, waiter->want))
		return EAGAIN;
	waiter->signal = plain_signal(sem, FUTEX_SHARED);
	waiter->signal.expected = word_value(c);
	if (unlikely(unseen))
		plain_expect_stray_wakes(sem);
	if (word_waiters(c) > 1 || c & (WORD_WARNED | WORD_CALLED) ||
	    load_rlx(&sem->wakes_stray)) /* relaxed: see plain.h on a thread that misses it */
		arm_look(waiter);
	return 0;
}

/* For permits that the calling thread was perhaps woken for, and doesn't take. */
static void wake_others(struct plain *sem, word_t c, enum futex_scope scope)
{
	if (word_value(c) > 0 && word_waiters(c) > 0)
		futex_wake_in(scope, value_half(sem), word_to_wake(c, 0));
}

void plain_renounce(struct plain *sem, enum futex_scope scope)
{
	word_t was = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */
	word_t next;

	do {
		if (word_is_dead(was))
			return;
		next = word_deregister(word_from_memory(was, WORD_OPEN));
		/* KSEM_ORD_3 release, KSEM_ORD_3 acquire */
	} while (!cas_acq_rel(&sem->word, &was, word_to_memory(next, was, WORD_OPEN)));
	wake_others(sem, next, scope);
}

void plain_pass_on(struct plain *sem)
{
	wake_others(sem, plain_word(sem), FUTEX_SHARED);
}

struct plain_seen plain_see(struct plain *sem)
{
	/* This first: if the word is trimmed in between, the number of trims is no longer this one. */
	uint64_t rest = load_acq(&sem->rest); /* KSEM_ORD_17 acquire */

	return (struct plain_seen){load_seq(&sem->word), rest}; /* KSEM_ORD_17 release, KSEM_ORD_17 acquire */
}

static uint64_t one_trim_more(uint64_t rest)
{
	char *at = (char *)&rest + (offsetof(struct plain, trims) - offsetof(struct plain, rest));
	uint16_t trims;

	memcpy(&trims, at, sizeof(trims));
	trims++;
	memcpy(at, &trims, sizeof(trims));
	return rest;
}

/* Changes the word, if nobody has changed it, or has trimmed it and others made it the same again. */
static bool trim(struct plain *sem, const struct plain_seen *seen, word_t next)
{
	word_t was = seen->word;

	if (PAIR_WORKS)
		return pair_cas((struct pair *)sem, was, seen->rest, next, one_trim_more(seen->rest));
	return cas_rlx(&sem->word, &was, next); /* relaxed: orders nothing, since the waiters are dead */
}

bool plain_trim_waiters(struct plain *sem, const struct plain_seen *seen, uint32_t most)
{
	word_t was = seen->word;
	uint32_t waiters = word_waiters(was);
	word_t next = was - (waiters - most) * WORD_WAITER;

	if (waiters == WORD_WAITERS_MAX) { /* a stuck count doesn't show whether a waiter has come meanwhile */
		trim(sem, seen, was - WORD_WAITER);
		return false;
	}
	if (waiters <= most)
		return true;
	if (!trim(sem, seen, most > 0 ? next : next & ~(WORD_WARNED | WORD_WIDE)))
		return false;
	futex_wake_in(FUTEX_SHARED, value_half(sem), INT_MAX);
	return true;
}

void plain_add_waiter(struct plain *sem, uint32_t n)
{
	word_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */
	word_t wide = n > 1 ? WORD_WIDE : 0;

	while (!cas_rlx(&sem->word, &c, word_waiter_more(c) | wide)) /* relaxed: the thread looks before it sleeps */
		;
}

void plain_count_again(struct plain *sem, uint32_t n)
{
	for (; n > 0; n--)
		plain_add_waiter(sem, 2);
	futex_wake_in(FUTEX_SHARED, value_half(sem), INT_MAX);
}
