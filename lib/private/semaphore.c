/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private semaphores: see semaphore.h.
 *
 * A registered thread keeps the semaphore alive. If nothing else does, the last waiter ends it.
 */
#include "private/semaphore.h"

#include <errno.h>

#include "base/rcu.h"
#include "object/own_wait.h"
#include "wait/spin.h"

static int post(struct ksem *ksem, uint32_t n, const struct ksem_proc *by)
{
	(void)by;
	return semaphore_post_word(&ksem->sem, n);
}

static int take(struct ksem *ksem)
{
	return semaphore_take_word(&ksem->sem);
}

static int take_some(struct ksem *ksem, uint32_t least, uint32_t most, uint32_t *took, const struct ksem_proc *by)
{
	(void)by;
	return semaphore_take_some(&ksem->sem, least, most, took);
}

static int value(struct ksem *ksem, uint32_t *value)
{
	return semaphore_value(&ksem->sem, value);
}

static int take_soon(struct ksem *ksem)
{
	return semaphore_take_soon(&ksem->sem);
}

static int enter(struct waiter *waiter)
{
	struct ksem *ksem = waiter->sem;
	int error = semaphore_take_or_register(&ksem->sem, waiter->want);

	if (error != EAGAIN)
		return error;
	own_wait.ksem = ksem;
	if (waiter->several)
		semaphore_mark_several(&ksem->sem);
	return EAGAIN;
}

static int arm(struct waiter *waiter)
{
	struct ksem *ksem = waiter->sem;
	int error;

	if (!waiter->several && waiter->want == 1 && spin_last_look(&ksem->sem.word))
		return EAGAIN;
	error = eventcount_arm(&ksem->sem, waiter->want, &waiter->signal);
	if (waiter->several)
		waiter->signal.scope = FUTEX_SHARED; /* apart from those whose wakes are counted (eventcount.h) */
	return error;
}

static int leave(struct waiter *waiter, bool give_up)
{
	struct ksem *ksem = waiter->sem;
	int left;

	if (waiter->why == 0 && !waiter->several)
		eventcount_woke(&ksem->sem);
	rcu_enter();
	left = semaphore_leave(&ksem->sem, waiter->want, give_up, &waiter->last);
	if (left != EAGAIN && !waiter->last)
		own_wait.ksem = NULL;
	rcu_leave();
	return left;
}

static void renounce(struct waiter *waiter)
{
	struct ksem *ksem = waiter->sem;

	rcu_enter();
	semaphore_renounce(&ksem->sem, &waiter->last);
	if (!waiter->last)
		own_wait.ksem = NULL;
	rcu_leave();
}

static const struct wait_policy policy = {enter, arm, signal_sleep, leave, renounce};

static int shut_down(struct ksem *ksem)
{
	return semaphore_shut_down(&ksem->sem);
}

static uint32_t waiters(struct ksem *ksem)
{
	return word_waiters(semaphore_word(&ksem->sem));
}

static int kill_unless_waiting(struct ksem *ksem)
{
	return semaphore_kill(&ksem->sem);
}

const struct semaphore_ops private_semaphore_ops = {
	.post = post,
	.take = take,
	.take_some = take_some,
	.value = value,
	.take_soon = take_soon,
	.policy = &policy,
	.shut_down = shut_down,
	.waiters = waiters,
	.kill = kill_unless_waiting,
};
