/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entries of a shared namespace's directory whose names could be those of semaphores.
 */
#ifndef KSEM_SHARED_ENTRIES_H
#define KSEM_SHARED_ENTRIES_H

#include <stddef.h>
#include <sys/types.h>

#include "shared/directory.h"

/*
 * Calls visit for each name, with the number of its file. If visit returns a value other than 0, returns that value at
 * once. Else 0, or the kernel's error: EACCES, EMFILE, ENFILE, ENOMEM, ...
 */
int entries_for_all(const struct directory *directory,
		    int (*visit)(const char *name, size_t length, ino_t number, void *arg), void *arg);

#endif
