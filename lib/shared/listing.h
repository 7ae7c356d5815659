/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listing: describes one semaphore of a shared namespace, or all. Numbers are sums over all living OS processes.
 */
#ifndef KSEM_SHARED_LISTING_H
#define KSEM_SHARED_LISTING_H

#include <stdbool.h>

#include "ksem/ksem.h"

int shared_ns_stat(struct ksem_ns *ns, struct ksem *ksem, struct ksem_info *info);

/* Visits first the semaphores with names, then the nameless ones that this process has. */
int shared_ns_foreach(struct ksem_ns *ns, int (*visit)(const struct ksem_info *info, void *arg), void *arg);

/*
 * Describes the semaphore of that name, as foreach does. *found is false if foreach would leave it out, and if there is
 * an error: those of foreach. Outside the fork gate.
 */
int shared_ns_look(struct ksem_ns *ns, const char *name, struct ksem_info *info, bool *found);

#endif
