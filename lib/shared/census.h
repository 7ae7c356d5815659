/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The census of a directory. An OS process that has a semaphore has a lock on one byte of the directory; the byte's
 * offset is the number of the semaphore's file. So anybody can count the semaphores that have lost their name, or never
 * had one. The kernel drops the lock, however the process ends.
 *
 * These are open file description locks for reading. Any number of processes may lock the same byte. The kernel joins
 * adjacent locks of a process into one.
 */
#ifndef KSEM_SHARED_CENSUS_H
#define KSEM_SHARED_CENSUS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "shared/directory.h"

#define CENSUS_RANGES 4096

/*
 * census_add: false means that the kernel gave no lock; others then can't count the semaphore while it has no name.
 * census_remove: a lock that the kernel can't drop stays until the directory is closed. Both leave errno alone.
 */
bool census_add(const struct directory *directory, ino_t number);
bool census_add_heir(const struct directory *directory, ino_t number); /* for the child, before a fork */
void census_remove(const struct directory *directory, ino_t number);

/*
 * Counts the semaphores that have a name, those without a name whose byte is locked, and those of `nameless` (numbers
 * of files) whose byte is not locked. Files that are not semaphores don't count; without `closely`, the call doesn't
 * open a file that looks like one to make sure. The call may stop when it has counted `enough`, or has found
 * CENSUS_RANGES locked ranges. 0, ENOMEM, EMFILE, ...
 */
int census_count(const struct directory *directory, uint64_t enough, bool closely, const ino_t *nameless,
		 size_t nameless_count, uint64_t *count);

#endif
