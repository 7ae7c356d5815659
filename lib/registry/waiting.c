/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting: see waiting.h.
 *
 * A thread that waits by id leaves its read section before it sleeps. From then on it keeps the semaphore itself, as
 * the semaphore's kind sees to (object/kind.h), and its being counted in the process keeps the process. Waits neither
 * take a lock nor allocate, but for what a kind's finish_wait names.
 *
 * The process in which the calling thread waits is in `own_process`: the child of a fork from a signal handler, which
 * has this thread and no other, tells by it which count to keep. The two change together in a read section, in which no
 * fork is looked after (os/fork.h).
 *
 * A thread that sleeps has cancellation disabled, whatever its type: one that ended there would stay counted.
 */
#include "registry/waiting.h"

#include <errno.h>

#include "base/cancel.h"
#include "base/rcu.h"
#include "os/fork.h"

static _Thread_local struct ksem_proc *own_process; /* owner only, and its signal handlers; NULL: it waits in none */

/* One try to take a permit, by a thread that may spin for it. In a read section, or pinned. */
static int try_take(struct spin *spin, struct ksem *ksem)
{
	return semaphore_ops(ksem)->take_soon(ksem, spin);
}

static bool try_again(struct spin *spin, struct ksem *ksem)
{
	return semaphore_ops(ksem)->spin_again(ksem, spin);
}

/*
 * After EAGAIN: the wait begins. In a read section. Apart, as finish is, so that a wait that finds a permit saves fewer
 * registers.
 */
static __attribute__((noinline)) int begin(struct ksem *ksem)
{
	return semaphore_ops(ksem)->begin_wait(ksem);
}

/* The wait of a thread that has begun it so. */
static __attribute__((noinline)) int finish(struct ksem *ksem, const struct deadline *deadline)
{
	return semaphore_ops(ksem)->finish_wait(ksem, deadline);
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
		error = finish(ksem, deadline);
	cancel_restore(cancel);
	return error;
}

/* Counts the thread in the process; false: that is leaving. In a read section. */
static bool begin_wait(struct ksem_proc *proc)
{
	if (!process_begin_wait(proc))
		return false;
	own_process = proc;
	return true;
}

static void end_wait(struct ksem_proc *proc)
{
	rcu_enter();
	process_end_wait(proc);
	own_process = NULL;
	rcu_leave();
}

/*
 * Tries to take a permit, by a thread that may spin. *ksem: what the id found, in a read section; NULL: EINVAL. A
 * thread that spins leaves the read section meanwhile, since it would keep everybody's memory, and finds it anew.
 */
static int try_found(struct ksem_proc *proc, ksem_id_t id, struct spin *spin, struct ksem **ksem)
{
	int error;

	while (unlikely((error = *ksem ? try_take(spin, *ksem) : EINVAL) == EAGAIN)) {
		bool new_child = fork_is_new_child();

		if (!new_child && !try_again(spin, *ksem))
			break;
		rcu_leave();
		if (unlikely(new_child))
			fork_settle();
		else
			spin_rest(spin);
		rcu_enter();
		*ksem = process_find(proc, id);
	}
	return error;
}

int waiting_found(struct ksem_proc *proc, ksem_id_t id, struct ksem *ksem, const struct deadline *deadline)
{
	struct spin spin = {0};
	bool counted;
	int error = try_found(proc, id, &spin, &ksem);
	struct cancel cancel;

	if (likely(error != EAGAIN)) {
		rcu_leave();
		return error;
	}
	cancel = cancel_disable();
	counted = begin_wait(proc);
	error = counted ? begin(ksem) : EINVAL;
	rcu_leave();
	if (error == EAGAIN)
		error = finish(ksem, deadline);
	if (counted)
		end_wait(proc);
	cancel_restore(cancel);
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
