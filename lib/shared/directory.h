/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The directory of a shared namespace. It has one file for each name (file.h), and is best on tmpfs.
 *
 * The name of a file is that of the semaphore without the '/'. If that begins with '.' or '%', a '%' comes before it.
 * Files whose names begin with '.' are not semaphores.
 *
 * Liveness: an OS process that uses the namespace has a lock on one byte of the directory, at a random place. The
 * kernel drops it when the process ends, in whatever way, and when it executes another program. Locks on other bytes
 * say which semaphores the process has (census.h).
 *
 * Fork: the parent takes a liveness for the child, the heir, before the fork. So the child is alive to others from its
 * first instant, even if it can't open descriptors or has no privileges. The heir's locks belong to a second open file
 * description, the spare, which the parent opened earlier. After the fork only the child keeps the spare, and uses it
 * in place of the parent's descriptor. Parent and child each open a new spare.
 *
 * A process that dropped privileges may be unable to open a spare. Then parent and child share one description, and its
 * locks last until both have ended. Their liveness is then joint: the lock is not enough to tell that a process lives,
 * so others also look at the lifetime in its records (records.h).
 */
#ifndef KSEM_SHARED_DIRECTORY_H
#define KSEM_SHARED_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/atomic.h"

/* Comes before the file's name if that would otherwise begin with '.' or '%'. */
#define DIRECTORY_ESCAPE '%'

struct directory {
	atomic(int) fd;    /* atomic: stays open; negative: lost */
	int spare;         /* another description of it, which stays open; negative: none */
	uint64_t liveness; /* this OS process's; 0: none, in a fork's child that couldn't get one */
	uint64_t heir;     /* the child's, from before a fork to after it; 0: none */
	char *path;        /* constant, as are the next two: absolute; NULL: unknown */
	dev_t device;
	ino_t number;
	struct directory *next;  /* under directories_lock: the list of all directories */
	struct directory *older; /* constant: the namespace's previous directory, which was removed */
};

/*
 * The descriptor, if it is still ours (os/descriptor.h). Else -1, so that the caller's system call fails with EBADF:
 * the program may have closed the descriptor, and opened a file of its own under that number.
 */
int directory_fd(const struct directory *directory);

/*
 * Call it before a call that uses the directory. If the program has closed the descriptor, opens the directory again by
 * its path, takes the same liveness again, and sets *again: the caller must then restore the rest. EBADF: it couldn't;
 * ESTALE: the directory was removed. Under the namespace's lock.
 */
int directory_refresh(struct directory *directory, bool *again);

/* 0, or the kernel's error: ENOENT, ENOTDIR, EACCES, EMFILE, ...; ENOTSUP: files without a name can't be made there. */
int directory_open(struct directory *directory, const char *path);
void directory_close(struct directory *directory);

/* Before a fork, and after it in the parent. */
void directory_before_fork(struct directory *directory);
void directory_after_fork(struct directory *directory);

/* In the child; `prepared`: the parent did all that before the fork. */
void directory_in_child(struct directory *directory, bool prepared);

/* Makes sure that this process has a liveness. 0, or the kernel's error. */
int directory_be_present(struct directory *directory);

/*
 * Does anybody have that liveness lock? If so, the process of that liveness lives, unless the liveness is joint. True
 * also if that can't be found out.
 */
bool directory_is_present(const struct directory *directory, uint64_t liveness);

/* May another process share the description, and so the lock? */
static inline bool liveness_is_joint(uint64_t liveness)
{
	return (liveness & 1) == 0;
}

/* The pid namespace of the process of a joint liveness (os/lifetime.h). */
static inline uint32_t liveness_namespace(uint64_t liveness)
{
	return (uint32_t)(liveness >> 1) & 0xFFFF;
}

/* Makes a file without a name there, and returns a descriptor. Negative: errno says why. */
int directory_make_nameless(const struct directory *directory);

/* Excludes makers of other processes. Waits for them only for a while. */
void directory_lock(const struct directory *directory);
void directory_unlock(const struct directory *directory);

/* The most semaphores that there can be, with and without names; UINT64_MAX: unknown. census.h counts them exactly. */
uint64_t directory_count_at_most(const struct directory *directory);

#endif
