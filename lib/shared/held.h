/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this process has of a shared namespace: a table by id, and the names by which it opened its semaphores
 * (object/names.h), so that opening one again needs no system call. A name in that table is believed, or looked for in
 * the directory, as doubt.h says.
 *
 * All of it is under the namespace's lock, which the caller has, unless it says otherwise.
 */
#ifndef KSEM_SHARED_HELD_H
#define KSEM_SHARED_HELD_H

#include "object/names.h"
#include "shared/namespace.h"

/* The name as it stands in the table; NULL: not there. */
struct name *held_name(struct ksem_ns *ns, const char *bytes, size_t length);

/* The semaphore that this process has by the name, if it still is the name's, or NULL: ask the directory. */
struct ksem *held_find_name(struct ksem_ns *ns, const char *bytes, size_t length, struct reclaim *garbage);

/* The semaphore isn't found by its name any more; it need not have one. */
void held_drop_name(struct ksem *ksem, struct reclaim *garbage);

/* Has it no name, or none any more, and lives? */
bool held_is_nameless(struct ksem *ksem);

/* Out of both tables, if it is still there. */
void held_forget(struct ksem_ns *ns, struct ksem *ksem, struct reclaim *garbage);

/* The census lock of one that this process has no more is dropped (census.h). */
void held_leave_census(struct ksem_ns *ns, struct shared *shared);

/* As the operations drop and tell_refs. They take the lock. */
bool held_drop(struct ksem_ns *ns, struct ksem *ksem, life_t less);
void held_tell_refs(struct ksem_ns *ns, struct ksem *ksem);

#endif
