/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model's waits in line, in each order, and what is told of them: see model.h. Only waits of completion queues are
 * in line for long.
 */
#include "model.h"

#include <errno.h>
#include <stdlib.h>

static bool is_in_line(const struct model_wait *wait, const struct model_sem *sem)
{
	return wait->sem == sem && !wait->decided;
}

uint32_t model_waiters(const struct model_sem *sem, const struct model_proc *by)
{
	uint32_t n = 0;

	for (const struct model_wait *wait = sem->ns->model->waits; wait; wait = wait->next)
		n += is_in_line(wait, sem) && (!by || wait->cq->proc == by);
	return n;
}

bool model_is_queued_for(const struct model_sem *sem)
{
	for (const struct model_wait *wait = sem->ns->model->waits; wait; wait = wait->next) {
		if (wait->sem == sem)
			return true;
	}
	return false;
}

uint64_t model_unreaped(const struct model_sem *sem)
{
	uint64_t n = 0;

	for (const struct model_wait *wait = sem->ns->model->waits; wait; wait = wait->next)
		n += wait->sem == sem && wait->decided;
	return n;
}

/* Does it wait for its turn, so that nobody may take? */
static bool blocks(const struct model_wait *wait, const struct model_sem *sem)
{
	return is_in_line(wait, sem) && sem->order == KSEM_FIFO && !wait->aside && !broken(RULE_FIFO_NOBODY_OVERTAKES);
}

bool model_has(const struct model_sem *sem, uint32_t count)
{
	for (const struct model_wait *wait = sem->ns->model->waits; wait && count > 0; wait = wait->next) {
		if (blocks(wait, sem))
			return false;
	}
	return model_value(sem) >= count;
}

/* ---- Who is next. ---- */

/* Of those that are in line, aside or not: the one with the highest ticket, or the lowest. */
static struct model_wait *outermost(struct model_sem *sem, bool aside, bool newest, uint32_t most)
{
	struct model_wait *found = NULL;

	for (struct model_wait *wait = sem->ns->model->waits; wait; wait = wait->next) {
		if (!is_in_line(wait, sem) || wait->aside != aside || wait->count > most)
			continue;
		if (!found || (newest ? wait->ticket > found->ticket : wait->ticket < found->ticket))
			found = wait;
	}
	return found;
}

static struct model_wait *next_to_grant(struct model_sem *sem)
{
	bool newest = sem->order == KSEM_LIFO && !broken(RULE_LIFO_NEWEST);
	struct model_wait *wait;

	if (sem->order != KSEM_FIFO)
		return outermost(sem, false, newest, model_value(sem));
	wait = outermost(sem, false, broken(RULE_FIFO_FIRST), UINT32_MAX);
	return wait && wait->count <= model_value(sem) ? wait : NULL;
}

static void decide(struct model_wait *wait, int error)
{
	struct model_sem *sem = wait->sem;

	wait->decided = true;
	wait->error = error;
	wait->when = error == ESHUTDOWN && sem->order != KSEM_FIFO ? sem->ns->model->now : ++sem->ns->model->now;
	sem->counts.waits++;
	sem->counts.timeouts += error == ETIMEDOUT && !broken(RULE_METRICS_TIMEOUTS);
	sem->counts.cancels += error == ECANCELED && !broken(RULE_METRICS_CANCELS);
	sem->counts.shutdowns += error == ESHUTDOWN && !broken(RULE_METRICS_SHUTDOWNS);
	if (!error)
		model_take(sem, wait->cq->proc, wait->count);
}

/* After a shutdown: the next that is turned away. */
static struct model_wait *next_to_turn(struct model_sem *sem)
{
	struct model_wait *wait;

	if (!sem->shut || broken(RULE_SHUT_ENDS_WAITS))
		return NULL;
	wait = outermost(sem, false, false, UINT32_MAX);
	return wait ? wait : outermost(sem, true, false, UINT32_MAX);
}

void model_serve(struct model_sem *sem)
{
	struct model_wait *wait;

	sem->ns->model->now++;
	for (;;) {
		if ((wait = next_to_grant(sem)))
			decide(wait, 0);
		else if ((wait = next_to_turn(sem)))
			decide(wait, ESHUTDOWN);
		else
			break;
	}
}

/* ---- Limits. ---- */

