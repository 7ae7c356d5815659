/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Read-copy-update: liburcu's "bulletproof" flavour (bp), which needs no registration by its host.
 *
 * A reader brackets its look with rcu_enter() and rcu_leave(); what it finds through a published pointer stays
 * allocated until it leaves. A writer takes a thing out of every table, then calls rcu_wait_epoch(), which returns when
 * every reader that may still hold the thing has left; then it frees it. rcu_wait_epoch() may not be called between
 * rcu_enter() and rcu_leave(). Enter and leave nest, neither blocks nor makes a system call (but for a thread's first
 * enter, which makes it known to liburcu), and both may be called from a signal handler.
 *
 * Epochs are grace periods, numbered from 1, and shared: threads that wait at the same time are served by the same one,
 * as long as it began after they came.
 *
 * Ordering: KSEM_ORD_6 release ends a read section, KSEM_ORD_6 acquire ends a grace period. liburcu in Debian 12 isn't
 * instrumented, so under ThreadSanitizer both ends, and the publication of a node through a liburcu table (KSEM_ORD_7),
 * are told to it by hand.
 *
 * enter and leave are liburcu's own inline functions; their header says of each that it is short enough (under ten
 * lines) to be used so from code that isn't LGPL. Sanitized builds (KSEM_SANITIZED) call the library's functions
 * instead: the inline ones write to memory of liburcu that is handed from thread to thread out of ThreadSanitizer's
 * sight, and is less aligned than its type says.
 */
#ifndef KSEM_BASE_RCU_H
#define KSEM_BASE_RCU_H

#include <stdbool.h>
#include <stdint.h>
#include <urcu/urcu-bp.h>

#include "base/compiler.h"

#ifdef KSEM_TSAN
#include <sanitizer/tsan_interface.h>
extern char rcu_tsan_readers; /* every read section releases it, every grace period acquires it */
#define rcu_tell_release(address) __tsan_release(address)
#define rcu_tell_acquire(address) __tsan_acquire(address)
#define rcu_tell_leave()          __tsan_release(&rcu_tsan_readers)
#else
#define rcu_tell_release(address) ((void)(address))
#define rcu_tell_acquire(address) ((void)(address))
#define rcu_tell_leave()          ((void)0)
#endif

#include <urcu/static/urcu-bp.h>

#ifdef KSEM_SANITIZED
#define rcu_lock()   urcu_bp_read_lock()
#define rcu_unlock() urcu_bp_read_unlock()
#else
#define rcu_lock()   _urcu_bp_read_lock()
#define rcu_unlock() _urcu_bp_read_unlock()
#endif

/* Makes the calling thread known to liburcu, which may map memory. Leaves errno alone. */
void rcu_meet_thread(void);

static inline void rcu_enter(void)
{
	if (unlikely(!URCU_TLS(urcu_bp_reader)))
		rcu_meet_thread();
	rcu_lock();
}

static inline void rcu_leave(void)
{
	rcu_tell_leave(); /* KSEM_ORD_6 release */
	rcu_unlock();
}

/* Is the calling thread inside a read section? One that liburcu doesn't know isn't, and needn't become known. */
static inline bool rcu_reading(void)
{
	return URCU_TLS(urcu_bp_reader) && urcu_bp_read_ongoing() != 0;
}

/* Waits for an epoch to begin and end. May block. Leaves errno alone. */
void rcu_wait_epoch(void);

/* How many epochs have begun, and ended. One that begins later waits for readers that are there now. */
uint64_t rcu_epochs_begun(void);
uint64_t rcu_epochs_ended(void);

/*
 * Where the kernel refuses membarrier, which it had granted: liburcu would end the program in the next grace period.
 * From now on it does without. True: readers may be there that rely on it, so who waits for an epoch must have every
 * thread pass a memory barrier before the wait and after it.
 */
bool rcu_forgo_membarrier(void);

/*
 * Around fork(): no grace period is under way between before and after; the child forgets the threads it hasn't got.
 * `prepared`: rcu_before_fork ran for it.
 */
void rcu_before_fork(void);
void rcu_after_fork_parent(void);
void rcu_after_fork_child(bool prepared);

#endif
