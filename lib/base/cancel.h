/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cancellation: no call of this library is a cancellation point.
 *
 * A call that may reach one of libc's (open, close, poll, getrandom, ...), or that holds what nobody else would give
 * back, disables cancellation for as long. A request that comes meanwhile stays pending until the caller's own state is
 * back, and is acted on at the thread's next cancellation point. So a host's callback must run with the host's state.
 *
 * While it is disabled a thread whose cancellation type is asynchronous isn't ended either.
 */
#ifndef KSEM_BASE_CANCEL_H
#define KSEM_BASE_CANCEL_H

#include <pthread.h>

/* Disables cancellation. What the state was, for cancel_restore. */
static inline int cancel_disable(void)
{
	int before;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	return before;
}

static inline void cancel_restore(int before)
{
	pthread_setcancelstate(before, NULL);
}

#endif
