/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors that a library keeps in a process whose host may close any number, and open files of its own under it.
 *
 * A kept descriptor is marked: its open file description has a signal number that nobody else gives one (F_SETSIG,
 * which does nothing without O_ASYNC). A description of the host's lacks the mark, also if the file is the same.
 */
#ifndef KSEM_OS_DESCRIPTOR_H
#define KSEM_OS_DESCRIPTOR_H

#include <stdbool.h>
#include <sys/stat.h>

/*
 * The same file, close-on-exec, under a number above those of the standard files: who closes one of those opens it anew
 * under that number. Negative, as fd may be: errno says why; fd is closed then.
 */
int descriptor_clear(int fd);

/* Marks a description. False: it can't be. */
bool descriptor_mark(int fd);

/* Is it a marked one, of that device and number? *status tells more of it. Leaves errno alone. */
bool descriptor_is_ours(int fd, dev_t device, ino_t number, struct stat *status);

#endif
