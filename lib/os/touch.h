/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of a file on tmpfs is allocated when it is first written to. A thread that writes there is killed (SIGBUS) if
 * the file system is full. The kernel, asked to write there, reports an error instead.
 */
#ifndef KSEM_OS_TOUCH_H
#define KSEM_OS_TOUCH_H

#include <errno.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Has the kernel write to a page, four bytes. False: there is no memory for it. */
static inline bool touch_page(void *bytes)
{
	int saved = errno;
	bool touched = syscall(SYS_getcpu, bytes, NULL, NULL) == 0 || errno != EFAULT;

	errno = saved;
	return touched;
}

#endif
