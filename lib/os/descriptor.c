/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors: see descriptor.h.
 */
#include "os/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define FIRST 3  /* above stdin, stdout and stderr */
#define MARK  53 /* a real-time signal that no library is known to use; none is ever sent */

int descriptor_clear(int fd)
{
	int above, saved;

	if (fd < 0 || fd >= FIRST)
		return fd;
	above = fcntl(fd, F_DUPFD_CLOEXEC, FIRST);
	saved = errno;
	close(fd);
	errno = saved;
	return above;
}

bool descriptor_mark(int fd)
{
	return fcntl(fd, F_SETSIG, MARK) == 0;
}

bool descriptor_is_marked(int fd)
{
	int saved = errno;
	bool is = fcntl(fd, F_GETSIG) == MARK;

	errno = saved;
	return is;
}

bool descriptor_is_ours(int fd, dev_t device, ino_t number, struct stat *status)
{
	int saved = errno;
	bool is = fd >= 0 && fstat(fd, status) == 0 && status->st_dev == device && status->st_ino == number &&
		  fcntl(fd, F_GETSIG) == MARK;

	errno = saved;
	return is;
}
