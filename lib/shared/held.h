/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this process has of a shared namespace: a table by id, and the names by which it opened its semaphores
 * (object/names.h). So opening a name again needs no system call. doubt.h says when a name in the table can be trusted,
 * and when the directory must be asked.
 *
 * All calls are made under the namespace's lock, unless they say otherwise.
 */
#ifndef KSEM_SHARED_HELD_H
#define KSEM_SHARED_HELD_H

#include "object/names.h"
#include "shared/namespace.h"

/* The name in the table; NULL: it isn't there. */
struct name *held_name(struct ksem_ns *ns, const char *bytes, size_t length);

/* The semaphore that this process has under the name, if the name still belongs to it. NULL: ask the directory. */
struct ksem *held_find_name(struct ksem_ns *ns, const char *bytes, size_t length, struct reclaim *garbage);

/* Takes the semaphore's name, if it has one, out of the table. */
void held_drop_name(struct ksem *ksem, struct reclaim *garbage);

/* Is it alive, and without a name? */
bool held_is_nameless(struct ksem *ksem);

/* Takes it out of both tables, if it is still there. */
void held_forget(struct ksem_ns *ns, struct ksem *ksem, struct reclaim *garbage);

/* Drops the census lock of a semaphore that this process has no longer (census.h). */
void held_leave_census(struct ksem_ns *ns, struct shared *shared);

/* Takes a further reference. EINVAL: it is being ended; ... */
int held_take(struct ksem_ns *ns, struct ksem *ksem);

/* As the operations drop and tell_refs. They take the lock themselves. */
bool held_drop(struct ksem_ns *ns, struct ksem *ksem, life_t less);
void held_tell_refs(struct ksem_ns *ns, struct ksem *ksem);

#endif
