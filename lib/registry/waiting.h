/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waits by id and by pin. The waiter keeps the semaphore alive if all others drop it meanwhile.
 */
#ifndef KSEM_REGISTRY_WAITING_H
#define KSEM_REGISTRY_WAITING_H

#include "os/futex.h"
#include "registry/process.h"

/*
 * Takes a permit, waiting for one until the deadline (NULL: for ever). By id it is called in a read section, which it
 * ends, with what was found there (NULL: EINVAL). EINVAL: not held, or destroyed; ETIMEDOUT; EINTR.
 */
int waiting_found(struct ksem_proc *proc, ksem_id_t id, struct ksem *ksem, const struct deadline *deadline);
int waiting_pinned(struct ksem *ksem, const struct deadline *deadline);

/* The same of count permits, by a thread that found too few, without spinning. ESHUTDOWN. */
int waiting_many_found(struct ksem_proc *proc, ksem_id_t id, struct ksem *ksem, uint32_t count,
		       const struct deadline *deadline);
int waiting_many_pinned(struct ksem *ksem, uint32_t count, const struct deadline *deadline);

/*
 * Around a wait in the process. False: exec or exit of it is in progress. It begins in a read section, and ends outside
 * of one.
 */
bool waiting_begin(struct ksem_proc *proc);
void waiting_end(struct ksem_proc *proc);

/* In a fork's child (os/fork.h): its one thread waits in one process, or in none. */
void waiting_child_after_fork(bool prepared);

#endif
