/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The public calls on processes.
 */
#include <errno.h>

#include "api/common.h"
#include "api/self.h"

PUBLIC int ksem_proc_create(struct ksem_ns *ns, const struct ksem_cred *cred, struct ksem_proc **proc)
{
	if (!ns)
		return EINVAL;
	if (!proc)
		return EFAULT;
	return ANSWERS(proc, CONTROL(process_create(ns, cred, proc)));
}

PUBLIC int ksem_proc_fork(struct ksem_proc *parent, struct ksem_proc **child)
{
	if (!parent)
		return EINVAL;
	if (!child)
		return EFAULT;
	return ANSWERS(child, CONTROL(process_fork(parent, child)));
}

PUBLIC int ksem_proc_exec(struct ksem_proc *proc)
{
	if (!proc)
		return EINVAL;
	return CONTROL(process_exec(proc));
}

PUBLIC int ksem_proc_exit(struct ksem_proc *proc)
{
	if (!proc || self_is(proc))
		return EINVAL;
	return CONTROL(process_exit(proc));
}

PUBLIC struct ksem_proc *ksem_self(void)
{
	return self_process();
}

PUBLIC struct ksem_proc *ksem_private(void)
{
	return self_private();
}
