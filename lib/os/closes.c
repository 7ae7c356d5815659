/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Closed directories: see closes.h.
 *
 * inotify also tells of files in the directory that were open for reading. Such an event has a name, and means nothing.
 *
 * The path by which the watch is added leads through /proc, so that it can't lead to another directory.
 *
 * System calls that make or end a descriptor are made as such: ThreadSanitizer takes all threads' numbers for those of
 * one table, and would find races between descriptors that have nothing in common.
 */
#include "os/closes.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/descriptor.h"

#ifndef SYS_close_range /* Linux 5.9 */
#define SYS_close_range 436
#endif
#define UNSHARE 2u /* CLOSE_RANGE_UNSHARE */

/* A table for the calling thread, with nothing but that descriptor. */
static bool have_own_table(unsigned fd)
{
	return syscall(SYS_close_range, fd + 1, ~0u, UNSHARE) == 0 &&
	       (fd == 0 || syscall(SYS_close_range, 0u, fd - 1, 0u) == 0);
}

static bool add_watch(const struct closes *closes)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/thread-self/fd/%d", closes->directory);
	return inotify_add_watch(closes->events, path, IN_CLOSE_NOWRITE | IN_ONLYDIR) >= 0;
}

bool closes_begin(int fd, dev_t device, ino_t number, struct closes *closes)
{
	if (fd < 0 || !have_own_table((unsigned)fd))
		return false;
	closes->directory = (int)syscall(SYS_openat, fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	syscall(SYS_close, fd); /* of this table; others see each other by the locks of that description */
	if (closes->directory < 0 || !descriptor_is_of(closes->directory, device, number) ||
	    !descriptor_mark(closes->directory))
		return false;
	closes->events = (int)syscall(SYS_inotify_init1, IN_CLOEXEC | IN_NONBLOCK);
	return closes->events >= 0 && add_watch(closes);
}

static bool is_of_directory(const struct inotify_event *event)
{
	return event->len == 0 && (event->mask & (IN_CLOSE_NOWRITE | IN_Q_OVERFLOW)) != 0;
}

/* Reads all that there is. */
static enum closes_news read_events(int fd)
{
	_Alignas(struct inotify_event) char buffer[4096];
	enum closes_news news = CLOSES_NONE;
	ssize_t bytes;

	while ((bytes = syscall(SYS_read, fd, buffer, sizeof(buffer))) > 0) {
		for (char *at = buffer; at < buffer + bytes;) {
			const struct inotify_event *event = (const struct inotify_event *)(void *)at;

			if (is_of_directory(event))
				news = CLOSES_SOME;
			at += sizeof(*event) + event->len;
		}
	}
	return bytes < 0 && (errno == EAGAIN || errno == EINTR) ? news : CLOSES_LOST;
}

static enum closes_news wait_once(const struct closes *closes, int64_t nanoseconds)
{
	struct timespec time = {(time_t)(nanoseconds / CLOCK_NS), (long)(nanoseconds % CLOCK_NS)};
	struct pollfd events = {.fd = closes->events, .events = POLLIN};
	int ready = ppoll(&events, 1, &time, NULL);

	if (ready < 0)
		return errno == EINTR ? CLOSES_NONE : CLOSES_LOST;
	if (ready == 0)
		return CLOSES_NONE;
	return events.revents & POLLIN ? read_events(closes->events) : CLOSES_LOST;
}

enum closes_news closes_wait(const struct closes *closes, int64_t nanoseconds)
{
	const struct timespec begun = clock_now(CLOCK_MONOTONIC), end = clock_after(&begun, nanoseconds);
	int64_t left = nanoseconds;
	enum closes_news news;

	do { /* an event of a file ends a wait, too */
		struct timespec now;

		news = wait_once(closes, left);
		now = clock_now(CLOCK_MONOTONIC);
		left = clock_between(&now, &end, nanoseconds);
	} while (news == CLOSES_NONE && left > 0);
	return news;
}
