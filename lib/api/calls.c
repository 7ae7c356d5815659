/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The public calls: each checks its arguments, in the contract's order, and hands on to the registry or, with what a
 * look-up found, to the semaphore. See include/ksem/ksem.h for what they promise.
 *
 * Calls that change tables stand between `CONTROL` and the return of its result: inside the fork gate, which also keeps
 * them from being cancellation points. Calls by id try what a sequence can do first (object/ids.h), and stand in an
 * RCU read section for the rest. Pinned calls need neither.
 */
#include "api/watched.h"

#include <errno.h>

#include "base/cancel.h"
#include "base/compiler.h"
#include "base/rcu.h"
#include "base/watch.h"
#include "os/fork.h"
#include "registry/namespace.h"
#include "registry/process.h"
#include "registry/self.h"
#include "registry/waiting.h"
#include "shared/shared.h"

/* Evaluates a call inside the fork gate. */
#define CONTROL(call)              \
	__extension__({            \
		int result_;       \
                                   \
		fork_gate_enter(); \
		result_ = (call);  \
		fork_gate_leave(); \
		result_;           \
	})

/* The result of a call that answers in *out as well. */
#define ANSWERS(out, call)                                  \
	__extension__({                                     \
		int error_ = (call);                        \
                                                            \
		if (!error_)                                \
			watch_wrote((out), sizeof(*(out))); \
		error_;                                     \
	})

/*
 * Evaluates a call with `ksem`, the semaphore of that id, in a read section; EINVAL where the process doesn't hold it.
 */
#define WITH_SEMAPHORE(proc, id, call)             \
	__extension__({                            \
		struct ksem *ksem;                 \
		int result_ = EINVAL;              \
                                                   \
		rcu_enter();                       \
		ksem = process_find((proc), (id)); \
		if (likely(ksem != NULL))          \
			result_ = (call);          \
		rcu_leave();                       \
		result_;                           \
	})

PUBLIC int ksem_ns_create(const struct ksem_ns_options *options, struct ksem_ns **ns)
{
	if (!ns)
		return EFAULT;
	return ANSWERS(ns, CONTROL(namespace_create(options, ns)));
}

PUBLIC int ksem_ns_destroy(struct ksem_ns *ns)
{
	if (!ns)
		return EINVAL;
	return CONTROL(namespace_destroy(ns));
}

struct visiting {
	int (*visit)(const struct ksem_info *info, void *arg);
	void *arg;
	struct cancel cancel; /* the caller's */
};

/* What is called for each semaphore is the host's: it may be a cancellation point. */
static int visit_as_caller(const struct ksem_info *info, void *arg)
{
	struct visiting *visiting = arg;
	int result;

	watch_wrote(info, sizeof(*info));
	cancel_restore(visiting->cancel);
	result = visiting->visit(info, visiting->arg);
	visiting->cancel = cancel_disable();
	return result;
}

PUBLIC int ksem_ns_foreach(struct ksem_ns *ns, int (*visit)(const struct ksem_info *info, void *arg), void *arg)
{
	struct visiting visiting = {.visit = visit, .arg = arg};
	int result;

	if (!ns)
		return EINVAL;
	if (!visit)
		return EFAULT;
	visiting.cancel = cancel_disable();
	result = namespace_foreach(ns, visit_as_caller, &visiting);
	cancel_restore(visiting.cancel);
	return result;
}

PUBLIC int ksem_proc_create(struct ksem_ns *ns, const struct ksem_cred *cred, struct ksem_proc **proc)
{
	if (!ns)
		return EINVAL;
	if (!proc)
		return EFAULT;
	return ANSWERS(proc, CONTROL(process_create(ns, cred, proc)));
}

PUBLIC int ksem_proc_fork(struct ksem_proc *parent, struct ksem_proc **child)
{
	if (!parent)
		return EINVAL;
	if (!child)
		return EFAULT;
	return ANSWERS(child, CONTROL(process_fork(parent, child)));
}

PUBLIC int ksem_proc_exec(struct ksem_proc *proc)
{
	if (!proc)
		return EINVAL;
	return CONTROL(process_exec(proc));
}

PUBLIC int ksem_proc_exit(struct ksem_proc *proc)
{
	if (!proc || self_is(proc))
		return EINVAL;
	return CONTROL(process_exit(proc));
}

PUBLIC struct ksem_proc *ksem_self(void)
{
	return self_process();
}

PUBLIC struct ksem_proc *ksem_private(void)
{
	return self_private();
}

