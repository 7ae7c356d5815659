/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting for one of several semaphores: see any.h.
 *
 * The thread becomes a waiter on each semaphore of its list, by the same steps as for one (wait/waiter.h). If one has a
 * permit meanwhile, it takes that. Then it sleeps on the words of all of them, in one system call (os/several.h). When
 * it wakes, it tries them in the order of the list, and not only the one whose word woke it: the kernel names one word,
 * even if wakes came on several. When it has a permit, or gives up, it leaves the others.
 *
 * No wake is lost. A post that woke this thread, or granted it a permit, relies on it to take the permit. If the thread
 * has one of another semaphore, it renounces: it leaves without a permit, and what it was woken for or granted goes to
 * others. Each kind does that in a way of its own (sem/semaphore.h, wait/plain.h, line/line.h). A private semaphore
 * counts the sleepers that it woke, and must not count this one: see wait/eventcount.h.
 *
 * A semaphore that is listed twice is waited for once, where it is listed first.
 *
 * The steps of a kind look at own_wait for what the thread has of that semaphore. So before each step the thread swaps
 * that in, and afterwards sets it aside (object/own_wait.h). If a signal handler forks, the child finds all of them.
 */
#include "registry/any.h"

#include <errno.h>

#include "base/cancel.h"
#include "base/probe.h"
#include "base/rcu.h"
#include "object/own_wait.h"
#include "os/fork.h"
#include "os/several.h"
#include "registry/waiting.h"

_Static_assert(KSEM_ANY_MAX <= SEVERAL_MAX, "a place for each");
_Static_assert(KSEM_ANY_MAX <= 64, "a bit for each");

struct any {
	struct waiter waiter; /* for the steps, in turn of each */
	struct ksem *sems[KSEM_ANY_MAX];
	unsigned n;
	uint64_t waits_on; /* on which of them it is a waiter */
	uint64_t last;     /* which of them it must end */
	unsigned shut;     /* the first of them that is shut down; n: none */
	bool looks;
	struct deadline look; /* then it must look, if `looks` */
	struct own_wait own[KSEM_ANY_MAX];
};

static uint64_t bit(unsigned i)
{
	return UINT64_C(1) << i;
}

/* The next of a set, from i on; KSEM_ANY_MAX or more: none. */
static unsigned next_of(uint64_t set, unsigned i)
{
	while (i < KSEM_ANY_MAX && !(set & bit(i)))
		i++;
	return i;
}

/* Before and after the steps of one semaphore. */
static struct waiter *begin_steps(struct any *any, unsigned i)
{
	own_wait_swap(&any->own[i]);
	any->waiter.sem = any->sems[i];
	any->waiter.policy = semaphore_ops(any->sems[i])->policy;
	any->waiter.last = false;
	return &any->waiter;
}

static void end_steps(struct any *any, unsigned i)
{
	if (any->waiter.last)
		any->last |= bit(i);
	own_wait_swap(&any->own[i]);
}

static bool is_listed_before(const struct any *any, unsigned i)
{
	for (unsigned j = 0; j < i; j++) {
		if (any->sems[j] == any->sems[i])
			return true;
	}
	return false;
}

static void note_shut(struct any *any, unsigned i)
{
	if (i < any->shut)
		any->shut = i;
}

/* Takes a permit of one (0), or becomes a waiter on all that aren't shut down (EAGAIN). EINVAL. In a read section. */
static int enter_all(struct any *any, unsigned *which)
{
	for (unsigned i = 0; i < any->n; i++) {
		struct waiter *waiter;
		int error;

		if (is_listed_before(any, i))
			continue;
		waiter = begin_steps(any, i);
		error = waiter->policy->enter(waiter);
		end_steps(any, i);
		if (error == EAGAIN)
			any->waits_on |= bit(i);
		else if (error == ESHUTDOWN)
			note_shut(any, i);
		else
			*which = i;
		if (error != EAGAIN && error != ESHUTDOWN)
			return error;
	}
	return EAGAIN;
}

/* Takes a permit, and is no waiter there. 0; EAGAIN; EINVAL. Without give_up it goes on waiting on those without. */
static int leave_all(struct any *any, bool give_up, unsigned *which)
{
	for (unsigned i = 0; (i = next_of(any->waits_on, i)) < any->n; i++) {
		struct waiter *waiter = begin_steps(any, i);
		int left = waiter->policy->leave(waiter, give_up);

		end_steps(any, i);
		if (left == EAGAIN)
			continue;
		any->waits_on &= ~bit(i);
		if (left == ESHUTDOWN)
			note_shut(any, i);
		if (left == 0)
			*which = i;
		if (left == 0 || left == EINVAL)
			return left;
	}
	return EAGAIN;
}

