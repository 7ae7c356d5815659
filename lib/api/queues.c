/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The public calls on completion queues.
 */
#include <errno.h>

#include "api/common.h"
#include "api/permits.h"
#include "line/due.h"
#include "queue/opening.h"
#include "queue/queue.h"

static int create(struct ksem_proc *proc, struct ksem_cq **cq)
{
	int error;

	process_begin_queue(proc);
	error = queue_create(proc, cq);
	if (error)
		process_end_wait(proc);
	return error;
}

PUBLIC int ksem_cq_create(struct ksem_proc *proc, struct ksem_cq **cq)
{
	if (!proc)
		return EINVAL;
	if (!cq)
		return EFAULT;
	return ANSWERS(cq, CONTROL(create(proc, cq)));
}

/* A fork's child may have freed its copy of the process by now; there its queues aren't counted. */
static int destroy(struct ksem_cq *cq)
{
	struct ksem_proc *counts = queue_is_dead(cq) ? NULL : cq->proc;

	queue_destroy(cq);
	if (counts)
		process_end_wait(counts);
	return 0;
}

PUBLIC int ksem_cq_destroy(struct ksem_cq *cq)
{
	if (!cq)
		return EINVAL;
	fork_settle();
	queue_stop(cq);
	return CONTROL(destroy(cq));
}

PUBLIC int ksem_cq_fd(struct ksem_cq *cq)
{
	if (!cq)
		return -1;
	fork_settle();
	return queue_is_dead(cq) ? -1 : cq->notify.epoll;
}

/* Evaluates a call under the queue's lock, inside the fork gate, and then frees *garbage. EINVAL: it is dead. */
#define WITH_QUEUE(cq, call)                               \
	__extension__({                                    \
		struct reclaim garbage = RECLAIM_NONE;     \
		int locked_ = EINVAL;                      \
                                                           \
		fork_gate_enter();                         \
		if (!queue_is_dead(cq)) {                  \
			pthread_mutex_lock(&(cq)->lock);   \
			locked_ = (call);                  \
			pthread_mutex_unlock(&(cq)->lock); \
		}                                          \
		reclaim_free(garbage);                     \
		fork_gate_leave();                         \
		locked_;                                   \
	})

static int submit(struct ksem_cq *cq, ksem_id_t id, uint32_t count, uint64_t due, uint64_t user_data,
		  struct reclaim *garbage)
{
	struct source *source;
	int error;

	if (!source_reserve(cq))
		return ENOMEM;
	error = WITH_SEMAPHORE(cq->proc, id, source_for(cq, ksem, &source));
	return error ? error : queue_submit(source, count, due, user_data, garbage);
}

PUBLIC int ksem_cq_submit(struct ksem_cq *cq, ksem_id_t id, uint32_t count, clockid_t clock,
			  const struct timespec *deadline, uint64_t user_data)
{
	struct deadline until;

	if (!cq || (deadline && deadline_read(&until, clock, deadline)))
		return EINVAL;
	return WITH_QUEUE(cq, submit(cq, id, count, due_of(deadline ? &until : NULL), user_data, &garbage));
}

PUBLIC int ksem_cq_cancel(struct ksem_cq *cq, uint64_t user_data)
{
	return cq ? WITH_QUEUE(cq, queue_cancel(cq, user_data)) : EINVAL;
}

PLAIN int ksem_cq_reap(struct ksem_cq *cq, struct ksem_completion *out, unsigned int room, unsigned int *n)
{
	if (!cq)
		return EINVAL;
	if (!n || (!out && room > 0))
		return EFAULT;
	return WITH_QUEUE(cq, queue_reap(cq, out, room, n, &garbage));
}
