/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private semaphores with a line: see lined.h.
 */
#include "private/lined.h"

#include <errno.h>

#include "base/rcu.h"
#include "object/holder.h"
#include "object/namespace.h"
#include "object/own_wait.h"
#include "queue/source_notify.h"

/* An OS process that ends takes its private lines along, so nobody looks for the dead. */
static const struct line_hooks hooks = {.notify = queue_notify, .undone = lined_undone};

static struct private_lined *new (const struct attributes *attributes)
{
	struct private_lined *made = memory_alloc(sizeof(*made), KSEM_CACHE_LINE);

	if (!made)
		return NULL;
	if (attributes->flags & KSEM_METRICS) {
		made->lined.metrics = memory_alloc(sizeof(*made->lined.metrics), KSEM_CACHE_LINE);
		if (!made->lined.metrics) {
			memory_free(made);
			return NULL;
		}
	}
	made->lined.attributes = *attributes;
	line_view_init(&made->lined.view, &made->line, FUTEX_PRIVATE, &hooks, made);
	return made;
}

struct lined *private_lined_new(const struct making *making)
{
	const struct attributes *attributes = making->attributes;
	struct private_lined *made = new (attributes);

	if (!made)
		return NULL;
	line_init(&made->line, making->value, attributes->limit, attributes->order);
	store_rlx(&made->settled, true); /* relaxed: nobody sees it until it is published */
	return &made->lined;
}

void private_lined_free(struct lined *lined)
{
	line_view_end(&lined->view);
	memory_free(lined->metrics);
	memory_free(lined);
}

/* ---- A semaphore that moves. ---- */

/* Makes the line, which nobody sees while the word isn't dead. Under the namespace's lock. False: no memory. */
static bool prepare_move(struct ksem *ksem)
{
	static const struct attributes attributes = {.limit = KSEM_VALUE_MAX, .order = KSEM_BARGING};
	struct object_home *home = (void *)semaphore_block_cold(&ksem->sem);
	atomic(uint8_t) *kind = &object_cold(ksem)->sem.owners_byte;
	struct private_lined *made;

	if (load_rlx(kind) & OBJECT_MOVES) /* relaxed: under the lock */
		return true;
	if (!home->moved)
		home->moved = memory_alloc(sizeof(*home->moved), KSEM_CACHE_LINE);
	made = home->moved ? new (&attributes) : NULL;
	if (!made)
		return false;
	line_init_dead(&made->line, attributes.limit, attributes.order);
	home->moved->lines[object_place(ksem)] = &made->lined;
	store_rlx(kind, load_rlx(kind) | OBJECT_MOVES); /* relaxed: the word publishes it */
	return true;
}

static __attribute__((noinline)) void settle_now(struct ksem *ksem, struct private_lined *private)
{
	word_t word = semaphore_word(&ksem->sem);

	if (!(word & WORD_MOVED)) /* it ended before */
		return;
	rcu_enter();
	line_begin(&private->lined.view, word_value(word), word_is_shut(word));
	rcu_leave();
	semaphore_wake_moved(&ksem->sem);
	store_rel(&private->settled, true); /* KSEM_ORD_2 release */
}

/* The semaphore, when it is all here. */
static struct ksem *settled(struct ksem *ksem)
{
	struct private_lined *private = (struct private_lined *)lined_of(ksem);

	if (unlikely(!load_acq(&private->settled))) /* KSEM_ORD_2 acquire */
		settle_now(ksem, private);
	return ksem;
}

int private_lined_move(struct ksem *ksem, struct line_view **view, uint32_t *holder)
{
	bool prepared;

	if (!line_works())
		return ENOTSUP;
	pthread_mutex_lock(&object_ns(ksem)->lock);
	prepared = prepare_move(ksem);
	pthread_mutex_unlock(&object_ns(ksem)->lock);
	if (!prepared)
		return ENOMEM;
	semaphore_move(&ksem->sem);
	return lined_view(settled(ksem), view, holder);
}

