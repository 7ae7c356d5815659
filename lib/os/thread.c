/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads of the library's own: see thread.h.
 */
#include "os/thread.h"

#include <errno.h>

#include "base/signals.h"

#define STACK_BYTES (256 * 1024)

/* With a small stack, unless the program has so much thread-local memory that it doesn't fit there. */
static int create(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
	pthread_attr_t small;
	int error;

	if (pthread_attr_init(&small) != 0)
		return ENOMEM;
	pthread_attr_setstacksize(&small, STACK_BYTES);
	error = pthread_create(thread, &small, run, arg);
	if (error == EINVAL)
		error = pthread_create(thread, NULL, run, arg);
	pthread_attr_destroy(&small);
	return error;
}

/* The thread has the mask of the one that creates it. */
int thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
	sigset_t before = signals_block();
	int error = create(thread, run, arg);

	signals_restore(before);
	return error;
}
