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
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/cancel.h"

#define PID_BITS 22

_Static_assert(PID_BITS + 32 == LIFETIME_BITS, "a lifetime");

static pid_t pid_of(uint64_t lifetime)
{
	return (pid_t)(lifetime & ((1 << PID_BITS) - 1));
}

/* A process of a new pid namespace may have the /proc of the outer one, in which its number is another process's. */
static bool proc_is_own(void)
{
	char number[16] = "";
	int saved = errno;
	bool is = readlink("/proc/self", number, sizeof(number) - 1) > 0 && strtol(number, NULL, 10) == getpid();

	errno = saved;
	return is;
}

static uint32_t namespace_bits(uint64_t number)
{
	return (uint32_t)number & ((1 << LIFETIME_NAMESPACE_BITS) - 1);
}

/* 0: unknown. */
static uint64_t inode_of(const char *path)
{
	struct stat status;
	int saved = errno;
	uint64_t inode = stat(path, &status) == 0 ? status.st_ino : 0;

	errno = saved;
	return inode;
}

/* The whole number of the pid namespace. 0: as lifetime_pids. */
static uint64_t pids(void)
{
	return proc_is_own() ? inode_of("/proc/self/ns/pid") : 0;
}

uint32_t lifetime_pids(void)
{
	return namespace_bits(pids());
}

/*
 * Namespaces are numbered in turn: without the factor, different pairs would often give the same. Linux before 5.6 has
 * no time namespaces.
 */
uint32_t lifetime_namespace(void)
{
	uint64_t inode = pids();

	return inode ? namespace_bits(inode ^ inode_of("/proc/self/ns/time") * 0x9E37) : 0;
}

/* The hundredths of a second since the machine started. */
static uint64_t hundredths_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 100 + (uint64_t)now.tv_nsec / 10000000;
}

uint64_t lifetime_own(void)
{
	return (uint64_t)(uint32_t)hundredths_now() << PID_BITS | ((uint64_t)getpid() & ((1 << PID_BITS) - 1));
}

/* When the process of a lifetime existed: at that time, or 497 days earlier, or twice that, and so on. */
static uint64_t latest_time_of(uint64_t lifetime)
{
	uint64_t now = hundredths_now();

	return now - (uint32_t)((uint32_t)now - (uint32_t)(lifetime >> PID_BITS));
}

/* Reads the beginning of a file. Posts and takes come here, so it must not be a cancellation point. Negative: errno. */
static ssize_t read_file(const char *path, char *bytes, size_t size)
{
	struct cancel cancel = cancel_disable();
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, bytes, size);

	if (fd >= 0)
		close(fd);
	cancel_restore(cancel);
	return length;
}

/* Reads what the kernel says about a process. False: it couldn't. */
static bool read_stat(pid_t pid, char *state, long *threads, unsigned long long *began, unsigned long long *stack)
{
	char path[32], text[1024];
	const char *rest;
	ssize_t length;

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	length = read_file(path, text, sizeof(text) - 1);
	if (length < 0)
		return false;
	text[length] = '\0';
	rest = strrchr(text, ')'); /* the program's name may have any bytes */
	return rest &&
	       /* NOLINTNEXTLINE(cert-err34-c): the kernel wrote it */
	       sscanf(rest + 1,
		      " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %ld %*s %llu %*s "
		      "%*s %*s %*s %*s %llu",
		      state, threads, began, stack) == 4;
}

static uint32_t image_of(pid_t pid)
{
	unsigned long long began, stack;
	int saved = errno;
	long threads;
	char state;
	uint32_t image = 0;

	if (read_stat(pid, &state, &threads, &began, &stack))
		image = (uint32_t)((uint64_t)stack * UINT64_C(0x9E3779B97F4A7C15) >> 32);
	errno = saved;
	return image;
}

/* A fork's child has the same. */
uint32_t lifetime_own_image(void)
{
	static atomic(uint32_t) own;
	uint32_t image = load_rlx(&own); /* relaxed: all threads find the same */

	if (image == 0) {
		image = image_of(getpid());
		store_rlx(&own, image); /* relaxed: as above */
	}
	return image;
}

bool lifetime_has_other_image(uint64_t lifetime, uint32_t image)
{
	uint32_t now = image_of(pid_of(lifetime));

	return now != 0 && now != image;
}

/* getpgid asks for no permission; but a sandbox may refuse it. */
static bool is_gone(pid_t pid)
{
	if (getpgid(pid) >= 0)
		return false;
	return errno == ESRCH || (kill(pid, 0) != 0 && errno == ESRCH);
}

bool lifetime_lasts(uint64_t lifetime)
{
	pid_t pid = pid_of(lifetime);
	unsigned long long began, stack;
	int saved = errno;
	long threads;
	char state;
	bool lasts;

	if (is_gone(pid))
		lasts = false;
	else if (!read_stat(pid, &state, &threads, &began, &stack))
		lasts = true;
	else /* the first thread may end before others */
		lasts = state != 'X' && !(state == 'Z' && threads <= 1) && latest_time_of(lifetime) >= began;
	errno = saved;
	return lasts;
}