/* ---- The operations. ---- */

static int enter(struct waiter *waiter)
{
	settled(waiter->sem);
	return lined_enter(waiter);
}

static int leave(struct waiter *waiter, bool give_up)
{
	settled(waiter->sem);
	return lined_leave(waiter, give_up);
}

static void renounce(struct waiter *waiter)
{
	settled(waiter->sem);
	lined_renounce(waiter);
}

static const struct wait_policy policy = {enter, lined_arm, signal_sleep, leave, renounce};

static int post(struct ksem *ksem, uint32_t n, const struct ksem_proc *by)
{
	return lined_post(settled(ksem), n, by);
}

static void give_back(struct ksem *ksem, uint32_t n, const struct ksem_proc *by)
{
	lined_give_back(settled(ksem), n, by);
}

static int take(struct ksem *ksem)
{
	return lined_take(settled(ksem));
}

static int take_by(struct ksem *ksem, const struct ksem_proc *by)
{
	return lined_take_by(settled(ksem), by);
}

static int take_some(struct ksem *ksem, uint32_t least, uint32_t most, uint32_t *took, const struct ksem_proc *by)
{
	return lined_take_some(settled(ksem), least, most, took, by);
}

static int value(struct ksem *ksem, uint32_t *value)
{
	return lined_value(settled(ksem), value);
}

static int shut_down(struct ksem *ksem)
{
	return lined_shut_down(settled(ksem));
}

static int set_limit(struct ksem *ksem, uint32_t limit)
{
	return lined_set_limit(settled(ksem), limit);
}

static int view(struct ksem *ksem, struct line_view **view, uint32_t *holder)
{
	return lined_view(settled(ksem), view, holder);
}

/* A thread that was a waiter before the move is one until it is in line. */
static int kill_unless_waiting(struct ksem *ksem)
{
	if (private_has_moved(ksem) && word_waiters(semaphore_word(&ksem->sem)) > 0)
		return EBUSY;
	return lined_kill(settled(ksem));
}

int private_lined_describe(struct ksem *ksem, struct ksem_info *info)
{
	rcu_enter();
	line_settle(&lined_of(settled(ksem))->view); /* nobody is told of a shutdown while others sleep */
	rcu_leave();
	return lined_describe(ksem, info);
}

bool private_lined_after_fork(struct ksem *ksem)
{
	struct lined *lined = lined_of(ksem);
	struct own_wait *own = own_wait_of(ksem);
	word_t word = load_rlx(&ksem->sem.word); /* relaxed: the child has one thread */

	if (word & WORD_MOVED)
		semaphore_after_fork(&ksem->sem, own != NULL);
	if (own && lined_has_ledger(lined))
		own->slot = 0; /* its entry is of the parent's account; it enters again */
	line_after_fork(&lined->view, own ? own->slot : 0);
	if (lined_has_ledger(lined))
		lined_new_accounts(lined, own);
	store_rlx(&ksem->sem.word, word_after_fork(word, own != NULL)); /* relaxed: as above */
	settled(ksem);
	return word_is_orphan(word) && !own;
}

const struct semaphore_ops private_lined_ops = {
	.post = post,
	.give_back = give_back,
	.take = take,
	.take_by = take_by,
	.take_some = take_some,
	.value = value,
	.take_soon = take,
	.policy = &policy,
	.waiters = lined_waiters,
	.kill = kill_unless_waiting,
	.shut_down = shut_down,
	.set_limit = set_limit,
	.add_holder = lined_add_holder,
	.has_holders = lined_has_holders,
	.drop_holder = lined_drop_holder,
	.metrics = lined_tell_metrics,
	.line = view,
	.begin_submit = lined_begin_submit,
	.end_submit = lined_end_submit,
	.begin_queued = lined_begin_queued,
	.end_queued = lined_end_queued,
};
