/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Liveness: an OS process that uses the namespace has a lock on one byte of the directory, at a random place. The
 * kernel drops it when the process ends, in whatever way, and when it executes another program. Locks on other bytes
 * say which semaphores the process has (census.h).
 *
 * Fork: the parent takes a liveness for the child, the heir, before the fork. So the child is alive to others from its
 * first instant, even if it can't open descriptors or has no privileges. The heir's locks belong to a second open file
 * description, the spare, which the parent opened earlier. After the fork only the child keeps the spare, and uses it
 * in place of the parent's descriptor. Parent and child each open a new spare.
 *
 * A process that dropped privileges may be unable to open a spare. Then parent and child share one description, and its
 * locks last until both have ended. Their liveness is then joint: the lock is not enough to tell that a process lives,
 * so others also look at the lifetime in its records (records.h). Where the pid namespace is unknown, or another one,
 * they can't, and take both for living until both have ended.
 *
 * A program that has its starter's permits (program.h) inherits the description, and its children do, too. Its liveness
 * is joint for that reason. But no process that uses the library has another liveness on the same description.
 */
#ifndef KSEM_SHARED_LIVENESS_H
#define KSEM_SHARED_LIVENESS_H

#include "os/lifetime.h"
#include "shared/directory.h"

/*
 * A liveness is the place of its lock, below 2^61. Its lowest bits say what it is, and the others are random.
 * LIVENESS_SINGLE: it isn't joint. A joint one has its namespaces in the bits above that, and then
 * LIVENESS_OF_PROGRAM or not.
 */
#define LIVENESS_SINGLE          UINT64_C(1)
#define LIVENESS_NAMESPACE_SHIFT 1
#define LIVENESS_OF_PROGRAM      (UINT64_C(1) << (LIVENESS_NAMESPACE_SHIFT + LIFETIME_NAMESPACE_BITS))
#define LIVENESS_JOINT_RANDOM    (~(2 * LIVENESS_OF_PROGRAM - 1)) /* the bits that are random in a joint one, too */

/*
 * Takes a liveness, in a directory that was just opened, or opened again. 0, or the kernel's error: the process still
 * has the one before, if it had one.
 *
 * It never takes the same one twice. So a newcomer that has seen that the former one is gone, and only then takes a
 * record of that, takes none that counts.
 */
int liveness_begin(struct directory *directory);

/*
 * The same, one that a program can inherit. If there can be none, or if the pid namespace is unknown, the process keeps
 * the one before.
 */
void liveness_begin_for_program(struct directory *directory);

/* Before a fork, and after it in the parent. */
void liveness_before_fork(struct directory *directory);
void liveness_parent_after_fork(struct directory *directory);

/* In the child; `prepared`: liveness_before_fork ran for it. */
void liveness_child_after_fork(struct directory *directory, bool prepared);

/* Makes sure that this process has a liveness. 0, or the kernel's error. */
int liveness_ensure(struct directory *directory);

/*
 * Does anybody have that liveness lock? If so, the process of that liveness lives, unless the liveness is joint. True
 * also if that can't be found out.
 */
bool liveness_is_held(const struct directory *directory, uint64_t liveness);

/* May another process have the description, and so the lock? */
static inline bool liveness_is_joint(uint64_t liveness)
{
	return !(liveness & LIVENESS_SINGLE);
}

/* May it have another liveness on that description? */
static inline bool liveness_is_shared(uint64_t liveness)
{
	return liveness_is_joint(liveness) && !(liveness & LIVENESS_OF_PROGRAM);
}

/* The namespaces of the process of a joint liveness (lifetime_namespace). 0: unknown. */
static inline uint32_t liveness_namespace(uint64_t liveness)
{
	return (uint32_t)(liveness >> LIVENESS_NAMESPACE_SHIFT) & ((1 << LIFETIME_NAMESPACE_BITS) - 1);
}

#endif
