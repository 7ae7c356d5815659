/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private semaphores: see semaphore.h.
 *
 * A thread that has registered keeps the semaphore by that. If all else that kept it went meanwhile, the last waiter
 * ends it.
 */
#include "private/semaphore.h"

#include <errno.h>

#include "base/rcu.h"
#include "object/own_wait.h"
#include "sem/look.h"

static int post(struct ksem *ksem, uint32_t n)
{
	return semaphore_post_word(&ksem->sem, n);
}

static int take(struct ksem *ksem)
{
	return semaphore_take_word(&ksem->sem);
}

static int take_some(struct ksem *ksem, uint32_t least, uint32_t most, uint32_t *took)
{
	return semaphore_take_some(&ksem->sem, least, most, took);
}

static int value(struct ksem *ksem, uint32_t *value)
{
	return semaphore_value(&ksem->sem, value);
}

static int take_soon(struct ksem *ksem, struct spin *spin)
{
	return spin_take(spin, &ksem->sem);
}

static bool spins_again(struct ksem *ksem, struct spin *spin)
{
	return spin_again(spin, &ksem->sem.spin);
}

static int begin_wait(struct ksem *ksem)
{
	int error = semaphore_take_or_register(&ksem->sem);

	if (error == EAGAIN)
		own_wait.ksem = ksem;
	return error;
}

/* Tries to leave as semaphore_leave does. */
static int leave(struct ksem *ksem, bool give_up, bool *last)
{
	int error;

	rcu_enter();
	error = semaphore_leave(&ksem->sem, give_up, last);
	if (error != EAGAIN && !*last)
		own_wait.ksem = NULL;
	rcu_leave();
	return error;
}

/* Sleeps until it has left. */
static int finish_wait(struct ksem *ksem, const struct deadline *deadline)
{
	bool last;
	int woken, left;

	do {
		woken = spin_last_look(&ksem->sem) ? EAGAIN : eventcount_sleep(&ksem->sem, deadline);
		left = leave(ksem, woken == ETIMEDOUT || woken == EINTR, &last);
	} while (left == EAGAIN);
	if (last)
		own_wait_end_orphan(ksem);
	return left ? woken : 0;
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
	.spin_again = spins_again,
	.begin_wait = begin_wait,
	.finish_wait = finish_wait,
	.waiters = waiters,
	.kill = kill_unless_waiting,
};
