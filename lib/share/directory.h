/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The directory of a shared namespace: one file, of one page, for each name; meant to be on tmpfs.
 *
 * A semaphore is made whole in a file without a name, which then gets its name by a link: nobody ever opens half of
 * one, the kernel says who was first, and a maker that dies leaves nothing. An anonymous semaphore is such a file that
 * never gets a name. The kernel frees the memory with the last process that has it mapped.
 *
 * The kernel also says who may open and unlink: whom the mode lets write may read and write the file, nobody else. In a
 * directory with the sticky bit only a file's owner, the directory's and root may unlink.
 *
 * A name is its file's, without the '/'; one that begins with '.' or '%' has a '%' before it. Files that begin with '.'
 * are nobody's names.
 *
 * Presence: an OS process that uses the namespace has a lock on one byte, at a random place, of the directory itself.
 * The kernel takes it away however the process ends, and when it executes another program. A fork's child gets its own.
 * Other bytes say which semaphores it has (holds.h).
 */
#ifndef KSEM_SHARE_DIRECTORY_H
#define KSEM_SHARE_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "object/making.h"

struct page;
struct kept;

struct directory {
	int fd;
	uint64_t presence; /* of this OS process; 0: it couldn't get one */
	pid_t process;
};

/* What a semaphore's file is. */
struct file {
	struct page *page; /* mapped */
	bool kept;         /* before, and to stay so (kept.h) */
	dev_t device;
	ino_t number;
	struct ksem_cred owner;
	ksem_id_t id;       /* not the page's: who may write that may confuse this semaphore, but no other */
	mode_t mode;        /* read once: who may write the page may change it */
	uint32_t name_hash; /* by which it was opened or made; 0: by none */
};

/*
 * 0, or what the kernel says: ENOENT, ENOTDIR, EACCES, EMFILE, ...; ENOTSUP: no files without a name can be made there.
 */
int directory_open(struct directory *directory, const char *path);
void directory_close(struct directory *directory);

/*
 * The default: what the environment's KSEM_DIR says, or /dev/shm/ksem; makes it, sticky and for all, if it isn't there.
 */
int directory_make_default(const char **path);

/* In a fork's child: a presence of its own. */
void directory_after_fork(struct directory *directory);

/* Is the process of that presence still there? True also where that can't be found out. */
bool directory_is_present(const struct directory *directory, uint64_t presence);

/*
 * Opens the semaphore that has the name; its page may be among those kept (NULL: none are). ENOENT; EPERM; EINVAL:
 * what is there is no semaphore; ELOOP: a symbolic link; ENOMEM, EMFILE, ...
 */
int directory_find(const struct directory *directory, const char *name, size_t length, const struct kept *kept,
		   struct file *file);

/* Is there anything of that name? */
bool directory_has(const struct directory *directory, const char *name, size_t length);

/*
 * Makes one, if `admit` lets it: 0, when it is whole but for its name. EEXIST; EPERM: it can't be given to that owner;
 * ENOSPC; ENOMEM; EMFILE, ...; what admit says.
 */
int directory_make(const struct directory *directory, const struct making *making,
		   int (*admit)(const struct file *file, void *arg), void *arg, struct file *file);

/* Ends the mapping of a file that nobody else has seen, but for a kept one. */
void file_close(struct file *file);

/* Takes the name away. ENOENT, EPERM. */
int directory_unlink(const struct directory *directory, const char *name, size_t length);

/* Keeps other processes' makers and unlinkers out for a while; not for ever, whatever they do. */
void directory_lock(const struct directory *directory);
void directory_unlock(const struct directory *directory);

/* How many semaphores there are at most, with names and without; UINT64_MAX: unknown. How many exactly: holds.h. */
uint64_t directory_count_at_most(const struct directory *directory);

/*
 * Calls visit for each name, with its file's number, until it returns other than 0, and returns that; or ENOMEM,
 * EMFILE.
 */
int directory_for_all(const struct directory *directory,
		      int (*visit)(const char *name, size_t length, ino_t number, void *arg), void *arg);

#endif
