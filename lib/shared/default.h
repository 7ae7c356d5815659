/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the default namespace is: in what the environment's KSEM_DIR says, or in /dev/shm/ksem, which all users share,
 * or else in a directory of this user's own.
 *
 * /dev/shm/ksem is for all and sticky, as /tmp is. Whoever comes first makes it; it then appears with its mode, however
 * the umask is set and wherever its maker is killed. Its owner can remove everybody's semaphores, so on a machine with
 * users who don't trust each other root makes it at each start (docs/processes.md has the line for tmpfiles.d).
 *
 * Where this user may not use it, because somebody made one for himself, or where it is a symbolic link, which somebody
 * may have laid there to lead others astray, /dev/shm/ksem-UID serves, which is this user's alone.
 *
 * A relative KSEM_DIR counts from the directory in which the program started.
 */
#ifndef KSEM_SHARED_DEFAULT_H
#define KSEM_SHARED_DEFAULT_H

#include <stdbool.h>

/*
 * Where it is; makes it there, or not, if it isn't. *path stays until the next call, of which there may be one at a
 * time; where a directory can't be made, it tells which. 0, or the kernel's error.
 */
int default_directory(bool make, const char **path);

#endif
