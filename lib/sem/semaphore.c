/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The slow paths of a semaphore, and its end: see semaphore.h.
 *
 * The end: the word becomes dead by destroy, if there are no waiters, or when the last reference, name and pin are
 * gone. Deregistering is a release, and making the word dead an acquire (KSEM_ORD_3). So all that a waiter did with the
 * semaphore happens before its memory is freed.
 */
#include "sem/semaphore.h"

#include "base/rcu.h"

/* Posts while there are waiters, and wakes them. Results as word_post_loop. */
static __attribute__((noinline)) int post_to_waiters(struct semaphore *sem, uint32_t n)
{
	word_t made;
	int error;

	rcu_enter();
	error = word_post_loop(&sem->word, WORD_OURS, n, WORD_VALUE_MAX, WORD_BESIDE_ANY, &made);
	if (error == 0 && word_waiters(made) > 0)
		eventcount_wake(sem, made);
	rcu_leave();
	return error;
}

/* 0, EINVAL, EOVERFLOW. */
static inline int post(struct semaphore *sem, uint32_t n)
{
	word_t made;
	int error;

	do {
		error = word_post_loop(&sem->word, WORD_OURS, n, WORD_VALUE_MAX, WORD_BESIDE_NONE, &made);
		if (unlikely(error == WORD_BESIDE))
			error = post_to_waiters(sem, n);
		if (unlikely(error == WORD_ELSEWHERE))
			percpu_settle(sem);
	} while (unlikely(error == WORD_ELSEWHERE));
	return error;
}

int semaphore_post_word(struct semaphore *sem, uint32_t n)
{
	int error = post(sem, n);

	if (likely(error != EOVERFLOW))
		return error;
	fence_seq(); /* KSEM_ORD_16 release, KSEM_ORD_16 acquire */
	return post(sem, n);
}

/* As word_take_loop, but first moves permits from slots to the word, if that is needed. */
static inline int take_loop(struct semaphore *sem, uint32_t least, uint32_t most, enum word_taker taker,
			    struct word_change *change)
{
	int error;

	while (unlikely((error = word_take_loop(&sem->word, WORD_OURS, least, most, taker, change)) == WORD_ELSEWHERE))
		percpu_settle(sem);
	return error;
}

/* Takes a permit, if there is one. */
static int take(struct semaphore *sem)
{
	struct word_change change;

	return take_loop(sem, 1, 1, WORD_TRIES, &change);
}

static ALWAYS_INLINE int take_soon(struct semaphore *sem)
{
	percpu_sample(sem);
	return take(sem);
}

int (*semaphore_take_moved)(struct semaphore *sem);

/* Apart, so that a take that doesn't come here saves no registers for it. */
static __attribute__((noinline)) int take_dead(struct semaphore *sem)
{
	return semaphore_word(sem) & WORD_MOVED ? semaphore_take_moved(sem) : EINVAL;
}

__attribute__((flatten)) int semaphore_take_word_soon(struct semaphore *sem)
{
	int error = take_soon(sem);

	return likely(error != EINVAL) ? error : take_dead(sem);
}

/* Apart, so that a take which finds a permit is short. */
static __attribute__((noinline)) int take_after_fence(struct semaphore *sem)
{
	int error;

	fence_seq(); /* KSEM_ORD_16 release, KSEM_ORD_16 acquire */
	error = take(sem);
	return likely(error != EINVAL) ? error : take_dead(sem);
}

/* As one piece: its common case is that of a sample. */
__attribute__((flatten)) int semaphore_take_word(struct semaphore *sem)
{
	int error = take_soon(sem);

	if (likely(error == 0))
		return 0;
	return likely(error == EAGAIN) ? take_after_fence(sem) : take_dead(sem);
}

int semaphore_take_or_register(struct semaphore *sem, uint32_t n)
{
	struct word_change change;

	percpu_sample(sem);
	return take_loop(sem, n, n, WORD_REGISTERS, &change);
}

static int take_some(struct semaphore *sem, uint32_t least, uint32_t most, uint32_t *took)
{
	struct word_change change;
	int error = take_loop(sem, least, most, WORD_TRIES, &change);

	if (!error)
		*took = word_value(change.from) - word_value(change.to);
	return error;
}

int semaphore_take_some(struct semaphore *sem, uint32_t least, uint32_t most, uint32_t *took)
{
	if (least == most) {
		int error = take_some(sem, least, most, took);

		if (likely(error != EAGAIN))
			return error;
	}
	fence_seq(); /* KSEM_ORD_16 release, KSEM_ORD_16 acquire */
	return take_some(sem, least, most, took);
}

