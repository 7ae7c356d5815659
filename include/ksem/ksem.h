/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem: a semaphore system for programs on Linux.
 *
 * A namespace is a set of semaphores; each has an id, and some have a name. A process holds references to semaphores of
 * a namespace. It can use the id of a semaphore only while it holds a reference to it. A namespace is private, in the
 * memory of this OS process, or shared: a directory that OS processes have in common.
 *
 * A function that returns an int returns 0 or a positive error number (EINVAL, ...), and leaves errno alone. A call
 * that fails changes nothing. Each call checks in this order: a NULL process, namespace or pinned semaphore is EINVAL;
 * a NULL output argument, name or callback is EFAULT; then come the errors that are listed at the call. NULL options,
 * credentials and attributes mean the defaults. A NULL deadline means none, but is EFAULT for ksem_clockwait.
 *
 * In a shared namespace, calls that make or open a semaphore may also return ENOSPC, EFBIG, EMFILE and EBADF, and ELOOP
 * or EINVAL if the name is that of another file. The man page of each call lists all of its errors.
 *
 * Threads: any thread may make any call at any time; threads need not register. Only calls that say so may be made from
 * a signal handler. No call is a cancellation point. After fork() the child may use all that the parent had, but for
 * completion queues.
 *
 * Ordering: a post happens before the return of each call that takes one of its permits, whichever call that is, and of
 * every getvalue whose result includes it. A thread that took a permit may destroy the semaphore at once, even while
 * the post of that permit is still returning.
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
 * No call throws, and none is a cancellation point. ksem_ns_foreach and ksem_holders aren't marked, since their
 * callbacks may throw or be cancelled.
 */
#if defined(__cplusplus)
#define KSEM_NOTHROW noexcept
#elif defined(__GNUC__)
#define KSEM_NOTHROW __attribute__((__nothrow__))
#else
#define KSEM_NOTHROW
#endif

/*
 * If a program defines KSEM_WARN_UNUSED before it includes this header, the compiler warns where the program ignores
 * the result of a call that takes a permit, or that makes or finds something. A wait that ended with EINTR took no
 * permit. It isn't the default: a program that knows that no handler runs must build with -Werror, too.
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

typedef uint64_t ksem_id_t; /* never 0; never used again for another semaphore of its namespace (but see ksem(7)) */

struct ksem_ns;   /* a namespace */
struct ksem_proc; /* a process: holds references to semaphores */
struct ksem;      /* a pinned semaphore */

/* ---- Namespaces. May block; not from a signal handler. ---- */

/*
 * A struct with a member size may grow in later versions. The caller sets size to the sizeof of the struct. A member
 * that isn't wholly within size gets its default. Bytes beyond the members that the library knows must be 0. EINVAL:
 * they aren't, or size is under sizeof(size_t) or over 4096.
 */
struct ksem_ns_options {
	size_t size;       /* sizeof(struct ksem_ns_options) */
	const char *dir;   /* NULL: a private namespace; else the directory of a shared one */
	uint32_t max_sems; /* most semaphores at a time; 0: 1048576 */
	uint32_t max_name; /* most bytes of a name, 2 to KSEM_NAME_MAX; 0: KSEM_NAME_MAX */
};

/*
 * Makes an empty namespace, or enters the shared one of a directory. NULL options: the defaults. EINVAL: wrong options.
 * ENOMEM. With dir also the errors of open(2): ENOENT, ENOTDIR, EACCES, EMFILE, ...; ENOTSUP: no O_TMPFILE there.
 */
int ksem_ns_create(const struct ksem_ns_options *options, struct ksem_ns **ns) KSEM_NOTHROW KSEM_RESULT;

/*
 * Frees the namespace and its named semaphores; those of a shared namespace stay in the directory. EBUSY: it has a
 * process.
 */
int ksem_ns_destroy(struct ksem_ns *ns) KSEM_NOTHROW;

/* ---- Processes. May block; not from a signal handler. ---- */

struct ksem_cred {
	uid_t uid; /* 0 is the superuser */
	gid_t gid;
};

/* Makes a process without references. NULL cred: the caller's effective ids. ENOMEM. */
int ksem_proc_create(struct ksem_ns *ns, const struct ksem_cred *cred,
		     struct ksem_proc **proc) KSEM_NOTHROW KSEM_RESULT;

/* Makes a process with the parent's credentials and a copy of each of its references. ENOMEM. */
int ksem_proc_fork(struct ksem_proc *parent, struct ksem_proc **child) KSEM_NOTHROW KSEM_RESULT;

