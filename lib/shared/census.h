/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The census of a directory: an OS process that has a semaphore of it has a lock on one byte of the directory itself,
 * that of the number of the semaphore's file. So anybody can count the semaphores that have no name any more, or never
 * had one, and the kernel takes the lock away however the process ends.
 *
 * Locks are the kernel's open file description locks, for reading: any number of processes have one on the same byte,
 * and adjacent ones of a process are one to the kernel.
 */
#ifndef KSEM_SHARED_CENSUS_H
#define KSEM_SHARED_CENSUS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "shared/directory.h"

#define CENSUS_RANGES 4096

/*
 * False: the kernel gives no lock, so that others can't count the semaphore while it has no name. One that the kernel
 * can't take away stays until the directory is closed. Both leave errno alone.
 */
bool census_add(const struct directory *directory, ino_t number);
bool census_add_heir(const struct directory *directory, ino_t number); /* of the child of a fork that is under way */
void census_remove(const struct directory *directory, ino_t number);

/*
 * How many semaphores there are: with names, and without but locked; and of those `nameless`, by the numbers of their
 * files, the ones that are not locked. Files that are no semaphores don't count; whether a file that looks like one is
 * one is found out only `closely`. Where there are `enough`, or the locked bytes lie in very many places
 * (CENSUS_RANGES), perhaps not all of them are counted. 0, ENOMEM, EMFILE, ...
 */
int census_count(const struct directory *directory, uint64_t enough, bool closely, const ino_t *nameless,
		 size_t nameless_count, uint64_t *count);

#endif
