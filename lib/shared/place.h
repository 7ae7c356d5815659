/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a shared namespace is: its directory, whatever others do to it and to the descriptor.
 *
 * A host may close every descriptor that it finds open. While the directory's is closed, other processes take this one
 * for dead. When it notices that, it opens the directory again, and has its liveness, census locks and records again.
 *
 * A directory that was removed is followed by the one that its path leads to now. The semaphores that this process has
 * from the old one stay, and so does that one's descriptor: their holders see each other by locks on it.
 */
#ifndef KSEM_SHARED_PLACE_H
#define KSEM_SHARED_PLACE_H

#include "shared/namespace.h"

/* Opens a directory, which is the latest from now on. Of a new namespace, or under its lock. */
int place_open(struct shared_ns *shared_ns, const char *path);

/* Closes all that were opened. */
void place_close(struct shared_ns *shared_ns);

/*
 * Before a call that uses the directory: opens it again if the host has closed it, and opens the new one if it was
 * removed and made anew. EBADF: the host has closed it, and it can't be opened again; or the kernel's answer for the
 * new one. Takes the lock; or under it.
 */
int place_refresh(struct ksem_ns *ns);
int place_refresh_locked(struct ksem_ns *ns);

#endif