/* Those that stand in the wrong list go to the end of the other, in order. */
static void give_way(struct model_sem *sem, bool aside)
{
	uint64_t last = sem->ns->model->now;
	struct model_wait *first;

	do {
		first = NULL;
		for (struct model_wait *wait = sem->ns->model->waits; wait; wait = wait->next) {
			bool wrong = is_in_line(wait, sem) && wait->aside == aside && wait->ticket <= last &&
				     (wait->count > sem->limit) != aside;

			if (wrong && (!first || wait->ticket < first->ticket))
				first = wait;
		}
		if (first) {
			first->aside = !aside;
			first->ticket = ++sem->ns->model->now;
		}
	} while (first);
}

int model_set_limit(struct model_sem *sem, unsigned int limit)
{
	if (!sem || (!sem->limited && !broken(RULE_LIMIT_OF_LIMITED)))
		return EINVAL;
	if (limit > model_highest(sem->order) && !broken(RULE_LIMIT_HIGHEST))
		return EINVAL;
	if (broken(RULE_LIMIT_MOVES_VALUE) && sem->taken + limit >= sem->limit)
		sem->taken = sem->taken + limit - sem->limit;
	sem->limit = limit;
	if (sem->taken > limit && broken(RULE_LIMIT_DEBT))
		sem->taken = limit;
	if (sem->order == KSEM_FIFO && !broken(RULE_FIFO_GIVES_WAY)) {
		give_way(sem, false);
		give_way(sem, true);
	}
	if (!broken(RULE_LIMIT_SERVES))
		model_serve(sem);
	return 0;
}

/* ---- Metrics. ---- */

static void note_waiters(struct model_sem *sem, uint32_t waiters, bool surely)
{
	if (sem->waiters_max_or < waiters)
		sem->waiters_max_or = waiters;
	if (surely && sem->waiters_max < waiters)
		sem->waiters_max = waiters;
}

void model_may_have_waited(struct model_sem *sem)
{
	note_waiters(sem, model_waiters(sem, NULL) + 1, false);
}

void model_timed_out(struct model_sem *sem)
{
	note_waiters(sem, model_waiters(sem, NULL) + 1, true);
	sem->counts.waits++;
	sem->counts.timeouts += !broken(RULE_METRICS_TIMEOUTS);
}

int model_metrics(struct model_proc *proc, ksem_id_t id, const struct ksem_metrics *metrics)
{
	int error = model_check_handle_and_output(proc, metrics);
	struct model_sem *sem;

	if (error)
		return error;
	if ((metrics->size < sizeof(metrics->size) || metrics->size > 4096) && !broken(RULE_METRICS_SIZE))
		return EINVAL;
	sem = model_held(proc, id);
	if (!sem)
		return EINVAL;
	return sem->flags & KSEM_METRICS || broken(RULE_METRICS_FLAG) ? 0 : ENOTSUP;
}

/* ---- Waits of queues. ---- */

int model_cq_create(struct model *model, struct model_proc *proc, struct model_cq **cq)
{
	int error = model_check_handle_and_output(proc, cq);

	if (error)
		return error;
	*cq = model_allocated(calloc(1, sizeof(**cq)));
	**cq = (struct model_cq){model->queues, proc};
	model->queues = *cq;
	return 0;
}

bool model_has_queue(const struct model_proc *proc)
{
	for (const struct model_cq *cq = proc->ns->model->queues; cq; cq = cq->next) {
		if (cq->proc == proc && !broken(RULE_QUEUE_KEEPS_PROCESS))
			return true;
	}
	return false;
}

/* Its place in line, unless it has its permits, or can't have them any more. */
static void begin(struct model_wait *wait, bool past)
{
	struct model_sem *sem = wait->sem;

	wait->ticket = ++sem->ns->model->now;
	wait->when = wait->ticket;
	wait->aside = sem->order == KSEM_FIFO && wait->count > sem->limit && !broken(RULE_FIFO_GIVES_WAY);
	wait->decided = true;
	if (model_has(sem, wait->count)) {
		model_take(sem, wait->cq->proc, wait->count);
		return;
	}
	if (sem->shut) {
		wait->error = ESHUTDOWN;
		return;
	}
	wait->decided = false;
	note_waiters(sem, model_waiters(sem, NULL), !past);
	if (past && !broken(RULE_QUEUE_DEADLINE)) {
		sem->lost++; /* it may have been passed over before it was a waiter */
		decide(wait, ETIMEDOUT);
	}
}

