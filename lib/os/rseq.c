/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether restartable sequences work here: see rseq.h.
 */
#include "os/rseq.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#if RSEQ_WORKS && defined(__has_include)
#if __has_include(<sys/rseq.h>)
#define RSEQ_REGISTERED_BY_LIBC 1
#include <sys/rseq.h>
#endif
#endif

ptrdiff_t rseq_area;
uint32_t rseq_processors;

#ifdef RSEQ_REGISTERED_BY_LIBC

/*
 * The highest number of a processor that this machine can ever have: the last in a list such as "0-3,8-11". -1:
 * unknown.
 */
static int highest_possible(void)
{
	char list[256];
	ssize_t length = -1;
	int fd = open("/sys/devices/system/cpu/possible", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		length = read(fd, list, sizeof(list) - 1);
		close(fd);
	}
	if (length <= 0)
		return -1;
	list[length] = '\0';
	while (length > 0 && !(list[length - 1] >= '0' && list[length - 1] <= '9'))
		list[--length] = '\0';
	while (length > 0 && list[length - 1] >= '0' && list[length - 1] <= '9')
		length--;
	return (int)strtol(list + length, NULL, 10);
}

bool rseq_start(void)
{
	int saved = errno;
	int highest;

	if (__rseq_size == 0)
		return false; /* refused by the kernel, or switched off (GLIBC_TUNABLES=glibc.pthread.rseq=0) */
	highest = highest_possible();
	errno = saved;
	if (highest < 0)
		return false;
	rseq_area = __rseq_offset;
	rseq_processors = (uint32_t)highest + 1;
	return true;
}

#else

bool rseq_start(void)
{
	return false;
}

#endif
