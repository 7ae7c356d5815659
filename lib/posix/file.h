/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file of a named semaphore: `ksm.NAME` in the directory that KSEM_DIR says, or /dev/shm. The prefix is as long as
 * libc's, so that the same names fit.
 *
 * A file is made whole before it has its name, in one without a name (O_TMPFILE), which is then linked: nobody opens
 * half a semaphore, one of several makers wins, and who dies on the way leaves nothing. Where there are no such files,
 * or they can't be linked (no /proc), it is made under a name of its own that begins with `.ksm.`, as libc does it. A
 * maker that is killed then may leave that. The mode is the kernel's business, umask included.
 *
 * Of what a file with such a name is, nothing is believed: it must be a regular file of just this size that begins as
 * these do, and a symbolic link isn't followed.
 *
 * A KSEM_DIR that is no absolute path counts from the directory in which the process was when the library was loaded,
 * or when file_path_of first met it.
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

/* 0, EINVAL: no name, ENAMETOOLONG, or what getcwd says. One thread at a time. */
int file_path_of(const char *name, struct file_path *path);

/* A descriptor, or minus an error number. */
int file_find(const struct file_path *path);

/* One that is being made. */
struct making {
	int fd;
	char own_name[PATH_MAX]; /* "": it has none */
};

/* A whole file that nobody sees. 0, or an error number, and nothing is left. */
int file_make(const struct file_path *path, mode_t mode, uint32_t value, struct making *making);

/* Gives it its name. 0; EEXIST: the name is taken; ... Its descriptor and its own name are gone then, either way. */
int file_publish(const struct file_path *path, struct making *making);

/* The end of one that gets no name. */
void file_forget(struct making *making);

/* 0, or EINVAL: it isn't a semaphore, or ENOMEM, ... */
int file_map(int fd, struct file **file);
void file_unmap(struct file *file);

#endif
