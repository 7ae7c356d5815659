/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting for a permit of one of several semaphores.
 */
#ifndef KSEM_REGISTRY_ANY_H
#define KSEM_REGISTRY_ANY_H

#include "os/futex.h"
#include "registry/process.h"

/* Fills sems with the semaphores of all ids. In a read section. EINVAL: one isn't held. */
int any_find(struct ksem_proc *proc, const ksem_id_t *ids, unsigned n, struct ksem **sems);

/*
 * Takes a permit of one of n semaphores, 1 to KSEM_ANY_MAX, waiting for one until the deadline (NULL: for ever). 0, or
 * ESHUTDOWN, and which; EINVAL: one isn't held, or is being ended; ETIMEDOUT; EINTR. Outside read sections.
 */
int any_wait(struct ksem_proc *proc, const ksem_id_t *ids, unsigned n, const struct deadline *deadline,
	     unsigned *which);

#endif
