/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model's calls on permits, by id or pinned: see model.h.
 */
#include "model.h"

#include <errno.h>
#include <stddef.h>

struct model_sem *model_pinned(struct model_sem *pin)
{
	return pin && !pin->destroyed && !pin->ended ? pin : NULL;
}

uint32_t model_value(const struct model_sem *sem)
{
	return sem->taken < sem->limit ? sem->limit - sem->taken : 0;
}

bool model_never(const struct model_sem *sem, uint32_t count)
{
	return count > sem->limit && (count > sem->made || broken(RULE_MANY_BOTH_LIMITS));
}

static uint32_t *held(struct model_sem *sem, const struct model_proc *by)
{
	return &sem->held[by - by->ns->procs];
}

void model_take(struct model_sem *sem, const struct model_proc *by, uint32_t count)
{
	sem->taken += count;
	if (sem->flags & KSEM_UNDO)
		*held(sem, by) += count;
}

uint32_t model_holds(const struct model_sem *sem, const struct model_proc *by)
{
	uint32_t sum = 0;

	for (unsigned p = 0; p < MODEL_PROCESSES; p++)
		sum += !by || by == &sem->ns->procs[p] ? sem->held[p] : 0;
	return sum;
}

void model_drop_permits(struct model_sem *sem, unsigned process)
{
	if (!broken(RULE_UNDO_COMES_BACK))
		sem->taken -= sem->held[process];
	if (!broken(RULE_METRICS_UNDONE))
		sem->undone += sem->held[process];
	sem->held[process] = 0;
	model_serve(sem);
}

/* ---- Posts. ---- */

static bool overflows(const struct model_sem *sem, uint32_t count)
{
	if (broken(RULE_POST_NOTHING) && sem->taken == 0)
		return true;
	return (uint64_t)count + (count > 0 && broken(RULE_OVERFLOW_EXACT)) > sem->taken;
}

int model_post(struct model_sem *sem, const struct model_proc *by, unsigned int count)
{
	if (!sem)
		return count == 0 && broken(RULE_POST_NOTHING_HELD) ? 0 : EINVAL;
	if (sem->flags & KSEM_UNDO && count > *held(sem, by) && !broken(RULE_UNDO_POSTS_OWN))
		return EPERM;
	if (sem->shut && broken(RULE_SHUT_POSTS))
		return ESHUTDOWN;
	if (overflows(sem, count)) {
		if (broken(RULE_POST_ALL_OR_NOTHING))
			sem->taken = 0;
		return EOVERFLOW;
	}
	sem->taken -= count;
	if (sem->flags & KSEM_UNDO)
		*held(sem, by) -= count;
	model_serve(sem);
	return 0;
}

/* ---- Takes. ---- */

int model_trywait(struct model_sem *sem, const struct model_proc *by)
{
	if (!sem)
		return EINVAL;
	if (!model_has(sem, 1))
		return sem->shut && broken(RULE_SHUT_TRY) ? ESHUTDOWN : EAGAIN;
	if (!broken(RULE_TAKE_ONE))
		model_take(sem, by, 1);
	return 0;
}

int model_trywait_many(struct model_sem *sem, const struct model_proc *by, unsigned int count)
{
	if (!sem || model_never(sem, count))
		return EINVAL;
	if (count == 0 && model_value(sem) == 0 && broken(RULE_MANY_NOTHING))
		return EAGAIN;
	if (!model_has(sem, count)) {
		if (broken(RULE_MANY_ALL_OR_NOTHING))
			model_take(sem, by, model_value(sem));
		return EAGAIN;
	}
	model_take(sem, by, count);
	return 0;
}

int model_trywait_upto(struct model_sem *sem, const struct model_proc *by, unsigned int count, unsigned int *got)
{
	uint32_t value;

	if (!got)
		return broken(RULE_NO_OUTPUT) ? EINVAL : EFAULT;
	if (count == 0)
		return broken(RULE_UPTO_NOTHING) ? EAGAIN : EINVAL;
	if (!sem || model_never(sem, count))
		return EINVAL;
	value = model_has(sem, 1) ? model_value(sem) : 0;
	if (value == 0)
		return EAGAIN;
	*got = value < count && !broken(RULE_UPTO_AS_MANY) ? value : broken(RULE_UPTO_AS_MANY) ? 1 : count;
	model_take(sem, by, *got);
	return 0;
}

bool model_deadline_is_valid(clockid_t clock, const struct timespec *deadline)
{
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && !broken(RULE_DEADLINE_CLOCK))
		return false;
	return (deadline->tv_nsec >= 0 || broken(RULE_DEADLINE_NSEC_LOW)) &&
	       deadline->tv_nsec <= 999999999 + broken(RULE_DEADLINE_NSEC_HIGH);
}

/* Whether a wait takes. The first second of a clock, and what is before, is past; it is NULL where there is none. */
static int wait_for(struct model_sem *sem, const struct model_proc *by, unsigned int count,
		    const struct timespec *deadline)
{
	bool past = deadline && deadline->tv_sec <= 0;

	if (model_has(sem, count) && !(past && broken(RULE_LATE_TAKES)) &&
	    !(sem->shut && count > 0 && broken(RULE_SHUT_TAKES))) {
		model_take(sem, by, count);
		return 0;
	}
	if (sem->shut && !(past && broken(RULE_SHUT_BEFORE_TIMEOUT)))
		return ESHUTDOWN;
	if (!past)
		return MODEL_WOULD_WAIT;
	model_timed_out(sem);
	return ETIMEDOUT;
}

