/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lifetimes: see lifetime.h.
 *
 * A lifetime is the process's number (22 bits, the most that Linux uses) and the low 32 bits of the time since the
 * machine started, in hundredths of a second, the unit of /proc/PID/stat.
 */
#include "os/lifetime.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PID_BITS 22

uint32_t lifetime_namespace(void)
{
	struct stat status;
	int saved = errno;
	uint32_t which = stat("/proc/self/ns/pid", &status) == 0 ? (uint32_t)status.st_ino & 0xFFFF : 0;

	errno = saved;
	return which;
}

uint64_t lifetime_own(void)
{
	struct timespec now;
	uint32_t hundredths;

	clock_gettime(CLOCK_BOOTTIME, &now);
	hundredths = (uint32_t)((uint64_t)now.tv_sec * 100 + (uint64_t)now.tv_nsec / 10000000);
	return (uint64_t)hundredths << PID_BITS | ((uint64_t)getpid() & ((1 << PID_BITS) - 1));
}

/* Reads what the kernel says about a process. False: it couldn't. */
static bool read_stat(pid_t pid, char *state, long *threads, unsigned long long *began)
{
	char path[32], text[1024];
	const char *rest;
	ssize_t length;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[length > 0 ? length : 0] = '\0';
	rest = strrchr(text, ')'); /* the program's name may have any bytes */
	return rest &&
	       /* NOLINTNEXTLINE(cert-err34-c): the kernel wrote it */
	       sscanf(rest + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %ld %*s %llu",
		      state, threads, began) == 3;
}

bool lifetime_lasts(uint64_t lifetime)
{
	pid_t pid = (pid_t)(lifetime & ((1 << PID_BITS) - 1));
	unsigned long long began;
	int saved = errno;
	long threads;
	char state;
	bool lasts;

	if (kill(pid, 0) != 0 && errno == ESRCH)
		lasts = false;
	else if (!read_stat(pid, &state, &threads, &began))
		lasts = true;
	else /* the first thread may end before others */
		lasts = state != 'X' && !(state == 'Z' && threads <= 1) &&
			(int32_t)((uint32_t)(lifetime >> PID_BITS) - (uint32_t)began) >= 0;
	errno = saved;
	return lasts;
}
