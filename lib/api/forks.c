/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of what the library does around a fork: see forks.h. The fork gate is shut meanwhile (os/fork.h).
 *
 * Before a fork the steps run from the first to the last, after it from the last to the first. Every module that must
 * do something around a fork is named here. A new one must be if it has a lock that is taken outside the fork gate, if
 * it counts threads, or if it keeps something of the kernel's that parent and child would share. The gate itself, and
 * the test for a new child, are os/fork.c's own. libksem_posix has a step of its own (posix/named.c).
 */
#include "api/forks.h"

#include "base/compiler.h"
#include "base/rcu.h"
#include "line/call.h"
#include "object/namespace.h"
#include "os/fork.h"
#include "queue/all.h"
#include "registry/waiting.h"
#include "shared/deaths.h"
#include "shared/directory.h"

static const struct fork_step forks[] = {
	/* In the child: lets go of what completion queues kept. After the namespaces: then that is the child's own. */
	{.child = queues_abandon_after_fork},

	/*
	 * Each namespace as its kind does: the rows of docs/architecture.md that begin with "namespaces". Last in the
	 * child: ends semaphores that only waiters of the parent kept, and waits for an epoch to free them.
	 */
	{
		.before = namespaces_before_fork,
		.parent = namespaces_parent_after_fork,
		.child = namespaces_child_after_fork,
	},

	/* In the child: may it watch for deaths? */
	{.child = deaths_after_fork},

	/* In the child: completion queues are dead. Before the namespaces, whose lines lose the queues' waits. */
	{.child = queues_child_after_fork},

	/* In the child: frees the lock of directories, which another thread of the parent may have had. */
	{.child = directories_child_after_fork},

	/* In the child: each process counts only the waits of the child's one thread. The parent changes nothing. */
	{.child = waiting_child_after_fork},

	/* Where a handler forks in a call on a line: parent and child both go on in it, and must not both change it. */
	{.ungated = calls_before_ungated_fork},

	/*
	 * Before: from here on, no grace period runs. So this comes after all steps that may wait for one, and
	 * afterwards before them. In the child: ends the read sections of threads that the child hasn't got.
	 */
	{
		.before = rcu_before_fork,
		.parent = rcu_after_fork_parent,
		.child = rcu_after_fork_child,
		.ungated_child = rcu_child_without_handlers,
	},
};

void forks_install(void)
{
	fork_install(forks, sizeof(forks) / sizeof(forks[0]));
}