/* Drops all references; the process stays. EBUSY: a thread waits by an id of the process, or it has a queue. */
int ksem_proc_exec(struct ksem_proc *proc) KSEM_NOTHROW;

/*
 * Drops all references and frees the process. EINVAL: it is that of ksem_self or ksem_private. EBUSY: a thread waits by
 * an id of the process, or it has a queue.
 */
int ksem_proc_exit(struct ksem_proc *proc) KSEM_NOTHROW;

/*
 * The process that stands for this OS process in the default shared namespace, made at the first call. Its directory is
 * $KSEM_DIR, or else /dev/shm/ksem, or /dev/shm/ksem-UID for a user who may not write there. NULL: no memory, or the
 * directory can't be made or opened.
 */
struct ksem_proc *ksem_self(void) KSEM_NOTHROW;

/*
 * The process that stands for this OS process in a private namespace, made at the first call. NULL: no memory; a later
 * call tries again. After fork() the child has its own copy. Permits that the parent's other threads had taken are
 * missing there, unless the semaphore has KSEM_UNDO.
 */
struct ksem_proc *ksem_private(void) KSEM_NOTHROW;

/* ---- Semaphores and references to them. May block; not from a signal handler. ---- */

/*
 * What a semaphore is made with: its attributes. The default ones are no limit, KSEM_BARGING and no flag.
 *
 * The order says which waiter gets a permit that is posted while several wait. A waiter is a thread, or a wait of a
 * completion queue, from the instant that fixes its place in the order. A thread that only spins is none.
 *
 * KSEM_UNDO: the library counts the permits that each process (struct ksem_proc) holds: those that it took and has not
 * posted. It posts them when the process ends: by ksem_proc_exit or ksem_proc_exec, when the process drops its last
 * reference to the semaphore, or when its OS process executes another program or dies, however it dies. A child of
 * fork() or ksem_proc_fork holds none. A post of more permits than the process holds is EPERM. The semaphore needs a
 * limit, its first value must be that limit, and it can't be pinned.
 */
enum {
	KSEM_BARGING = 0, /* whoever grabs it; a thread that never waited may overtake */
	KSEM_FIFO = 1,    /* the one that has waited longest. Nobody overtakes: while anyone waits, trywait is EAGAIN */
	KSEM_LIFO = 2     /* of those for whom the permits suffice, the one that has waited shortest */
};
#define KSEM_UNDO     1u     /* a flag: permits come back when the process that took them ends */
#define KSEM_METRICS  2u     /* a flag: waits are measured */
#define KSEM_SHUTDOWN 0x100u /* in ksem_info.flags only */

struct ksem_attr {
	size_t size;       /* sizeof(struct ksem_attr); see struct ksem_ns_options */
	uint32_t limit;    /* the value never passes it; 0: the highest that the order allows */
	uint32_t order;    /* KSEM_BARGING, KSEM_FIFO or KSEM_LIFO */
	uint32_t flags;    /* 0, KSEM_UNDO, KSEM_METRICS, or both */
	uint32_t reserved; /* 0 */
};

/* Makes an anonymous semaphore with that value, and one reference to it. ENFILE: max_sems reached. ENOMEM. */
int ksem_init(struct ksem_proc *proc, unsigned int value, ksem_id_t *id) KSEM_NOTHROW KSEM_RESULT;

/*
 * As ksem_init, with attributes; NULL: the default ones. EINVAL, after the checks for NULL and before all others: size,
 * order, flags or reserved is wrong; the limit or the value is higher than the order allows (KSEM_VALUE_MAX with
 * KSEM_BARGING, else 1073741824), or the value is over the limit; with KSEM_UNDO the limit is 0, or the value isn't the
 * limit. ENOTSUP: these aren't the default attributes, and the processor isn't x86-64, arm64 or s390x.
 */
int ksem_init_attr(struct ksem_proc *proc, const struct ksem_attr *attr, unsigned int value,
		   ksem_id_t *id) KSEM_NOTHROW KSEM_RESULT;

/*
 * Drops the process's reference to an anonymous semaphore. The semaphore ends with its last reference. EINVAL: no
 * reference, or named. EBUSY: a thread, or a wait of a queue, waits on it.
 */
int ksem_destroy(struct ksem_proc *proc, ksem_id_t id) KSEM_NOTHROW;

