/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The public calls that take several permits at one instant, and a permit of one of several semaphores.
 *
 * Calls by id stand in an RCU read section. None of them blocks, and each may be made from a signal handler.
 */
#include <errno.h>

#include "api/common.h"
#include "api/permits.h"

/* As many permits as there are, from `least` to `most`. In a read section, or pinned. */
static int take_some(struct ksem *ksem, unsigned int least, unsigned int most, unsigned int *took)
{
	return semaphore_ops(ksem)->take_some(ksem, least, most, took);
}

PLAIN int ksem_trywait_many(struct ksem_proc *proc, ksem_id_t id, unsigned int count)
{
	unsigned int took;

	if (unlikely(!proc))
		return EINVAL;
	return WITH_SEMAPHORE(proc, id, take_some(ksem, count, count, &took));
}

PLAIN int ksem_trywait_upto(struct ksem_proc *proc, ksem_id_t id, unsigned int count, unsigned int *got)
{
	if (unlikely(!proc))
		return EINVAL;
	if (unlikely(!got))
		return EFAULT;
	if (unlikely(count == 0))
		return EINVAL;
	return WITH_SEMAPHORE(proc, id, take_some(ksem, 1, count, got));
}

PLAIN int ksem_pinned_trywait_many(struct ksem *sem, unsigned int count)
{
	unsigned int took;

	if (unlikely(!sem))
		return EINVAL;
	return take_some(sem, count, count, &took);
}

PLAIN int ksem_pinned_trywait_upto(struct ksem *sem, unsigned int count, unsigned int *got)
{
	if (unlikely(!sem))
		return EINVAL;
	if (unlikely(!got))
		return EFAULT;
	if (unlikely(count == 0))
		return EINVAL;
	return take_some(sem, 1, count, got);
}

/* Fills sems with the semaphores of all ids. In a read section. EINVAL: one isn't held. */
static int find_all(struct ksem_proc *proc, const ksem_id_t *ids, unsigned int n, struct ksem **sems)
{
	for (unsigned int i = 0; i < n; i++) {
		sems[i] = process_find(proc, ids[i]);
		if (unlikely(!sems[i]))
			return EINVAL;
	}
	return 0;
}

/* Takes from the first in the list that has a permit; EAGAIN: none had one when its turn came. In a read section. */
static int take_any(struct ksem *const *sems, unsigned int n, unsigned int *which)
{
	for (unsigned int i = 0; i < n; i++) {
		int error = semaphore_ops(sems[i])->take_soon(sems[i]);

		if (error == 0)
			*which = i;
		if (error != EAGAIN)
			return error;
	}
	return EAGAIN;
}

PLAIN int ksem_trywait_any(struct ksem_proc *proc, const ksem_id_t *ids, unsigned int n, unsigned int *which)
{
	struct ksem *sems[KSEM_ANY_MAX];
	int error;

	if (unlikely(!proc))
		return EINVAL;
	if (unlikely(!ids || !which))
		return EFAULT;
	if (unlikely(n == 0 || n > KSEM_ANY_MAX))
		return EINVAL;
	rcu_enter();
	error = find_all(proc, ids, n, sems);
	if (!error)
		error = take_any(sems, n, which);
	if (error == EAGAIN) {
		fence_seq(); /* KSEM_ORD_16 release, KSEM_ORD_16 acquire */
		error = take_any(sems, n, which);
	}
	rcu_leave();
	return error;
}
