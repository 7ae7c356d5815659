/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file of a semaphore that OS processes share (page.h).
 *
 * A semaphore is made whole in a file without a name, which then gets its name by a link: nobody ever opens half of
 * one, the kernel says who was first, and a maker that dies leaves nothing. An anonymous semaphore is such a file that
 * never gets a name. The kernel frees the memory with the last process that has it mapped.
 *
 * The kernel also says who may open and unlink: whom the mode lets write may read and write the file, nobody else. In a
 * directory with the sticky bit only a file's owner, the directory's and root may unlink.
 */
#ifndef KSEM_SHARED_FILE_H
#define KSEM_SHARED_FILE_H

#include "object/making.h"
#include "shared/directory.h"

struct page;

/* What a semaphore's file is. */
struct file {
	struct page *page; /* mapped, the first page alone */
	size_t bytes;      /* that the file has */
	bool cached;       /* its mapping is the map cache's (map_cache.h) */
	dev_t device;
	ino_t number;
	struct ksem_cred owner;
	ksem_id_t id;       /* not the page's: who may write that may confuse this semaphore, but no other */
	mode_t mode;        /* read once: who may write the page may change it */
	uint32_t name_hash; /* by which it was opened or made; 0: by none */
};

/*
 * Opens and maps the semaphore that has the name. ENOENT; EPERM; EINVAL: what is there is no semaphore; ELOOP: a
 * symbolic link; ENOMEM, EMFILE, ...
 */
int file_find(const struct directory *directory, const char *name, size_t length, struct file *file);

/*
 * The steps of that, for the map cache. Of a file that file_look or file_open described, file->page isn't set yet;
 * file_look only makes sure that this process could open it. *opened is ended by file_end. file_use takes a page that
 * is mapped already, for a file that it is the page of; EINVAL: it is no semaphore.
 */
int file_look(const struct directory *directory, const char *name, size_t length, struct file *file);
int file_open(const struct directory *directory, const char *name, size_t length, struct file *file, int *opened);
int file_map(int fd, struct file *file);
int file_use(struct file *file, struct page *page);
void file_end(int fd);

/*
 * The same, but file->page is a copy of what the file has, of file->bytes, and nothing is mapped: nothing that
 * others do to the file can end this process. *page is room for one page of it; file_read_end gives back what it took
 * besides. EINVAL: no semaphore; EACCES: this process may not read it; ENOENT, EMFILE, ENFILE, ENOMEM, and whatever
 * else the kernel says.
 */
int file_read(const struct directory *directory, const char *name, size_t length, struct page *page, struct file *file);
void file_read_end(struct file *file, struct page *page);

/*
 * Is that a semaphore? 0; ENOENT, EINVAL: no; or the kernel's error. Unless `closely`, a file that looks like one is
 * taken for one; so is, in any case, one that this process may not read.
 */
int file_check(const struct directory *directory, const char *name, size_t length, bool closely);

/* Is there anything of that name? */
bool file_exists(const struct directory *directory, const char *name, size_t length);

/* Is the name that file's? 0; ENOENT: another's, or nobody's; or the kernel's error. */
int file_compare(const struct directory *directory, const char *name, size_t length, dev_t device, ino_t number);

/* A number for the name, the same in every process. */
uint64_t file_name_hash(const char *name, size_t length);

/*
 * Makes one that is whole but for its name, and a descriptor *made for giving it one, or not, which the caller ends by
 * file_end. EINVAL: it can't have that name; EPERM: it can't be given to that owner; ENOSPC; ENOMEM; EMFILE, ...
 */
int file_make(const struct directory *directory, const struct making *making, struct file *file, int *made);

/* EEXIST: the name is there; ENOSPC; ... */
int file_give_name(const struct directory *directory, int made, const char *name, size_t length);

/* Ends the mapping of a file that nobody else has seen, but for one of the map cache. */
void file_close(struct file *file);

/* Takes the name away, and tells nobody (doubt.h). ENOENT, EPERM. */
int file_unlink(const struct directory *directory, const char *name, size_t length);

#endif
