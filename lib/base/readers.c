/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The readers of RCU, and liburcu's locks around a fork: see rcu.h.
 *
 * RCU needs a record of each thread that reads. liburcu can make the records, but ends the program if it gets no
 * memory. It makes them under a lock that it doesn't take around a fork (liburcu 0.13). It also takes that lock,
 * without blocking signals, when a thread ends. So the next thread to register, in a fork's child or in a signal
 * handler, could wait for ever.
 *
 * Therefore the library has records of its own. They are always in liburcu's list. A record that no thread has looks to
 * liburcu like a thread that doesn't read. To register, a thread takes a free record off a stack; it puts the record
 * back when it ends. Both are a compare-and-swap, without a lock and without memory. So a thread may register in a
 * signal handler, and while another thread forks.
 *
 * If no record is free, a thread adds a chunk of records to the list, under liburcu's locks, by the calls that liburcu
 * offers for forks. The first chunks are part of the library, the later ones are mapped, and all stay. Only if a chunk
 * can't be mapped, liburcu makes the record.
 *
 * A process that has lost liburcu's locks (readers.h) has at most one record that liburcu made: that of the thread
 * which forked. Its other threads have records of the library's own, and it can look at all of them.
 */
#include "base/readers.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/cancel.h"
#include "base/rcu.h"
#include "base/signals.h"
#include "base/watch.h"

struct record {
	struct urcu_bp_reader reader;
	uint32_t number;       /* constant once it is in the list; from 1 */
	atomic(uint32_t) next; /* number of the next free one, while this one is free; 0: none */
};

#define CHUNKS        20 /* each has twice as many records as the one before it */
#define FIRST_RECORDS 32
#define OWN_CHUNKS    3 /* these are part of the library */
#define OWN_RECORDS   ((FIRST_RECORDS << OWN_CHUNKS) - FIRST_RECORDS)

static struct record own[OWN_RECORDS];
static struct record *chunks[CHUNKS]; /* written under the list's lock, before a record of that chunk is free */
static unsigned listed;               /* chunks in the list; under its lock */
static atomic(uint64_t) free_records; /* atomic: low: number of the first free one; high: a count of changes */
static pthread_key_t key;             /* constant once main runs, as is `lends` */
static bool lends;

static pid_t process;                                        /* the one whose `lost` it is */
static bool lost;                                            /* constant in a process: see readers.h */
static struct urcu_bp_reader *liburcus;                      /* if they are lost, the one that it made; NULL: none */
static pthread_mutex_t own_lock = PTHREAD_MUTEX_INITIALIZER; /* serves if they are lost */

static size_t records_before(unsigned chunk)
{
	return ((size_t)FIRST_RECORDS << chunk) - FIRST_RECORDS;
}

static struct record *record_of(uint32_t number)
{
	unsigned chunk = 0;

	while (number > records_before(chunk + 1))
		chunk++;
	return &chunks[chunk][number - 1 - records_before(chunk)];
}

static uint64_t with_first(uint64_t free, uint32_t number)
{
	return ((free >> 32) + 1) << 32 | number;
}

static void push(struct record *record)
{
	uint64_t free = load_rlx(&free_records);

	do
		store_rlx(&record->next, (uint32_t)free);
	while (!cas_rel(&free_records, &free, with_first(free, record->number)));
}

/* NULL: none is free. */
static struct record *pop(void)
{
	uint64_t free = load_acq(&free_records);
	struct record *record;

	do {
		if ((uint32_t)free == 0)
			return NULL;
		record = record_of((uint32_t)free);
	} while (!cas_acq_rel(&free_records, &free, with_first(free, load_rlx(&record->next))));
	return record;
}

static struct record *new_chunk(unsigned chunk)
{
	size_t records = (size_t)FIRST_RECORDS << chunk;
	void *memory;