int model_cq_submit(struct model *model, struct model_cq *cq, ksem_id_t id, uint32_t count, clockid_t clock,
		    const struct timespec *deadline, uint64_t user_data)
{
	struct model_sem *sem;
	struct model_wait *wait;

	if (!cq || (deadline && !model_deadline_is_valid(clock, deadline)))
		return EINVAL;
	sem = model_held(cq->proc, id);
	if (!sem || model_never(sem, count))
		return EINVAL;
	wait = model_allocated(calloc(1, sizeof(*wait)));
	*wait = (struct model_wait){.next = model->waits,
				    .cq = cq,
				    .sem = sem,
				    .id = id,
				    .count = count,
				    .user_data = user_data,
				    .decided = true};
	model->waits = wait;
	begin(wait, deadline && deadline->tv_sec <= 0);
	return 0;
}

/* There is at most one of each semaphore: the caller sees to it, since their order isn't promised. */
int model_cq_cancel(struct model *model, struct model_cq *cq, uint64_t user_data)
{
	bool any = false;

	if (!cq)
		return EINVAL;
	for (struct model_wait *wait = model->waits; wait; wait = wait->next) {
		if (wait->cq != cq || wait->decided || wait->user_data != user_data)
			continue;
		if (any && broken(RULE_QUEUE_CANCELS_ALL))
			break;
		decide(wait, ECANCELED);
		model_serve(wait->sem);
		any = true;
	}
	return any || broken(RULE_QUEUE_CANCELS_SOME) ? 0 : ENOENT;
}

bool model_cq_waits(struct model *model, const struct model_cq *cq, ksem_id_t id, uint64_t user_data)
{
	for (const struct model_wait *wait = model->waits; wait; wait = wait->next) {
		if (wait->cq == cq && !wait->decided && wait->id == id && wait->user_data == user_data)
			return true;
	}
	return false;
}

unsigned model_completions(struct model *model, const struct model_cq *cq)
{
	unsigned n = 0;

	for (const struct model_wait *wait = model->waits; wait; wait = wait->next)
		n += wait->cq == cq && wait->decided;
	return n;
}

static void forget(struct model *model, struct model_wait *gone)
{
	struct model_wait **at = &model->waits;
	struct model_sem *sem = gone->sem;

	while (*at != gone)
		at = &(*at)->next;
	*at = gone->next;
	free(gone);
	if (sem)
		model_let_go(sem);
}

/* Was it decided before all others of its semaphore that the queue has? */
static bool may_be_next(const struct model *model, const struct model_wait *next)
{
	for (const struct model_wait *wait = model->waits; wait; wait = wait->next) {
		bool before = broken(RULE_QUEUE_IN_ORDER) ? wait->when > next->when : wait->when < next->when;

		if (wait->cq == next->cq && wait->sem == next->sem && wait->decided && before)
			return false;
	}
	return true;
}

bool model_reaped(struct model *model, const struct model_cq *cq, const struct ksem_completion *completion)
{
	for (struct model_wait *wait = model->waits; wait; wait = wait->next) {
		if (wait->cq == cq && wait->decided && wait->id == completion->id && wait->count == completion->count &&
		    wait->user_data == completion->user_data && wait->error == completion->error &&
		    may_be_next(model, wait)) {
			forget(model, wait);
			return true;
		}
	}
	return false;
}

int model_cq_destroy(struct model *model, struct model_cq *cq)
{
	struct model_cq **at = &model->queues;
	struct model_wait *wait;

	if (!cq)
		return EINVAL;
	for (wait = model->waits; wait; wait = wait->next) {
		if (wait->cq == cq && !wait->decided)
			decide(wait, ECANCELED);
	}
	for (wait = model->waits; wait;) {
		struct model_wait *next = wait->next;

		if (wait->cq == cq) {
			struct model_sem *sem = wait->sem;
			uint32_t granted = wait->error == 0 && !broken(RULE_QUEUE_DESTROY_POSTS) ? wait->count : 0;

			sem->lost++;
			if (!sem->destroyed)
				model_post(sem, cq->proc, granted);
			model_serve(sem);
			forget(model, wait);
		}
		wait = next;
	}
	while (*at != cq)
		at = &(*at)->next;
	*at = cq->next;
	free(cq);
	return 0;
}

void model_end_queues(struct model *model)
{
	struct model_cq *cq;
	struct model_wait *wait;

	while ((wait = model->waits)) {
		model->waits = wait->next;
		free(wait);
	}
	while ((cq = model->queues)) {
		model->queues = cq->next;
		free(cq);
	}
}
