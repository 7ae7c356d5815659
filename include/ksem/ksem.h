/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem: a semaphore system for programs on Linux.
 *
 * A namespace holds semaphores; each has an id, and some have a name. A process is a holder of references within a
 * namespace: an id means something only to a process that holds a reference to its semaphore.
 *
 * A function that returns an int returns 0 or a positive error number (EINVAL, ...). Each leaves errno alone. A call
 * that fails has changed nothing. The checks of a call run in this order: a NULL process, namespace or pinned semaphore
 * is EINVAL; a NULL output argument, name, deadline or callback is EFAULT; then what is listed at the call, in its
 * order.
 *
 * In a namespace of a directory, calls that make or find a semaphore can fail with ENOSPC, EFBIG, EMFILE, EBADF and,
 * where the name is something else's, ELOOP and EINVAL, besides what is listed at them.
 *
 * Threads: every call may come from any thread at any time; no thread is registered. Only the calls that say so may be
 * made from a signal handler. No call is a cancellation point. After fork() the child may use its copy of everything.
 *
 * Ordering: a post happens before the wait, trywait or clockwait that takes its permit, and before every getvalue that
 * sees it. The thread that took a permit may destroy the semaphore at once, even while the post that gave it is still
 * returning.
 */
#ifndef KSEM_KSEM_H
#define KSEM_KSEM_H

#include <errno.h> /* the error numbers */
#include <fcntl.h> /* O_CREAT and O_EXCL */
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h> /* S_IRUSR and the like */
#include <sys/types.h>
#include <time.h>

#include <ksem/version.h>

/*
 * No call throws, and none is a cancellation point. ksem_ns_foreach isn't marked: what the caller's function does isn't
 * known here.
 */
#if defined(__cplusplus)
#define KSEM_NOTHROW noexcept
#elif defined(__GNUC__)
#define KSEM_NOTHROW __attribute__((__nothrow__))
#else
#define KSEM_NOTHROW
#endif

/*
 * A program that defines KSEM_WARN_UNUSED before it includes this is warned where it drops the result of a call that
 * takes a permit, or of one that makes or finds something. A wait that ended with EINTR has no permit.
 * Not by default: a program may know that no handler runs, and must build with -Werror all the same.
 */
#if defined(KSEM_WARN_UNUSED) && defined(__GNUC__)
#define KSEM_RESULT __attribute__((__warn_unused_result__))
#else
#define KSEM_RESULT
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define KSEM_VALUE_MAX UINT32_MAX /* the highest value of a semaphore */
#define KSEM_NAME_MAX  255        /* the highest max_name: bytes of a name, its '/' included */

typedef uint64_t ksem_id_t; /* 0 is never an id; no id is ever used again */

struct ksem_ns;   /* a namespace */
struct ksem_proc; /* a process: a holder of references */
struct ksem;      /* a pinned semaphore */

/* ---- Namespaces. May block; not from a signal handler. ---- */

/*
 * Structs with a size grow in later versions; the caller sets size to the sizeof of the struct. A member that isn't
 * wholly within size has its default. What lies beyond the members that the library knows must be 0. EINVAL: that isn't
 * so, or size is under sizeof(size_t) or over 4096.
 */
struct ksem_ns_options {
	size_t size;       /* sizeof(struct ksem_ns_options) */
	const char *dir;   /* NULL: this OS process's own memory; else a directory that OS processes share */
	uint32_t max_sems; /* semaphores at most; 0: 1048576 */
	uint32_t max_name; /* bytes of a name at most, 2 to KSEM_NAME_MAX; 0: KSEM_NAME_MAX */
};

/*
 * Makes an empty namespace, or enters that of a directory; NULL options: the defaults. EINVAL: options, max_name.
 * ENOMEM. With dir also what the kernel says of it: ENOENT, ENOTDIR, EACCES, EMFILE, ...; ENOTSUP: no O_TMPFILE there.
 */
int ksem_ns_create(const struct ksem_ns_options *options, struct ksem_ns **ns) KSEM_NOTHROW KSEM_RESULT;

