/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The variants of the calls that inform a tool: see api/watched.h.
 *
 * A post releases the semaphore's mark before it posts. A call that took permits, or saw them, acquires the mark. So to
 * the tool, a take comes after all earlier posts, as it does in fact (KSEM_ORD_1). The tool doesn't check what the call
 * does to the library's own data, but it checks the caller's variable that getvalue writes.
 *
 * A mark is an address that stands for the semaphore. It is not in the semaphore's memory, since the thread that took a
 * permit may find the semaphore destroyed. There are 8192 marks, so two semaphores may have the same one. Then the tool
 * overlooks a race in a program that uses one of them where it should use the other.
 */
#define KSEM_WATCHED_BOTH
#include "api/watched.h"

#include <errno.h>
#include <stdint.h>

#include "base/watch.h"
#include "queue/queue.h"
#include "registry/process.h"

#define MARKS_SHIFT 13

static char marks[1 << MARKS_SHIFT][8]; /* addresses only; nothing is written here */

/* Semaphores of a shared namespace have the same id in every namespace object. */
static const void *mark_of(const struct ksem_ns *ns, ksem_id_t id)
{
	uint64_t key = ns->ops->has_common_ids ? id : id + (uintptr_t)ns;

	return marks[key * UINT64_C(0x9e3779b97f4a7c15) >> (64 - MARKS_SHIFT)];
}

static const void *mark_by_id(const struct ksem_proc *proc, ksem_id_t id)
{
	return proc ? mark_of(proc->ns, id) : marks;
}

static const void *mark_pinned(const struct ksem *sem)
{
	return sem ? mark_of(object_ns(sem), object_id(sem)) : marks;
}

/* clang-format off */
/*
 * NOLINTBEGIN(bugprone-macro-parentheses): parameters of functions
 * NOLINTBEGIN(clang-analyzer-core*): a call that returns 0 has stored its answer, and that wasn't NULL
 */

/*
 * Defines and exports the call. The dynamic loader calls choose_* once for each caller, perhaps before this library is
 * relocated. So choose_* needs no relocation.
 */
