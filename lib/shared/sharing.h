/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared namespaces: directories that OS processes have in common (shared/directory.h).
 *
 * What this OS process has of it stands in the namespace's tables: `held`, by id; and the names by which it opened them
 * (object/names.h), so that opening one again needs no system call. Whether such a name still holds: shared/doubt.h.
 *
 * All of it is under the namespace's lock, which is taken here.
 */
#ifndef KSEM_SHARED_SHARING_H
#define KSEM_SHARED_SHARING_H

#include "object/namespace.h"
#include "shared/file.h"
#include "shared/map_cache.h"

struct shared_ns {
	struct ksem_ns ns;
	atomic(struct directory *) directory; /* atomic: the latest; changed under the namespace's lock */
	pthread_mutex_t limit;      /* of makers near the limit (limit.h); the namespace's lock is taken inside it */
	struct map_cache map_cache; /* under the namespace's lock */
	struct ids held;            /* under the namespace's lock: one reference each */
	unsigned counted;           /* under the namespace's lock: of those, which others can count (shared/census.h) */
	struct shared *all;         /* under the namespace's lock: a list of all that haven't ended, held or not */
};

static inline struct shared_ns *shared_ns(struct ksem_ns *ns)
{
	return (struct shared_ns *)ns;
}

static inline struct directory *sharing_directory(const struct shared_ns *sharing)
{
	return load_acq(&sharing->directory); /* KSEM_ORD_22 acquire */
}

/*
 * Before a call that uses the directory (place.c): opens it again if the host has closed it, and opens the new one if
 * it was removed and made anew. EBADF: the host has closed it, and it can't be opened again; or the kernel's answer for
 * the new one. Under the lock.
 */
int sharing_refresh(struct ksem_ns *ns);

int sharing_open_directory(struct shared_ns *sharing, const char *path);
void sharing_close_directories(struct shared_ns *sharing);

/* A namespace that isn't published yet. 0, ENOMEM, or the kernel's answer for the directory of the options. */
int sharing_new(const struct ksem_ns_options *options, struct ksem_ns **made);

/* As the operation stat. */
int sharing_stat(struct ksem_ns *ns, struct ksem *ksem, struct ksem_info *info);

/*
 * As the operation foreach: first those with names, then what this process has without. ENOMEM, EMFILE, or whatever
 * else keeps it from looking; what this process may not read is passed over.
 */
int sharing_foreach(struct ksem_ns *ns, int (*visit)(const struct ksem_info *info, void *arg), void *arg);

/* As the operations of these names (inheriting.c). */
void sharing_before_fork(struct ksem_ns *ns);
void sharing_parent_after_fork(struct ksem_ns *ns);
void sharing_child_after_fork(struct ksem_ns *ns, bool prepared, struct reclaim *garbage);

#endif
