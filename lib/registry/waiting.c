/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting: see waiting.h.
 *
 * A thread that waits by id leaves its read section before it sleeps. From then on it keeps the semaphore alive as a
 * waiter, which the semaphore's kind does (object/kind.h), and it keeps the process alive, which counts it. Waits take
 * no lock and allocate nothing, except where the kind says so (shared/wait.c, object/lined.c).
 *
 * `own_process` is the process in which the calling thread waits. If a signal handler forks, the child has only this
 * thread, and finds out by it which process still has a waiter. Count and `own_process` change together in a read
 * section. A fork from a signal handler inside a read section runs no child steps (os/fork.h), so it never sees them
 * differ.
 *
 * A thread sleeps with cancellation disabled: a thread that ended there would stay counted.
 */
#include "registry/waiting.h"

#include <errno.h>

#include "base/cancel.h"
#include "base/probe.h"
#include "base/rcu.h"
#include "object/own_wait.h"
#include "os/fork.h"

static _Thread_local struct ksem_proc *own_process; /* owner only, and its signal handlers; NULL: none */

/*
 * After EAGAIN: spins for a permit, while that pays, and takes it. EAGAIN: wait (*next is SPIN_SLEEP), or rest and go
 * on spinning (SPIN_REST). In a read section, or pinned.
 */
static int spin_and_take(struct spin *spin, struct ksem *ksem, enum spin_next *next, const struct ksem_proc *by)
{
	int error = EAGAIN;

	object_spin_at(ksem, spin);
	do {
		*next = spin_look(spin);
		if (*next != SPIN_TRY)
			return EAGAIN;
		error = semaphore_take_soon_by(ksem, by);
	} while (error == EAGAIN);
	if (error == 0)
		spin_paid(spin);
	return error;
}

/* Waits. Ends the read section in which it begins. */
static int wait(struct ksem *ksem, uint32_t want, const struct deadline *deadline, const struct ksem_proc *by)
{
	struct waiter waiter = {
		.policy = semaphore_ops(ksem)->policy, .sem = ksem, .by = by, .want = want, .deadline = deadline};
	int error = waiter.policy->enter(&waiter);

	if (error != EAGAIN) {
		rcu_leave();
	} else {
		ksem_id_t id = object_id(ksem);

		rcu_leave();
		PROBE(wait__begin, id, ksem, want);
		error = waiter_wait(&waiter);
		PROBE(wait__end, id, ksem, error);
	}
	if (unlikely(waiter.last))
		own_wait_end_orphan(ksem);
	return error;
}

int waiting_many_pinned(struct ksem *ksem, uint32_t count, const struct deadline *deadline)
{
	struct cancel cancel = cancel_disable();
	int error;

	fork_settle();
	rcu_enter();
	error = wait(ksem, count, deadline, NULL);
	cancel_restore(cancel);
	return error;
}

/* After EAGAIN. Apart, as the same by id is, so that a wait that finds a permit saves fewer registers. */
static __attribute__((noinline)) int spin_or_wait_pinned(struct ksem *ksem, const struct deadline *deadline)
{
	struct spin spin = {0};
	enum spin_next next;
	int error = EAGAIN;

	if (!object_has_line(ksem)) { /* a line spins by itself */
		while ((error = spin_and_take(&spin, ksem, &next, NULL)) == EAGAIN && next == SPIN_REST)
			spin_rest();
	}
	return error == EAGAIN ? waiting_many_pinned(ksem, 1, deadline) : error;
}

int waiting_pinned(struct ksem *ksem, const struct deadline *deadline)
{
	int error = semaphore_ops(ksem)->take_soon(ksem);

	return likely(error != EAGAIN) ? error : spin_or_wait_pinned(ksem, deadline);
}

bool waiting_begin(struct ksem_proc *proc)
{
	if (!process_begin_wait(proc))
		return false;
	own_process = proc;
	return true;
}

void waiting_end(struct ksem_proc *proc)
{
	rcu_enter();
	process_end_wait(proc);
	own_process = NULL;
	rcu_leave();
}

/* In the read section in which the semaphore was found; ends it. EINVAL: exec or exit of the process is in progress. */
static int wait_by_id(struct ksem_proc *proc, struct ksem *ksem, uint32_t want, const struct deadline *deadline)
{
	struct cancel cancel = cancel_disable();
	int error = EINVAL;

	if (waiting_begin(proc)) {
		error = wait(ksem, want, deadline, proc);
		waiting_end(proc);
	} else {
		rcu_leave();
	}
	cancel_restore(cancel);
	return error;
}

int waiting_many_found(struct ksem_proc *proc, ksem_id_t id, struct ksem *ksem, uint32_t count,
		       const struct deadline *deadline)
{
	if (unlikely(fork_is_new_child())) {
		rcu_leave();
		fork_settle();
		rcu_enter();
		ksem = process_find(proc, id);
	}
	if (likely(ksem))
		return wait_by_id(proc, ksem, count, deadline);
	rcu_leave();
	return EINVAL;
}

/* After EAGAIN, in that read section. */
static __attribute__((noinline)) int spin_or_wait(struct ksem_proc *proc, ksem_id_t id, struct ksem *ksem,
						  const struct deadline *deadline)
{
	struct spin spin = {0};
	enum spin_next next;
	int error;

	if (object_has_line(ksem))
		return waiting_many_found(proc, id, ksem, 1, deadline);
	while ((error = spin_and_take(&spin, ksem, &next, proc)) == EAGAIN) {
		if (likely(!fork_is_new_child()) && next == SPIN_SLEEP)
			return wait_by_id(proc, ksem, 1, deadline);
		rcu_leave(); /* it mustn't delay epochs while others run; the id may be closed meanwhile */
		fork_settle();
		if (next == SPIN_REST)
			spin_rest();
		rcu_enter();
		ksem = process_find(proc, id);
		if (!ksem) {
			error = EINVAL;
			break;
		}
	}
	rcu_leave();
	return error;
}

int waiting_found(struct ksem_proc *proc, ksem_id_t id, struct ksem *ksem, const struct deadline *deadline)
{
	int error = semaphore_take_soon_by(ksem, proc);

	if (unlikely(error == EAGAIN))
		return spin_or_wait(proc, id, ksem, deadline);
	rcu_leave();
	return error;
}

/* ---- Around a fork. ---- */

static void forget_waiters(struct ksem_ns *ns)
{
	for (struct member *member = ns->members; member; member = member->next) {
		struct ksem_proc *proc = process_of(member);

		process_after_fork(proc, proc == own_process);
	}
}

void waiting_child_after_fork(bool prepared)
{
	(void)prepared;
	namespace_for_all(forget_waiters);
}
