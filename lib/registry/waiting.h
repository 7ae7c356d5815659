/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting on a semaphore that others may let go of meanwhile: by id, and pinned.
 */
#ifndef KSEM_REGISTRY_WAITING_H
#define KSEM_REGISTRY_WAITING_H

#include "os/futex.h"
#include "registry/process.h"

/*
 * Takes a permit, waiting for one until the deadline (NULL: for ever). EINVAL: not held, or destroyed; ETIMEDOUT;
 * EINTR.
 */
int waiting_by_id(struct ksem_proc *proc, ksem_id_t id, const struct deadline *deadline);
int waiting_pinned(struct ksem *ksem, const struct deadline *deadline);

#endif
