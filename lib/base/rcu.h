/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Read-copy-update: liburcu's "bulletproof" flavour (bp), with which threads need not register.
 *
 * A reader's code between rcu_enter() and rcu_leave() is a read section: what it finds through a published pointer
 * stays allocated until it leaves. A writer takes an object out of every table, and then calls rcu_wait_epoch(), which
 * returns when every reader that may have found the object has left. Then the writer frees it. rcu_wait_epoch() must
 * not be called in a read section. Read sections nest. rcu_enter() and rcu_leave() make no system call (except the
 * first rcu_enter() of a thread, which registers it), and may be called from a signal handler. They never block; but a
 * first rcu_enter() that finds no free record (readers.c) waits until a grace period that is under way has ended.
 *
 * Epochs are grace periods, numbered from 1. Threads that wait at the same time share an epoch that begins after they
 * came.
 *
 * Ordering: KSEM_ORD_6 release ends a read section, KSEM_ORD_6 acquire ends a grace period. liburcu in Debian 12 isn't
 * instrumented. So this file tells ThreadSanitizer of both ends, and of publishing a node in a table of liburcu
 * (KSEM_ORD_7).
 *
 * rcu_enter() and rcu_leave() use liburcu's inline functions. Their header says that each is short enough (under ten
 * lines) to be used in code that isn't under the LGPL. Sanitized builds (KSEM_SANITIZED) call the library's functions
 * instead: the inline ones write to memory of liburcu that passes from thread to thread without ThreadSanitizer seeing
 * it, and that is less aligned than its type says.
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

/* Registers the calling thread as a reader, which may map memory. Leaves errno alone. */
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

/* Is the calling thread in a read section? A thread that isn't registered is not, and is not registered by this. */
static inline bool rcu_reading(void)
{
	return URCU_TLS(urcu_bp_reader) && urcu_bp_read_ongoing() != 0;
}

/* Waits for an epoch to begin and end. May block. Leaves errno alone. */
void rcu_wait_epoch(void);

/*
 * How many epochs have begun, and ended. An epoch that begins later waits for all readers that are in a read section
 * now.
 */
uint64_t rcu_epochs_begun(void);
uint64_t rcu_epochs_ended(void);

/*
 * Call it when the kernel refuses membarrier after it had granted it: liburcu would end the program in the next grace
 * period. From now on liburcu does without. True: readers may have relied on membarrier. So a thread that waits for an
 * epoch must make every thread pass a memory barrier before the wait and after it.
 */
bool rcu_forgo_membarrier(void);

/*
 * Around fork(): no grace period runs between before and after. The child forgets threads that it hasn't got.
 * `prepared`: rcu_before_fork ran for the child. If not, the child does without liburcu's locks (readers.h).
 */
void rcu_before_fork(void);
void rcu_after_fork_parent(void);
void rcu_after_fork_child(bool prepared);

/*
 * In a child for which rcu_before_fork didn't run, by its only thread, perhaps in a signal handler. Else the child does
 * the same in its first epoch, which is too late if it has other threads by then.
 */
void rcu_child_without_handlers(void);

#endif
