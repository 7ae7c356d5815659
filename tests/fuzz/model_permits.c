/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model's calls on permits, by id or pinned: see model.h.
 */
#include "model.h"

#include <errno.h>

struct model_sem *model_pinned(struct model_sem *pin)
{
	return pin && !pin->destroyed && !pin->ended ? pin : NULL;
}

int model_post(struct model_sem *sem, unsigned int count)
{
	if (!sem)
		return count == 0 && broken(RULE_POST_NOTHING_HELD) ? 0 : EINVAL;
	if (count > KSEM_VALUE_MAX - broken(RULE_OVERFLOW_EXACT) - sem->value ||
	    (broken(RULE_POST_NOTHING) && sem->value == KSEM_VALUE_MAX)) {
		if (broken(RULE_POST_ALL_OR_NOTHING))
			sem->value = KSEM_VALUE_MAX;
		return EOVERFLOW;
	}
	sem->value += count;
	return 0;
}

int model_trywait(struct model_sem *sem)
{
	if (!sem)
		return EINVAL;
	if (sem->value == 0)
		return EAGAIN;
	if (!broken(RULE_TAKE_ONE))
		sem->value--;
	return 0;
}

static bool deadline_is_valid(const struct model_sem *sem, clockid_t clock, const struct timespec *deadline)
{
	if (broken(RULE_DEADLINE_BESIDE_PERMIT) && sem->value > 0)
		return true;
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && !broken(RULE_DEADLINE_CLOCK))
		return false;
	return (deadline->tv_nsec >= 0 || broken(RULE_DEADLINE_NSEC_LOW)) &&
	       deadline->tv_nsec <= 999999999 + broken(RULE_DEADLINE_NSEC_HIGH);
}

/* The first second of a clock, and what is before, is past. */
int model_clockwait(struct model_sem *sem, clockid_t clock, const struct timespec *deadline)
{
	if (!deadline)
		return broken(RULE_NO_DEADLINE) ? EINVAL : EFAULT;
	if (!sem || !deadline_is_valid(sem, clock, deadline))
		return EINVAL;
	if (sem->value > 0 && !(deadline->tv_sec <= 0 && broken(RULE_LATE_TAKES))) {
		sem->value--;
		return 0;
	}
	return deadline->tv_sec <= 0 ? ETIMEDOUT : MODEL_WOULD_WAIT;
}

int model_getvalue(struct model_sem *sem, unsigned int *value)
{
	if (!value)
		return broken(RULE_NO_OUTPUT) ? EINVAL : EFAULT;
	if (!sem)
		return EINVAL;
	*value = sem->value;
	return 0;
}
