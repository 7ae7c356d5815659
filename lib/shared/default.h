/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the default namespace is: in the directory that the environment variable KSEM_DIR names, or in /dev/shm/ksem,
 * which all users share, or else in a directory for this user alone.
 *
 * /dev/shm/ksem is writable for all, and sticky, as /tmp is. The first process that needs it makes it. It appears with
 * its mode, whatever the umask is, even if its maker is killed. Its owner can remove everybody's semaphores. So on a
 * machine with users who don't trust each other, root should make it at each start (docs/processes.md has the line for
 * tmpfiles.d).
 *
 * Another user may have made /dev/shm/ksem for himself, or have put a symbolic link there to mislead others. Then the
 * library uses /dev/shm/ksem-UID, which is for this user alone.
 *
 * A relative KSEM_DIR counts from the directory in which the program started.
 */
#ifndef KSEM_SHARED_DEFAULT_H
#define KSEM_SHARED_DEFAULT_H

#include <stdbool.h>

/*
 * Stores the path of the directory. If it doesn't exist, makes it if `make` says so. *path is valid until the next
 * call; one thread at a time. On an error, *path is the directory that couldn't be made. 0, or the kernel's error.
 */
int default_directory(bool make, const char **path);

#endif
