/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plain semaphores of a scenario: see words.h.
 */
#include "words.h"

#include <errno.h>

#include "base/memory.h"
#include "base/rcu.h"
#include "checker.h"
#include "history.h"
#include "object/reclaim.h"
#include "object/ids.h"
#include "wait/plain.h"
#include "shared/semaphore.h"

static const struct semaphore_ops *const no_ops[OBJECT_ORDERS];
static struct page *pages[SEMAPHORES];
static struct plain *plains[SEMAPHORES]; /* in them; NULL: freed */
static struct ksem *ksems[SEMAPHORES];
static struct ids ids;
static bool wide; /* threads wait for several permits: as in shared/, where the memory stays until a post is through */

static ksem_id_t id_of(unsigned which)
{
	return (which + 1) << IDS_NUMBER_SHIFT;
}

static void enter(unsigned which)
{
	struct shared *shared = memory_alloc(sizeof(*shared), _Alignof(struct shared));
	struct reclaim old = RECLAIM_NONE;

	object_shared_init(&shared->object, NULL, no_ops, &(struct ksem_cred){0, 0}, false, 0600, id_of(which));
	shared->page = pages[which];
	shared->object.sem = &pages[which]->sem;
	if (ids_reserve(&ids, &old))
		fail("no memory for a table");
	ids_add(&ids, &shared->object.ksem);
	reclaim_free(old);
	ksems[which] = &shared->object.ksem;
}

void words_begin(unsigned which, unsigned value, bool several)
{
	wide = several;
	pages[which] = memory_alloc(sizeof(*pages[which]), KSEM_CACHE_LINE);
	plains[which] = &pages[which]->sem;
	plain_init(plains[which], value, FUTEX_SHARED);
	memory_name(&plains[which]->word, which == 0 ? "word" : "word'");
	if (which == 0)
		ids_init(&ids);
	enter(which);
	kernel_wakes_any();
}

int words_post(unsigned which, unsigned count)
{
	struct plain *sem = plains[which];
	struct plain_after after = {.nobody = false};
	int error;

	if (count == 1 && plain_post_one(sem))
		return 0;
	error = plain_post(sem, count, WORD_VALUE_MAX, FUTEX_SHARED, &after);
	if (after.blind && wide)
		plain_wake_wide(sem);
	return error;
}

int words_trywait(unsigned which)
{
	return plain_take_one(object_plain(ksems[which])) ? 0 : shared_take(ksems[which]);
}

static int arm(struct waiter *waiter)
{
	return plain_arm_shared(waiter->sem, waiter, false);
}

/* A thread ends the waits of others before it says that the semaphore is shut. */
static int tell(struct plain *sem, int error)
{
	if (error == ESHUTDOWN)
		plain_end_waits(sem);
	return error;
}

static int leave(struct waiter *waiter, bool give_up)
{
	return tell(waiter->sem, plain_leave(waiter->sem, waiter->want, give_up));
}

int words_wait(unsigned which, unsigned count, bool timed)
{
	static const struct wait_policy policy = {.arm = arm, .sleep = signal_sleep, .leave = leave};
	static const struct deadline never = {.time = {1, 0}};
	struct plain *sem = plains[which];
	struct waiter waiter = {.policy = &policy, .sem = sem, .want = count, .deadline = timed ? &never : NULL};
	int error;

	if (count == 1 && plain_take_one(sem))
		return 0;
	error = tell(sem, plain_take_or_register(sem, count));
	return error == EAGAIN ? waiter_wait(&waiter) : error;
}

int words_trywait_some(unsigned which, unsigned least, unsigned most, unsigned *took)
{
	return shared_take_some(ksems[which], least, most, took, NULL);
}

int words_getvalue(unsigned which, unsigned *value)
{
	return shared_value(ksems[which], value);
}

int words_shut_down(unsigned which)
{
	return shared_shut_down(ksems[which]);
}

int words_kill(unsigned which)
{
	return plain_kill(plains[which]);
}

int words_post_by_id(unsigned which)
{
	struct ksem *ksem;
	struct plain_after after;
	int error = EINVAL;

	if (ids_put_shared(&ids, id_of(which)))
		return 0;
	rcu_enter();
	ksem = ids_find_listed(&ids, id_of(which));
	if (ksem)
		error = plain_post(shared_of(ksem)->object.sem, 1, WORD_VALUE_MAX, FUTEX_SHARED, &after);
	rcu_leave();
	return error;
}

int words_trywait_by_id(unsigned which)
{
	struct ksem *ksem;
	int error = EINVAL;

	if (ids_take_shared(&ids, id_of(which)))
		return 0;
	rcu_enter();
	ksem = ids_find_listed(&ids, id_of(which));
	if (ksem)
		error = shared_take(ksem);
	rcu_leave();
	return error;
}

int words_drop(unsigned which)
{
	struct reclaim garbage = RECLAIM_NONE;
	struct ksem *ksem = ids_find_listed(&ids, id_of(which));
	int error = words_kill(which);

	if (error)
		return error;
	plains[which] = NULL;
	ids_remove(&ids, ksem, &garbage);
	reclaim_add(&garbage, &object_shared_of(ksem)->retired, sizeof(struct shared));
	reclaim_add(&garbage, (struct retired *)pages[which], sizeof(*pages[which]));
	reclaim_free(garbage);
	return 0;
}

void words_free(unsigned which)
{
	plains[which] = NULL;
	memory_free(pages[which]);
}

bool words_freed(unsigned which)
{
	return !plains[which];
}

word_t words_now(unsigned which)
{
	return plain_word(plains[which]);
}