int semaphore_snapshot(struct semaphore *sem, uint32_t *value, uint32_t *waiters)
{
	fence_seq(); /* KSEM_ORD_16 release, KSEM_ORD_16 acquire */
	for (;;) {
		word_t c = semaphore_word(sem);
		int error;

		if (word_is_dead(c))
			return EINVAL;
		if (word_mode(c) == WORD_CENTRAL) {
			*value = word_value(c);
			*waiters = word_waiters(c);
			return 0;
		}
		*waiters = 0; /* no thread registers while slots are in use */
		error = percpu_value(sem, value);
		if (error != EAGAIN)
			return error;
	}
}

int semaphore_leave(struct semaphore *sem, uint32_t n, bool give_up, bool *last)
{
	struct word_change change;
	int error = word_take_loop(&sem->word, WORD_OURS, n, n, give_up ? WORD_GIVES_UP : WORD_REGISTERED, &change);

	*last = error != EAGAIN && word_is_orphan(change.to) && word_is_dead(change.to);
	return error;
}

/*
 * Orders nothing: all is in one word. A post that comes before doesn't see the mark, but the thread then sees its
 * permit when it looks, before it sleeps.
 */
void semaphore_mark_several(struct semaphore *sem)
{
	word_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */

	while (!(c & WORD_SEVERAL) && !cas_rlx(&sem->word, &c, c | WORD_SEVERAL)) /* relaxed: as above */
		;
}

void semaphore_renounce(struct semaphore *sem, bool *last)
{
	word_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */
	word_t next;

	do {
		next = word_deregister(c);
		/* as a post: KSEM_ORD_14 release, KSEM_ORD_14 acquire, KSEM_ORD_15 release, KSEM_ORD_15 acquire */
	} while (!cas_seq(&sem->word, &c, next)); /* KSEM_ORD_3 release, KSEM_ORD_3 acquire */
	*last = word_is_orphan(next) && word_is_dead(next) && word_waiters(next) == 0; /* it may have moved */
	if (word_value(next) > 0 && word_waiters(next) > 0)
		eventcount_wake(sem, next);
}

/* In a read section: others may end the semaphore as soon as its waiters have left. */
static int shut_down(struct semaphore *sem)
{
	word_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */
	bool ended = false;

	do {
		if (word_is_dead(c))
			return EINVAL;
		if (word_waiters(c) > 0 && !ended) {
			eventcount_end(sem);
			ended = true;
		}
	} while (!cas_rel(&sem->word, &c, c | WORD_SHUT)); /* KSEM_ORD_1 release: to the waits that it ends */
	return 0;
}

int semaphore_shut_down(struct semaphore *sem)
{
	int error;

	rcu_enter();
	error = shut_down(sem);
	rcu_leave();
	return error;
}

void semaphore_move(struct semaphore *sem)
{
	word_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */

	while (!word_is_dead(c)) {
		if (word_mode(c) != WORD_CENTRAL) {
			percpu_settle(sem);
			c = load_rlx(&sem->word); /* relaxed: as above */
			continue;
		}
		/* KSEM_ORD_14 release, KSEM_ORD_14 acquire, KSEM_ORD_15 release, KSEM_ORD_15 acquire */
		if (cas_seq(&sem->word, &c, word_move(c))) /* KSEM_ORD_2 release */
			return;
	}
}

void semaphore_wake_moved(struct semaphore *sem)
{
	rcu_enter();
	eventcount_wake(sem, semaphore_word(sem) | WORD_SHUT); /* all must look */
	rcu_leave();
}

int semaphore_kill(struct semaphore *sem)
{
	return word_kill_loop(&sem->word, WORD_OURS);
}

bool semaphore_abandon(struct semaphore *sem)
{
	word_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */
	word_t next;

	do {
		next = word_abandon(c);
	} while (!cas_acq(&sem->word, &c, next)); /* KSEM_ORD_3 acquire */
	return word_is_dead(next);
}

bool semaphore_after_fork(struct semaphore *sem, bool waiting)
{
	word_t c = load_rlx(&sem->word); /* relaxed: the child has one thread */
	word_t next = word_after_fork(c, waiting);

	percpu_after_fork(sem);
	eventcount_after_fork(sem);
	if (next != c)
		store_rlx(&sem->word, next);                    /* relaxed: as above */
	return word_is_orphan(next) && word_waiters(next) == 0; /* also if the last waiter was about to end it */
}
