/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Learns that some process has closed a directory that it had open: by inotify. The kernel closes what a process has
 * open when it dies, in whatever way, and, of descriptors like ours, when it executes another program.
 *
 * The kernel tells a little before it drops the locks of that descriptor, and before the process counts as ended.
 *
 * A thread that calls closes_begin has a table of descriptors of its own from then on. So it needs no free descriptor
 * of the program's, and no program that closes all descriptors, and opens others under their numbers, harms it. It
 * doesn't keep open what the program closes. It mustn't use descriptors of other threads any more.
 */
#ifndef KSEM_OS_CLOSES_H
#define KSEM_OS_CLOSES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Both in the thread's own table, and never closed: the kernel does that when the thread ends. */
struct closes {
	int directory; /* a description of its own, marked as ours (descriptor.h) */
	int events;    /* of inotify */
};

/*
 * The calling thread watches the directory, which is open as `fd`, and which that device and number tell from what the
 * program may have opened under that number. False: the kernel, a sandbox or a limit refuses. The thread must end then.
 */
bool closes_begin(int fd, dev_t device, ino_t number, struct closes *closes);

enum closes_news {
	CLOSES_NONE, /* in that time */
	CLOSES_SOME,
	CLOSES_LOST, /* the kernel serves it no more */
};

/* Sleeps for so many nanoseconds at most. For a thread that closes_begin has served, and that blocks all signals. */
enum closes_news closes_wait(const struct closes *closes, int64_t nanoseconds);

#endif