/*
 * Gets a reference to the semaphore of that name. O_CREAT: makes it, with mode and value, if it doesn't exist. O_EXCL:
 * fails if it exists. ENAMETOOLONG. If it exists: EEXIST (O_EXCL), EPERM (no write permission). If not: ENOENT (without
 * O_CREAT), EINVAL (the name isn't '/' and then bytes other than '/'), ENFILE (max_sems reached). ENOMEM.
 */
int ksem_open(struct ksem_proc *proc, const char *name, int oflag, mode_t mode, unsigned int value,
	      ksem_id_t *id) KSEM_NOTHROW KSEM_RESULT;

/*
 * As ksem_open, with attributes; NULL: the default ones. They count for the maker only, as mode and value do, but are
 * always checked, as by ksem_init_attr. ENOTSUP, as there: only if it would make the semaphore.
 */
int ksem_open_attr(struct ksem_proc *proc, const char *name, int oflag, mode_t mode, const struct ksem_attr *attr,
		   unsigned int value, ksem_id_t *id) KSEM_NOTHROW KSEM_RESULT;

/*
 * Drops one of the process's references to a named semaphore. EINVAL: no reference, or anonymous. EBUSY: it is the
 * process's last reference, the semaphore has KSEM_UNDO, and a thread or a queue waits on it by this process.
 */
int ksem_close(struct ksem_proc *proc, ksem_id_t id) KSEM_NOTHROW;

/* Removes the name; references keep the semaphore alive. ENAMETOOLONG, ENOENT, EPERM (no write permission). */
int ksem_unlink(struct ksem_proc *proc, const char *name) KSEM_NOTHROW;

/* ---- Post and wait, by id. Lock-free, but for waits without a permit. EINVAL: the process holds no reference. ---- */

/*
 * Adds 1 to the value, and wakes a waiter if there is one. Never blocks. May be called from a signal handler.
 * EOVERFLOW: the value is at its limit, by default KSEM_VALUE_MAX. EPERM, of a semaphore with KSEM_UNDO: the process
 * holds none.
 */
int ksem_post(struct ksem_proc *proc, ksem_id_t id) KSEM_NOTHROW;

/*
 * Adds count to the value, or nothing, and wakes as many waiters as can go on. Never blocks. May be called from a
 * signal handler. Count 0 does nothing. EOVERFLOW: the value would pass its limit, by default KSEM_VALUE_MAX. EPERM,
 * of a semaphore with KSEM_UNDO: the process holds fewer. Where memory is short, such a semaphore gets permits one by
 * one: see ksem_post_many(3).
 */
int ksem_post_many(struct ksem_proc *proc, ksem_id_t id, unsigned int count) KSEM_NOTHROW;

/*
 * Blocks while the value is 0; then takes 1 from it. ESHUTDOWN: there is no permit, and the semaphore was shut down
 * (ksem_shutdown); it means the same for the other waits. EINTR: a signal handler without SA_RESTART ran.
 */
int ksem_wait(struct ksem_proc *proc, ksem_id_t id) KSEM_NOTHROW KSEM_RESULT;

/*
 * The same, but never blocks. May be called from a signal handler. EAGAIN: at some instant of the call the value was 0,
 * or, with KSEM_FIFO, others waited. With KSEM_FIFO the three calls below also return it while others wait.
 */
int ksem_trywait(struct ksem_proc *proc, ksem_id_t id) KSEM_NOTHROW KSEM_RESULT;

/*
 * Takes count permits at one instant, or none. Never blocks. May be called from a signal handler. Count 0 takes nothing
 * and succeeds. EINVAL: count is over both the limit now and the limit that the semaphore was made with. EAGAIN: at
 * some instant of the call the value was below count; or, with KSEM_UNDO, count is over 7, and there is no memory.
 */
int ksem_trywait_many(struct ksem_proc *proc, ksem_id_t id, unsigned int count) KSEM_NOTHROW KSEM_RESULT;

/*
 * Takes as many permits as there are, from 1 to count, at one instant, and stores how many in *got. Never blocks. May
 * be called from a signal handler. EINVAL: count is 0, or over both limits. EAGAIN: the value was 0 at some instant of
 * the call, or there is no memory, as above.
 */
int ksem_trywait_upto(struct ksem_proc *proc, ksem_id_t id, unsigned int count,
		      unsigned int *got) KSEM_NOTHROW KSEM_RESULT;

