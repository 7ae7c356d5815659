/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Delays inside the library: where it makes a system call, it is in the middle of something. A poster that is about to
 * wake has already posted; a waiter that is about to sleep has enlisted; who makes a membarrier is revoking permits of
 * other processors. Delays there hold these windows open. And sleeps sometimes end at once, as the kernel's may.
 *
 * The library calls syscall() of the C library; a program's own function of that name comes before it. Only the threads
 * of the torture are held up, and only in private futexes and membarriers.
 */
#include "torture.h"

#include <dlfcn.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

typedef long syscall_function(long, ...);

static syscall_function *libc_syscall; /* constant from the first call on, which a library's constructor makes */

__attribute__((constructor)) static void find_libc_syscall(void)
{
	*(void **)&libc_syscall = dlsym(RTLD_NEXT, "syscall");
}

void dawdle(struct random *random)
{
	unsigned way = random_below(random, 32);

	if (!round_now.conditions.delays)
		return;
	if (way < 2) {
		struct timespec time = {0, random_below(random, 100000)};

		nanosleep(&time, NULL);
	} else if (way < 5) {
		sched_yield();
	} else if (way < 12) {
		for (unsigned i = random_below(random, 300); i > 0; i--)
			atomic_signal_fence(memory_order_seq_cst);
	}
}

/* A window, for one of the torture's threads; errno is as it was. */
static void hold_open(struct worker *self)
{
	int saved = errno;

	dawdle(&self->window_random);
	errno = saved;
}

static bool is_private_futex(long number, long op)
{
	return number == SYS_futex && (op & FUTEX_PRIVATE_FLAG);
}

static bool is_sleep(long number, long op)
{
	int command = (int)op & FUTEX_CMD_MASK;

	return number == SYS_futex_waitv ||
	       (is_private_futex(number, op) && (command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET));
}

static void sleep_for_ever(void)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	for (;;)
		pause();
}

/* As the C library's: some of the arguments that it hands on may be none, and are whatever lies there. */
__attribute__((no_sanitize_address)) long syscall(long number, ...)
{
	struct worker *self = worker_self;
	long a[6], result;
	bool known;
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	if (!libc_syscall)
		find_libc_syscall();
	known = is_private_futex(number, a[1]) || number == SYS_futex_waitv || number == SYS_membarrier;
	if (!self || !known)
		return libc_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	hold_open(self);
	if (is_sleep(number, a[1])) {
		if (planted(PLANT_ASLEEP, &self->window_random, 64) && atomic_load(&self->waiting))
			sleep_for_ever();
		if (round_now.conditions.delays && random_below(&self->window_random, 32) == 0)
			return 0;
	}
	result = libc_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	hold_open(self);
	return result;
}
