/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of <semaphore.h> share. They are built for ksem's (KSEM_POSIX), and for libc's, which shows that they
 * ask no more than POSIX and Linux promise; what is ksem's alone they ask where OURS is 1.
 */
#ifndef KSEM_TESTS_POSIX_H
#define KSEM_TESTS_POSIX_H

#include "../support.h"

#include <semaphore.h>
#include <sys/mman.h>

#ifdef KSEM_POSIX
#define OURS 1
#include "posix/standard.h"
#else
#define OURS 0
#endif

/* A call that must answer -1 and just this errno. */
#define REFUSES(error, call)                      \
	do {                                      \
		errno = 0;                        \
		assert_int_equal((call), -1);     \
		assert_int_equal(errno, (error)); \
	} while (0)

static inline int sem_value(sem_t *sem)
{
	int value = -1;

	MUST(sem_getvalue(sem, &value) == 0);
	return value;
}

/* Threads that have registered; libc's doesn't say: 0. */
static inline unsigned sem_waiters(sem_t *sem)
{
#ifdef KSEM_POSIX
	return word_waiters(plain_word(standard_of(sem)));
#else
	(void)sem;
	return 0;
#endif
}

/* Waits until so many are registered; of libc's: for a while. */
static inline void until_sem_waiters(sem_t *sem, unsigned waiters)
{
	if (!OURS)
		sleep_ms(50);
	while (OURS && sem_waiters(sem) != waiters)
		sched_yield();
}

/* In memory that a fork's child shares. */
static inline void *shared_page(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	MUST(page != MAP_FAILED);
	return page;
}

static inline void child_succeeds(pid_t child)
{
	int status;

	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

#endif
