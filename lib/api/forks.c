/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All that the library does around a fork: see forks.h, and os/fork.h for the gate that is shut meanwhile.
 *
 * Before a fork the steps are taken from the first to the last, after it from the last to the first. Whatever must do
 * something around a fork has its step here. What needs none says why in its own file: the gate itself and what tells a
 * new child (os/fork.c), and slots, which are memory that the child has a copy of.
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

	/* In the child: a process counts only the one thread there is. Nothing of the parent's changes. */
	{NULL, NULL, waiting_child_after_fork},

	/*
	 * Before: no grace period is under way from here on. So this comes after all steps that may wait for one, and
	 * afterwards before them. In the child: read sections of threads that aren't there end.
	 */
	{rcu_before_fork, rcu_after_fork_parent, rcu_after_fork_child},
};

void forks_install(void)
{
	fork_install(forks, sizeof(forks) / sizeof(forks[0]));
}
