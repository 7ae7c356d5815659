/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads: those of the library's own, and whether there are others.
 */
#ifndef KSEM_OS_THREAD_H
#define KSEM_OS_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/*
 * Has this OS process no thread but the caller's? Once it has made another, libc may say no for ever. Libc doesn't know
 * of threads that it hasn't made (clone).
 */
bool thread_is_only(void);

/*
 * Starts a thread that blocks all signals. It has a small stack, unless the program's thread-local memory needs a
 * larger one. 0, or what pthread_create answers.
 */
int thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg);

#endif
