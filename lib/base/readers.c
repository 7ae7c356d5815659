/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The readers of RCU, and liburcu's locks around a fork: see rcu.h.
 *
 * liburcu has a record of each thread's read sections, and ends the program if it gets no memory for one. So if there
 * is no memory, a thread borrows a spare record until it ends. To find out, the thread maps memory and unmaps it at
 * once; another thread may take that memory just then. The first spare record is never lent. It is always in liburcu's
 * list of readers, and so shows where that list is.
 *
 * The records and the list are under liburcu's locks. A thread takes these by the functions that liburcu offers for
 * forks.
 */
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>

#include "base/cancel.h"
#include "base/rcu.h"

#define SPARE 256

static struct urcu_bp_reader spare[SPARE]; /* under liburcu's locks; alloc: it is lent */
static pthread_key_t spare_key;            /* constant once main runs */
static bool lends;                         /* constant once main runs */

#define PROBE ((size_t)1 << 20) /* more than liburcu asks for, with up to some thousand threads */

static bool is_memory(void)
{
	void *probe = mmap(NULL, PROBE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return probe != MAP_FAILED && munmap(probe, PROBE) == 0;
}

/* With liburcu's locks. */
static void lend(struct urcu_bp_reader *reader)
{
	reader->alloc = 1;
	reader->tid = pthread_self();
	cds_list_add(&reader->node, &spare[0].node);
	URCU_TLS(urcu_bp_reader) = reader;
	pthread_setspecific(spare_key, reader); /* if that fails, it stays lent for ever */
}

static void take_back(struct urcu_bp_reader *reader)
{
	cds_list_del(&reader->node);
	reader->ctr = 0;
	reader->alloc = 0;
}

static void take_back_at_exit(void *reader)
{
	urcu_bp_before_fork(); /* takes liburcu's locks, and blocks signals */
	take_back(reader);
	URCU_TLS(urcu_bp_reader) = NULL;
	urcu_bp_after_fork_parent();
}

static bool borrow(void)
{
	size_t i = 1;

	if (!lends)
		return false;
	urcu_bp_before_fork(); /* as above */
	if (!URCU_TLS(urcu_bp_reader)) {
		while (i < SPARE && spare[i].alloc)
			i++;
		if (i < SPARE)
			lend(&spare[i]);
	}
	urcu_bp_after_fork_parent();
	return i < SPARE;
}

/* Owner only: this thread has liburcu's locks, because it is forking. Registering takes these locks, too. */
static _Thread_local bool forking;

void rcu_meet_thread(void)
{
	int saved = errno;
	struct cancel cancel = cancel_disable();

	if (unlikely(forking))
		urcu_bp_after_fork_parent();
	if (likely(is_memory()) || !borrow()) {
		urcu_bp_read_lock();
		urcu_bp_read_unlock();
	}
	if (unlikely(forking))
		urcu_bp_before_fork();
	cancel_restore(cancel);
	errno = saved;
}

/*
 * This thread's place in liburcu's list. Computed by the offset, since liburcu's records are less aligned than their
 * type says.
 */
static struct cds_list_head *own_node(void)
{
	return (void *)((char *)URCU_TLS(urcu_bp_reader) + offsetof(struct urcu_bp_reader, node));
}

__attribute__((constructor(101))) static void begin_to_lend(void)
{
	if (!is_memory())
		return;
	rcu_meet_thread();
	if (!URCU_TLS(urcu_bp_reader) || pthread_key_create(&spare_key, take_back_at_exit) != 0)
		return;
	urcu_bp_before_fork();
	cds_list_add(&spare[0].node, own_node());
	urcu_bp_after_fork_parent();
	lends = true;
}

bool rcu_forgo_membarrier(void)
{
#ifdef CONFIG_RCU_FORCE_SYS_MEMBARRIER
	return false; /* this liburcu can't */
#else
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* inside the fork gate */
	static bool forgone;                                     /* under the lock */
	bool is;

	pthread_mutex_lock(&lock);
	if (urcu_bp_has_sys_membarrier) {
		CMM_STORE_SHARED(urcu_bp_has_sys_membarrier, 0);
		forgone = true;
	}
	is = forgone;
	pthread_mutex_unlock(&lock);
	return is;
#endif
}

/* In a fork's child: takes back the records of threads that it hasn't got. */
static void take_back_of_others(void)
{
	for (size_t i = 1; i < SPARE; i++) {
		if (spare[i].alloc && &spare[i] != URCU_TLS(urcu_bp_reader))
			take_back(&spare[i]);
	}
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

void rcu_after_fork_child(bool prepared)
{
	if (!prepared)
		urcu_bp_before_fork();
	forking = false;
	take_back_of_others();
	urcu_bp_after_fork_child();
}
