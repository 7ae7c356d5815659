/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private semaphores with a line: see lined.h.
 */
#include "private/lined.h"

#include "object/holder.h"
#include "object/own_wait.h"
#include "queue/ring.h"

/* An OS process that ends takes its private lines along, so nobody looks for the dead. */
static const struct line_hooks hooks = {.ring = queue_ring, .undone = lined_undone};

struct lined *private_lined_new(const struct making *making)
{
	const struct attributes *attributes = making->attributes;
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
	line_init(&made->line, making->value, attributes->limit, attributes->order);
	line_view_init(&made->lined.view, &made->line, FUTEX_PRIVATE, &hooks, made);
	return &made->lined;
}

void private_lined_free(struct lined *lined)
{
	line_view_end(&lined->view);
	memory_free(lined->metrics);
	memory_free(lined);
}

static const struct wait_policy policy = {lined_enter, lined_arm, lined_sleep, lined_leave, lined_renounce};

bool private_lined_after_fork(struct ksem *ksem)
{
	struct lined *lined = lined_of(ksem);
	struct own_wait *own = own_wait_of(ksem);
	word_t word = load_rlx(&ksem->sem.word); /* relaxed: the child has one thread */

	if (own && lined_has_ledger(lined))
		own->slot = 0; /* its entry is of the parent's account; it enters again */
	line_after_fork(&lined->view, own ? own->slot : 0);
	if (lined_has_ledger(lined))
		lined_new_accounts(lined, own);
	store_rlx(&ksem->sem.word, word_after_fork(word, own != NULL)); /* relaxed: as above */
	return word_is_orphan(word) && !own;
}

const struct semaphore_ops private_lined_ops = {
	.post = lined_post,
	.take = lined_take,
	.take_by = lined_take_by,
	.take_some = lined_take_some,
	.value = lined_value,
	.take_soon = lined_take,
	.policy = &policy,
	.waiters = lined_waiters,
	.kill = lined_kill,
	.shut_down = lined_shut_down,
	.set_limit = lined_set_limit,
	.come = lined_come,
	.has_holders = lined_has_holders,
	.go = lined_go,
	.metrics = lined_tell_metrics,
	.line = lined_view,
	.begin_queued = lined_begin_queued,
	.end_queued = lined_end_queued,
};
