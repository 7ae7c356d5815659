/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The system call futex_waitv, which sleeps on one or more words (Linux 5.16).
 */
#ifndef KSEM_OS_WAITV_H
#define KSEM_OS_WAITV_H

#include <linux/futex.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
struct futex_waitv {
	uint64_t val;
	uint64_t uaddr;
	uint32_t flags;
	uint32_t __reserved;
};
#define FUTEX_32 2
#endif

struct time_of_waitv {
	int64_t seconds, nanoseconds;
};

/* Does the kernel serve it, as far as is known? */
bool waitv_may_serve(void);

/* Does it still? After an answer that may have been a refusal. If not, waitv_may_serve is false from now on. */
bool waitv_serves_still(void);

#endif
