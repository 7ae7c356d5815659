/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The public calls that shut a semaphore down, change its limit, and tell its metrics.
 *
 * Calls by id stand in an RCU read section, and never block. Shutdown may be made from a signal handler.
 */
#include <errno.h>

#include "api/common.h"
#include "api/permits.h"
#include "base/probe.h"
#include "base/sized.h"

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
