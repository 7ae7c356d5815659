/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file of a shared semaphore (page.h).
 *
 * The library writes a new semaphore completely into a file without a name, and then links the name to it. So nobody
 * opens an unfinished semaphore, the kernel decides which maker is first, and a maker that dies leaves nothing. An
 * anonymous semaphore is a file that never gets a name. The kernel frees its memory when no process has it mapped any
 * more.
 *
 * The kernel also decides who may open and unlink. Users whom the mode gives write permission may read and write the
 * file; nobody else may open it. In a sticky directory only the owner of the file, the owner of the directory, and root
 * may unlink.
 */
#ifndef KSEM_SHARED_FILE_H
#define KSEM_SHARED_FILE_H

#include "object/making.h"
#include "shared/directory.h"

struct page;

/* An open file of a semaphore. */
struct file {
	struct page *page;      /* the first page, mapped */
	size_t bytes;           /* the length of the file */
	struct page_line *line; /* of a copy of one with a line: as much of that as is in use; else NULL */
	size_t line_bytes;
	struct attributes attributes; /* what it was made with; read once, as mode */
	bool cached;                  /* the mapping belongs to the map cache (map_cache.h) */
	dev_t device;
	ino_t number;
	struct ksem_cred owner;
	ksem_id_t id;       /* from the kernel, not from the page, which users may write */
	mode_t mode;        /* read once, since users may write the page */
	uint32_t name_hash; /* of the name by which it was opened or made; 0: none */
};

/*
 * Opens and maps the semaphore that has the name. ENOENT; EPERM; EINVAL: the file isn't a semaphore; ELOOP: it is a
 * symbolic link; ENOMEM, EMFILE, ...
 */
int file_find(const struct directory *directory, const char *name, size_t length, struct file *file);

/*
 * The steps of file_find, for the map cache. file_look and file_open describe a file, but don't set file->page;
 * file_look doesn't open the file, but makes sure that this process could. End *opened by file_end. file_use sets
 * file->page to a page that is mapped already. EINVAL: it isn't a semaphore.
 */
int file_look(const struct directory *directory, const char *name, size_t length, struct file *file);
int file_open(const struct directory *directory, const char *name, size_t length, struct file *file, int *opened);
int file_map(int fd, struct file *file);
int file_use(struct file *file, struct page *page);

/* Closes a descriptor of that file, if it still is one (os/descriptor.h). */
void file_end(int fd, const struct file *file);

/*
 * As file_find, but file->page is a copy of the file, file->bytes long. Nothing is mapped, so nobody can end this
 * process by truncating the file. *page has room for one page of the copy; file_read_end frees the rest. Records and
 * line are copied as far as they are in use. EINVAL: not a semaphore; *page then is as it was, or has what the file
 * begins with. EACCES: this process may not read it; ENOENT, EMFILE, ENFILE, ENOMEM, and other errors of the kernel.
 */
int file_read(const struct directory *directory, const char *name, size_t length, struct page *page, struct file *file);
void file_read_end(struct file *file, struct page *page);

/*
 * Is the file of that name a semaphore? 0; ENOENT, EINVAL: no; or the kernel's error. Without `closely`, a file that
 * looks like a semaphore is taken for one. A file that this process may not read always is.
 */
int file_check(const struct directory *directory, const char *name, size_t length, bool closely);

/* Has anything that name? */
bool file_exists(const struct directory *directory, const char *name, size_t length);

/* Does the name belong to that file? 0; ENOENT: no; or the kernel's error. */
int file_compare(const struct directory *directory, const char *name, size_t length, dev_t device, ino_t number);

/* A hash of the name, the same in every process. */
uint64_t file_name_hash(const char *name, size_t length);

/*
 * Makes a semaphore that lacks only its name. *made is a descriptor for file_give_name; the caller ends it by file_end.
 * EINVAL: no semaphore can have that name; EPERM: the file can't be given to that owner; EBADF: another thread of the
 * program closed the descriptor; EFBIG: files can't get long enough; ENOSPC; ENOMEM; EMFILE, ...
 */
int file_make(const struct directory *directory, const struct making *making, struct file *file, int *made);

/* EEXIST: something has the name; ENOSPC; ... */
int file_give_name(const struct directory *directory, int made, const struct file *file, const char *name,
		   size_t length);

/* Unmaps a file that no other thread has seen, unless the mapping belongs to the map cache. */
void file_close(struct file *file);

/* Removes the name, and marks no page (doubt.h). ENOENT, EPERM. */
int file_unlink(const struct directory *directory, const char *name, size_t length);

#endif
