/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The part of the RCU seam that isn't inline: grace periods and fork. See rcu.h.
 */
#include "base/rcu.h"

#include <errno.h>

#ifdef KSEM_TSAN
char rcu_tsan_readers;
#endif

void rcu_meet_thread(void)
{
	int saved = errno;

	urcu_bp_read_lock();
	urcu_bp_read_unlock();
	errno = saved;
}

void rcu_wait_readers(void)
{
	int saved = errno;

	urcu_bp_synchronize_rcu();
#ifdef KSEM_TSAN
	rcu_tell_acquire(&rcu_tsan_readers); /* KSEM_ORD_6 acquire */
#endif
	errno = saved;
}

void rcu_before_fork(void)
{
	urcu_bp_before_fork();
}

void rcu_after_fork_parent(void)
{
	urcu_bp_after_fork_parent();
}

void rcu_after_fork_child(void)
{
	urcu_bp_after_fork_child();
}
