/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Semaphores with a line: see lined.h.
 *
 * A call that works on the line stands in a read section, which keeps the line's memory until the call is through. A
 * thread that waits is counted in the object's own word instead (object.h). A wait that must sleep may allocate a chunk
 * of entries, without a lock of the library (line/entries.h).
 */
#include "object/lined.h"

#include <errno.h>

#include "base/rcu.h"
#include "line/account.h"
#include "object/holder.h"
#include "object/own_wait.h"
#include "os/fork.h"

void lined_attach(struct lined *lined, struct ksem *ksem)
{
	struct semaphore_cold *cold = semaphore_cold(&ksem->sem);

	semaphore_kill(&ksem->sem);
	cold->instead = lined;
	/* relaxed: nobody sees it until it is published */
	store_rlx(&cold->owners_byte, load_rlx(&cold->owners_byte) | OBJECT_HAS_LINE);
}

/* Evaluates a call on the view of a semaphore's line. */
#define WITH_LINE(ksem, call)                                   \
	__extension__({                                         \
		struct line_view *view = &lined_of(ksem)->view; \
		int result_;                                    \
                                                                \
		rcu_enter();                                    \
		result_ = (call);                               \
		rcu_leave();                                    \
		result_;                                        \
	})

/*
 * ---- Calls that don't wait. ----
 *
 * The common case, a semaphore without a ledger for which nobody waits, is first. What it leaves over is in functions
 * of its own, or it would save registers for them.
 */

static __attribute__((noinline)) int post_rest(struct ksem *ksem, uint32_t n, const struct ksem_proc *by)
{
	if (lined_has_ledger(lined_of(ksem))) /* it isn't pinned: in a read section */
		return holder_post(lined_of(ksem), n, by);
	return WITH_LINE(ksem, line_post(view, n));
}

int lined_post(struct ksem *ksem, uint32_t n, const struct ksem_proc *by)
{
	struct lined *lined = lined_of(ksem);

	if (likely(!lined_has_ledger(lined)) && likely(line_post_now(&lined->view, n)))
		return 0;
	return post_rest(ksem, n, by);
}

/* `holder`: with a ledger, who holds them. In a read section. */
static void give_back(struct lined *lined, const struct lined_holder *holder, uint32_t n)
{
	struct account account = holder_account(holder);

	if (!lined_has_ledger(lined))
		line_post_upto(&lined->view, n);
	else if (account.slot != 0) /* else they went back with its last reference */
		account_give_upto(&lined->view, account, n);
}

void lined_give_back(struct ksem *ksem, uint32_t n, const struct ksem_proc *by)
{
	struct lined *lined = lined_of(ksem);

	rcu_enter();
	give_back(lined, lined_has_ledger(lined) ? holder_of(lined, by) : NULL, n);
	rcu_leave();
}

static __attribute__((noinline)) int take_rest(struct ksem *ksem, const struct ksem_proc *by)
{
	uint32_t took;

	if (lined_has_ledger(lined_of(ksem))) /* as above */
		return holder_take(lined_of(ksem), 1, 1, &took, by);
	return WITH_LINE(ksem, line_try(view, 1));
}

int lined_take_by(struct ksem *ksem, const struct ksem_proc *by)
{
	struct lined *lined = lined_of(ksem);

	if (likely(!lined_has_ledger(lined)) && likely(line_take_now(&lined->view, 1)))
		return 0;
	return take_rest(ksem, by);
}

int lined_take(struct ksem *ksem)
{
	return lined_take_by(ksem, NULL);
}

static __attribute__((noinline)) int take_some_left(struct ksem *ksem, uint32_t least, uint32_t most, uint32_t *took,
						    const struct ksem_proc *by)
{
	if (line_never(&lined_of(ksem)->view, most))
		return EINVAL;
	*took = most;
	if (lined_has_ledger(lined_of(ksem)))
		return holder_take(lined_of(ksem), least, most, took, by);
	return least == most ? WITH_LINE(ksem, line_try(view, most)) : WITH_LINE(ksem, line_try_upto(view, most, took));
}

int lined_take_some(struct ksem *ksem, uint32_t least, uint32_t most, uint32_t *took, const struct ksem_proc *by)
{
	struct lined *lined = lined_of(ksem);

	if (unlikely(lined_has_ledger(lined)) || unlikely(!line_take_now(&lined->view, most)))
		return take_some_left(ksem, least, most, took, by);
	*took = most;
	return 0;
}

