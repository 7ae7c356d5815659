/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The limit of a shared namespace, max_sems, which holds for the semaphores of all OS processes together: those with
 * names, and those without that processes have (census.h).
 *
 * A maker begins, makes its semaphore whole but for its name, and is admitted or refused. It then gives the name, or
 * takes all back, and ends.
 */
#ifndef KSEM_SHARED_LIMIT_H
#define KSEM_SHARED_LIMIT_H

#include <stdbool.h>
#include <sys/types.h>

struct ksem_ns;

/* What one maker has. */
struct admission {
	bool counted; /* it has the census lock of its file (census.h) */
	bool locked;  /* shared_ns.limit, and the lock between processes, are its own */
};

void limit_begin(struct ksem_ns *ns, struct admission *admission);

/* 0; ENFILE: there are too many; ENOMEM, EMFILE, ... Takes the namespace's lock. */
int limit_admit(struct ksem_ns *ns, ino_t number, struct admission *admission);

void limit_end(struct ksem_ns *ns, const struct admission *admission);

#endif
