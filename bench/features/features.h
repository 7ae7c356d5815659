/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem-bench-features: what `sem_t` can't do, beside the calls by which programs do it today.
 *
 * A row of the table (main.c) has two ways to do the same. A way is a function that does it many times, and says what
 * one took. contenders.c has the ways that take and give back permits, events.c those of event loops and of waits for
 * several semaphores, languages.c those of other languages.
 */
#ifndef FEATURES_H
#define FEATURES_H

#include <errno.h>

#include <ksem/ksem.h>

#include "../measure.h"

static inline void must_be_0(int error, const char *what)
{
	errno = error;
	must(error == 0, what);
}

/* Semaphores of this program's threads, and those that processes could share. */
extern struct ksem_proc *own, *shared;

#define ATTR(...) (&(const struct ksem_attr){.size = sizeof(struct ksem_attr), __VA_ARGS__})

/* One thread takes a permit and gives it back: nanoseconds. many: three permits at once. */
double fifo_pair(void), metrics_pair(void), glibc_pair(void);
double many_pair(void), sysv_many_pair(void);
double undo_pair(void), sysv_undo_pair(void), mutex_pair(void);

/* Two threads on a limit of two: nanoseconds, divided by the pairs of both. */
double undo_two(void), glibc_shared_two(void);

/* Eight threads on two permits, with a little work with and without a permit: nanoseconds a turn. */
double fifo_crowd(void), glibc_crowd(void), sysv_crowd(void);

/* 64 threads on four permits: the 99th percentile of the wait, divided by the median. */
double fifo_tail(void), sysv_tail(void);

/* A permit from one thread to an event loop on another: nanoseconds. */
double queue_loop(void), eventfd_loop(void);

/* A permit of the last of 64, and back: nanoseconds. */
double any_of_64(void), poll_of_64(void);

/* The same as many_pair and fifo_crowd; `languages` is where what they run was built. */
extern const char *languages;
double java_many_pair(void), go_many_pair(void), tokio_many_pair(void);
double java_fair_crowd(void);

#define CROWD_TURNS 10000 /* of each thread */

/* Nanoseconds of the little work of a crowd's thread. */
double work_took(void);

/* A wait of a completion queue that is pending, one of 100,000: bytes. */
double bytes_of_a_wait(void);

#endif
