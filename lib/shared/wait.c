/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of operations of shared semaphores, and waits on them: see wait.h.
 *
 * A wait is counted twice: in the object's own word, which keeps the object alive in this process (semaphore.h), and in
 * the page's word, where posts see it. The first count begins inside the read section in which the semaphore was found.
 *
 * Waits take no lock and allocate nothing, with two exceptions: a wait that must open the directory again, because the
 * program closed it; and the last waiter of an orphan, which ends it.
 */
#include "shared/wait.h"

#include <errno.h>

#include "base/rcu.h"
#include "object/own_wait.h"
#include "os/fork.h"
#include "shared/namespace.h"
#include "shared/semaphore.h"
#include "shared/place.h"

/*
 * Counts this thread among the waiters of this process (EAGAIN). It registers in the page's word later
 * (take_or_register).
 */
static int begin_wait(struct ksem *ksem)
{
	int error = shared_enter(ksem);

	if (error)
		return error;
	own_wait.ksem = ksem;
	return EAGAIN;
}

static int take_or_register(struct ksem *ksem)
{
	int error;

	rcu_enter();
	error = shared_take_or_register(ksem);
	own_wait.registered = error == EAGAIN;
	rcu_leave();
	return error;
}

/*
 * If the program closed the directory's descriptor, other processes take this one for dead, and count off its waiters.
 * So a thread opens the directory again before it sleeps, and when it wakes: a process that counts off waiters wakes
 * all sleepers. False: it couldn't open it.
 */
static bool be_present(struct ksem *ksem)
{
	if (likely(directory_fd(shared_of(ksem)->directory) >= 0))
		return true;
	fork_gate_enter();
	place_refresh(ksem->ns);
	fork_gate_leave();
	return directory_fd(shared_of(ksem)->directory) >= 0;
}

/* Sleeps until it has deregistered from the page's word. */
static int park(struct ksem *ksem, const struct deadline *deadline, bool seen)
{
	int woken, left;

	do {
		woken = shared_sleep(ksem, deadline, seen);
		fork_settle(); /* a handler may have called _Fork() */
		seen = be_present(ksem);
		rcu_enter();
		left = shared_deregister(ksem, woken == ETIMEDOUT || woken == EINTR, seen);
		own_wait.registered = left == EAGAIN;
		rcu_leave();
	} while (left == EAGAIN);
	return left == EINVAL ? EINVAL : left ? woken : 0;
}

/* True: nothing else keeps the semaphore, and this thread ends it. */
static bool leave(struct ksem *ksem)
{
	bool last;

	rcu_enter();
	last = shared_leave(ksem);
	if (!last)
		own_wait.ksem = NULL;
	rcu_leave();
	return last;
}

static int finish_wait(struct ksem *ksem, const struct deadline *deadline)
{
	bool seen = be_present(ksem);
	int error = take_or_register(ksem);

	if (error == EAGAIN)
		error = park(ksem, deadline, seen);
	if (leave(ksem))
		own_wait_end_orphan(ksem);
	return error;
}

static int kill_if_last(struct ksem *ksem)
{
	int error;

	pthread_mutex_lock(&ksem->ns->lock);
	place_refresh_locked(ksem->ns); /* if that fails, other processes count as living */
	error = shared_kill(ksem);
	pthread_mutex_unlock(&ksem->ns->lock);
	return error;
}

const struct semaphore_ops shared_semaphore_ops = {
	.post = shared_post,
	.take = shared_take,
	.take_some = shared_take_some,
	.value = shared_value,
	.take_soon = shared_take_soon,
	.spin_again = shared_spin_again,
	.begin_wait = begin_wait,
	.finish_wait = finish_wait,
	.waiters = shared_waiters,
	.kill = kill_if_last,
};
