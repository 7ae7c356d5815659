/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Epochs: see rcu.h.
 *
 * `begun` counts the epochs that have begun, `ended` those that have ended. If n have begun when a thread arrives, it
 * needs epoch n + 1 or a later one. It queues at the lock. The thread that gets the lock runs one grace period. A
 * thread that then finds its epoch ended needs no grace period of its own.
 *
 * Reading `begun` is a release and beginning an epoch an acquire on the same word (KSEM_ORD_8): if a thread waits for
 * an epoch, that epoch begins after everything that the thread took out of tables. KSEM_ORD_10 orders the end of an
 * epoch before each load that sees it ended.
 */
#include "base/rcu.h"

#include <errno.h>
#include <pthread.h>

#include "base/atomic.h"
#include "base/readers.h"
#include "base/signals.h"

static pthread_mutex_t epoch_lock = PTHREAD_MUTEX_INITIALIZER; /* held over a grace period; or readers_lock is */
static atomic(uint64_t) begun, ended;                          /* atomic; changed under that lock */

#ifdef KSEM_TSAN
char rcu_tsan_readers;
#endif

static void wait_readers(bool lost)
{
	int saved = errno;

	if (unlikely(lost))
		readers_wait();
	else
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

/* With signals blocked: a handler that forked here would leave its child amid the wait. */
void rcu_wait_epoch(void)
{
	uint64_t needed = rcu_epochs_begun() + 1;
	sigset_t signals = signals_block();
	bool lost = readers_lost_liburcu();

	if (unlikely(lost))
		readers_lock(); /* epoch_lock may be lost, too */
	else
		pthread_mutex_lock(&epoch_lock);
	if (rcu_epochs_ended() < needed) {
		uint64_t epoch = fetch_add_acq(&begun, 1) + 1; /* KSEM_ORD_8 acquire */

		wait_readers(lost);
		store_rel(&ended, epoch); /* KSEM_ORD_10 release */
	}
	if (unlikely(lost))
		readers_unlock();
	else
		pthread_mutex_unlock(&epoch_lock);
	signals_restore(signals);
}