#define KSEM_ANY_MAX 64 /* the most semaphores of one call of ksem_wait_any or ksem_trywait_any */

/*
 * Takes one permit of the first semaphore in the list that has one, and stores that semaphore's index in *which. Never
 * blocks. May be called from a signal handler. An id may stand in the list twice. EINVAL: n is 0 or over KSEM_ANY_MAX;
 * the process holds no reference to one of the semaphores. EAGAIN: each value was 0 at some instant of the call.
 */
int ksem_trywait_any(struct ksem_proc *proc, const ksem_id_t *ids, unsigned int n,
		     unsigned int *which) KSEM_NOTHROW KSEM_RESULT;

/*
 * The same, but if none has a permit, waits until one of them grants a permit, or until the deadline, a time as for
 * ksem_clockwait. A NULL deadline means none, and the clock is then ignored. The thread waits in each semaphore's own
 * order, as one waiter on each. If several grant it a permit at the same time, it gives all but one back before it
 * returns. EINVAL also: another clock, or tv_nsec not from 0 to 999999999. ESHUTDOWN: none has a permit, and at least
 * one is shut down; *which is the index of the first of those. ETIMEDOUT. EINTR, as for ksem_wait.
 */
int ksem_wait_any(struct ksem_proc *proc, const ksem_id_t *ids, unsigned int n, clockid_t clock,
		  const struct timespec *deadline, unsigned int *which) KSEM_NOTHROW KSEM_RESULT;

/*
 * Takes count permits at one instant; waits until they are there, or until the deadline, a time as for ksem_clockwait.
 * NULL deadline: waits as long as it takes, and ignores the clock. Takes available permits even after the deadline.
 * Count 0 takes nothing and succeeds. With KSEM_FIFO permits are available to a call only if nobody waits before it. If
 * a waiter gives up, the waiters behind it get the permits that it couldn't use. EINVAL also: another clock, or tv_nsec
 * not from 0 to 999999999; count is over both the limit now and the limit that the semaphore was made with. ESHUTDOWN.
 * ETIMEDOUT. EINTR: as ksem_wait; a wait that goes on after a handler with SA_RESTART keeps its place.
 */
int ksem_wait_many(struct ksem_proc *proc, ksem_id_t id, unsigned int count, clockid_t clock,
		   const struct timespec *deadline) KSEM_NOTHROW KSEM_RESULT;

/*
 * Shuts the semaphore down, for ever. The waits of threads and of queues fail, and so do later waits that find too few
 * permits: ksem_wait tells by which error. Permits that are there can still be taken, posts work, and
 * trywait answers as before. A second call changes nothing and returns 0. Never blocks. May be called from a signal
 * handler. The shutdown happens before the return of each wait that it ends.
 */
int ksem_shutdown(struct ksem_proc *proc, ksem_id_t id) KSEM_NOTHROW;

/*
 * Changes the limit of a semaphore that was made with one, and moves the value by as much. Permits that are taken stay
 * taken. If the value would fall below 0, it becomes 0, and later posts pay the rest first. If permits now suffice for
 * waiters, these get them. EINVAL also: the semaphore was made without a limit; the limit is higher than its order
 * allows. Never blocks; not from a signal handler.
 */
int ksem_set_limit(struct ksem_proc *proc, ksem_id_t id, unsigned int limit) KSEM_NOTHROW;

/*
 * As ksem_wait, but at most until the deadline, an absolute time of CLOCK_REALTIME or CLOCK_MONOTONIC. Takes an
 * available permit even after the deadline. EINVAL: another clock, or tv_nsec not from 0 to 999999999. ESHUTDOWN.
 * ETIMEDOUT. EINTR.
 */
int ksem_clockwait(struct ksem_proc *proc, ksem_id_t id, clockid_t clock,
		   const struct timespec *deadline) KSEM_NOTHROW KSEM_RESULT;

/*
 * A deadline for any wait: the time of CLOCK_MONOTONIC that many nanoseconds from now, or the latest that a
 * timespec can hold. Never blocks. May be called from a signal handler.
 */
struct timespec ksem_deadline_after(uint64_t ns) KSEM_NOTHROW;

/* Stores a value that the semaphore had at some instant of the call. Never blocks. */
int ksem_getvalue(struct ksem_proc *proc, ksem_id_t id, unsigned int *value) KSEM_NOTHROW;

/* ---- Pinned semaphores: post and wait without a look-up. ---- */

