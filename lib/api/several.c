/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The public calls that take several permits at one instant, and those that shut a semaphore down, change its limit and
 * tell its metrics.
 *
 * Calls by id stand in an RCU read section. A wait that must sleep leaves it; the others never block. Those that try,
 * and shutdown, may be made from a signal handler.
 */
#include <errno.h>

#include "api/common.h"
#include "api/permits.h"
#include "base/probe.h"
#include "base/sized.h"
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

	if (unlikely(!proc || read_deadline(clock, deadline, &storage, &until)))
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

	if (unlikely(!sem || read_deadline(clock, deadline, &storage, &until)))
		return EINVAL;
	error = take_some(sem, count, count, &took, NULL);
	if (likely(error != EAGAIN))
		return error;
	return count == 1 ? waiting_pinned(sem, until) : waiting_many_pinned(sem, count, until);
}

/* ---- Shutdown, limit, metrics. ---- */

static int shut_down(struct ksem *ksem)
{
	int error = semaphore_ops(ksem)->shut_down(ksem);

	if (!error)
		PROBE(shutdown, object_id(ksem), ksem);
	return error;
}

PLAIN int ksem_shutdown(struct ksem_proc *proc, ksem_id_t id)
{
	if (!proc)
		return EINVAL;
	return WITH_SEMAPHORE(proc, id, shut_down(ksem));
}

PLAIN int ksem_pinned_shutdown(struct ksem *sem)
{
	return sem ? shut_down(sem) : EINVAL;
}

/* Those that can't were made without a limit. */
static int set_limit(struct ksem *ksem, unsigned int limit)
{
	int error = semaphore_ops(ksem)->set_limit ? semaphore_ops(ksem)->set_limit(ksem, limit) : EINVAL;

	if (!error)
		PROBE(limit, object_id(ksem), ksem, limit);
	return error;
}

PUBLIC int ksem_set_limit(struct ksem_proc *proc, ksem_id_t id, unsigned int limit)
{
	if (!proc)
		return EINVAL;
	return WITH_SEMAPHORE(proc, id, set_limit(ksem, limit));
}

PUBLIC int ksem_pinned_set_limit(struct ksem *sem, unsigned int limit)
{
	return sem ? set_limit(sem, limit) : EINVAL;
}

static const size_t metrics_ends[] = {
	SIZED_END(struct ksem_metrics, size),     SIZED_END(struct ksem_metrics, waits),
	SIZED_END(struct ksem_metrics, timeouts), SIZED_END(struct ksem_metrics, interrupts),
	SIZED_END(struct ksem_metrics, cancels),  SIZED_END(struct ksem_metrics, shutdowns),
	SIZED_END(struct ksem_metrics, wait_ns),  SIZED_END(struct ksem_metrics, wait_max_ns),
	SIZED_END(struct ksem_metrics, undone),   SIZED_END(struct ksem_metrics, waiters_max),
	SIZED_END(struct ksem_metrics, reserved), SIZED_END(struct ksem_metrics, histogram),
};

static int metrics_of(struct ksem *ksem, struct ksem_metrics *metrics)
{
	struct ksem_metrics now;
	int error = semaphore_ops(ksem)->metrics ? semaphore_ops(ksem)->metrics(ksem, &now) : ENOTSUP;

	return error ? error : sized_write(SIZED(metrics_ends), metrics, &now);
}

PUBLIC int ksem_metrics(struct ksem_proc *proc, ksem_id_t id, struct ksem_metrics *metrics)
{
	if (!proc)
		return EINVAL;
	if (!metrics)
		return EFAULT;
	if (metrics->size < sizeof(metrics->size) || metrics->size > SIZED_MAX)
		return EINVAL;
	return WITH_SEMAPHORE(proc, id, metrics_of(ksem, metrics));
}
