/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes down what each call answers: a line `CALL NUMBER` the first time that it answers so, into the file that
 * KSEM_TEST_ANSWERS names. The linker puts these functions before the library's (--wrap), in tests that answers.py
 * runs.
 *
 * Answers come from any thread and from signal handlers: a line is one write, and `noted` only saves some of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <ksem/ksem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_ERRORS 256

static int file = -1;

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("KSEM_TEST_ANSWERS");

	if (path)
		file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static int note(const char *call, unsigned char *noted, int answer)
{
	char line[64];
	int saved = errno;

	if (file < 0 || answer < 0 || answer >= MOST_ERRORS || noted[answer])
		return answer;
	noted[answer] = 1;
	snprintf(line, sizeof(line), "%s %d\n", call, answer);
	if (write(file, line, strlen(line)) < 0)
		abort();
	errno = saved;
	return answer;
}

#define ANSWER(call, parameters, arguments)                         \
	int __real_##call parameters;                               \
	int __wrap_##call parameters;                               \
	int __wrap_##call parameters                                \
	{                                                           \
		static unsigned char noted[MOST_ERRORS];            \
                                                                    \
		return note(#call, noted, __real_##call arguments); \
	}

typedef int visit_type(const struct ksem_info *info, void *arg);

ANSWER(ksem_ns_create, (const struct ksem_ns_options *options, struct ksem_ns **ns), (options, ns))
ANSWER(ksem_ns_destroy, (struct ksem_ns * ns), (ns))
ANSWER(ksem_ns_foreach, (struct ksem_ns * ns, visit_type *visit, void *arg), (ns, visit, arg))
ANSWER(ksem_proc_create, (struct ksem_ns * ns, const struct ksem_cred *cred, struct ksem_proc **proc), (ns, cred, proc))
ANSWER(ksem_proc_fork, (struct ksem_proc * parent, struct ksem_proc **child), (parent, child))
ANSWER(ksem_proc_exec, (struct ksem_proc * proc), (proc))
ANSWER(ksem_proc_exit, (struct ksem_proc * proc), (proc))
ANSWER(ksem_init, (struct ksem_proc * proc, unsigned int value, ksem_id_t *id), (proc, value, id))
ANSWER(ksem_destroy, (struct ksem_proc * proc, ksem_id_t id), (proc, id))
ANSWER(ksem_open,
       (struct ksem_proc * proc, const char *name, int oflag, mode_t mode, unsigned int value, ksem_id_t *id),
       (proc, name, oflag, mode, value, id))
ANSWER(ksem_init_attr, (struct ksem_proc * proc, const struct ksem_attr *attr, unsigned int value, ksem_id_t *id),
       (proc, attr, value, id))
ANSWER(ksem_open_attr,
       (struct ksem_proc * proc, const char *name, int oflag, mode_t mode, const struct ksem_attr *attr,
	unsigned int value, ksem_id_t *id),
       (proc, name, oflag, mode, attr, value, id))
ANSWER(ksem_close, (struct ksem_proc * proc, ksem_id_t id), (proc, id))
ANSWER(ksem_unlink, (struct ksem_proc * proc, const char *name), (proc, name))
ANSWER(ksem_stat, (struct ksem_proc * proc, ksem_id_t id, struct ksem_info *info), (proc, id, info))
ANSWER(ksem_holders,
       (struct ksem_proc * proc, ksem_id_t id, int (*visit)(const struct ksem_holder *holder, void *arg), void *arg),
       (proc, id, visit, arg))
ANSWER(ksem_post, (struct ksem_proc * proc, ksem_id_t id), (proc, id))
ANSWER(ksem_post_many, (struct ksem_proc * proc, ksem_id_t id, unsigned int count), (proc, id, count))
ANSWER(ksem_wait, (struct ksem_proc * proc, ksem_id_t id), (proc, id))
ANSWER(ksem_trywait, (struct ksem_proc * proc, ksem_id_t id), (proc, id))
ANSWER(ksem_clockwait, (struct ksem_proc * proc, ksem_id_t id, clockid_t clock, const struct timespec *deadline),
       (proc, id, clock, deadline))
ANSWER(ksem_getvalue, (struct ksem_proc * proc, ksem_id_t id, unsigned int *value), (proc, id, value))
ANSWER(ksem_pin, (struct ksem_proc * proc, ksem_id_t id, struct ksem **sem), (proc, id, sem))
ANSWER(ksem_trywait_many, (struct ksem_proc * proc, ksem_id_t id, unsigned int count), (proc, id, count))
ANSWER(ksem_trywait_upto, (struct ksem_proc * proc, ksem_id_t id, unsigned int count, unsigned int *got),
       (proc, id, count, got))
ANSWER(ksem_trywait_any, (struct ksem_proc * proc, const ksem_id_t *ids, unsigned int n, unsigned int *which),
       (proc, ids, n, which))
ANSWER(ksem_wait_any,
       (struct ksem_proc * proc, const ksem_id_t *ids, unsigned int n, clockid_t clock, const struct timespec *deadline,
	unsigned int *which),
       (proc, ids, n, clock, deadline, which))
ANSWER(ksem_pinned_trywait_many, (struct ksem * sem, unsigned int count), (sem, count))
ANSWER(ksem_pinned_trywait_upto, (struct ksem * sem, unsigned int count, unsigned int *got), (sem, count, got))
ANSWER(ksem_wait_many,
       (struct ksem_proc * proc, ksem_id_t id, unsigned int count, clockid_t clock, const struct timespec *deadline),
       (proc, id, count, clock, deadline))
ANSWER(ksem_pinned_wait_many, (struct ksem * sem, unsigned int count, clockid_t clock, const struct timespec *deadline),
       (sem, count, clock, deadline))
ANSWER(ksem_shutdown, (struct ksem_proc * proc, ksem_id_t id), (proc, id))
ANSWER(ksem_pinned_shutdown, (struct ksem * sem), (sem))
ANSWER(ksem_set_limit, (struct ksem_proc * proc, ksem_id_t id, unsigned int limit), (proc, id, limit))
ANSWER(ksem_pinned_set_limit, (struct ksem * sem, unsigned int limit), (sem, limit))
ANSWER(ksem_metrics, (struct ksem_proc * proc, ksem_id_t id, struct ksem_metrics *metrics), (proc, id, metrics))
ANSWER(ksem_cq_create, (struct ksem_proc * proc, struct ksem_cq **cq), (proc, cq))
ANSWER(ksem_cq_destroy, (struct ksem_cq * cq), (cq))
ANSWER(ksem_cq_submit,
       (struct ksem_cq * cq, ksem_id_t id, uint32_t count, clockid_t clock, const struct timespec *deadline,
	uint64_t user_data),
       (cq, id, count, clock, deadline, user_data))
ANSWER(ksem_cq_cancel, (struct ksem_cq * cq, uint64_t user_data), (cq, user_data))
ANSWER(ksem_cq_reap, (struct ksem_cq * cq, struct ksem_completion *out, unsigned int room, unsigned int *n),
       (cq, out, room, n))
ANSWER(ksem_pinned_post, (struct ksem * sem), (sem))
ANSWER(ksem_pinned_post_many, (struct ksem * sem, unsigned int count), (sem, count))
ANSWER(ksem_pinned_wait, (struct ksem * sem), (sem))
ANSWER(ksem_pinned_trywait, (struct ksem * sem), (sem))
ANSWER(ksem_pinned_clockwait, (struct ksem * sem, clockid_t clock, const struct timespec *deadline),
       (sem, clock, deadline))
ANSWER(ksem_pinned_getvalue, (struct ksem * sem, unsigned int *value), (sem, value))
