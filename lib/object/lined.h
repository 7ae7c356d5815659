/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A semaphore with a line: one that was made with other than the default attributes. Where the line is depends on its
 * kind (private/lined.h, shared/lined.h); what is done with it doesn't.
 */
#ifndef KSEM_OBJECT_LINED_H
#define KSEM_OBJECT_LINED_H

#include "line/line.h"
#include "object/kind.h"
#include "object/making.h"
#include "object/metrics.h"

struct own_wait;

struct lined_holder;

struct lined {
	struct line_view view;
	struct attributes attributes;          /* constant */
	struct lined_metrics *metrics;         /* constant; NULL: not measured */
	atomic(struct lined_holder *) holders; /* as their `next` */
	atomic(uint32_t) holder; /* atomic: whose entries those of this OS process are (struct line_hooks) */
};

static inline struct lined *lined_of(const struct ksem *ksem)
{
	const struct semaphore_cold *cold = semaphore_cold(&ksem->sem);

	if (likely(!(load_rlx(&cold->owners_byte) & OBJECT_MOVES))) /* relaxed: set before the word was dead */
		return cold->instead;
	return object_home(ksem)->moved->lines[object_place(ksem)];
}

/* Gives it to a semaphore that was initialized, and that nobody sees yet. */
void lined_attach(struct lined *lined, struct ksem *ksem);

/* As the operations (kind.h). */
int lined_post(struct ksem *ksem, uint32_t n, const struct ksem_proc *by);
int lined_take_by(struct ksem *ksem, const struct ksem_proc *by);
void lined_give_back(struct ksem *ksem, uint32_t n, const struct ksem_proc *by);
int lined_take(struct ksem *ksem);
int lined_take_some(struct ksem *ksem, uint32_t least, uint32_t most, uint32_t *took, const struct ksem_proc *by);
int lined_value(struct ksem *ksem, uint32_t *value);
uint32_t lined_waiters(struct ksem *ksem);
int lined_kill(struct ksem *ksem);
int lined_shut_down(struct ksem *ksem);
int lined_set_limit(struct ksem *ksem, uint32_t limit);
int lined_view(struct ksem *ksem, struct line_view **view, uint32_t *holder);
int lined_begin_submit(struct ksem *ksem, const struct ksem_proc *by, struct line_by *as);
void lined_end_submit(struct ksem *ksem);
int64_t lined_begin_queued(struct ksem *ksem);
void lined_end_queued(struct ksem *ksem, int64_t begun, int error);
int lined_tell_metrics(struct ksem *ksem, struct ksem_metrics *shown);

/* A waiter's steps (wait/waiter.h). */
int lined_enter(struct waiter *waiter);
int lined_arm(struct waiter *waiter);
int lined_leave(struct waiter *waiter, bool give_up);
void lined_renounce(struct waiter *waiter);

static inline bool lined_has_ledger(const struct lined *lined)
{
	return lined->attributes.flags & KSEM_UNDO;
}

/*
 * The common case of a post and a take: one permit of a semaphore that was made with a line, and without a ledger.
 * False: nothing was done. Callers try this before they look up what the semaphore's kind does. A shared one may need
 * more than this post, but a take is the same.
 *
 * They need no read section of their own: that in which the semaphore was found, or the pin, keeps the memory until the
 * permit is there, and afterwards they don't touch it.
 */
static ALWAYS_INLINE bool lined_post_one(const struct ksem *ksem)
{
	const struct semaphore_cold *cold = semaphore_cold(&ksem->sem);
	struct lined *lined;

	/* relaxed: constant. What is there instead of a line, others change */
	if (unlikely(!(load_rlx(&cold->owners_byte) & OBJECT_HAS_LINE)))
		return false;
	lined = cold->instead;
	return likely(!lined_has_ledger(lined)) && likely(line_post_now(&lined->view, 1));
}

static ALWAYS_INLINE bool lined_take_one(const struct ksem *ksem)
{
	const struct semaphore_cold *cold = semaphore_cold(&ksem->sem);
	struct lined *lined;

	/* relaxed: as above */
	if (unlikely(!(load_rlx(&cold->owners_byte) & OBJECT_HAS_LINE)))
		return false;
	lined = cold->instead;
	return likely(!lined_has_ledger(lined)) && likely(line_take_now(&lined->view, 1));
}

/* Fills in value, waiters, limit, order and flags. EINVAL: it is dead. */
int lined_describe(struct ksem *ksem, struct ksem_info *info);

#endif
