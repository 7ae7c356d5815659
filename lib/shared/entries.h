/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entries of a shared namespace's directory that are names of semaphores, or could be.
 */
#ifndef KSEM_SHARED_ENTRIES_H
#define KSEM_SHARED_ENTRIES_H

#include <stddef.h>
#include <sys/types.h>

#include "shared/directory.h"

/*
 * Calls visit for each name, with its file's number, until it returns other than 0, and returns that; or the kernel's
 * error: EACCES, EMFILE, ENFILE, ENOMEM, ...
 */
int entries_for_all(const struct directory *directory,
		    int (*visit)(const char *name, size_t length, ino_t number, void *arg), void *arg);

#endif
