/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The directory of a shared namespace. It has one file for each name (file.h), and is best on tmpfs.
 *
 * The name of a file is that of the semaphore without the '/'. If that begins with '.' or '%', a '%' comes before it.
 * Files whose names begin with '.' are not semaphores.
 *
 * Locks on bytes of the directory itself say which OS processes use it (liveness.h), which semaphores they have
 * (census.h), and which names they are taking away (doubt.h).
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
	atomic(bool) away; /* atomic: it was opened again; place.c hasn't taken all locks and records again yet */
	int spare;         /* another description of it, which stays open; negative: none */

	/* Atomic: this OS process's (liveness.h); 0: none, in a child that couldn't get one. */
	atomic(uint64_t) liveness;
	uint32_t pids; /* constant, but in a fork's child: this process's pid namespace (os/lifetime.h); 0: unknown */
	uint64_t heir; /* the child's, from before a fork to after it; 0: none */
	char *path;    /* constant, as are the next two: absolute; NULL: unknown */
	dev_t device;
	ino_t number;
	struct deaths *deaths;   /* under the namespace's lock (deaths.h); NULL: nothing is watched yet */
	struct directory *next;  /* under directories_lock: the list of all directories */
	struct directory *older; /* constant: the namespace's previous directory, which was removed */
};

/*
 * The descriptor, if it is still ours (os/descriptor.h). Else -1, so that the caller's system call fails with EBADF:
 * the program may have closed the descriptor, and opened a file of its own under that number.
 */
int directory_fd(const struct directory *directory);

/* Its number, whatever stands under it now. */
static inline int directory_fd_unchecked(const struct directory *directory)
{
	/* KSEM_ORD_22 acquire; before each use the thread checks which file it is for */
	return load_acq(&directory->fd);
}

/* Has this OS process its locks on it, so that others see that it lives? */
static inline bool directory_is_present(const struct directory *directory)
{
	return directory_fd(directory) >= 0 && !load_acq(&directory->away); /* KSEM_ORD_22 acquire */
}

static inline uint64_t directory_liveness(const struct directory *directory)
{
	return load_rlx(&directory->liveness); /* relaxed: a number; what was done before it is in no other's memory */
}

/* Is that a descriptor of the directory, and ours? Closes one if it is. */
bool directory_has_fd(const struct directory *directory, int fd);
void directory_close_fd(const struct directory *directory, int fd);

/* Another descriptor from now on; closes the one before. */
void directory_set_fd(struct directory *directory, int fd);

/* Opens another description of the directory, which stays open. Negative: errno says why. */
int directory_open_again(const struct directory *directory);

/* A step of a fork (os/fork.h), before those that open directories again. */
void directories_child_after_fork(bool prepared);

/*
 * Call it before a call that uses the directory. If the program has closed the descriptor, opens the directory again by
 * its path, and sets *again: the caller must then take all locks again. EBADF: it couldn't; ESTALE: the directory was
 * removed. Under the namespace's lock.
 */
int directory_refresh(struct directory *directory, bool *again);

/* 0, or the kernel's error: ENOENT, ENOTDIR, EACCES, EMFILE, ...; ENOTSUP: files without a name can't be made there. */
int directory_open(struct directory *directory, const char *path);
void directory_close(struct directory *directory);

/* Makes a file without a name there, and returns a descriptor. Negative: errno says why. */
int directory_make_nameless(const struct directory *directory, mode_t mode);

/* Excludes makers of other processes. Waits for them only for a while. */
void directory_lock(const struct directory *directory);
void directory_unlock(const struct directory *directory);

/* The most semaphores that there can be, with and without names; UINT64_MAX: unknown. census.h counts them exactly. */
uint64_t directory_count_at_most(const struct directory *directory);

#endif