PUBLIC int ksem_init(struct ksem_proc *proc, unsigned int value, ksem_id_t *id)
{
	if (!proc)
		return EINVAL;
	if (!id)
		return EFAULT;
	return ANSWERS(id, CONTROL(process_init(proc, value, id)));
}

PUBLIC int ksem_destroy(struct ksem_proc *proc, ksem_id_t id)
{
	if (!proc)
		return EINVAL;
	return CONTROL(process_destroy(proc, id));
}

PUBLIC int ksem_open(struct ksem_proc *proc, const char *name, int oflag, mode_t mode, unsigned int value,
		     ksem_id_t *id)
{
	if (!proc)
		return EINVAL;
	if (!name || !id)
		return EFAULT;
	return ANSWERS(id, CONTROL(process_open(proc, name, oflag, mode, value, id)));
}

PUBLIC int ksem_close(struct ksem_proc *proc, ksem_id_t id)
{
	if (!proc)
		return EINVAL;
	return CONTROL(process_close(proc, id));
}

PUBLIC int ksem_unlink(struct ksem_proc *proc, const char *name)
{
	if (!proc)
		return EINVAL;
	if (!name)
		return EFAULT;
	return CONTROL(process_unlink(proc, name));
}

PUBLIC int ksem_stat(struct ksem_proc *proc, ksem_id_t id, struct ksem_info *info)
{
	if (!proc)
		return EINVAL;
	if (!info)
		return EFAULT;
	return ANSWERS(info, CONTROL(process_stat(proc, id, info)));
}

/* A deadline that futexes take; EINVAL. */
static int check_deadline(clockid_t clock, const struct timespec *time, struct deadline *deadline)
{
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
		return EINVAL;
	if (time->tv_nsec < 0 || time->tv_nsec > 999999999)
		return EINVAL;
	deadline->clock = clock;
	deadline->time = time->tv_sec < 0 ? (struct timespec){0, 0} : *time; /* long past either way */
	return 0;
}

PUBLIC struct timespec ksem_deadline_after(uint64_t ns)
{
	const uint32_t second = UINT32_C(1000000000);
	const time_t last = sizeof(time_t) == sizeof(int64_t) ? INT64_MAX : INT32_MAX;
	int before = errno;
	struct timespec time = {0, 0};
	uint64_t seconds = ns / second;

	clock_gettime(CLOCK_MONOTONIC, &time);
	errno = before;
	time.tv_nsec += (long)(ns % second);
	if (time.tv_nsec >= (long)second) {
		time.tv_nsec -= (long)second;
		seconds++;
	}
	if (__builtin_add_overflow(time.tv_sec, seconds, &time.tv_sec))
		time = (struct timespec){last, (long)second - 1};
	return time;
}

#define TEXT(x)        TEXT_OF_ALL(x)
#define TEXT_OF_ALL(x) #x

PUBLIC const char *ksem_version(void)
{
	return TEXT(KSEM_VERSION_MAJOR) "." TEXT(KSEM_VERSION_MINOR) "." TEXT(KSEM_VERSION_PATCH);
}

/* Evaluates a call on the semaphore itself, or `of_shared` if OS processes share that, and it is elsewhere. */
#define ITSELF(ksem, call, of_shared) (unlikely(object_is_elsewhere(ksem)) ? (of_shared) : (call))

/* Posts other than by a sequence. */
static __attribute__((noinline)) int post_found(struct ksem_proc *proc, ksem_id_t id, unsigned int count)
{
	return WITH_SEMAPHORE(proc, id, ITSELF(ksem, semaphore_post(&ksem->sem, count), shared_post(ksem, count)));
}

PLAIN int ksem_post(struct ksem_proc *proc, ksem_id_t id)
{
	if (unlikely(!proc))
		return EINVAL;
	if (likely(process_put(proc, id)))
		return 0;
	return post_found(proc, id, 1);
}

PLAIN int ksem_post_many(struct ksem_proc *proc, ksem_id_t id, unsigned int count)
{
	if (unlikely(!proc))
		return EINVAL;
	return post_found(proc, id, count);
}

/* Waits: by the word, as is most usual there, or as is not. */
static __attribute__((noinline)) int wait_found(struct ksem_proc *proc, ksem_id_t id)
{
	if (likely(!WITH_SEMAPHORE(proc, id, !ITSELF(ksem, semaphore_take_one(&ksem->sem), shared_take_one(ksem)))))
		return 0;
	return waiting_by_id(proc, id, NULL);
}