#define CHOOSE(call)                                             \
	__attribute__((used)) static __typeof__(call) *choose_##call(void) \
	{                                                        \
		return watch_find() ? watched_##call : plain_##call; \
	}                                                        \
	PUBLIC __typeof__(call) call __attribute__((ifunc("choose_" #call)))

#define POSTS(call, mark, parameters, ...)                       \
	static int watched_##call parameters                     \
	{                                                        \
		int error;                                       \
                                                                 \
		watch_release(mark);                             \
		watch_enter();                                   \
		error = plain_##call(__VA_ARGS__);               \
		watch_leave();                                   \
		return error;                                    \
	}                                                        \
	CHOOSE(call)

#define TAKES(call, mark_before, parameters, ...)                \
	static int watched_##call parameters                     \
	{                                                        \
		const void *mark = (mark_before);                \
		int error;                                       \
                                                                 \
		watch_enter();                                   \
		error = plain_##call(__VA_ARGS__);               \
		watch_leave();                                   \
		if (error == 0 || error == ESHUTDOWN)            \
			watch_acquire(mark);                     \
		return error;                                    \
	}                                                        \
	CHOOSE(call)

/* The call takes or sees permits, and tells how many. The caller's variable is written where the tool checks that. */
#define TELLS(call, mark_before, parameters, ...)                \
	static int watched_##call parameters                     \
	{                                                        \
		const void *mark = (mark_before);                \
		unsigned int answer;                             \
		int error;                                       \
                                                                 \
		watch_enter();                                   \
		error = plain_##call(__VA_ARGS__, out ? &answer : NULL); \
		watch_leave();                                   \
		if (error == 0) {                                \
			watch_acquire(mark);                     \
			*out = answer;                           \
			watch_wrote(out, sizeof(*out));          \
		}                                                \
		return error;                                    \
	}                                                        \
	CHOOSE(call)

#define CLOCKWAIT_TIME clockid_t clock, const struct timespec *deadline

POSTS(ksem_post, mark_by_id(proc, id), (struct ksem_proc *proc, ksem_id_t id), proc, id);
POSTS(ksem_post_many, mark_by_id(proc, id), (struct ksem_proc *proc, ksem_id_t id, unsigned int n), proc, id, n);
TAKES(ksem_wait, mark_by_id(proc, id), (struct ksem_proc *proc, ksem_id_t id), proc, id);
TAKES(ksem_trywait, mark_by_id(proc, id), (struct ksem_proc *proc, ksem_id_t id), proc, id);
TAKES(ksem_clockwait, mark_by_id(proc, id), (struct ksem_proc *proc, ksem_id_t id, CLOCKWAIT_TIME), proc, id, clock,
      deadline);
TELLS(ksem_getvalue, mark_by_id(proc, id), (struct ksem_proc *proc, ksem_id_t id, unsigned int *out), proc, id);
POSTS(ksem_pinned_post, mark_pinned(sem), (struct ksem *sem), sem);
POSTS(ksem_pinned_post_many, mark_pinned(sem), (struct ksem *sem, unsigned int n), sem, n);
TAKES(ksem_pinned_wait, mark_pinned(sem), (struct ksem *sem), sem);
TAKES(ksem_pinned_trywait, mark_pinned(sem), (struct ksem *sem), sem);
TAKES(ksem_pinned_clockwait, mark_pinned(sem), (struct ksem *sem, CLOCKWAIT_TIME), sem, clock, deadline);
TELLS(ksem_pinned_getvalue, mark_pinned(sem), (struct ksem *sem, unsigned int *out), sem);
TAKES(ksem_wait_many, mark_by_id(proc, id), (struct ksem_proc *proc, ksem_id_t id, unsigned int n, CLOCKWAIT_TIME),
      proc, id, n, clock, deadline);
TAKES(ksem_pinned_wait_many, mark_pinned(sem), (struct ksem *sem, unsigned int n, CLOCKWAIT_TIME), sem, n, clock,
      deadline);
POSTS(ksem_shutdown, mark_by_id(proc, id), (struct ksem_proc *proc, ksem_id_t id), proc, id);
POSTS(ksem_pinned_shutdown, mark_pinned(sem), (struct ksem *sem), sem);
TAKES(ksem_trywait_many, mark_by_id(proc, id), (struct ksem_proc *proc, ksem_id_t id, unsigned int n), proc, id, n);
TELLS(ksem_trywait_upto, mark_by_id(proc, id),
      (struct ksem_proc *proc, ksem_id_t id, unsigned int n, unsigned int *out), proc, id, n);
TAKES(ksem_pinned_trywait_many, mark_pinned(sem), (struct ksem *sem, unsigned int n), sem, n);
TELLS(ksem_pinned_trywait_upto, mark_pinned(sem), (struct ksem *sem, unsigned int n, unsigned int *out), sem, n);

/* clang-format on */

/* Which semaphore the permit is of is known only afterwards, here and in the next. */
static int watched_ksem_trywait_any(struct ksem_proc *proc, const ksem_id_t *ids, unsigned int n, unsigned int *which)
{
	unsigned int taken;
	int error;

	watch_enter();
	error = plain_ksem_trywait_any(proc, ids, n, which ? &taken : NULL);
	watch_leave();
	if (error == 0) {
		watch_acquire(mark_by_id(proc, ids[taken]));
		*which = taken;
		watch_wrote(which, sizeof(*which));
	}
	return error;
}
CHOOSE(ksem_trywait_any);

static int watched_ksem_wait_any(struct ksem_proc *proc, const ksem_id_t *ids, unsigned int n, clockid_t clock,
				 const struct timespec *deadline, unsigned int *which)
{
	unsigned int taken;
	int error;

	watch_enter();
	error = plain_ksem_wait_any(proc, ids, n, clock, deadline, which ? &taken : NULL);
	watch_leave();
	if (error == 0 || error == ESHUTDOWN) {
		watch_acquire(mark_by_id(proc, ids[taken]));
		*which = taken;
		watch_wrote(which, sizeof(*which));
	}
	return error;
}
CHOOSE(ksem_wait_any);

/* Which semaphores the permits are of is known only afterwards, too. */
static int watched_ksem_cq_reap(struct ksem_cq *cq, struct ksem_completion *out, unsigned int room, unsigned int *n)
{
	unsigned int count;
	int error;

	watch_enter();
	error = plain_ksem_cq_reap(cq, out, room, n ? &count : NULL);
	watch_leave();
	if (error == 0) {
		for (unsigned int i = 0; i < count; i++)
			watch_acquire(mark_by_id(cq->proc, out[i].id));
		watch_wrote(out, count * sizeof(*out));
		*n = count;
		watch_wrote(n, sizeof(*n));
	}
	return error;
}
CHOOSE(ksem_cq_reap);

/* NOLINTEND(clang-analyzer-core*) */
/* NOLINTEND(bugprone-macro-parentheses) */
