/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the calling thread waits for: see own_wait.h.
 */
#include "object/own_wait.h"

#include "object/namespace.h"
#include "os/fork.h"

_Thread_local struct own_wait own_wait;

void own_wait_end_orphan(struct ksem *ksem)
{
	struct reclaim garbage = RECLAIM_NONE;

	fork_gate_enter();
	own_wait.ksem = NULL;
	namespace_end(object_ns(ksem), ksem, &garbage);
	reclaim_free(garbage);
	fork_gate_leave();
}