	if (chunk < OWN_CHUNKS)
		return &own[records_before(chunk)];
	if (chunk == CHUNKS)
		return NULL;
	memory =
		mmap(NULL, records * sizeof(struct record), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

/* Lists one more chunk, behind that record of the list, and makes its records free. With the lock of the list. */
static bool list_chunk(struct cds_list_head *behind)
{
	struct record *chunk = new_chunk(listed);
	size_t before = records_before(listed), records = (size_t)FIRST_RECORDS << listed;

	if (!chunk)
		return false;
	chunks[listed] = chunk;
	for (size_t i = 0; i < records; i++) {
		chunk[i].number = (uint32_t)(before + i + 1);
		if (likely(!lost))
			cds_list_add(&chunk[i].reader.node, behind);
	}
	listed++; /* first: a fork's child frees those that are listed */
	for (size_t i = 0; i < records; i++)
		push(&chunk[i]);
	return true;
}

/* In a fork's child: makes all records free but this thread's. Others may have been about to take or free one. */
static void free_those_of_others(void)
{
	store_rlx(&free_records, with_first(load_rlx(&free_records), 0));
	for (uint32_t number = 1; number <= records_before(listed); number++) {
		struct record *record = record_of(number);

		if (&record->reader == URCU_TLS(urcu_bp_reader))
			continue;
		record->reader.ctr = 0;
		push(record);
	}
}

static bool is_own(const struct urcu_bp_reader *reader)
{
	for (uint32_t number = 1; number <= records_before(listed); number++) {
		if (&record_of(number)->reader == reader)
			return true;
	}
	return false;
}

bool readers_lost_liburcu(void)
{
	pid_t here = getpid();

	if (likely(process == here || !lends))
		return lost;
	process = here;
	lost = true;
	pthread_mutex_init(&own_lock, NULL);
	liburcus = is_own(URCU_TLS(urcu_bp_reader)) ? NULL : URCU_TLS(urcu_bp_reader);
	free_those_of_others();
	return true;
}

void readers_lock(void)
{
	if (unlikely(lost))
		pthread_mutex_lock(&own_lock);
	else
		urcu_bp_before_fork();
}

void readers_unlock(void)
{
	if (unlikely(lost))
		pthread_mutex_unlock(&own_lock);
	else
		urcu_bp_after_fork_parent();
}

/* What was done before this on one side is seen after it on the other: it pairs with what liburcu's readers do. */
static void order_readers(void)
{
	if (!urcu_bp_has_sys_membarrier || syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) != 0)
		cmm_smp_mb();
}

/* Its first member. Computed so, since liburcu's records are less aligned than their type says. */
static const unsigned long *counter_of(const struct urcu_bp_reader *reader)
{
	_Static_assert(offsetof(struct urcu_bp_reader, ctr) == 0, "its first member");
	return (const void *)reader;
}

static void wait_outside(const struct urcu_bp_reader *reader)
{
	while (CMM_LOAD_SHARED(*counter_of(reader)) & URCU_BP_GP_CTR_NEST_MASK)
		sched_yield();
}

void readers_wait(void)
{
	order_readers();
	for (uint32_t number = 1; number <= records_before(listed); number++)
		wait_outside(&record_of(number)->reader);
	if (liburcus)
		wait_outside(liburcus);
	order_readers();
}

/* Owner only: this thread has the lock, because it is forking. */
static _Thread_local bool forking;

/* False: there is no memory for more records. */
static bool more_records(void)
{
	bool found = true;

	if (likely(!forking))
		readers_lock();
	rcu_tell_acquire(&own);
	if ((uint32_t)load_acq(&free_records) == 0)
		found = list_chunk(&own[0].reader.node);
	rcu_tell_release(&own);
	if (likely(!forking))
		readers_unlock();
	return found;
}

static void register_here(void)
{
	struct record *record;

	do
		record = pop();
	while (!record && more_records());
	if (!record)
		return;
	record->reader.tid = pthread_self();
	URCU_TLS(urcu_bp_reader) = &record->reader;
	pthread_setspecific(key, record); /* if this fails, the record is never free again */
}

static void unregister_at_exit(void *record)
{
	sigset_t before;

	watch_enter();
	before = signals_block();
	URCU_TLS(urcu_bp_reader) = NULL;
	push(record);
	signals_restore(before);
	watch_leave();
}

/* With signals blocked: a handler that reads would register, too. */
void rcu_meet_thread(void)
{
	int saved = errno;
	struct cancel cancel = cancel_disable();

	if (likely(lends)) {
		sigset_t before = signals_block();

		if (!URCU_TLS(urcu_bp_reader))
			register_here();
		signals_restore(before);
	}
	if (unlikely(!URCU_TLS(urcu_bp_reader))) {
		if (forking)
			urcu_bp_after_fork_parent();
		urcu_bp_read_lock(); /* registers */
		urcu_bp_read_unlock();
		if (forking)
			urcu_bp_before_fork();
	}
	cancel_restore(cancel);
	errno = saved;
}

/*
 * The thread that loads the library is registered by liburcu, and its record is a way to the list. For the offset see
 * counter_of.
 */
static struct cds_list_head *node_of_this_thread(void)
{
	return (void *)((char *)URCU_TLS(urcu_bp_reader) + offsetof(struct urcu_bp_reader, node));
}

/* Is there memory? If there is none, liburcu would end the program when it registers this thread. */
static bool is_memory(void)
{
	const size_t more_than_it_asks_for = (size_t)1 << 20;
	void *probe = mmap(NULL, more_than_it_asks_for, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return probe != MAP_FAILED && munmap(probe, more_than_it_asks_for) == 0;
}

__attribute__((constructor(101))) static void begin_to_lend(void)
{
	if (!is_memory())
		return;
	rcu_meet_thread();
	if (!URCU_TLS(urcu_bp_reader) || pthread_key_create(&key, unregister_at_exit) != 0)
		return;
	urcu_bp_before_fork();
	list_chunk(node_of_this_thread());
	urcu_bp_after_fork_parent();
	process = getpid();
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

void rcu_before_fork(void)
{
	readers_lock();
	forking = true;
}

void rcu_after_fork_parent(void)
{
	forking = false;
	readers_unlock();
}

void rcu_child_without_handlers(void)
{
	readers_lost_liburcu();
}

void rcu_after_fork_child(bool prepared)
{
	forking = false;
	if (!prepared && readers_lost_liburcu())
		return;
	if (!prepared)
		urcu_bp_before_fork(); /* there are no records of the library's */
	process = getpid();
	if (liburcus != URCU_TLS(urcu_bp_reader))
		liburcus = NULL;
	free_those_of_others();
	if (unlikely(lost))
		pthread_mutex_unlock(&own_lock);
	else
		urcu_bp_after_fork_child();
}
