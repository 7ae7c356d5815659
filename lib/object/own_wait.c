/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the calling thread waits for: see own_wait.h.
 */
#include "object/own_wait.h"

#include "base/rcu.h"
#include "object/namespace.h"
#include "os/fork.h"

_Thread_local struct own_wait own_wait;

static _Thread_local struct {
	struct own_wait *waits;
	unsigned count;
} aside; /* owner only, and its signal handlers */

void own_wait_set_aside(struct own_wait *waits, unsigned count)
{
	rcu_enter();
	aside.waits = waits;
	aside.count = count;
	rcu_leave();
}

void own_wait_swap(struct own_wait *other)
{
	struct own_wait was;

	rcu_enter();
	was = own_wait;
	own_wait = *other;
	*other = was;
	rcu_leave();
}

struct own_wait *own_wait_of(const struct ksem *ksem)
{
	if (own_wait.ksem == ksem)
		return &own_wait;
	for (unsigned i = 0; i < aside.count; i++) {
		if (aside.waits[i].ksem == ksem)
			return &aside.waits[i];
	}
	return NULL;
}

void own_wait_end_orphan(struct ksem *ksem)
{
	struct reclaim garbage = RECLAIM_NONE;

	fork_gate_enter();
	own_wait.ksem = NULL;
	namespace_end(object_ns(ksem), ksem, &garbage);
	reclaim_free(garbage);
	fork_gate_leave();
}