int lined_value(struct ksem *ksem, uint32_t *value)
{
	return WITH_LINE(ksem, line_value(view, value));
}

/* A thread, or a wait of a queue, has got in line. Returns since when it waits; 0: it isn't measured. */
static int64_t begin_measuring(struct lined *lined)
{
	if (likely(!lined->metrics))
		return 0;
	metrics_note_waiters(lined->metrics, line_waiters(&lined->view));
	return metrics_now();
}

/* One fewer keeps the semaphore in this process. In a read section. */
static void leave_lined(struct waiter *waiter)
{
	holder_end_wait_as();
	waiter->last = object_leave(waiter->sem);
	if (!waiter->last)
		own_wait.ksem = NULL;
}

/*
 * In line, or, where no entry is free, at the door (own_wait.slot 0): EAGAIN for both, and for a fork's child that has
 * gone on in its parent's call, which gets in line before it sleeps.
 */
static int enter_line(struct lined *lined, struct own_wait *own)
{
	uint32_t holder = load_rlx(&lined->holder); /* relaxed: a number */
	uint32_t slot;
	bool full;
	int error = line_enter(&lined->view, own->want, (struct line_by){holder, holder_account(own->holder)}, &slot,
			       &full);

	if (unlikely(error == ECHILD))
		return EAGAIN;
	own->slot = error == EAGAIN ? slot : 0;
	return error == ENOMEM ? EAGAIN : error;
}

int lined_enter(struct waiter *waiter)
{
	int error = object_enter(waiter->sem);

	if (error)
		return error;
	own_wait.ksem = waiter->sem;
	own_wait.want = waiter->want;
	error = holder_begin_wait_as(lined_of(waiter->sem), waiter->by);
	if (!error)
		error = enter_line(lined_of(waiter->sem), &own_wait);
	if (error == EAGAIN)
		own_wait.begun = begin_measuring(lined_of(waiter->sem));
	else
		leave_lined(waiter);
	return error;
}

/*
 * Sets the signal. EAGAIN: there is no reason to sleep. In a read section, since it may finish an operation that
 * notifies a queue.
 */
static int set_signal(struct waiter *waiter)
{
	struct line_view *view = &lined_of(waiter->sem)->view;
	uint32_t slot = own_wait.slot;
	struct futex_place place;
	struct deadline look;

	if (waiter->why == EAGAIN)
		line_look(view);
	if (slot ? !line_arm(view, slot, &place) : !line_arm_at_door(view, waiter->want, &place))
		return EAGAIN;
	waiter->signal = (struct signal){.word = place.word, .expected = place.expected, .scope = place.scope};
	if (line_next_look(view, slot, &look) && deadline_sooner(waiter->deadline, &look) == &look) {
		waiter->signal.looks = true;
		waiter->signal.look = look;
	}
	return 0;
}

int lined_arm(struct waiter *waiter)
{
	int error;

	fork_settle(); /* a handler may have forked in a read section, or called _Fork() */
	if (!waiter->several && own_wait.slot && line_yield(&lined_of(waiter->sem)->view, own_wait.slot))
		return EAGAIN;
	rcu_enter();
	error = set_signal(waiter);
	rcu_leave();
	return unlikely(fork_is_new_child()) ? EAGAIN : error; /* as above: the place in line is the parent's */
}

/* Nobody but the thread itself serves it there. */
static int leave_door(struct waiter *waiter, bool give_up)
{
	struct line_view *view = &lined_of(waiter->sem)->view;
	int error;

	if (!give_up)
		return enter_line(lined_of(waiter->sem), &own_wait);
	error = own_wait.holder ? account_take(view, holder_account(own_wait.holder), waiter->want) :
				  line_try(view, waiter->want);
	error = error == ENOMEM ? EAGAIN : error;
	if (error != EAGAIN)
		return error;
	return line_is_shut(view) ? ESHUTDOWN : ECANCELED;
}

/* In a read section. */
static int leave_line(struct waiter *waiter, bool give_up)
{
	int left;

	if (!own_wait.slot)
		return leave_door(waiter, give_up);
	left = line_leave(&lined_of(waiter->sem)->view, own_wait.slot, give_up);
	if (left != EAGAIN)
		own_wait.slot = 0;
	return unlikely(left == ENOENT) ? leave_door(waiter, give_up) : left;
}

