/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared namespaces: what a struct ksem_ns with a directory does otherwise.
 *
 * The namespace is the directory (shared/directory.h). What this OS process holds of it stands in the namespace's
 * tables as other semaphores do: `held`, by id; and the names by which it opened them, so that opening one again needs
 * no system call. Whether a name in the table still holds: shared/doubt.h.
 *
 * All of it is under the namespace's lock, which is taken here.
 */
#ifndef KSEM_SHARED_SHARING_H
#define KSEM_SHARED_SHARING_H

#include "registry/namespace.h"
#include "shared/file.h"
#include "shared/map_cache.h"

struct sharing {
	atomic(struct directory *) directory; /* atomic: the latest; changed under the namespace's lock */
	pthread_mutex_t limit;      /* of makers near the limit (limit.h); the namespace's lock is taken inside it */
	struct map_cache map_cache; /* under the namespace's lock */
	struct ids held;            /* under the namespace's lock: one reference each */
	unsigned counted;           /* under the namespace's lock: of those, which others can count (shared/census.h) */
	struct shared *all;         /* under the namespace's lock: a list of all that haven't ended, held or not */
};

static inline struct directory *sharing_directory(const struct sharing *sharing)
{
	return load_acq(&sharing->directory); /* KSEM_ORD_22 acquire */
}

/*
 * Before a call that uses the directory (place.c): opens it again if the host has closed it, and opens the new one if
 * it was removed and made anew. EBADF: the host has closed it, and it can't be opened again; or the kernel's answer for
 * the new one. Under the lock.
 */
int sharing_refresh(struct ksem_ns *ns);

int sharing_open_directory(struct sharing *sharing, const char *path);
void sharing_close_directories(struct sharing *sharing);

/* For a namespace in that directory. 0, ENOMEM, or the kernel's answer for the directory. */
int sharing_new(const char *dir, struct sharing **sharing);
void sharing_free(struct sharing *sharing);

/* As namespace_make. */
int sharing_make(struct ksem_ns *ns, const struct making *making, struct ids *ids, struct ksem **made,
		 struct reclaim *garbage);

/* The semaphore that has the name, with a reference more. ENOENT; EEXIST: `exclusive`; EPERM; ... */
int sharing_find(struct ksem_ns *ns, const struct making *making, bool exclusive, struct ksem **found,
		 struct reclaim *garbage);

/* As life_drop, and says so in the page. True: the caller ends the semaphore; no thread waits on it either. */
bool sharing_drop(struct ksem_ns *ns, struct ksem *ksem, life_t less);

/* After references were added. */
void sharing_tell(struct ksem_ns *ns, struct ksem *ksem);

/* As namespace_forget. */
void sharing_forget(struct ksem_ns *ns, struct ksem *ksem);

/* What namespace_end does for a shared one. Under the lock. */
void sharing_end(struct ksem_ns *ns, struct ksem *ksem, struct reclaim *garbage);

/*
 * Ends an anonymous one, of which this is the last reference in this process, if others have none. EBUSY: a thread
 * waits; ENOMEM.
 */
int sharing_kill(struct ksem *ksem);

int sharing_unlink(struct ksem_ns *ns, const struct ksem_cred *cred, const char *bytes, size_t length,
		   struct reclaim *garbage);

/* Has it no name, or none any more, and lives? Under the lock. */
bool sharing_is_nameless(struct ksem *ksem);

/* As namespace_stat. */
int sharing_stat(struct ksem_ns *ns, struct ksem *ksem, struct ksem_info *info);

/*
 * As namespace_foreach: first those with names, then what this process has without. ENOMEM, EMFILE, or whatever else
 * keeps it from looking; what this process may not read is passed over.
 */
int sharing_foreach(struct ksem_ns *ns, int (*visit)(const struct ksem_info *info, void *arg), void *arg);

/* Out of this process's tables, if it is still there. Under the lock. */
void sharing_forget_here(struct ksem_ns *ns, struct ksem *ksem, struct reclaim *garbage);

/* Before a fork, and after it in the parent (inheriting.c). */
void sharing_before_fork(struct ksem_ns *ns);
void sharing_after_fork(struct ksem_ns *ns);

/*
 * In a fork's child: its one thread waits on `waits_on`, or on none (NULL), and has registered there or not.
 * `prepared`: the parent called sharing_before_fork.
 */
void sharing_in_child(struct ksem_ns *ns, bool prepared, const struct ksem *waits_on, bool registered,
		      struct reclaim *garbage);

#endif
