/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of what the library does around a fork: see forks.h. The fork gate is shut meanwhile (os/fork.h).
 *
 * Before a fork the steps run from the first to the last, after it from the last to the first. Every module that must
 * do something around a fork has a step here. Others say in their own file why they need none: the gate itself and the
 * test for a new child (os/fork.c), and slots, which the child has a copy of.
 */
#include "api/forks.h"

#include "base/compiler.h"
#include "base/rcu.h"
#include "object/namespace.h"
#include "os/fork.h"
#include "registry/waiting.h"

static const struct fork_step forks[] = {
	/*
	 * Before: a shared namespace takes the child's liveness locks and records. In the child: it makes them the
	 * child's own (shared/fork.c); semaphores lose the waiters that stayed in the parent, and slots that were
	 * being changed become whole (private/namespace.c). Last in the child, since it ends semaphores that only those
	 * waiters kept, and waits for an epoch to give back their memory.
	 */
	{namespaces_before_fork, namespaces_parent_after_fork, namespaces_child_after_fork},

	/* In the child: each process counts only the waits of the child's one thread. The parent changes nothing. */
	{NULL, NULL, waiting_child_after_fork},

	/*
	 * Before: from here on, no grace period runs. So this comes after all steps that may wait for one, and
	 * afterwards before them. In the child: ends the read sections of threads that the child hasn't got.
	 */
	{rcu_before_fork, rcu_after_fork_parent, rcu_after_fork_child},
};

void forks_install(void)
{
	fork_install(forks, sizeof(forks) / sizeof(forks[0]));
}