/* A wait for one of several semaphores is measured where it ended, or, if it gave up, for each of them. */
static bool is_measured(const struct waiter *waiter, int left)
{
	return left != ECANCELED || !waiter->several || waiter->why == ETIMEDOUT || waiter->why == EINTR;
}

int lined_leave(struct waiter *waiter, bool give_up)
{
	struct lined *lined = lined_of(waiter->sem);
	int left;

	rcu_enter();
	left = leave_line(waiter, give_up);
	if (left != EAGAIN) {
		if (unlikely(lined->metrics) && is_measured(waiter, left))
			metrics_note_wait(lined->metrics, own_wait.begun, left == ECANCELED ? waiter->why : left);
		leave_lined(waiter);
	}
	rcu_leave();
	return left;
}

/*
 * With a ledger, the permits are in the account, from which another thread of the process may have posted them by now.
 * So the thread leaves with them, and gives back what is there.
 */
static void leave_unwanted(struct lined *lined)
{
	if (!own_wait.holder || !own_wait.slot)
		line_renounce(&lined->view, own_wait.slot);
	else if (line_leave(&lined->view, own_wait.slot, true) == 0)
		give_back(lined, own_wait.holder, own_wait.want);
}

void lined_renounce(struct waiter *waiter)
{
	rcu_enter();
	leave_unwanted(lined_of(waiter->sem));
	own_wait.slot = 0;
	leave_lined(waiter);
	rcu_leave();
}

/* ---- The rest ---- */

uint32_t lined_waiters(struct ksem *ksem)
{
	return line_waiters(&lined_of(ksem)->view);
}

int lined_kill(struct ksem *ksem)
{
	return WITH_LINE(ksem, line_kill(view));
}

int lined_shut_down(struct ksem *ksem)
{
	uint32_t value;
	int error = WITH_LINE(ksem, line_value(view, &value)); /* EINVAL: dead */

	if (error)
		return error;
	return WITH_LINE(ksem, (line_shutdown(view), 0));
}

int lined_set_limit(struct ksem *ksem, uint32_t limit)
{
	struct lined *lined = lined_of(ksem);
	uint32_t value;
	int error = WITH_LINE(ksem, line_value(view, &value)); /* EINVAL: dead */

	if (error)
		return error;
	if (!lined->attributes.limited || limit > attributes_highest(lined->attributes.order))
		return EINVAL;
	return WITH_LINE(ksem, (line_set_limit(view, limit), 0));
}

int lined_view(struct ksem *ksem, struct line_view **view, uint32_t *holder)
{
	*view = &lined_of(ksem)->view;
	*holder = load_rlx(&lined_of(ksem)->holder); /* relaxed: a number */
	return 0;
}

int lined_begin_submit(struct ksem *ksem, const struct ksem_proc *by, struct line_by *as)
{
	struct lined *lined = lined_of(ksem);
	int error;

	rcu_enter();
	error = holder_begin_wait_as(lined, by);
	rcu_leave();
	if (!error)
		*as = (struct line_by){load_rlx(&lined->holder),
				       holder_account(own_wait.holder)}; /* relaxed: as above */
	return error;
}

void lined_end_submit(struct ksem *ksem)
{
	(void)ksem;
	holder_end_wait_as();
}

int64_t lined_begin_queued(struct ksem *ksem)
{
	return begin_measuring(lined_of(ksem));
}

void lined_end_queued(struct ksem *ksem, int64_t begun, int error)
{
	metrics_note_wait(lined_of(ksem)->metrics, begun, error);
}

int lined_tell_metrics(struct ksem *ksem, struct ksem_metrics *shown)
{
	const struct lined_metrics *metrics = lined_of(ksem)->metrics;

	if (!metrics)
		return ENOTSUP;
	metrics_tell(metrics, shown);
	return 0;
}

int lined_describe(struct ksem *ksem, struct ksem_info *info)
{
	struct lined *lined = lined_of(ksem);
	int error = WITH_LINE(ksem, line_value(view, &info->value));

	if (error)
		return error;
	if (lined_has_ledger(lined))
		info->held = account_sum(&lined->view, UINT32_MAX, &info->value);
	info->waiters = line_waiters(&lined->view);
	info->limit = line_limit(&lined->view);
	info->order = lined->attributes.order;
	info->flags = lined->attributes.flags | (line_is_shut(&lined->view) ? KSEM_SHUTDOWN : 0);
	return 0;
}
