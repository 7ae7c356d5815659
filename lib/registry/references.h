/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All references of a process at once, for fork, exec and exit of it. Calls for one reference are in process.h.
 */
#ifndef KSEM_REGISTRY_REFERENCES_H
#define KSEM_REGISTRY_REFERENCES_H

#include "registry/process.h"

/* Gives a new process, which has none, those of its parent, whose lock it takes. ENOMEM: it has none then either. */
int references_copy(struct ksem_proc *child, struct ksem_proc *parent, struct reclaim *garbage);

/*
 * Drops every reference of a process in which no thread waits. With very many of them, full lists of garbage are freed
 * on the way. Under the process's lock, or of a process that no other thread has.
 */
void references_drop_all(struct ksem_proc *proc, struct reclaim *garbage);

#endif
