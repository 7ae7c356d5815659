/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What calls by id (permits.c) and calls on pinned semaphores (pins.c) have in common.
 */
#ifndef KSEM_API_PERMITS_H
#define KSEM_API_PERMITS_H

#include <errno.h>

#include "base/rcu.h"
#include "registry/process.h"

/* Evaluates a call with `ksem`, the semaphore of that id, in a read section. EINVAL: the process has no reference. */
#define WITH_SEMAPHORE(proc, id, call)             \
	__extension__({                            \
		struct ksem *ksem;                 \
		int result_ = EINVAL;              \
                                                   \
		rcu_enter();                       \
		ksem = process_find((proc), (id)); \
		if (likely(ksem != NULL))          \
			result_ = (call);          \
		rcu_leave();                       \
		result_;                           \
	})

/* Post `count` permits, or take one, of a semaphore that was found or (`by` NULL) is pinned. */
static inline int post_to(struct ksem *ksem, uint32_t count, const struct ksem_proc *by)
{
	if (count == 1 && semaphore_post_fast(&ksem->sem))
		return 0;
	return semaphore_ops(ksem)->post(ksem, count, by);
}

static inline int take_from(struct ksem *ksem, const struct ksem_proc *by)
{
	return semaphore_take_fast(&ksem->sem) ? 0 : semaphore_take_by(ksem, by);
}

#endif
