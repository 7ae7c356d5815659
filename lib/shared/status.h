/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel says of a semaphore's file, before anything in it is read.
 */
#ifndef KSEM_SHARED_STATUS_H
#define KSEM_SHARED_STATUS_H

#include <sys/stat.h>

#include "shared/file.h"

/* Computes the name of the file; path has KSEM_NAME_MAX + 2 bytes. False: no semaphore can have that name. */
bool status_path(const char *name, size_t length, char *path);

/*
 * Asks about the file `path` in the directory `fd`, without following a symbolic link, or about `fd` itself (path "").
 * 0, or the kernel's error.
 */
int status_look(int fd, const char *path, struct statx *status);

/* Can it be a semaphore's? */
bool status_is_of_page(const struct statx *status);

/* Fills in what is known of the file: its number, length, owner and id. */
void status_describe(struct file *file, const struct statx *status);

#endif
