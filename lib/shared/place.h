/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a shared namespace is: finds its directory again if the program closed the descriptor, or if somebody removed
 * the directory.
 *
 * A program may close all descriptors that it finds open. While the directory's descriptor is closed, other processes
 * take this one for dead. When this process notices that, it opens the directory again, and takes its liveness, census
 * locks and records again.
 *
 * If somebody removed the directory and made it anew, the process goes on in the new one. Its semaphores from the old
 * one still work. The old descriptor stays open too, because the processes that have these semaphores see each other by
 * locks on it.
 */
#ifndef KSEM_SHARED_PLACE_H
#define KSEM_SHARED_PLACE_H

#include "shared/namespace.h"

/* Opens a directory, which is then the namespace's latest. For a new namespace, or under its lock. */
int place_open(struct shared_ns *shared_ns, const char *path);

/* Closes all directories of the namespace. */
void place_close(struct shared_ns *shared_ns);

/*
 * Before a call that uses the directory: opens it again if the program has closed it, and opens the new one if it was
 * removed and made anew. EBADF: the program has closed it, and it can't be opened again; or the kernel's answer for the
 * new one. Takes the lock; or under it.
 */
int place_refresh(struct ksem_ns *ns);
int place_refresh_locked(struct ksem_ns *ns);

/*
 * Makes sure, if it can, that this process has a record of the semaphore, and that other processes see that it lives.
 * Under the lock.
 */
void place_need_record(struct ksem_ns *ns, struct ksem *ksem);

/* The same. Takes the lock, if something must be done. Inside the fork gate. */
void place_stay(struct ksem *ksem);

#endif
