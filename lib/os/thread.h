/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads of the library's own.
 */
#ifndef KSEM_OS_THREAD_H
#define KSEM_OS_THREAD_H

#include <pthread.h>

/*
 * Starts a thread that blocks all signals. It has a small stack, unless the program's thread-local memory needs a
 * larger one. 0, or what pthread_create answers.
 */
int thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg);

#endif
