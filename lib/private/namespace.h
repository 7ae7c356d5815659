/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private namespaces: in this OS process's own memory.
 *
 * Its semaphores have numbers (numbers.h), which are part of their ids, and names (object/names.h). Changes are made
 * under the namespace's lock. Look-ups by id, and finding and removing names, need no lock.
 */
#ifndef KSEM_PRIVATE_NAMESPACE_H
#define KSEM_PRIVATE_NAMESPACE_H

#include "object/namespace.h"
#include "private/numbers.h"

struct private_ns {
	struct ksem_ns ns;
	struct numbers *numbers; /* constant; under the lock */
};

/* Makes a namespace, and doesn't publish it yet (namespace_publish). 0, ENOMEM. */
int private_namespace_new(const struct ksem_ns_options *options, struct ksem_ns **made);

#endif