/*
 * Frees the namespace with every named semaphore left in it; a directory's stay there. EBUSY: a process is in it.
 */
int ksem_ns_destroy(struct ksem_ns *ns) KSEM_NOTHROW;

/* ---- Processes. May block; not from a signal handler. ---- */

struct ksem_cred {
	uid_t uid; /* 0 is the superuser */
	gid_t gid;
};

/* A process with no references; NULL cred: the caller's effective ids. ENOMEM. */
int ksem_proc_create(struct ksem_ns *ns, const struct ksem_cred *cred,
		     struct ksem_proc **proc) KSEM_NOTHROW KSEM_RESULT;

/* A child with the parent's credentials and a copy of each of its references. ENOMEM. */
int ksem_proc_fork(struct ksem_proc *parent, struct ksem_proc **child) KSEM_NOTHROW KSEM_RESULT;

/* Drops all references; the process stays. EBUSY: a thread waits in it. */
int ksem_proc_exec(struct ksem_proc *proc) KSEM_NOTHROW;

/*
 * Drops all references and frees the process. EINVAL: it is that of ksem_self or ksem_private. EBUSY: a thread waits in
 * it.
 */
int ksem_proc_exit(struct ksem_proc *proc) KSEM_NOTHROW;

/*
 * This OS process in the namespace that all share by default: the directory $KSEM_DIR, or /dev/shm/ksem, which is made.
 * NULL: that can't be had.
 */
struct ksem_proc *ksem_self(void) KSEM_NOTHROW;

/*
 * This OS process in a namespace of its own memory, made at the first call. NULL: no memory; a later call tries again.
 * After fork() the child has its own copy, in which permits of the parent's other threads are still taken.
 */
struct ksem_proc *ksem_private(void) KSEM_NOTHROW;

/* ---- Semaphores and references to them. May block; not from a signal handler. ---- */

/* An anonymous semaphore of that value, and one reference to it. ENFILE: max_sems. ENOMEM. */
int ksem_init(struct ksem_proc *proc, unsigned int value, ksem_id_t *id) KSEM_NOTHROW KSEM_RESULT;

/*
 * Drops the reference to an anonymous semaphore; the last one frees it. EINVAL: not held, or named. EBUSY: a thread
 * waits.
 */
int ksem_destroy(struct ksem_proc *proc, ksem_id_t id) KSEM_NOTHROW;

/*
 * A reference to the semaphore of that name; O_CREAT makes it if absent, with mode and value; O_EXCL demands that it
 * be. ENAMETOOLONG. Exists: EEXIST (O_EXCL), EPERM. Absent: ENOENT (no O_CREAT), EINVAL (not '/' and then bytes other
 * than '/'), ENFILE. ENOMEM.
 */
int ksem_open(struct ksem_proc *proc, const char *name, int oflag, mode_t mode, unsigned int value,
	      ksem_id_t *id) KSEM_NOTHROW KSEM_RESULT;

/* Drops one reference to a named semaphore. EINVAL: not held, or anonymous. */
int ksem_close(struct ksem_proc *proc, ksem_id_t id) KSEM_NOTHROW;

/* Frees the name; the semaphore lives on for those who hold it. ENAMETOOLONG, ENOENT, EPERM. */
int ksem_unlink(struct ksem_proc *proc, const char *name) KSEM_NOTHROW;

/* ---- Post and wait, by id. Lock-free; no call here allocates or takes a lock. ---- */

/*
 * value + 1, and wakes a waiter if any waits. Never blocks; may be called from a signal handler. EINVAL: not held.
 * EOVERFLOW.
 */
int ksem_post(struct ksem_proc *proc, ksem_id_t id) KSEM_NOTHROW;

/*
 * value + count, all or nothing; wakes as many waiters as can go on. Never blocks. Count 0 does nothing. Errors as
 * ksem_post.
 */
int ksem_post_many(struct ksem_proc *proc, ksem_id_t id, unsigned int count) KSEM_NOTHROW;

