/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts futex calls: see wakes.h. While it doesn't count, a call costs one more load.
 */
#include "wakes.h"

#include <dlfcn.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_bool counting;
static atomic_long wakes, waits, slept;

long syscall(long number, ...)
{
	static long (*of_libc)(long, ...);
	long arguments[6], result;
	va_list list;
	int operation;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		arguments[i] = va_arg(list, long);
	va_end(list);
	if (!of_libc)
		*(void **)&of_libc = dlsym(RTLD_NEXT, "syscall");
	result = of_libc(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
	if (number != SYS_futex || !atomic_load_explicit(&counting, memory_order_relaxed))
		return result;
	operation = (int)arguments[1] & FUTEX_CMD_MASK;
	if (operation == FUTEX_WAKE || operation == FUTEX_WAKE_BITSET) {
		atomic_fetch_add(&wakes, 1);
	} else if (operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET) {
		atomic_fetch_add(&waits, 1);
		atomic_fetch_add(&slept, result == 0);
	}
	return result;
}

void wakes_begin(void)
{
	wakes = waits = slept = 0;
	counting = true;
}

struct wakes wakes_end(void)
{
	counting = false;
	return (struct wakes){wakes, waits, slept};
}
