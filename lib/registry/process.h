/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process: it has references to semaphores of a namespace, and credentials.
 *
 * A look-up by id (process_find) is wait-free, in a read section. Calls that change references are serialized by the
 * process's lock. Inside that lock the namespace's kind takes its own locks: that of makers near the limit of a shared
 * namespace (shared/limit.h), and then the namespace's. Exec and exit may also wait for an epoch there. These calls
 * stand inside the fork gate.
 */
#ifndef KSEM_REGISTRY_PROCESS_H
#define KSEM_REGISTRY_PROCESS_H

#include "object/holders.h"
#include "object/namespace.h"

struct ksem_proc {
	struct ids ids;
	struct ksem_ns *ns; /* constant, as are cred and number */
	struct ksem_cred cred;
	struct ksem *number;         /* what it has of the namespace's numbers; NULL: none */
	struct member member;        /* of the namespace's list */
	char apart[KSEM_CACHE_LINE]; /* the next two, from what others read */
	atomic(uint32_t) waiting;    /* atomic: threads that wait in it by id; see process_begin_wait */
	pthread_mutex_t lock;
};

/*
 * A process stands in a block of its own, behind what is needed to retire it. Its address tells where its semaphores
 * are, as a semaphore's address does (object.h): KSEM_INLINE_PRIVATE is set in it, or else they are shared.
 */
#define PROCESS_PRIVATE_AT   KSEM_INLINE_PRIVATE
#define PROCESS_ELSEWHERE_AT (2 * KSEM_INLINE_PRIVATE)
#define PROCESS_BYTES        (PROCESS_ELSEWHERE_AT + sizeof(struct ksem_proc))

/* False also of NULL. */
static inline bool process_is_private(const struct ksem_proc *proc)
{
	return (uintptr_t)proc & KSEM_INLINE_PRIVATE;
}

static inline struct ksem_proc *process_of(struct member *member)
{
	return container_of(member, struct ksem_proc, member);
}

static inline struct ksem *process_find(const struct ksem_proc *proc, ksem_id_t id)
{
	return ids_find(&proc->ids, id);
}

/* One permit into, or out of, the semaphore of that id. False: find it, and do it otherwise. Of a private one. */
static ALWAYS_INLINE bool process_put(struct ksem_proc *proc, ksem_id_t id)
{
	return ids_put(&proc->ids, id);
}

static ALWAYS_INLINE bool process_take(struct ksem_proc *proc, ksem_id_t id)
{
	return ids_take(&proc->ids, id);
}

/* The same of a process whose semaphores are shared. */
static ALWAYS_INLINE bool process_put_shared(struct ksem_proc *proc, ksem_id_t id)
{
	return ids_put_shared(&proc->ids, id);
}

static ALWAYS_INLINE bool process_take_shared(struct ksem_proc *proc, ksem_id_t id)
{
	return ids_take_shared(&proc->ids, id);
}

int process_create(struct ksem_ns *ns, const struct ksem_cred *cred, struct ksem_proc **created);
int process_fork(struct ksem_proc *parent, struct ksem_proc **created);
int process_exec(struct ksem_proc *proc);
int process_exit(struct ksem_proc *proc);

int process_init(struct ksem_proc *proc, const struct attributes *attributes, uint32_t value, ksem_id_t *id);
int process_destroy(struct ksem_proc *proc, ksem_id_t id);
int process_open(struct ksem_proc *proc, const char *name, int oflag, mode_t mode, const struct attributes *attributes,
		 uint32_t value, ksem_id_t *id);
int process_close(struct ksem_proc *proc, ksem_id_t id);
int process_unlink(struct ksem_proc *proc, const char *name);
int process_stat(struct ksem_proc *proc, ksem_id_t id, struct ksem_info *info);

/* The OS processes that have it. *holders ends by collected_end. */
int process_holders(struct ksem_proc *proc, ksem_id_t id, struct holders **holders);

/*
 * A thread is about to sleep in the process. Until process_end_wait, exec and exit of the process fail. False: one of
 * them is in progress. By KSEM_ORD_5, all that the thread did in its wait happens before the process is freed.
 */
bool process_begin_wait(struct ksem_proc *proc);
void process_end_wait(struct ksem_proc *proc);

/* A queue of the process counts as such a thread, until process_end_wait. Inside the fork gate. */
void process_begin_queue(struct ksem_proc *proc);

/* In a fork's child, which has one thread: sets how many waits that thread is in. */
void process_after_fork(struct ksem_proc *proc, uint32_t waiting);

#endif
