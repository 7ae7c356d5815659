/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names: which semaphore of a namespace has which name.
 *
 * All namespaces share one table, liburcu's lock-free cds_lfht. A name's key is its namespace and its bytes. Finding
 * and removing are lock-free. If several threads remove one name, one succeeds. Adding is lock-free, too, but a
 * namespace adds under its lock (private/namespace.c says why).
 *
 * KSEM_ORD_7: names_add publishes a name for the threads that find it. It is freed after an epoch.
 *
 * The table is made before main, with all the address space that it will ever need. liburcu ends the program if it gets
 * no memory for a table later, whereas the library promises ENOMEM. If there is no memory even before main, making the
 * first namespace tries again. The table grows with the number of names. It is never freed: exit handlers, destructors
 * and threads that still run may use the library while the process ends.
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
	char bytes[]; /* not terminated */
};

/* Makes the table, unless there is one. False: no memory. Runs before main, and if that failed, again under a lock. */
bool names_start(void);

/* NULL: no memory. */
struct name *name_new(const struct ksem_ns *ns, struct ksem *ksem, const char *bytes, size_t length);
size_t name_bytes(const struct name *name);

/* Finds a name; NULL: there is none. In a read section, and the result is valid in it. */
struct name *names_find(const struct ksem_ns *ns, const char *bytes, size_t length);

/* Adds a name that isn't in the table. */
void names_add(struct name *name);

/* Takes a name out, in the read section that found it. False: another thread did. */
bool names_remove(struct name *name);

/* Grows the table if it has too many names. Call it after names_add, outside read sections and without a lock. */
void names_make_room(void);

#endif
