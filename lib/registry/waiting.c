/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting: see waiting.h.
 *
 * A thread that waits by id leaves its read section before it sleeps. From then on its being registered in the word
 * keeps the semaphore, and its being counted in the process keeps the process. If all else that kept the semaphore went
 * meanwhile, the last waiter ends it. That one takes locks. So does a wait that must open the directory again, since
 * the host closed it (be_present). Other waits neither take a lock nor allocate.
 *
 * What the calling thread waits for stands in `own`: the child of a fork from a signal handler, which has this thread
 * and no other, tells by it which waiters it still has. The counts and `own` change together in a read section, in
 * which no fork is looked after (os/fork.h).
 *
 * A thread that sleeps has cancellation disabled, whatever its type: one that ended there would stay counted.
 */
#include "registry/waiting.h"

#include <errno.h>
#include <stddef.h>

#include "base/cancel.h"
#include "base/rcu.h"
#include "os/fork.h"
#include "shared/sharing.h"
#include "shared/shared.h"
#include "sem/look.h"

static _Thread_local struct {
	struct ksem *ksem;      /* in whose word it is registered, or which it must end */
	bool registered;        /* of one that OS processes share: in the page's word, too */
	struct ksem_proc *proc; /* in which it is counted, if it waits by id */
} own;                          /* owner only, and its signal handlers */

/* Takes a permit, or registers (EAGAIN). In a read section. */
static int take_or_register(struct ksem *ksem)
{
	int error = semaphore_take_or_register(&ksem->sem);

	if (error == EAGAIN)
		own.ksem = ksem;
	return error;
}

/* Tries to leave as semaphore_leave does. */
static int leave(struct ksem *ksem, bool give_up, bool *last)
{
	int error;

	rcu_enter();
	error = semaphore_leave(&ksem->sem, give_up, last);
	if (error != EAGAIN && !*last)
		own.ksem = NULL;
	rcu_leave();
	return error;
}

/* The last waiter ends a semaphore that nothing else keeps. */
static void end_orphan(struct ksem *ksem)
{
	struct ksem_ns *ns = ksem->ns;
	struct reclaim garbage = RECLAIM_NONE;

	fork_gate_enter();
	own.ksem = NULL;
	namespace_end(ns, ksem, &garbage);
	reclaim_free(garbage);
	fork_gate_leave();
}

/* Sleeps on a semaphore in which the thread has registered, until it has left. */
static int park(struct ksem *ksem, const struct deadline *deadline)
{
	bool last;
	int woken, left;

	do {
		woken = spin_last_look(&ksem->sem) ? EAGAIN : eventcount_sleep(&ksem->sem, deadline);
		left = leave(ksem, woken == ETIMEDOUT || woken == EINTR, &last);
	} while (left == EAGAIN);
	if (last)
		end_orphan(ksem);
	return left ? woken : 0;
}

/*
 * Of a semaphore that OS processes share: counts this thread among those of this process that keep it (EAGAIN). It
 * registers in the page's word later (register_shared). In a read section. EINVAL: the semaphore is being ended.
 */
static int begin_shared(struct ksem *ksem)
{
	int error = shared_enter(ksem);

	if (error)
		return error;
	own.ksem = ksem;
	return EAGAIN;
}

static int register_shared(struct ksem *ksem)
{
	int error;

	rcu_enter();
	error = shared_take_or_register(ksem);
	own.registered = error == EAGAIN;
	rcu_leave();
	return error;
}

/*
 * If the host closed the directory's descriptor, other processes take this one for dead, and count off its waiters. So
 * the directory is opened again before a thread sleeps, and when it wakes: who counts off waiters wakes all that sleep.
 * False: it can't be opened.
 */
static bool be_present(struct ksem *ksem)
{
	struct ksem_ns *ns = ksem->ns;

	if (likely(directory_fd(shared_of(ksem)->directory) >= 0))
		return true;
	fork_gate_enter();
	pthread_mutex_lock(&ns->lock);
	sharing_refresh(ns);
	pthread_mutex_unlock(&ns->lock);
	fork_gate_leave();
	return directory_fd(shared_of(ksem)->directory) >= 0;
}

/* Sleeps on a page in whose word the thread has registered, until it has left. */
static int park_shared(struct ksem *ksem, const struct deadline *deadline, bool seen)
{
	int woken, left;

	do {
		woken = shared_sleep(ksem, deadline, seen);
		fork_settle(); /* a handler may have called _Fork() */
		seen = be_present(ksem);
		rcu_enter();
		left = shared_deregister(ksem, woken == ETIMEDOUT || woken == EINTR, seen);
		own.registered = left == EAGAIN;
		rcu_leave();
	} while (left == EAGAIN);
	return left == EINVAL ? EINVAL : left ? woken : 0;
}

/* True: nothing else keeps the semaphore, and this thread ends it. */
static bool leave_shared(struct ksem *ksem)
{
	bool last;

	rcu_enter();
	last = shared_leave(ksem);
	if (!last)
		own.ksem = NULL;
	rcu_leave();
	return last;
}

static int wait_shared(struct ksem *ksem, const struct deadline *deadline)
{
	bool seen = be_present(ksem);
	int error = register_shared(ksem);

	if (error == EAGAIN)
		error = park_shared(ksem, deadline, seen);
	if (leave_shared(ksem))
		end_orphan(ksem);
	return error;
}

