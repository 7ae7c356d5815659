/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The public calls that take a permit of one of several semaphores.
 *
 * They first look for a permit in an RCU read section. None of that blocks, and ksem_trywait_any may be called from a
 * signal handler.
 */
#include <errno.h>

#include "api/common.h"
#include "api/permits.h"
#include "registry/any.h"

/* A semaphore that is listed twice may get a permit between its turns. It is taken where it is listed first. */
static unsigned int first_of(struct ksem *const *sems, const struct ksem *ksem)
{
	unsigned int i = 0;

	while (sems[i] != ksem)
		i++;
	return i;
}

/* Takes from the first in the list that has a permit; EAGAIN: none had one when its turn came. In a read section. */
static int take_any(struct ksem_proc *proc, struct ksem *const *sems, unsigned int n, unsigned int *which)
{
	for (unsigned int i = 0; i < n; i++) {
		int error;

		if (object_is_empty(sems[i]))
			continue;
		error = semaphore_take_soon_by(sems[i], proc);
		if (error == 0)
			*which = first_of(sems, sems[i]);
		if (error != EAGAIN)
			return error;
	}
	return EAGAIN;
}

/* 0, EFAULT, EINVAL. */
static int check_list(const struct ksem_proc *proc, const ksem_id_t *ids, unsigned int n, const unsigned int *which)
{
	if (unlikely(!proc))
		return EINVAL;
	if (unlikely(!ids || !which))
		return EFAULT;
	return unlikely(n == 0 || n > KSEM_ANY_MAX) ? EINVAL : 0;
}

static int find_and_take(struct ksem_proc *proc, const ksem_id_t *ids, unsigned int n, unsigned int *which)
{
	struct ksem *sems[KSEM_ANY_MAX];
	int error;

	rcu_enter();
	error = any_find(proc, ids, n, sems);
	if (!error)
		error = take_any(proc, sems, n, which);
	if (error == EAGAIN) {
		fence_seq(); /* KSEM_ORD_16 release, KSEM_ORD_16 acquire */
		error = take_any(proc, sems, n, which);
	}
	rcu_leave();
	return error;
}

PLAIN int ksem_trywait_any(struct ksem_proc *proc, const ksem_id_t *ids, unsigned int n, unsigned int *which)
{
	int error = check_list(proc, ids, n, which);

	return likely(!error) ? find_and_take(proc, ids, n, which) : error;
}

PLAIN int ksem_wait_any(struct ksem_proc *proc, const ksem_id_t *ids, unsigned int n, clockid_t clock,
			const struct timespec *deadline, unsigned int *which)
{
	const struct deadline *until;
	struct deadline storage;
	int error = check_list(proc, ids, n, which);

	if (unlikely(error))
		return error;
	if (unlikely(deadline_read_any(&storage, &until, clock, deadline)))
		return EINVAL;
	error = find_and_take(proc, ids, n, which);
	return unlikely(error == EAGAIN) ? any_wait(proc, ids, n, until, which) : error;
}
