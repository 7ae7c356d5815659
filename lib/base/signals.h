/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks all signals in the calling thread for a while, so that no handler of the program runs there. Threads that it
 * makes meanwhile inherit the mask, and keep it.
 */
#ifndef KSEM_BASE_SIGNALS_H
#define KSEM_BASE_SIGNALS_H

#include <pthread.h>
#include <signal.h>

/* Blocks all signals. Returns the mask before, to be restored. */
static inline sigset_t signals_block(void)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	return before;
}

static inline void signals_restore(sigset_t before)
{
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

#endif
