/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The calls of <semaphore.h> as Helgrind and DRD see them: which calls order which, and which accesses are the
 * library's own and need no report (base/watch.h). The address of the sem_t stands for the semaphore.
 *
 * These tools know libc's calls. For this library's calls they look for wrappers with special exported names, and run
 * them instead of the calls. Nothing else calls the wrappers.
 *
 * A thread may be cancelled while it waits. Then its cleanup handlers run, and one of them informs the tool.
 *
 * ThreadSanitizer needs no help: it intercepts the calls before they come here.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <valgrind/valgrind.h>

#include "base/watch.h"

#define WRAPPER(call) I_WRAP_SONAME_FNNAME_ZU(libksemZuposixZdsoZd0, call)

static void leave(void *arg)
{
	(void)arg;
	watch_leave();
}

/* clang-format off */

#define TAKES(call, parameters, how, ...)                        \
	PUBLIC int WRAPPER(call) parameters;                     \
	PUBLIC int WRAPPER(call) parameters                      \
	{                                                        \
		OrigFn call;                                     \
		int result;                                      \
                                                                 \
		VALGRIND_GET_ORIG_FN(call);                      \
		watch_enter();                                   \
		pthread_cleanup_push(leave, NULL);               \
		how(result, call, __VA_ARGS__);                  \
		pthread_cleanup_pop(1);                          \
		if (result == 0)                                 \
			watch_acquire(sem);                      \
		return result;                                   \
	}

/* clang-format on */

TAKES(sem_wait, (sem_t * sem), CALL_FN_W_W, sem)
TAKES(sem_trywait, (sem_t * sem), CALL_FN_W_W, sem)
TAKES(sem_timedwait, (sem_t * sem, const struct timespec *time), CALL_FN_W_WW, sem, time)
TAKES(sem_clockwait, (sem_t * sem, clockid_t clock, const struct timespec *time), CALL_FN_W_WWW, sem, clock, time)
TAKES(sem_getvalue, (sem_t * sem, int *value), CALL_FN_W_WW, sem, value) /* NOLINT(readability-non-const-parameter) */

PUBLIC int WRAPPER(sem_post)(sem_t *sem);
PUBLIC int WRAPPER(sem_post)(sem_t *sem)
{
	OrigFn call;
	int result;

	VALGRIND_GET_ORIG_FN(call);
	watch_release(sem);
	watch_enter();
	CALL_FN_W_W(result, call, sem);
	watch_leave();
	return result;
}
