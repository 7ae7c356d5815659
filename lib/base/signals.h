/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals: keeps handlers of the program away from the calling thread for a while, and from threads that it makes
 * meanwhile, which inherit its mask.
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
