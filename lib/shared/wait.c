/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of operations of shared semaphores, and waits on them: see wait.h.
 *
 * A wait is counted twice: in the object's own word, which keeps the object alive in this process (semaphore.h), and in
 * the page's word, where posts see it. Both begin inside the read section in which the semaphore was found.
 *
 * Waits take no lock and allocate nothing, with three exceptions: a wait that must open the directory again, because
 * the program closed it; the last waiter of an orphan, which ends it; and a wait on a semaphore with KSEM_UNDO, which
 * may start a thread (deaths.h).
 */
#include "shared/wait.h"

#include <errno.h>

#include "base/rcu.h"
#include "object/holder.h"
#include "object/own_wait.h"
#include "os/fork.h"
#include "shared/deaths.h"
#include "shared/namespace.h"
#include "shared/semaphore.h"
#include "shared/place.h"
#include "shared/queued.h"

/* One fewer keeps the semaphore in this process. In a read section. */
static void leave_object(struct waiter *waiter)
{
	waiter->last = object_leave(waiter->sem);
	if (!waiter->last)
		own_wait.ksem = NULL;
}

static int enter(struct waiter *waiter)
{
	int error = object_enter(waiter->sem);

	if (error)
		return error;
	own_wait.ksem = waiter->sem;
	own_wait.want = waiter->want;
	error = shared_take_or_register(waiter->sem, waiter->want, &own_wait.counted);
	own_wait.registered = error == EAGAIN;
	if (error != EAGAIN)
		leave_object(waiter);
	return error;
}

/*
 * If the program closed the directory's descriptor, other processes take this one for dead, and count off its waiters.
 * So a thread opens the directory again before it sleeps, and when it wakes: a process that counts off waiters wakes
 * all sleepers. False: it couldn't open it, or there is no room for its record.
 */
static bool be_present(struct ksem *ksem)
{
	if (likely(shared_is_present(ksem)))
		return true;
	fork_gate_enter();
	place_stay(ksem);
	fork_gate_leave();
	return shared_is_present(ksem);
}

/* Is the thread counted in a record of this process? */
static bool be_counted(struct ksem *ksem)
{
	if (unlikely(!be_present(ksem)))
		return false;
	shared_count_again(ksem, own_wait.want, &own_wait.counted);
	return true;
}

static int arm(struct waiter *waiter)
{
	return shared_arm(waiter->sem, waiter, be_counted(waiter->sem));
}

static int leave(struct waiter *waiter, bool give_up)
{
	bool seen;
	int left;

	fork_settle(); /* a handler may have called _Fork() */
	seen = be_counted(waiter->sem);
	rcu_enter();
	left = shared_deregister(waiter->sem, waiter->want, give_up, seen, own_wait.counted);
	own_wait.registered = left == EAGAIN;
	if (left != EAGAIN)
		leave_object(waiter);
	rcu_leave();
	return left;
}

static void renounce(struct waiter *waiter)
{
	bool seen;

	fork_settle(); /* as above */
	seen = be_counted(waiter->sem);
	rcu_enter();
	shared_renounce(waiter->sem, seen, own_wait.counted);
	own_wait.registered = false;
	leave_object(waiter);
	rcu_leave();
}

static const struct wait_policy policy = {enter, arm, signal_sleep, leave, renounce};

/* Others may have posted so many that there is room for fewer. */
static void give_back(struct ksem *ksem, uint32_t n, const struct ksem_proc *by)
{
	uint32_t value;

	while (shared_post(ksem, n, by) == EOVERFLOW && shared_value(ksem, &value) == 0)
		n = n < WORD_VALUE_MAX - value ? n : WORD_VALUE_MAX - value;
}

static int kill_if_last(struct ksem *ksem)
{
	int error;

	pthread_mutex_lock(&object_ns(ksem)->lock);
	place_need_record(object_ns(ksem), ksem); /* if that fails, other processes count as living */
	error = shared_kill(ksem);
	pthread_mutex_unlock(&object_ns(ksem)->lock);
	return error;
}

/* ---- With a line (lined.h). ---- */

static int arm_in_line(struct waiter *waiter)
{
	int error;

	be_present(waiter->sem); /* if that fails, others may take its entry out of the line */
	error = lined_arm(waiter);
	if (!error)
		deaths_before_sleep(shared_lined_of(waiter->sem));
	return error;
}

static int leave_line(struct waiter *waiter, bool give_up)
{
	fork_settle(); /* as above */
	be_present(waiter->sem);
	return lined_leave(waiter, give_up);
}

static void renounce_line(struct waiter *waiter)
{
	fork_settle(); /* as above */
	be_present(waiter->sem);
	lined_renounce(waiter);
}

static int begin_submit(struct ksem *ksem, const struct ksem_proc *by, struct line_by *as)
{
	place_stay(ksem);
	return lined_begin_submit(ksem, by, as);
}

/* The wait may be in line by now. */
static void end_submit(struct ksem *ksem)
{
	lined_end_submit(ksem);
	deaths_before_sleep(shared_lined_of(ksem));
}

static void stay_for_queue(struct ksem *ksem)
{
	place_stay(ksem);
	deaths_before_sleep(shared_lined_of(ksem));
}

static const struct wait_policy policy_in_line = {lined_enter, arm_in_line, signal_sleep, leave_line, renounce_line};

/* What all with a line do alike. */
#define LINED_OPS                                                                                                    \
	.give_back = shared_lined_give_back, .take = shared_lined_take, .take_some = shared_lined_take_some,         \
	.value = shared_lined_value, .take_soon = shared_lined_take, .policy = &policy_in_line,                      \
	.waiters = shared_lined_waiters, .kill = kill_if_last, .shut_down = lined_shut_down,                         \
	.set_limit = lined_set_limit, .add_holder = lined_add_holder, .has_holders = lined_has_holders,              \
	.drop_holder = lined_drop_holder, .metrics = lined_tell_metrics, .line = lined_view, .stay = stay_for_queue, \
	.begin_submit = begin_submit, .end_submit = end_submit, .begin_queued = lined_begin_queued,                  \
	.end_queued = lined_end_queued

const struct semaphore_ops shared_lined_ops = {
	LINED_OPS,
	.post = shared_lined_post,
	.take_by = shared_lined_take_by,
};

/* With a ledger, whose common case is first. Nobody waits there, so nobody looks for the dead. */

static struct lined *lined_here(struct ksem *ksem)
{
	return &((struct shared_with_line *)shared_of(ksem))->lined.lined;
}

static int post_with_ledger(struct ksem *ksem, uint32_t n, const struct ksem_proc *by)
{
	return likely(n == 1) && likely(holder_add_one(lined_here(ksem), by, -1)) ? 0 : shared_lined_post(ksem, n, by);
}

static int take_with_ledger(struct ksem *ksem, const struct ksem_proc *by)
{
	return likely(holder_add_one(lined_here(ksem), by, 1)) ? 0 : shared_lined_take_by(ksem, by);
}

const struct semaphore_ops shared_ledger_ops = {
	LINED_OPS,
	.post = post_with_ledger,
	.take_by = take_with_ledger,
};

const struct semaphore_ops shared_semaphore_ops = {
	.post = shared_post,
	.give_back = give_back,
	.take = shared_take,
	.take_some = shared_take_some,
	.value = shared_value,
	.take_soon = shared_take_soon,
	.policy = &policy,
	.waiters = shared_waiters,
	.kill = kill_if_last,
	.shut_down = shared_shut_down,
	.direct = &shared_direct_ops,
	.stay = place_stay,
};