/*
 * Keeps the semaphore alive until ksem_unpin, even without references. Never blocks. EINVAL: no reference. ENOMEM: it
 * has about 2^32 pins.
 */
int ksem_pin(struct ksem_proc *proc, ksem_id_t id, struct ksem **sem) KSEM_NOTHROW KSEM_RESULT;

/* Ends a pin. NULL: does nothing. May block; not from a signal handler. */
void ksem_unpin(struct ksem *sem) KSEM_NOTHROW;

/*
 * As the calls by id, and may be called from a signal handler where these may. EINVAL: the semaphore was destroyed.
 */
int ksem_pinned_post(struct ksem *sem) KSEM_NOTHROW;
int ksem_pinned_post_many(struct ksem *sem, unsigned int count) KSEM_NOTHROW;
int ksem_pinned_wait(struct ksem *sem) KSEM_NOTHROW KSEM_RESULT;
int ksem_pinned_trywait(struct ksem *sem) KSEM_NOTHROW KSEM_RESULT;
int ksem_pinned_trywait_many(struct ksem *sem, unsigned int count) KSEM_NOTHROW KSEM_RESULT;
int ksem_pinned_trywait_upto(struct ksem *sem, unsigned int count, unsigned int *got) KSEM_NOTHROW KSEM_RESULT;
int ksem_pinned_clockwait(struct ksem *sem, clockid_t clock, const struct timespec *deadline) KSEM_NOTHROW KSEM_RESULT;
int ksem_pinned_wait_many(struct ksem *sem, unsigned int count, clockid_t clock,
			  const struct timespec *deadline) KSEM_NOTHROW KSEM_RESULT;
int ksem_pinned_shutdown(struct ksem *sem) KSEM_NOTHROW;
int ksem_pinned_set_limit(struct ksem *sem, unsigned int limit) KSEM_NOTHROW;
int ksem_pinned_getvalue(struct ksem *sem, unsigned int *value) KSEM_NOTHROW;

/*
 * ---- Completion queues: waits without a thread, for event loops. May block for a moment; not from a signal handler.
 *
 * Any thread may make any call on a queue at any time. After fork() the child's copy of a queue is dead: it has no
 * waits, its calls answer EINVAL, and its descriptor is -1. Only ksem_cq_destroy works, and changes nothing in the
 * parent. A NULL queue is EINVAL.
 */

struct ksem_cq; /* a completion queue */

struct ksem_completion {
	uint64_t user_data; /* as submitted, as are id and count */
	ksem_id_t id;
	uint32_t count;
	int error; /* 0: the process has the permits. Else it has none: ETIMEDOUT, ECANCELED or ESHUTDOWN */
};

/*
 * Makes a queue for waits of that process. Until the queue is destroyed, exec and exit of the process fail. Takes four
 * descriptors. ENOMEM, EMFILE, ENFILE, ENOSPC.
 */
int ksem_cq_create(struct ksem_proc *proc, struct ksem_cq **cq) KSEM_NOTHROW KSEM_RESULT;

/*
 * Cancels all waits, posts the permits that were granted and not reaped, and frees the queue. If the program has posted
 * such permits already, posts as many as the limit has room for and, with KSEM_UNDO, as the process still holds. It
 * must be the last call on the queue.
 */
int ksem_cq_destroy(struct ksem_cq *cq) KSEM_NOTHROW;

/*
 * The queue's descriptor, which is readable while there is something to reap, and may be for a moment while there is
 * nothing. For poll, epoll (edge-triggered too: after a reap that left nothing the next completion is an edge),
 * io_uring and the like. It is close-on-exec. Never read, write or close it. -1: the queue is NULL or dead.
 */
int ksem_cq_fd(struct ksem_cq *cq) KSEM_NOTHROW;

/*
 * Begins a wait for count permits, as ksem_wait_many does, and returns at once. The wait is a waiter, as a thread is,
 * and has its place in the semaphore's order among threads and waits of other queues. Each call that returns 0 leads to
 * one completion, even if the permits are there already.
 *
 * A queue's first wait on a shared semaphore starts a thread of the library, which ends with the queue. EINVAL: as
 * ksem_wait_many. ENOMEM. ENOTSUP: the processor isn't x86-64, arm64 or s390x.
 */
int ksem_cq_submit(struct ksem_cq *cq, ksem_id_t id, uint32_t count, clockid_t clock, const struct timespec *deadline,
		   uint64_t user_data) KSEM_NOTHROW KSEM_RESULT;