/* Blocks until value > 0, then value - 1. EINVAL: not held. EINTR: a signal handler ran (not one with SA_RESTART). */
int ksem_wait(struct ksem_proc *proc, ksem_id_t id) KSEM_NOTHROW KSEM_RESULT;

/* The same, never blocking. EINVAL: not held. EAGAIN: the value was 0 at some instant of the call. */
int ksem_trywait(struct ksem_proc *proc, ksem_id_t id) KSEM_NOTHROW KSEM_RESULT;

/*
 * As ksem_wait, until the deadline, an absolute time of CLOCK_REALTIME or CLOCK_MONOTONIC. Takes a permit that is there
 * however late it is. EINVAL: not held, another clock, tv_nsec outside 0..999999999. ETIMEDOUT. EINTR.
 */
int ksem_clockwait(struct ksem_proc *proc, ksem_id_t id, clockid_t clock,
		   const struct timespec *deadline) KSEM_NOTHROW KSEM_RESULT;

/*
 * A deadline for ksem_clockwait: so many nanoseconds from now on CLOCK_MONOTONIC, or the last that a timespec can say.
 * Never blocks; may be called from a signal handler.
 */
struct timespec ksem_deadline_after(uint64_t ns) KSEM_NOTHROW;

/* A value that the semaphore had at some instant of the call. Never blocks. EINVAL: not held. */
int ksem_getvalue(struct ksem_proc *proc, ksem_id_t id, unsigned int *value) KSEM_NOTHROW;

/* ---- Pinned semaphores: post and wait without a look-up. ---- */

/*
 * Keeps the semaphore alive, whatever its references do, until ksem_unpin. Never blocks. EINVAL: not held. ENOMEM: it
 * has 2^32 - 1 pins.
 */
int ksem_pin(struct ksem_proc *proc, ksem_id_t id, struct ksem **sem) KSEM_NOTHROW KSEM_RESULT;

/* Ends a pin; may block; not from a signal handler. NULL: nothing. */
void ksem_unpin(struct ksem *sem) KSEM_NOTHROW;

/* As the calls by id; EINVAL: the semaphore was destroyed. ksem_pinned_post may be called from a signal handler. */
int ksem_pinned_post(struct ksem *sem) KSEM_NOTHROW;
int ksem_pinned_post_many(struct ksem *sem, unsigned int count) KSEM_NOTHROW;
int ksem_pinned_wait(struct ksem *sem) KSEM_NOTHROW KSEM_RESULT;
int ksem_pinned_trywait(struct ksem *sem) KSEM_NOTHROW KSEM_RESULT;
int ksem_pinned_clockwait(struct ksem *sem, clockid_t clock, const struct timespec *deadline) KSEM_NOTHROW KSEM_RESULT;
int ksem_pinned_getvalue(struct ksem *sem, unsigned int *value) KSEM_NOTHROW;

/* ---- What tools show. May block; not from a signal handler. ---- */

struct ksem_info {
	ksem_id_t id;
	char name[KSEM_NAME_MAX + 1]; /* "" when anonymous, or unlinked */
	unsigned int value;
	unsigned int waiters;
	unsigned int refs; /* references of processes, pins not counted */
	uid_t uid;
	gid_t gid;
	mode_t mode;
};

/* What is known of a semaphore. EINVAL: not held. */
int ksem_stat(struct ksem_proc *proc, ksem_id_t id, struct ksem_info *info) KSEM_NOTHROW;

/*
 * Calls visit for each semaphore of the namespace, and stops at, and returns, its first non-zero result. A semaphore
 * made or freed meanwhile is visited or not. visit may make any call, but may not destroy the namespace.
 */
int ksem_ns_foreach(struct ksem_ns *ns, int (*visit)(const struct ksem_info *info, void *arg), void *arg);

/* ---- The library. ---- */

/* The version of the library that the program runs on, "0.2.0" say. Never blocks; may be called from a handler. */
const char *ksem_version(void) KSEM_NOTHROW;

#ifdef __cplusplus
}
#endif

#endif
