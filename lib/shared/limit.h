/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The limit of a shared namespace, max_sems. It counts the semaphores of all OS processes together: those with names,
 * and nameless ones that any process has (census.h).
 *
 * A maker calls limit_begin, makes its semaphore except for the name, and calls limit_admit. If it is admitted, it
 * gives the name; else it undoes all. Then it calls limit_end.
 */
#ifndef KSEM_SHARED_LIMIT_H
#define KSEM_SHARED_LIMIT_H

#include <stdbool.h>
#include <sys/types.h>

struct ksem_ns;

/* What a maker has, between begin and end. */
struct admission {
	bool counted; /* it has the census lock of its file (census.h) */
	bool locked;  /* it has shared_ns.limit and the lock between processes */
};

void limit_begin(struct ksem_ns *ns, struct admission *admission);

/* 0; ENFILE: the limit is reached; ENOMEM, EMFILE, ... Takes the namespace's lock. */
int limit_admit(struct ksem_ns *ns, ino_t number, struct admission *admission);

void limit_end(struct ksem_ns *ns, const struct admission *admission);

#endif
