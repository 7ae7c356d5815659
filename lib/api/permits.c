/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The public calls that post and take permits by id.
 *
 * They first try a restartable sequence (object/ids.h). If it refuses, they use an RCU read section.
 */
#include <errno.h>

#include "api/common.h"
#include "api/permits.h"
#include "registry/waiting.h"

/* A post that needs a look-up. */
static __attribute__((noinline)) int post_by_lookup(struct ksem_proc *proc, ksem_id_t id, unsigned int count)
{
	return WITH_SEMAPHORE(proc, id, post_to(ksem, count, proc));
}

PLAIN int ksem_post(struct ksem_proc *proc, ksem_id_t id)
{
	if (unlikely(!process_is_private(proc))) {
		if (unlikely(!proc))
			return EINVAL;
		if (likely(process_put_shared(proc, id)))
			return apart(0);
	} else if (likely(process_put(proc, id))) {
		return 0;
	}
	return post_by_lookup(proc, id, 1);
}

PLAIN int ksem_post_many(struct ksem_proc *proc, ksem_id_t id, unsigned int count)
{
	if (unlikely(!proc))
		return EINVAL;
	return post_by_lookup(proc, id, count);
}

/* Takes by the sequence, or by `refused`, which is constant. */
static ALWAYS_INLINE int take_by_id(struct ksem_proc *proc, ksem_id_t id, int (*refused)(struct ksem_proc *, ksem_id_t))
{
	if (unlikely(!process_is_private(proc))) {
		if (unlikely(!proc))
			return EINVAL;
		if (likely(process_take_shared(proc, id)))
			return apart(0);
	} else if (likely(process_take(proc, id))) {
		return 0;
	}
	return refused(proc, id);
}

/* A wait that needs a look-up. It first tries the common case of the word again. */
static __attribute__((noinline)) int wait_by_lookup(struct ksem_proc *proc, ksem_id_t id)
{
	struct ksem *ksem;

	rcu_enter();
	ksem = process_find(proc, id);
	if (likely(ksem)) {
		if (unlikely(!object_take_one(ksem)))
			return waiting_found(proc, id, ksem, NULL);
		rcu_leave();
		return 0;
	}
	rcu_leave();
	return EINVAL;
}

PLAIN int ksem_wait(struct ksem_proc *proc, ksem_id_t id)
{
	return take_by_id(proc, id, wait_by_lookup);
}

/* A take that needs a look-up. */
static __attribute__((noinline)) int take_by_lookup(struct ksem_proc *proc, ksem_id_t id)
{
	return WITH_SEMAPHORE(proc, id, take_from(ksem, proc));
}

PLAIN int ksem_trywait(struct ksem_proc *proc, ksem_id_t id)
{
	return take_by_id(proc, id, take_by_lookup);
}

PLAIN int ksem_clockwait(struct ksem_proc *proc, ksem_id_t id, clockid_t clock, const struct timespec *deadline)
{
	struct deadline until;
	struct ksem *ksem;

	if (unlikely(!proc))
		return EINVAL;
	if (unlikely(!deadline))
		return EFAULT;
	if (unlikely(deadline_read(&until, clock, deadline)))
		return EINVAL; /* the same error as for an unknown id */
	rcu_enter();
	ksem = process_find(proc, id);
	if (likely(ksem))
		return waiting_found(proc, id, ksem, &until);
	rcu_leave();
	return EINVAL;
}

PLAIN int ksem_getvalue(struct ksem_proc *proc, ksem_id_t id, unsigned int *value)
{
	if (unlikely(!proc))
		return EINVAL;
	if (unlikely(!value))
		return EFAULT;
	return WITH_SEMAPHORE(proc, id, semaphore_ops(ksem)->value(ksem, value));
}