static void renounce_rest(struct any *any)
{
	for (unsigned i = 0; (i = next_of(any->waits_on, i)) < any->n; i++) {
		struct waiter *waiter = begin_steps(any, i);

		waiter->policy->renounce(waiter);
		end_steps(any, i);
	}
}

/* What all steps before the sleep have said. */
struct sleep_words {
	struct futex_place places[KSEM_ANY_MAX];
	unsigned count;
};

/* 0, or EAGAIN: don't sleep. A sleep that ends early doesn't put off the next look. */
static int arm_all(struct any *any, struct sleep_words *words)
{
	words->count = 0;
	if (any->waiter.why == EAGAIN) /* it has looked */
		any->looks = false;
	for (unsigned i = 0; (i = next_of(any->waits_on, i)) < any->n; i++) {
		struct waiter *waiter = begin_steps(any, i);
		const struct signal *signal = &waiter->signal;
		int error;

		waiter->signal.looks = false;
		error = waiter->policy->arm(waiter);
		end_steps(any, i);
		if (error)
			return error;
		words->places[words->count++] = (struct futex_place){signal->word, signal->expected, signal->scope};
		if (signal->looks)
			any->look = *deadline_sooner(&signal->look, any->looks ? &any->look : NULL);
		any->looks |= signal->looks;
	}
	return 0;
}

/* Sleeps. 0, EAGAIN: it may be time to leave; ETIMEDOUT; EINTR. */
static int sleep_on_all(struct any *any, const struct sleep_words *words)
{
	const struct deadline *until = deadline_sooner(any->waiter.deadline, any->looks ? &any->look : NULL);
	int error = futex_several(words->places, words->count, until);

	return error == ETIMEDOUT && until != any->waiter.deadline ? EAGAIN : error;
}

static int sleep_once(struct any *any)
{
	struct sleep_words words;
	int error = arm_all(any, &words);

	return error ? error : sleep_on_all(any, &words);
}

/* The wait, until it has left all, but for those that it must renounce. */
static int wait_on_all(struct any *any, unsigned *which)
{
	int left = EAGAIN;

	while (left == EAGAIN) {
		bool ends = any->shut < any->n;

		if (!ends) {
			any->waiter.why = sleep_once(any);
			ends = any->waiter.why == ETIMEDOUT || any->waiter.why == EINTR;
		}
		left = leave_all(any, ends, which);
		if (left == EAGAIN && ends) {
			*which = any->shut;
			return any->shut < any->n ? ESHUTDOWN : any->waiter.why;
		}
	}
	return left;
}

/* In the read section in which the semaphores were found; ends it. */
static int wait(struct any *any, unsigned *which)
{
	int error;

	own_wait_set_aside(any->own, any->n);
	error = enter_all(any, which);
	rcu_leave();
	if (error == EAGAIN) {
		PROBE(any__begin, any->n);
		error = wait_on_all(any, which);
		PROBE(any__end, *which, error);
	}
	renounce_rest(any);
	for (unsigned i = 0; (i = next_of(any->last, i)) < any->n; i++) {
		own_wait_swap(&any->own[i]);
		own_wait_end_orphan(any->sems[i]);
	}
	own_wait_set_aside(NULL, 0);
	return error;
}

int any_find(struct ksem_proc *proc, const ksem_id_t *ids, unsigned n, struct ksem **sems)
{
	for (unsigned i = 0; i < n; i++) {
		sems[i] = process_find(proc, ids[i]);
		if (unlikely(!sems[i]))
			return EINVAL;
	}
	return 0;
}

int any_wait(struct ksem_proc *proc, const ksem_id_t *ids, unsigned n, const struct deadline *deadline, unsigned *which)
{
	struct cancel cancel = cancel_disable();
	struct any any;
	unsigned found = 0;
	int error;

	any.waiter = (struct waiter){.by = proc, .want = 1, .several = true, .deadline = deadline};
	any.n = any.shut = n;
	any.waits_on = any.last = 0;
	any.looks = false;
	for (unsigned i = 0; i < n; i++)
		any.own[i] = (struct own_wait){.ksem = NULL};
	fork_settle();
	rcu_enter();
	error = any_find(proc, ids, n, any.sems);
	if (!error && !waiting_begin(proc))
		error = EINVAL;
	if (error) {
		rcu_leave();
	} else {
		error = wait(&any, &found);
		waiting_end(proc);
	}
	if (error == 0 || error == ESHUTDOWN)
		*which = found;
	cancel_restore(cancel);
	return error;
}
