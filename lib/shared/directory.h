/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The directory of a shared namespace: one file (file.h) for each name; meant to be on tmpfs.
 *
 * A name is its file's, without the '/'; one that begins with '.' or '%' has a '%' before it. Files that begin with '.'
 * are nobody's names.
 *
 * Liveness: an OS process that uses the namespace has a lock on one byte, at a random place, of the directory itself.
 * The kernel takes it away however the process ends, and when it executes another program. Other bytes say which
 * semaphores the process has (census.h).
 *
 * A fork's child has its liveness, the heir's, from its parent, who takes it before the fork. So the child is there
 * from its first instant, and neither lack of descriptors nor of privileges can keep it out: the locks are those of a
 * second open file description, the spare, which was opened ahead. After the fork the child has it alone, and takes it
 * in place of the parent's; each opens a new spare.
 *
 * Some processes can open no spare: one that dropped privileges may not open the directory again. Then parent and child
 * share one description, whose locks last until both have ended. Their liveness locks are joint ones: besides the lock,
 * the lifetime in a process's records tells whether it is there (records.h).
 */
#ifndef KSEM_SHARED_DIRECTORY_H
#define KSEM_SHARED_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/atomic.h"

/* Before the name of a file whose semaphore's name would be no name of a file of ours otherwise. */
#define DIRECTORY_ESCAPE '%'

struct directory {
	atomic(int) fd;    /* atomic: kept; negative: lost */
	int spare;         /* another description of it, kept; negative: none */
	uint64_t liveness; /* of this OS process; 0: a fork's child that could get none */
	uint64_t heir;     /* that of the child, while a fork is under way; 0: none */
	char *path;        /* constant, as are the next two: absolute; NULL: it isn't known */
	dev_t device;
	ino_t number;
	struct directory *next;  /* in a list of all, under its lock */
	struct directory *older; /* constant: what the namespace had before, and was removed */
};

/*
 * The descriptor, if it is still ours (os/descriptor.h); else -1, so that the system call that it is for fails with
 * EBADF. The host may close what it didn't open, and open its own files under that number.
 */
int directory_fd(const struct directory *directory);

/*
 * Before a call that uses the directory: opens it again where the host has closed it, by its path, and has the same
 * liveness again (*again); the caller sees to the rest. EBADF: it can't; ESTALE: it was removed. Under the namespace's
 * lock.
 */
int directory_refresh(struct directory *directory, bool *again);

/*
 * 0, or what the kernel says: ENOENT, ENOTDIR, EACCES, EMFILE, ...; ENOTSUP: no files without a name can be made there.
 */
int directory_open(struct directory *directory, const char *path);
void directory_close(struct directory *directory);

/* Before a fork, and after it in the parent. */
void directory_before_fork(struct directory *directory);
void directory_after_fork(struct directory *directory);

/* In the child; `prepared`: the parent did all that before the fork. */
void directory_in_child(struct directory *directory, bool prepared);

/* Makes sure that this process has a liveness. 0, or what the kernel says. */
int directory_be_present(struct directory *directory);

/*
 * Does its description last? Then the process of that liveness is still there, unless the liveness is a joint one. True
 * also where that can't be found out.
 */
bool directory_is_present(const struct directory *directory, uint64_t liveness);

/* May other processes have the same description? */
static inline bool liveness_is_joint(uint64_t liveness)
{
	return (liveness & 1) == 0;
}

/* The pid namespace of the process of a joint liveness (os/lifetime.h). */
static inline uint32_t liveness_namespace(uint64_t liveness)
{
	return (uint32_t)(liveness >> 1) & 0xFFFF;
}

/* A descriptor for a new file there, without a name. Negative: errno says why. */
int directory_make_nameless(const struct directory *directory);

/* Keeps other processes' makers out for a while; not for ever, whatever they do. */
void directory_lock(const struct directory *directory);
void directory_unlock(const struct directory *directory);

/* How many semaphores there are at most, with names and without; UINT64_MAX: unknown. How many exactly: census.h. */
uint64_t directory_count_at_most(const struct directory *directory);

#endif
