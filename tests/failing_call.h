/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls that need memory, for tests in which there is none.
 */
#ifndef KSEM_TESTS_FAILING_CALL_H
#define KSEM_TESTS_FAILING_CALL_H

#include "support.h"

struct call {
	int (*make)(struct call *call);
	struct ksem_ns *ns;
	struct ksem_proc *proc;
	char name[16];
	ksem_id_t id; /* outputs, from here on */
	struct ksem_proc *new_proc;
	struct ksem_ns *new_ns;
};

static int make_ns(struct call *call)
{
	return ksem_ns_create(NULL, &call->new_ns);
}

static int make_proc(struct call *call)
{
	return ksem_proc_create(call->ns, NULL, &call->new_proc);
}

static int make_fork(struct call *call)
{
	return ksem_proc_fork(call->proc, &call->new_proc);
}

static int make_init(struct call *call)
{
	return ksem_init(call->proc, 3, &call->id);
}

static int make_open(struct call *call)
{
	return ksem_open(call->proc, call->name, O_CREAT, 0600, 3, &call->id);
}

#endif
