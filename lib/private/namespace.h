/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private namespaces: in this OS process's own memory.
 *
 * Its semaphores have numbers (numbers.h), of which ids are made, and names (object/names.h). All but what a process's
 * ids find stands under the namespace's lock; names are found and taken away without one.
 */
#ifndef KSEM_PRIVATE_NAMESPACE_H
#define KSEM_PRIVATE_NAMESPACE_H

#include "object/namespace.h"
#include "private/numbers.h"

struct private_ns {
	struct ksem_ns ns;
	struct numbers numbers; /* under the lock */
};

/* A namespace that isn't published yet (namespace_publish). 0, ENOMEM. */
int private_namespace_new(const struct ksem_ns_options *options, struct ksem_ns **made);

#endif
