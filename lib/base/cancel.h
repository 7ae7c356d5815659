/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cancellation: no call of this library is a cancellation point.
 *
 * A call that may reach one of libc's (open, close, poll, getrandom, ...), or that holds what nobody else would give
 * back, disables cancellation for as long. A request that comes meanwhile stays pending until the caller's own state is
 * back, and is acted on at the thread's next cancellation point. So a host's callback must run with the host's state.
 *
 * Asynchronous cancellation isn't for this library: POSIX allows a thread that enables it three calls, none of them
 * ours. The type changes all the same: glibc (2.36) acts on a request that was sent just before the state changed, and
 * looks at nothing but the type. Such a request may still end the thread in one of libc's cancellation points.
 */
#ifndef KSEM_BASE_CANCEL_H
#define KSEM_BASE_CANCEL_H

#include <pthread.h>

/* The thread's state and type, to be restored. */
struct cancel {
	int state, type;
};

static inline struct cancel cancel_disable(void)
{
	struct cancel before;

	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &before.type);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before.state);
	return before;
}

static inline void cancel_restore(struct cancel before)
{
	int none;

	pthread_setcancelstate(before.state, &none);
	if (before.type != PTHREAD_CANCEL_DEFERRED)
		pthread_setcanceltype(before.type, &none);
}

#endif
