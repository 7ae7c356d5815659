/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plugin that uses <ksem/inline.h>: unload.c. Built with KSEM_TEST_CONTAINS it brings the library with it.
 */
#include "plugin.h"

#include <ksem/inline.h>

#ifdef KSEM_TEST_CONTAINS

#include <stdlib.h>

/* By the library's own sequences: the header's are the same. */
#undef ksem_pinned_post
#undef ksem_pinned_wait

static struct ksem *own;

__attribute__((constructor)) static void make_own(void)
{
	struct ksem_ns *ns;
	struct ksem_proc *proc;
	ksem_id_t id;

	if (ksem_ns_create(NULL, &ns) || ksem_proc_create(ns, NULL, &proc) || ksem_init(proc, 0, &id) ||
	    ksem_pin(proc, id, &own))
		abort();
}

#endif

int plugin_post_and_wait(struct ksem *sem)
{
#ifdef KSEM_TEST_CONTAINS
	sem = own;
#endif
	for (int i = 0; i < 2000; i++) {
		if (ksem_pinned_post(sem) || ksem_pinned_wait(sem))
			return 1;
	}
	return 0;
}
