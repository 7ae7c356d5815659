/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a process tells of a semaphore: see process.h. The process's lock keeps its reference meanwhile.
 */
#include <errno.h>

#include "registry/process.h"

int process_stat(struct ksem_proc *proc, ksem_id_t id, struct ksem_info *info)
{
	struct ksem_info now;
	struct ksem *ksem;
	int error;

	pthread_mutex_lock(&proc->lock);
	ksem = ids_find_listed(&proc->ids, id);
	error = ksem ? proc->ns->ops->stat(proc->ns, ksem, &now) : EINVAL;
	pthread_mutex_unlock(&proc->lock);
	if (!error)
		*info = now;
	return error;
}

int process_holders(struct ksem_proc *proc, ksem_id_t id, struct holders **holders)
{
	struct holders *found = holders_begin();
	struct ksem *ksem;
	int error;

	if (!found)
		return ENOMEM;
	pthread_mutex_lock(&proc->lock);
	ksem = ids_find_listed(&proc->ids, id);
	error = ksem ? proc->ns->ops->holders(proc->ns, ksem, found) : EINVAL;
	pthread_mutex_unlock(&proc->lock);
	if (error)
		collected_end(&found->collected);
	else
		*holders = found;
	return error;
}
