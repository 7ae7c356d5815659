/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The part of the RCU seam that isn't inline: epochs and fork. See rcu.h.
 *
 * `begun` counts the epochs that began, `ended` those that ended. A thread that comes when n have begun needs one that
 * begins later: number n + 1. It gets in line at the lock; who holds the lock runs one grace period; who then finds its
 * number ended goes on without one of its own.
 *
 * Reading `begun` is a release and beginning an epoch an acquire on the same word (KSEM_ORD_8): an epoch that a thread
 * counts on begins after all that the thread took out of tables. KSEM_ORD_10 joins the end of an epoch to those who see
 * it ended.
 */
#include "base/rcu.h"

#include <errno.h>
#include <pthread.h>

#include "base/atomic.h"
#include "base/cancel.h"

static pthread_mutex_t epoch_lock = PTHREAD_MUTEX_INITIALIZER; /* held over a grace period */
static atomic(uint64_t) begun, ended;                          /* atomic; changed under epoch_lock */

#ifdef KSEM_TSAN
char rcu_tsan_readers;
#endif

/* Owner only: between before and after a fork this thread has liburcu's locks, which registering takes. */
static _Thread_local bool forking;

void rcu_meet_thread(void)
{
	int saved = errno;
	struct cancel cancel = cancel_disable();

	if (unlikely(forking))
		urcu_bp_after_fork_parent();
	urcu_bp_read_lock();
	urcu_bp_read_unlock();
	if (unlikely(forking))
		urcu_bp_before_fork();
	cancel_restore(cancel);
	errno = saved;
}

static void wait_readers(void)
{
	int saved = errno;

	urcu_bp_synchronize_rcu();
#ifdef KSEM_TSAN
	rcu_tell_acquire(&rcu_tsan_readers); /* KSEM_ORD_6 acquire */
#endif
	errno = saved;
}

uint64_t rcu_epochs_begun(void)
{
	return fetch_add_rel(&begun, 0); /* KSEM_ORD_8 release */
}

uint64_t rcu_epochs_ended(void)
{
	return load_acq(&ended); /* KSEM_ORD_10 acquire */
}

void rcu_wait_epoch(void)
{
	uint64_t needed = rcu_epochs_begun() + 1;

	pthread_mutex_lock(&epoch_lock);
	if (rcu_epochs_ended() < needed) {
		uint64_t epoch = fetch_add_acq(&begun, 1) + 1; /* KSEM_ORD_8 acquire */

		wait_readers();
		store_rel(&ended, epoch); /* KSEM_ORD_10 release */
	}
	pthread_mutex_unlock(&epoch_lock);
}

void rcu_before_fork(void)
{
	urcu_bp_before_fork();
	forking = true;
}

void rcu_after_fork_parent(void)
{
	forking = false;
	urcu_bp_after_fork_parent();
}

void rcu_after_fork_child(void)
{
	forking = false;
	urcu_bp_after_fork_child();
}