/* One try to take a permit, by a thread that may spin for it: as spin_take. In a read section, or pinned. */
static int try_take(struct spin *spin, struct ksem *ksem)
{
	return unlikely(object_is_elsewhere(ksem)) ? shared_spin_take(spin, ksem) : spin_take(spin, &ksem->sem);
}

static bool try_again(struct spin *spin, struct ksem *ksem)
{
	return unlikely(object_is_elsewhere(ksem)) ? shared_spin_again(spin, ksem) : spin_again(spin, &ksem->sem.spin);
}

/*
 * After EAGAIN: registers, or, of a semaphore that OS processes share, begins to; the wait follows. In a read section.
 * Apart, as finish is, so that a wait that finds a permit saves fewer registers.
 */
static __attribute__((noinline)) int begin(struct ksem *ksem)
{
	return unlikely(object_is_elsewhere(ksem)) ? begin_shared(ksem) : take_or_register(ksem);
}

/* The wait of a thread that has begun it so. */
static __attribute__((noinline)) int finish(struct ksem *ksem, bool shared, const struct deadline *deadline)
{
	return unlikely(shared) ? wait_shared(ksem, deadline) : park(ksem, deadline);
}

int waiting_pinned(struct ksem *ksem, const struct deadline *deadline)
{
	struct spin spin = {0};
	struct cancel cancel;
	int error;

	while (unlikely((error = try_take(&spin, ksem)) == EAGAIN) && try_again(&spin, ksem))
		spin_rest(&spin);
	if (likely(error != EAGAIN))
		return error;
	cancel = cancel_disable();
	fork_settle();
	rcu_enter();
	error = begin(ksem);
	rcu_leave();
	if (error == EAGAIN)
		error = finish(ksem, object_is_elsewhere(ksem), deadline);
	cancel_restore(cancel);
	return error;
}

/* Counts the thread in the process; false: that is leaving. In a read section. */
static bool begin_wait(struct ksem_proc *proc)
{
	if (!process_begin_wait(proc))
		return false;
	own.proc = proc;
	return true;
}

static void end_wait(struct ksem_proc *proc)
{
	rcu_enter();
	process_end_wait(proc);
	own.proc = NULL;
	rcu_leave();
}

/*
 * One try by id, by a thread that may spin; EINVAL: not held. EAGAIN, with the semaphore, in the read section that this
 * begins: another try won't do.
 */
static int try_by_id(struct ksem_proc *proc, ksem_id_t id, struct spin *spin, struct ksem **ksem)
{
	int error;

	for (;;) {
		rcu_enter();
		*ksem = process_find(proc, id);
		error = unlikely(!*ksem) ? EINVAL : try_take(spin, *ksem);
		if (likely(error != EAGAIN))
			break;
		if (unlikely(fork_is_new_child())) {
			rcu_leave();
			fork_settle();
			continue;
		}
		if (!try_again(spin, *ksem))
			break;
		rcu_leave(); /* a thread that spins keeps nobody's memory for long */
		spin_rest(spin);
	}
	return error;
}

int waiting_by_id(struct ksem_proc *proc, ksem_id_t id, const struct deadline *deadline)
{
	struct spin spin = {0};
	struct ksem *ksem;
	bool counted, shared;
	int error = try_by_id(proc, id, &spin, &ksem);
	struct cancel cancel;

	if (likely(error != EAGAIN)) {
		rcu_leave();
		return error;
	}
	cancel = cancel_disable();
	shared = object_is_elsewhere(ksem);
	counted = begin_wait(proc);
	error = counted ? begin(ksem) : EINVAL;
	rcu_leave();
	if (error == EAGAIN)
		error = finish(ksem, shared, deadline);
	if (counted)
		end_wait(proc);
	cancel_restore(cancel);
	return error;
}

/* ---- Around a fork. ---- */

static void forget_waiters(struct ksem_ns *ns, bool prepared)
{
	struct reclaim garbage = RECLAIM_NONE;
	uint64_t cursor = 0;
	struct ksem *ksem;

	for (struct ksem_proc *proc = ns->procs; proc; proc = proc->next)
		process_after_fork(proc, proc == own.proc);
	if (ns->sharing)
		sharing_in_child(ns, prepared, own.ksem, own.registered, &garbage);
	while (!ns->sharing && (ksem = numbers_next(&ns->numbers, &cursor))) {
		if (semaphore_after_fork(&ksem->sem, ksem == own.ksem) && namespace_end(ns, ksem, &garbage))
			break;
	}
	reclaim_free(garbage);
}

static void prepare_child(struct ksem_ns *ns)
{
	if (ns->sharing)
		sharing_before_fork(ns);
}

static void forget_child(struct ksem_ns *ns)
{
	if (ns->sharing)
		sharing_after_fork(ns);
}

static void become_prepared_child(struct ksem_ns *ns)
{
	forget_waiters(ns, true);
}

static void become_child(struct ksem_ns *ns)
{
	forget_waiters(ns, false);
}

static void before_fork(void)
{
	namespace_for_all(prepare_child);
}

static void after_fork(void)
{
	namespace_for_all(forget_child);
}

static void in_child(bool prepared)
{
	namespace_for_all(prepared ? become_prepared_child : become_child);
}

const struct fork_hooks fork_hooks = {.before = before_fork, .parent = after_fork, .child = in_child};
