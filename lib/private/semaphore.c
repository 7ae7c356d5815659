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
#include "private/lined.h"
#include "wait/spin.h"

/* The result of a call; where it found the semaphore dead because that has moved to a line, of the same call there. */
#define OR_MOVED(ksem, error, call) (unlikely((error) == EINVAL) && private_has_moved(ksem) ? (call) : (error))

static int post(struct ksem *ksem, uint32_t n, const struct ksem_proc *by)
{
	int error = semaphore_post_word(&ksem->sem, n);

	return OR_MOVED(ksem, error, private_lined_ops.post(ksem, n, by));
}

/* What a queue's wait was granted: it stood in the line. */
static void give_back(struct ksem *ksem, uint32_t n, const struct ksem_proc *by)
{
	private_lined_ops.give_back(ksem, n, by);
}

static int take(struct ksem *ksem)
{
	return semaphore_take_word(&ksem->sem);
}

static int take_moved(struct semaphore *sem)
{
	return private_lined_ops.take((struct ksem *)sem);
}

__attribute__((constructor)) static void start(void)
{
	semaphore_take_moved = take_moved;
}

static int take_some(struct ksem *ksem, uint32_t least, uint32_t most, uint32_t *took, const struct ksem_proc *by)
{
	int error = semaphore_take_some(&ksem->sem, least, most, took);

	return OR_MOVED(ksem, error, private_lined_ops.take_some(ksem, least, most, took, by));
}

static int value(struct ksem *ksem, uint32_t *value)
{
	int error = semaphore_value(&ksem->sem, value);

	return OR_MOVED(ksem, error, private_lined_ops.value(ksem, value));
}

static int take_soon(struct ksem *ksem)
{
	return semaphore_take_soon(&ksem->sem);
}

static int enter_line(struct waiter *waiter)
{
	waiter->policy = private_lined_ops.policy;
	return waiter->policy->enter(waiter);
}

static int enter(struct waiter *waiter)
{
	struct ksem *ksem = waiter->sem;
	int error = semaphore_take_or_register(&ksem->sem, waiter->want);

	if (error != EAGAIN)
		return OR_MOVED(ksem, error, enter_line(waiter));
	own_wait.ksem = ksem;
	own_wait.want = waiter->want;
	if (waiter->several)
		semaphore_mark_several(&ksem->sem);
	return EAGAIN;
}

/* Are its wakes counted (wait/eventcount.h)? Others sleep apart. */
static bool is_counted(const struct waiter *waiter)
{
	return !waiter->several && waiter->want == 1;
}

static int arm(struct waiter *waiter)
{
	struct ksem *ksem = waiter->sem;
	int error;

	if (is_counted(waiter) && spin_last_look(&ksem->sem.word))
		return EAGAIN;
	error = eventcount_arm(&ksem->sem, waiter->want, &waiter->signal);
	if (unlikely(error == ESHUTDOWN)) {
		semaphore_shut_down(&ksem->sem); /* EINVAL: it has moved to a line, where the thread goes */
		return EAGAIN;
	}
	if (!is_counted(waiter))
		waiter->signal.scope = FUTEX_SHARED;
	return error;
}

/* The word counts the thread as one that keeps the object, as it does the others in line. It has no entry yet. */
static int leave_for_line(struct waiter *waiter, bool give_up)
{
	waiter->policy = private_lined_ops.policy;
	waiter->last = false;
	return waiter->policy->leave(waiter, give_up);
}

static int leave(struct waiter *waiter, bool give_up)
{
	struct ksem *ksem = waiter->sem;
	int left;

	if (waiter->why == 0 && is_counted(waiter))
		eventcount_woke(&ksem->sem);
	if (unlikely(private_has_moved(ksem)))
		return leave_for_line(waiter, give_up);
	rcu_enter();
	left = semaphore_leave(&ksem->sem, waiter->want, give_up, &waiter->last);
	if (unlikely(left == EINVAL) && private_has_moved(ksem)) {
		rcu_leave();
		return leave_for_line(waiter, give_up);
	}
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
	int error = semaphore_shut_down(&ksem->sem);

	return OR_MOVED(ksem, error, private_lined_ops.shut_down(ksem));
}

static uint32_t waiters(struct ksem *ksem)
{
	return word_waiters(semaphore_word(&ksem->sem));
}

static int kill_unless_waiting(struct ksem *ksem)
{
	int error = semaphore_kill(&ksem->sem);

	return unlikely(private_has_moved(ksem)) ? private_lined_ops.kill(ksem) : error;
}

const struct semaphore_ops private_semaphore_ops = {
	.post = post,
	.give_back = give_back,
	.take = take,
	.take_some = take_some,
	.value = value,
	.take_soon = take_soon,
	.policy = &policy,
	.shut_down = shut_down,
	.waiters = waiters,
	.kill = kill_unless_waiting,
	.line = private_lined_move,
};
