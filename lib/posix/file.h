/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file of a named semaphore: `ksem-posix.NAME` in the directory that KSEM_DIR says, or /dev/shm.
 *
 * It is made whole before it has its name, in a file without one, which is then linked: nobody opens half a semaphore,
 * one of several makers wins, and who dies on the way leaves nothing. Its mode is the kernel's business, umask
 * included.
 *
 * Of what a file with such a name is, nothing is believed: it must be a regular file of just this size that begins as
 * these do, and a symbolic link isn't followed.
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

/* 0, EINVAL: no name, ENAMETOOLONG. */
int file_path_of(const char *name, struct file_path *path);

/* Both return a descriptor, or minus an error number; EEXIST of file_make: the name is taken. */
int file_find(const struct file_path *path);
int file_make(const struct file_path *path, mode_t mode, uint32_t value);

/* 0, or EINVAL: it isn't a semaphore, or ENOMEM, ... */
int file_map(int fd, struct file **file);
void file_unmap(struct file *file);

#endif
