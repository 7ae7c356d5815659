/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names: which semaphore of a namespace has which name.
 *
 * All namespaces share one table, liburcu's lock-free cds_lfht; a name's key is its namespace and its bytes. Finding
 * and removing are lock-free; of several removals of one name, one succeeds. Adding is too, but a namespace adds under
 * its lock (namespace.c says why).
 *
 * KSEM_ORD_7: a name is published by names_add, and read by who finds it. It is freed after an epoch.
 *
 * The table is made before main, with all the memory that it will ever take (touched as it fills), because liburcu ends
 * the host where an allocation of its own fails, and a namespace that can't be made is ENOMEM. If there is no memory
 * even then, the first namespace tries again. The table grows with the number of names. It is never freed: exit
 * handlers and destructors of the host, and threads that still run, may use the library as the process ends.
 */
#ifndef KSEM_OBJECT_NAMES_H
#define KSEM_OBJECT_NAMES_H

#include <stdbool.h>
#include <urcu/urcu-bp.h>

#include <urcu/rculfhash.h>

#include "ksem/ksem.h"
#include "object/reclaim.h"

struct name {
	struct retired retired;
	struct cds_lfht_node node;
	const struct ksem_ns *ns; /* constant, as are the rest */
	struct ksem *ksem;
	size_t length;
	char bytes[]; /* without an end mark */
};

/* Makes the table, unless there is one. False: no memory. Before main; again under a lock, if it failed then. */
bool names_start(void);

/* NULL: no memory. */
struct name *name_new(const struct ksem_ns *ns, struct ksem *ksem, const char *bytes, size_t length);
size_t name_bytes(const struct name *name);

/* The name, or NULL. In a read section, in which the result may be used. */
struct name *names_find(const struct ksem_ns *ns, const char *bytes, size_t length);

/* Adds a name that isn't there. */
void names_add(struct name *name);

/* Takes a name out, in the read section that found it. False: another did. */
bool names_remove(struct name *name);

/* Lets the table grow with its names; to be called after names_add, outside read sections and without a lock. */
void names_make_room(void);

#endif
