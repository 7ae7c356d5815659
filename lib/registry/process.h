/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process: it has references to semaphores of a namespace, and credentials.
 *
 * A look-up by id (process_find) is wait-free, in a read section. Everything else here changes references and is
 * serialized by the process's lock. Inside that lock the namespace's kind takes its own locks: that of makers near the
 * limit of a shared namespace (shared/limit.h), and then the namespace's. Exec and exit may also wait for an epoch
 * there. These calls stand inside the fork gate.
 */
#ifndef KSEM_REGISTRY_PROCESS_H
#define KSEM_REGISTRY_PROCESS_H

#include "object/namespace.h"

struct ksem_proc {
	struct retired retired;
	struct ids ids;
	struct ksem_ns *ns; /* constant, as is cred */
	struct ksem_cred cred;
	struct member member; /* of the namespace's list */
	_Alignas(KSEM_CACHE_LINE)
		atomic(uint32_t) waiting; /* atomic: threads that wait in it by id; see process_begin_wait */
	pthread_mutex_t lock;
};

static inline struct ksem_proc *process_of(struct member *member)
{
	return container_of(member, struct ksem_proc, member);
}

static inline struct ksem *process_find(const struct ksem_proc *proc, ksem_id_t id)
{
	return ids_find(&proc->ids, id);
}

/*
 * Posts, or takes, one permit of the semaphore with that id. False: nothing was done; find it, and use the slow path.
 */
static ALWAYS_INLINE bool process_put(struct ksem_proc *proc, ksem_id_t id)
{
	return ids_put(&proc->ids, id);
}

static ALWAYS_INLINE bool process_take(struct ksem_proc *proc, ksem_id_t id)
{
	return ids_take(&proc->ids, id);
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

/*
 * A thread is about to sleep in the process. Until process_end_wait, exec and exit of the process fail. False: one of
 * them is in progress. By KSEM_ORD_5, all that the thread did in its wait happens before the process is freed.
 */
bool process_begin_wait(struct ksem_proc *proc);
void process_end_wait(struct ksem_proc *proc);

/* In a fork's child, which has one thread: sets how many waits that thread is in. */
void process_after_fork(struct ksem_proc *proc, uint32_t waiting);

#endif