int model_clockwait(struct model_sem *sem, const struct model_proc *by, clockid_t clock,
		    const struct timespec *deadline)
{
	if (!deadline)
		return broken(RULE_NO_DEADLINE) ? EINVAL : EFAULT;
	if (!sem)
		return EINVAL;
	if (!(broken(RULE_DEADLINE_BESIDE_PERMIT) && model_has(sem, 1)) && !model_deadline_is_valid(clock, deadline))
		return EINVAL;
	return wait_for(sem, by, 1, deadline);
}

int model_wait_many(struct model_sem *sem, const struct model_proc *by, unsigned int count, clockid_t clock,
		    const struct timespec *deadline)
{
	if (!sem)
		return EINVAL;
	if ((deadline || broken(RULE_MANY_CLOCK_IGNORED)) &&
	    !model_deadline_is_valid(clock, deadline ? deadline : &(const struct timespec){0, 0}))
		return EINVAL;
	return model_never(sem, count) ? EINVAL : wait_for(sem, by, count, deadline);
}

int model_getvalue(struct model_sem *sem, unsigned int *value)
{
	if (!value)
		return broken(RULE_NO_OUTPUT) ? EINVAL : EFAULT;
	if (!sem)
		return EINVAL;
	*value = model_value(sem);
	return 0;
}

/* ---- Of several. ---- */

/* 0, EINVAL, EFAULT; and then *sems are those of the ids. */
static int find_all(struct model_proc *proc, const ksem_id_t *ids, unsigned int n, const unsigned int *which,
		    struct model_sem **sems)
{
	if (!proc)
		return EINVAL;
	if (!ids || !which)
		return broken(RULE_NO_OUTPUT) ? EINVAL : EFAULT;
	if (n == 0)
		return broken(RULE_ANY_NONE) ? EAGAIN : EINVAL;
	if (n > KSEM_ANY_MAX)
		return EINVAL;
	for (unsigned int i = 0; i < n; i++) {
		sems[i] = model_held(proc, ids[i]);
		if (!sems[i] && (i == 0 || !broken(RULE_ANY_ALL_HELD)))
			return EINVAL;
	}
	return 0;
}

/* EAGAIN: none of them has one. */
static int take_any(const struct model_proc *proc, struct model_sem **sems, unsigned int n, unsigned int *which)
{
	for (unsigned int i = 0; i < n; i++) {
		unsigned int at = broken(RULE_ANY_FIRST) ? n - 1 - i : i;

		if (sems[at] && model_has(sems[at], 1)) {
			model_take(sems[at], proc, 1);
			*which = at;
			return 0;
		}
	}
	return EAGAIN;
}

int model_trywait_any(struct model_proc *proc, const ksem_id_t *ids, unsigned int n, unsigned int *which)
{
	struct model_sem *sems[KSEM_ANY_MAX];
	int error = find_all(proc, ids, n, which, sems);

	if (!error)
		error = take_any(proc, sems, n, which);
	for (unsigned int i = 0; error == EAGAIN && broken(RULE_ANY_TRY_SHUT) && i < n; i++)
		error = sems[i] && sems[i]->shut ? ESHUTDOWN : EAGAIN;
	return error;
}

/* Is it in the list before that place, too? */
static bool is_before(struct model_sem *const *sems, unsigned int place)
{
	for (unsigned int i = 0; i < place; i++) {
		if (sems[i] == sems[place])
			return true;
	}
	return false;
}

int model_wait_any(struct model_proc *proc, const ksem_id_t *ids, unsigned int n, clockid_t clock,
		   const struct timespec *deadline, unsigned int *which)
{
	struct model_sem *sems[KSEM_ANY_MAX];
	int error = find_all(proc, ids, n, which, sems);

	if (error)
		return error;
	if (deadline && !model_deadline_is_valid(clock, deadline))
		return EINVAL;
	error = take_any(proc, sems, n, which);
	for (unsigned int i = 0; error == EAGAIN && i < n; i++) {
		unsigned int at = broken(RULE_ANY_SHUT_FIRST) ? n - 1 - i : i;

		if (sems[at] && sems[at]->shut) {
			*which = at;
			error = ESHUTDOWN;
		}
	}
	if (error == EAGAIN)
		error = deadline && deadline->tv_sec <= 0 ? ETIMEDOUT : MODEL_WOULD_WAIT;
	for (unsigned int i = 0; error && i < n; i++) {
		if (!sems[i] || is_before(sems, i))
			continue;
		if (error == ETIMEDOUT)
			model_timed_out(sems[i]);
		else
			model_may_have_waited(sems[i]);
	}
	return error;
}

/* ---- Shutdown and limit. ---- */

int model_shutdown(struct model_sem *sem)
{
	if (!sem || (sem->shut && broken(RULE_SHUT_AGAIN)))
		return EINVAL;
	sem->shut = true;
	model_serve(sem);
	return 0;
}
