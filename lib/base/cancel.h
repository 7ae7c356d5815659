/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cancellation: no call of this library is a cancellation point.
 *
 * Some functions of libc are cancellation points (open, close, poll, getrandom, ...). A call that may reach one of
 * them, or that has taken a lock or a reference, disables cancellation until it is done. If the thread is cancelled
 * meanwhile, the request stays pending, and the thread acts on it at its next cancellation point after the call. A
 * callback of the program runs with the program's own state, which the call restores around it.
 *
 * A thread that enables asynchronous cancellation must not call this library: POSIX allows it three calls, and none is
 * ours. The call sets the type to deferred nevertheless. Without that, glibc (2.36) would act on a request that was
 * sent just before the state changed, since it looks at the type alone. Even so, such a request may end the thread in
 * one of libc's cancellation points.
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
