/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared namespaces: directories that OS processes have in common (directory.h). held.h is about what this process has
 * of one, place.h about where its directory is.
 */
#ifndef KSEM_SHARED_NAMESPACE_H
#define KSEM_SHARED_NAMESPACE_H

#include "object/namespace.h"
#include "shared/file.h"
#include "shared/map_cache.h"

struct shared_ns {
	struct ksem_ns ns;
	atomic(struct directory *) directory; /* atomic: the latest; changed under the namespace's lock */
	pthread_mutex_t limit;                /* for makers near the limit (limit.h); outside the namespace's lock */
	struct map_cache map_cache;           /* under the namespace's lock */
	struct ids held;                      /* under the namespace's lock: one reference each */
	unsigned counted;   /* under the namespace's lock: how many of those others can count (census.h) */
	struct shared *all; /* under the namespace's lock: a list of all that haven't ended, in `held` or not */
};

static inline struct shared_ns *shared_ns_of(struct ksem_ns *ns)
{
	return (struct shared_ns *)ns;
}

static inline struct directory *shared_ns_directory(const struct shared_ns *shared_ns)
{
	return load_acq(&shared_ns->directory); /* KSEM_ORD_22 acquire */
}

/* Makes a namespace, and doesn't publish it yet. 0, ENOMEM, or an error of opening the directory of the options. */
int shared_namespace_new(const struct ksem_ns_options *options, struct ksem_ns **made);

/* ---- What other files put into the table of operations (object/kind.h). ---- */

/* open.c */
int shared_ns_make(struct ksem_ns *ns, const struct making *making, struct ids *ids, struct ksem **made,
		   struct reclaim *garbage);
int shared_ns_find(struct ksem_ns *ns, const struct making *making, bool exclusive, struct ksem **found,
		   struct reclaim *garbage);

/* unlink.c */
int shared_ns_unlink(struct ksem_ns *ns, const struct ksem_cred *cred, const char *bytes, size_t length,
		     struct reclaim *garbage);

/* holders.c */
int shared_ns_holders(struct ksem_ns *ns, struct ksem *ksem, struct holders *holders);

/* fork.c */
void shared_ns_before_fork(struct ksem_ns *ns);
void shared_ns_parent_after_fork(struct ksem_ns *ns);
void shared_ns_child_after_fork(struct ksem_ns *ns, bool prepared, struct reclaim *garbage);

#endif