/* Ends all waits with that user_data that weren't granted yet; they complete as canceled. ENOENT: there is none. */
int ksem_cq_cancel(struct ksem_cq *cq, uint64_t user_data) KSEM_NOTHROW;

/*
 * Takes up to room completions out of the queue. Stores them in out, and their number in *n; it may be 0, which is no
 * error. Never waits for one. Those of one semaphore come in the order in which their waits ended.
 */
int ksem_cq_reap(struct ksem_cq *cq, struct ksem_completion *out, unsigned int room,
		 unsigned int *n) KSEM_NOTHROW KSEM_RESULT;

/* ---- For tools. May block; not from a signal handler. ---- */

struct ksem_info {
	ksem_id_t id;
	char name[KSEM_NAME_MAX + 1]; /* "" if anonymous or unlinked */
	unsigned int value;
	unsigned int waiters; /* threads, and waits of completion queues */
	unsigned int refs;    /* references of processes, pins not counted */
	uid_t uid;
	gid_t gid;
	mode_t mode;
	uint32_t limit; /* the present one; without one: the highest that the order allows */
	uint32_t order;
	uint32_t flags; /* KSEM_UNDO, KSEM_METRICS, KSEM_SHUTDOWN */
	uint32_t held;  /* with KSEM_UNDO: permits that living processes hold; else 0 */
};

/* Describes a semaphore. EINVAL: no reference. */
int ksem_stat(struct ksem_proc *proc, ksem_id_t id, struct ksem_info *info) KSEM_NOTHROW;

/*
 * Calls visit for each semaphore of the namespace. Stops at the first result of visit that isn't 0, and returns it. A
 * semaphore that is made or freed meanwhile may be left out. visit may make any call, but must not destroy the
 * namespace.
 */
int ksem_ns_foreach(struct ksem_ns *ns, int (*visit)(const struct ksem_info *info, void *arg), void *arg);

/* What the waits on a semaphore with KSEM_METRICS have been like. A wait that got its permit at once isn't counted. */
struct ksem_metrics {
	size_t size;       /* set by the caller: sizeof(struct ksem_metrics); see struct ksem_ns_options */
	uint64_t waits;    /* waits that have ended, but for those that got their permits at once */
	uint64_t timeouts; /* how those ended that got no permit: these four */
	uint64_t interrupts;
	uint64_t cancels;
	uint64_t shutdowns;
	uint64_t wait_ns; /* nanoseconds of all of those waits */
	uint64_t wait_max_ns;
	uint64_t undone;      /* permits that came back because their holders had ended */
	uint32_t waiters_max; /* most waiters at a time */
	uint32_t reserved;
	uint64_t histogram[64]; /* [i]: waits of 2^i to 2^(i+1) - 1 nanoseconds; [0] shorter too */
};

/* EINVAL: no reference, or size. ENOTSUP: the semaphore was made without KSEM_METRICS. */
#ifdef __cplusplus
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow" /* a function and a struct of one name */
#endif
int ksem_metrics(struct ksem_proc *proc, ksem_id_t id, struct ksem_metrics *metrics) KSEM_NOTHROW;
#ifdef __cplusplus
#pragma GCC diagnostic pop
#endif

/* A living OS process that has a semaphore. Each number adds up what all its struct ksem_proc have. */
struct ksem_holder {
	pid_t pid;        /* 0: it is in another pid namespace, or has just been forked */
	uint32_t refs;    /* references, pins not counted */
	uint32_t held;    /* with KSEM_UNDO: permits that it holds; else 0 */
	uint32_t waiting; /* its threads that wait on the semaphore, and the waits of its queues */
	uint32_t oldest;  /* seconds since it took the oldest permit that it holds; 0: it holds none */
};

/*
 * Calls visit for each living OS process that has the semaphore. Stops at the first result of visit that isn't 0, and
 * returns it. A process that comes or goes meanwhile may be left out. visit may make any call. In a child of fork() the
 * child is such a process itself, with the references that it inherited. EINVAL: no reference. ENOMEM.
 */
int ksem_holders(struct ksem_proc *proc, ksem_id_t id, int (*visit)(const struct ksem_holder *holder, void *arg),
		 void *arg);

/* ---- The library. ---- */

/* The version of the library that the program runs on, such as "0.2.0". May be called from a signal handler. */
const char *ksem_version(void) KSEM_NOTHROW;

#ifdef __cplusplus
}
#endif

#endif
