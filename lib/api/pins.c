/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The public calls on pinned semaphores, which need neither a look-up nor a read section.
 */
#include <errno.h>

#include "api/common.h"
#include "api/permits.h"
#include "object/lined.h"
#include "registry/waiting.h"

/* A pin belongs to no process, so nobody would know who holds what. */
static int pin(struct ksem *ksem, struct ksem **sem)
{
	const struct semaphore_ops *ops = semaphore_ops(ksem);

	return ops->has_holders && ops->has_holders(ksem) ? ENOTSUP : object_pin(ksem, sem);
}

PUBLIC int ksem_pin(struct ksem_proc *proc, ksem_id_t id, struct ksem **sem)
{
	if (unlikely(!proc))
		return EINVAL;
	if (unlikely(!sem))
		return EFAULT;
	return ANSWERS(sem, WITH_SEMAPHORE(proc, id, pin(ksem, sem)));
}

PUBLIC void ksem_unpin(struct ksem *sem)
{
	if (!sem)
		return;
	fork_gate_enter();
	namespace_unpin(sem);
	fork_gate_leave();
}

PLAIN int ksem_pinned_post(struct ksem *sem)
{
	if (unlikely(object_is_shared(sem))) {
		if (unlikely(!sem))
			return EINVAL;
		return likely(plain_post_one(object_plain(sem))) ? apart(0) : semaphore_ops(sem)->post(sem, 1, NULL);
	}
	if (likely(percpu_put(&sem->sem)))
		return 0;
	if (likely(semaphore_post_one(&sem->sem)))
		return apart(0);
	return likely(lined_post_one(sem)) ? apart(0) : semaphore_ops(sem)->post(sem, 1, NULL);
}

PLAIN int ksem_pinned_post_many(struct ksem *sem, unsigned int count)
{
	if (unlikely(!sem))
		return EINVAL;
	return post_to(sem, count, NULL);
}

PLAIN int ksem_pinned_wait(struct ksem *sem)
{
	if (unlikely(object_is_shared(sem))) {
		if (unlikely(!sem))
			return EINVAL;
		return likely(plain_take_one(object_plain(sem))) ? apart(0) : waiting_pinned(sem, NULL);
	}
	if (likely(percpu_take(&sem->sem)))
		return 0;
	if (likely(semaphore_take_one(&sem->sem)))
		return apart(0);
	return likely(lined_take_one(sem)) ? apart(0) : waiting_pinned(sem, NULL);
}

PLAIN int ksem_pinned_trywait(struct ksem *sem)
{
	if (unlikely(object_is_shared(sem))) {
		if (unlikely(!sem))
			return EINVAL;
		return likely(plain_take_one(object_plain(sem))) ? apart(0) : semaphore_ops(sem)->take(sem);
	}
	if (likely(percpu_take(&sem->sem)))
		return 0;
	if (likely(semaphore_take_one(&sem->sem)))
		return apart(0);
	return likely(lined_take_one(sem)) ? apart(0) : semaphore_ops(sem)->take(sem);
}

PLAIN int ksem_pinned_clockwait(struct ksem *sem, clockid_t clock, const struct timespec *deadline)
{
	struct deadline until;

	if (unlikely(!sem))
		return EINVAL;
	if (unlikely(!deadline))
		return EFAULT;
	if (unlikely(deadline_read(&until, clock, deadline)))
		return EINVAL;
	return waiting_pinned(sem, &until);
}

PLAIN int ksem_pinned_getvalue(struct ksem *sem, unsigned int *value)
{
	if (unlikely(!sem))
		return EINVAL;
	if (unlikely(!value))
		return EFAULT;
	return semaphore_ops(sem)->value(sem, value);
}
