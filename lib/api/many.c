/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The public calls that take several permits at one instant.
 *
 * Calls by id stand in an RCU read section. A wait that must sleep leaves it; the others never block, and may be made
 * from a signal handler.
 */
#include <errno.h>

#include "api/common.h"
#include "api/permits.h"
#include "registry/waiting.h"

/* As many permits as there are, from `least` to `most`. In a read section, or pinned. */
static int take_some(struct ksem *ksem, unsigned int least, unsigned int most, unsigned int *took,
		     const struct ksem_proc *by)
{
	return semaphore_ops(ksem)->take_some(ksem, least, most, took, by);
}

/* As take_some for 1 to `most`. A call that fails leaves *got as it was. */
static int take_upto(struct ksem *ksem, unsigned int most, unsigned int *got, const struct ksem_proc *by)
{
	unsigned int took;
	int error = take_some(ksem, 1, most, &took, by);

	if (!error)
		*got = took;
	return error;
}

PLAIN int ksem_trywait_many(struct ksem_proc *proc, ksem_id_t id, unsigned int count)
{
	unsigned int took;

	if (unlikely(!proc))
		return EINVAL;
	return WITH_SEMAPHORE(proc, id, take_some(ksem, count, count, &took, proc));
}

PLAIN int ksem_trywait_upto(struct ksem_proc *proc, ksem_id_t id, unsigned int count, unsigned int *got)
{
	if (unlikely(!proc))
		return EINVAL;
	if (unlikely(!got))
		return EFAULT;
	if (unlikely(count == 0))
		return EINVAL;
	return WITH_SEMAPHORE(proc, id, take_upto(ksem, count, got, proc));
}

PLAIN int ksem_pinned_trywait_many(struct ksem *sem, unsigned int count)
{
	unsigned int took;

	if (unlikely(!sem))
		return EINVAL;
	return take_some(sem, count, count, &took, NULL);
}

PLAIN int ksem_pinned_trywait_upto(struct ksem *sem, unsigned int count, unsigned int *got)
{
	if (unlikely(!sem))
		return EINVAL;
	if (unlikely(!got))
		return EFAULT;
	if (unlikely(count == 0))
		return EINVAL;
	return take_upto(sem, count, got, NULL);
}

/* ---- Waits for several permits. ---- */

PLAIN int ksem_wait_many(struct ksem_proc *proc, ksem_id_t id, unsigned int count, clockid_t clock,
			 const struct timespec *deadline)
{
	const struct deadline *until;
	struct deadline storage;
	struct ksem *ksem;
	unsigned int took;
	int error;

	if (unlikely(!proc || deadline_read_any(&storage, &until, clock, deadline)))
		return EINVAL;
	rcu_enter();
	ksem = process_find(proc, id);
	error = likely(ksem != NULL) ? take_some(ksem, count, count, &took, proc) : EINVAL;
	if (likely(error != EAGAIN)) {
		rcu_leave();
		return error;
	}
	return count == 1 ? waiting_found(proc, id, ksem, until) : waiting_many_found(proc, id, ksem, count, until);
}

PLAIN int ksem_pinned_wait_many(struct ksem *sem, unsigned int count, clockid_t clock, const struct timespec *deadline)
{
	const struct deadline *until;
	struct deadline storage;
	unsigned int took;
	int error;

	if (unlikely(!sem || deadline_read_any(&storage, &until, clock, deadline)))
		return EINVAL;
	error = take_some(sem, count, count, &took, NULL);
	if (likely(error != EAGAIN))
		return error;
	return count == 1 ? waiting_pinned(sem, until) : waiting_many_pinned(sem, count, until);
}