PLAIN int ksem_wait(struct ksem_proc *proc, ksem_id_t id)
{
	if (unlikely(!proc))
		return EINVAL;
	if (likely(process_take(proc, id)))
		return 0;
	return wait_found(proc, id);
}

/* The same, of takes. */
static __attribute__((noinline)) int take_found(struct ksem_proc *proc, ksem_id_t id)
{
	return WITH_SEMAPHORE(proc, id, ITSELF(ksem, semaphore_take(&ksem->sem), shared_take(ksem)));
}

PLAIN int ksem_trywait(struct ksem_proc *proc, ksem_id_t id)
{
	if (unlikely(!proc))
		return EINVAL;
	if (likely(process_take(proc, id)))
		return 0;
	return take_found(proc, id);
}

PLAIN int ksem_clockwait(struct ksem_proc *proc, ksem_id_t id, clockid_t clock, const struct timespec *deadline)
{
	struct deadline until;

	if (unlikely(!proc))
		return EINVAL;
	if (unlikely(!deadline))
		return EFAULT;
	if (unlikely(check_deadline(clock, deadline, &until)))
		return EINVAL; /* as it is where the process doesn't hold the id */
	return waiting_by_id(proc, id, &until);
}

PLAIN int ksem_getvalue(struct ksem_proc *proc, ksem_id_t id, unsigned int *value)
{
	if (unlikely(!proc))
		return EINVAL;
	if (unlikely(!value))
		return EFAULT;
	return WITH_SEMAPHORE(proc, id, ITSELF(ksem, semaphore_value(&ksem->sem, value), shared_value(ksem, value)));
}

PUBLIC int ksem_pin(struct ksem_proc *proc, ksem_id_t id, struct ksem **sem)
{
	if (unlikely(!proc))
		return EINVAL;
	if (unlikely(!sem))
		return EFAULT;
	return ANSWERS(sem, WITH_SEMAPHORE(proc, id, object_pin(ksem, sem)));
}

PUBLIC void ksem_unpin(struct ksem *sem)
{
	if (!sem)
		return;
	fork_gate_enter();
	namespace_unpin(sem);
	fork_gate_leave();
}

PLAIN int ksem_pinned_post(struct ksem *sem)
{
	if (unlikely(!sem))
		return EINVAL;
	if (unlikely(object_is_elsewhere(sem)))
		return likely(shared_post_one(sem)) ? apart(0) : shared_post(sem, 1);
	if (likely(percpu_put(&sem->sem)))
		return 0;
	if (likely(semaphore_post_one(&sem->sem)))
		return apart(0);
	return semaphore_post_word(&sem->sem, 1);
}

PLAIN int ksem_pinned_post_many(struct ksem *sem, unsigned int count)
{
	if (unlikely(!sem))
		return EINVAL;
	return ITSELF(sem, semaphore_post(&sem->sem, count), shared_post(sem, count));
}

PLAIN int ksem_pinned_wait(struct ksem *sem)
{
	if (unlikely(!sem))
		return EINVAL;
	if (unlikely(object_is_elsewhere(sem)))
		return likely(shared_take_one(sem)) ? apart(0) : waiting_pinned(sem, NULL);
	if (likely(percpu_take(&sem->sem)))
		return 0;
	return likely(semaphore_take_one(&sem->sem)) ? apart(0) : waiting_pinned(sem, NULL);
}

PLAIN int ksem_pinned_trywait(struct ksem *sem)
{
	if (unlikely(!sem))
		return EINVAL;
	if (unlikely(object_is_elsewhere(sem)))
		return likely(shared_take_one(sem)) ? apart(0) : shared_take(sem);
	if (likely(percpu_take(&sem->sem)))
		return 0;
	return likely(semaphore_take_one(&sem->sem)) ? apart(0) : semaphore_take_word(&sem->sem);
}

PLAIN int ksem_pinned_clockwait(struct ksem *sem, clockid_t clock, const struct timespec *deadline)
{
	struct deadline until;

	if (unlikely(!sem))
		return EINVAL;
	if (unlikely(!deadline))
		return EFAULT;
	if (unlikely(check_deadline(clock, deadline, &until)))
		return EINVAL;
	return waiting_pinned(sem, &until);
}

PLAIN int ksem_pinned_getvalue(struct ksem *sem, unsigned int *value)
{
	if (unlikely(!sem))
		return EINVAL;
	if (unlikely(!value))
		return EFAULT;
	return ITSELF(sem, semaphore_value(&sem->sem, value), shared_value(sem, value));
}
