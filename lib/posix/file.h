/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file of a named semaphore: `ksm.NAME` in the directory KSEM_DIR, or in /dev/shm. The prefix is as long as libc's,
 * so the same names fit.
 *
 * The library writes the file completely before it gives it the name: it makes a file without a name (O_TMPFILE), and
 * then links it. So nobody opens an unfinished semaphore, one of several makers wins, and a maker that is killed leaves
 * nothing. Where the file system has no such files, or they can't be linked (no /proc), the library makes the file
 * under a temporary name that begins with `.ksm.`, as libc does. A maker that is killed just then leaves that file. The
 * kernel applies the mode and the umask.
 *
 * Anybody may have put a file under such a name. So the library checks that it is a regular file of exactly this size
 * that begins with the magic number, and follows no symbolic link.
 *
 * A relative KSEM_DIR counts from the directory in which the process was when the library was loaded, or when
 * file_path_of first saw that value.
 */
#ifndef KSEM_POSIX_FILE_H
#define KSEM_POSIX_FILE_H

#include <limits.h>
#include <sys/types.h>

#include "posix/standard.h"

struct file {
	uint64_t magic; /* constant after creation, as all but the semaphore */
	struct plain sem;
};

struct file_path {
	char directory[PATH_MAX];
	char whole[PATH_MAX];
};

/* 0; EINVAL: not a name; ENAMETOOLONG; or an error of getcwd. One thread at a time. */
int file_path_of(const char *name, struct file_path *path);

/* A descriptor, or minus an error number. */
int file_find(const struct file_path *path);

/* A file that is being made. */
struct making {
	int fd;
	dev_t device; /* of the file, as number is */
	ino_t number;
	char own_name[PATH_MAX]; /* "": it has none */
};

/* Makes a complete file that nobody can see. 0; or an error number, and nothing is left. */
int file_make(const struct file_path *path, mode_t mode, uint32_t value, struct making *making);

/*
 * Gives the file its name. 0; EEXIST: the name is taken; ... Either way, closes the descriptor and removes the
 * temporary name.
 */
int file_publish(const struct file_path *path, struct making *making);

/* Discards a file that gets no name. */
void file_forget(struct making *making);

/* 0, or EINVAL: it isn't a semaphore, or ENOMEM, ... */
int file_map(int fd, struct file **file);
void file_unmap(struct file *file);

#endif
