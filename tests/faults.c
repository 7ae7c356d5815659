/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel refuses: system calls that a filter forbids, a thread without restartable sequences, no more address
 * space; threads that end and programs that are replaced while others post. What the futex calls
 * may answer, unit/os/futex_answers.c has; allocations that fail, tests/libc_failure.c and tests/memory.c.
 *
 * What can't be undone (filters, limits, another program) is done in a child of fork(), which ends itself by an alarm
 * if it hangs. Skipped by name: what the sanitizers' own memory forbids, and what this machine hasn't got.
 *
 * Not here: a thread's first call where liburcu has to map memory for it and can't. liburcu ends the program then.
 */
#include "support.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <spawn.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "object/object.h"
#include "os/futex.h"
#include "os/rseq.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

#define CHILD_SECONDS 60

/* Runs `body` in a child, which must say that all is well by returning. */
static void in_child(void (*body)(void))
{
	pid_t child;
	int status;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		alarm(CHILD_SECONDS);
		body();
		fflush(stdout);
		_exit(0);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (status != 0)
		fail_msg("the child ended with %s %d", WIFSIGNALED(status) ? "signal" : "status",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static struct world world;
static ksem_id_t id;
static struct ksem *pin;

static void begin(unsigned value)
{
	world = world_limited(0, 0);
	MUST(ksem_init(world.proc, value, &id) == 0);
	MUST(ksem_pin(world.proc, id, &pin) == 0);
}

static void end(void)
{
	ksem_unpin(pin);
	MUST(ksem_destroy(world.proc, id) == 0);
	world_end(&world);
}

static enum word_mode mode(void)
{
	return word_mode(semaphore_word(&pin->sem));
}

/* False: no restartable sequences here. */
static bool make_percpu(void)
{
	for (int i = 0; slots_started() && i < 100000 && mode() != WORD_PERCPU; i++) {
		MUST(ksem_trywait(world.proc, id) == 0);
		MUST(ksem_post(world.proc, id) == 0);
	}
	return mode() == WORD_PERCPU;
}

static void *wait_once(void *arg)
{
	(void)arg;
	MUST(ksem_wait(world.proc, id) == 0);
	return NULL;
}

/* ---- System calls that a filter refuses. ---- */

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))

/* From now on, for all threads. False: this kernel has no filters, or the host forbids them. */
static bool refuse(const long *calls, unsigned n, int error)
{
	struct sock_filter code[16];
	struct sock_fprog program = {.filter = code};
	unsigned short at = 0;

	code[at++] = (struct sock_filter)LOAD(nr);
	for (unsigned i = 0; i < n; i++) {
		code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i], 0, 1);
		code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error);
	}
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	program.len = at;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
}

static int refusal; /* an error number */

#define REFUSE(...)                                                               \
	do {                                                                      \
		static const long calls_[] = {__VA_ARGS__};                       \
		if (!refuse(calls_, sizeof(calls_) / sizeof(*calls_), refusal)) { \
			printf("skipped: no seccomp filters here\n");             \
			return;                                                   \
		}                                                                 \
	} while (0)

static void *clockwait_once(void *arg)
{
	struct timespec later = in_ms(CLOCK_MONOTONIC, 3600 * 1000);

	(void)arg;
	return (void *)(intptr_t)ksem_clockwait(world.proc, id, CLOCK_MONOTONIC, &later);
}

static void do_nothing(int signal)
{
	(void)signal;
}

/* Used this process little of its processors? It slept, mostly. */
static bool is_idle(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return used.tv_sec == 0 && used.tv_nsec < 500 * 1000 * 1000;
}

/* Sends signals until the wait ends by a handler: one that runs between two short sleeps doesn't end it. */
static void interrupt(pthread_t waiter)
{
	struct timespec soon;
	void *result;

	do {
		MUST(pthread_kill(waiter, SIGUSR1) == 0);
		soon = in_ms(CLOCK_REALTIME, 10);
	} while (pthread_timedjoin_np(waiter, &result, &soon) != 0);
	MUST((intptr_t)result == EINTR);
}

static bool refused_later; /* after the first timed wait */

static void without_futex_waitv(void)
{
	struct timespec past = {1, 0};
	struct timespec soon = in_ms(CLOCK_REALTIME, 5);
	struct sigaction action = {.sa_handler = do_nothing, .sa_flags = SA_RESTART};
	pthread_t waiter;

	begin(0);
	if (refused_later)
		MUST(ksem_clockwait(world.proc, id, CLOCK_REALTIME, &past) == ETIMEDOUT);
	REFUSE(SYS_futex_waitv);
	MUST(syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0) == -1 && errno == refusal);
	errno = 77;
	MUST(ksem_clockwait(world.proc, id, CLOCK_REALTIME, &soon) == ETIMEDOUT);
	MUST(errno == 77);
	waiter = start(clockwait_once, NULL);
	until_asleep(world.proc, id, 1);
	MUST(ksem_post(world.proc, id) == 0);
	MUST(finish(waiter) == NULL);
	MUST(is_idle());
	MUST(sigaction(SIGUSR1, &action, NULL) == 0);
	waiter = start(clockwait_once, NULL);
	until_asleep(world.proc, id, 1);
	interrupt(waiter); /* every handler ends a timed sleep here, SA_RESTART or not */
	end();
}

/* ---- The same, of a wait for one of several. ---- */

static ksem_id_t several[3]; /* of default attributes; first in, first out; a third that nobody posts */

static void *wait_for_any(void *deadline)
{
	unsigned which = 77;
	int error = ksem_wait_any(world.proc, several, 3, CLOCK_MONOTONIC, deadline, &which);

	return (void *)(intptr_t)(error ? error : -(int)which);
}

/* A thread that waits on all three. */
static pthread_t start_for_any(struct timespec *deadline)
{
	pthread_t waiter = start(wait_for_any, deadline);

	for (unsigned i = 0; i < 3; i++)
		until_waiting(world.proc, several[i], 1);
	return waiter;
}

static void any_without_futex_waitv(void)
{
	const struct ksem_attr fifo = {.size = sizeof(fifo), .order = KSEM_FIFO};
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 5), later = in_ms(CLOCK_MONOTONIC, 3600 * 1000);
	struct sigaction action = {.sa_handler = do_nothing, .sa_flags = SA_RESTART};
	pthread_t waiter;

	begin(0);
	several[0] = id;
	MUST(ksem_init_attr(world.proc, &fifo, 0, &several[1]) == 0);
	MUST(ksem_init(world.proc, 0, &several[2]) == 0);
	if (refused_later)
		MUST((intptr_t)wait_for_any(&soon) == ETIMEDOUT);
	REFUSE(SYS_futex_waitv);
	soon = in_ms(CLOCK_MONOTONIC, 5);
	errno = 77;
	MUST((intptr_t)wait_for_any(&soon) == ETIMEDOUT);
	MUST(errno == 77);
	for (int i = 0; i < 3; i++) { /* whichever word the thread sleeps on */
		waiter = start_for_any(i % 2 ? &later : NULL);
		MUST(ksem_post(world.proc, several[i]) == 0);
		MUST((intptr_t)finish(waiter) == -i);
	}
	MUST(is_idle());
	MUST(sigaction(SIGUSR1, &action, NULL) == 0);
	interrupt(start_for_any(NULL));
	for (unsigned i = 1; i < 3; i++)
		MUST(ksem_destroy(world.proc, several[i]) == 0);
	end();
}

/* Ahead of the thread stands a queue's wait for more, which ends at its deadline only if the thread looks. */
static void any_passes_one_without_futex_waitv(void)
{
	const struct ksem_attr fifo = {.size = sizeof(fifo), .order = KSEM_FIFO};
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 20), later = in_ms(CLOCK_MONOTONIC, 60 * 1000);
	struct ksem_cq *cq;

	begin(0);
	several[0] = id;
	MUST(ksem_init_attr(world.proc, &fifo, 1, &several[1]) == 0);
	MUST(ksem_init(world.proc, 0, &several[2]) == 0);
	MUST(ksem_cq_create(world.proc, &cq) == 0);
	MUST(ksem_cq_submit(cq, several[1], 2, CLOCK_MONOTONIC, &soon, 1) == 0);
	REFUSE(SYS_futex_waitv);
	MUST((intptr_t)wait_for_any(&later) == -1);
	MUST(ksem_cq_destroy(cq) == 0);
	for (unsigned i = 1; i < 3; i++)
		MUST(ksem_destroy(world.proc, several[i]) == 0);
	end();
}

static void waits_for_any_work_without_futex_waitv(void **state)
{
	(void)state;
	for (refusal = 1; refusal < EHWPOISON; refusal++) {
		refused_later = refusal % 2;
		in_child(any_without_futex_waitv);
	}
	refusal = ENOSYS;
	in_child(any_passes_one_without_futex_waitv);
}

static int refuse_to_wake(atomic(uint32_t) *word, uint32_t n)
{
	(void)word, (void)n;
	return -1;
}

/* Those that wait for one of several are woken by a call of their own. */
static void a_wake_that_is_refused_keeps_only_those_asleep_that_it_was_for(void **state)
{
	int (*wake_shared)(atomic(uint32_t) *word, uint32_t n) = futex_ops.wake_shared;
	pthread_t any, one;

	(void)state;
	begin(0);
	several[0] = id;
	for (unsigned i = 1; i < 3; i++)
		OK(ksem_init(world.proc, 0, &several[i]));
	any = start_for_any(NULL);
	one = start(wait_once, NULL);
	until_asleep(world.proc, id, 2);
	futex_ops.wake_shared = refuse_to_wake;
	OK(ksem_post_many(world.proc, id, 2));
	finish(one);
	futex_ops.wake_shared = wake_shared;
	OK(ksem_post(world.proc, id));
	assert_int_equal((intptr_t)finish(any), 0);
	assert_int_equal(value_of(world.proc, id), 1);
	for (unsigned i = 1; i < 3; i++)
		OK(ksem_destroy(world.proc, several[i]));
	end();
}

static void timed_sleeps_work_without_futex_waitv(void **state)
{
	(void)state;
	for (refusal = 1; refusal < EHWPOISON; refusal++) { /* any number, also one that a sleep may end with */
		refused_later = refusal % 2;
		in_child(without_futex_waitv);
	}
}

/* No futex at all: a wait looks, and naps. */
static void without_futexes(void)
{
	struct timespec soon = in_ms(CLOCK_REALTIME, 100), now;
	pthread_t waiter;

	begin(0);
	REFUSE(SYS_futex_waitv, SYS_futex);
	MUST(ksem_clockwait(world.proc, id, CLOCK_REALTIME, &soon) == ETIMEDOUT);
	clock_gettime(CLOCK_REALTIME, &now);
	MUST(now.tv_sec - soon.tv_sec < 5 && (now.tv_sec > soon.tv_sec || now.tv_nsec >= soon.tv_nsec));
	waiter = start(wait_once, NULL);
	until_asleep(world.proc, id, 1);
	sleep_ms(50);
	MUST(ksem_post(world.proc, id) == 0);
	while (pthread_tryjoin_np(waiter, NULL) != 0) /* what a join sleeps by is refused too */
		sleep_ms(1);
	MUST(is_idle());
	end();
}

static void waits_end_without_futexes(void **state)
{
	static const int answers[] = {EAGAIN, ETIMEDOUT}; /* which a sleep may also end with */

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		refusal = answers[i];
		in_child(without_futexes);
	}
	for (refusal = 1; refusal < EHWPOISON; refusal += 7) {
		if (refusal != EINTR) /* which the library can't but believe */
			in_child(without_futexes);
	}
}

/* ---- Permits in slots, and what it takes to have them back. ---- */

#define PERMITS 3
#define TAKERS  4

static atomic_bool stop;
static atomic_int held;
static atomic_bool unregistered;

#if defined(__x86_64__)
#define SIGNATURE 0x53053053
#else
#define SIGNATURE 0xd428bc00
#endif

static bool unregister_sequences(void)
{
#if KSEM_INLINE_WORKS && defined(SYS_rseq)
	char *area = (char *)__builtin_thread_pointer() + rseq_area;

	return syscall(SYS_rseq, area, 32, 1 /* unregister */, SIGNATURE) == 0;
#else
	return false;
#endif
}

static void *take_and_give(void *arg)
{
	if (arg)
		atomic_store(&unregistered, unregister_sequences());
	while (!atomic_load(&stop)) {
		if (ksem_trywait(world.proc, id) == 0) {
			MUST(atomic_fetch_add(&held, 1) < PERMITS);
			atomic_fetch_sub(&held, 1);
			MUST(ksem_pinned_post(pin) == 0);
		}
	}
	return NULL;
}

/* More takers than permits, so that they fail and revoke, too. */
static void take_and_give_for(long ms, bool without)
{
	pthread_t taker[TAKERS];

	atomic_store(&stop, false);
	for (int i = 0; i < TAKERS; i++)
		taker[i] = start(take_and_give, without && i == 0 ? taker : NULL);
	sleep_ms(ms);
	atomic_store(&stop, true);
	for (int i = 0; i < TAKERS; i++)
		finish(taker[i]);
	MUST(value_of(world.proc, id) == PERMITS);
}

static void without_membarrier(void)
{
	struct ksem_cq *cq;

	begin(PERMITS);
	if (!make_percpu()) {
		printf("skipped: no restartable sequences here\n");
		return;
	}
	REFUSE(SYS_membarrier);
	take_and_give_for(300, false);
	MUST(ksem_cq_create(world.proc, &cq) == 0);
	MUST(ksem_cq_destroy(cq) == 0); /* waits for a grace period, for which liburcu was granted membarrier */
	end();                          /* does so, too */
}

static void without_membarrier_from_the_beginning(void)
{
	refusal = ENOSYS;
	REFUSE(SYS_membarrier);
	begin(PERMITS);
	MUST(!make_percpu());
	take_and_give_for(100, false);
	end(); /* as above: liburcu asked when it was loaded */
}

static void permits_are_conserved_without_membarrier(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		refusal = i ? ENOSYS : EPERM;
		in_child(without_membarrier);
	}
	in_child(without_membarrier_from_the_beginning);
}

static void without_sequences_in_one_thread(void)
{
	begin(PERMITS);
	if (!make_percpu()) {
		printf("skipped: no restartable sequences here\n");
		return;
	}
	take_and_give_for(300, true);
	MUST(atomic_load(&unregistered));
	end();
}

static void permits_are_conserved_where_a_thread_has_no_sequences(void **state)
{
	(void)state;
	in_child(without_sequences_in_one_thread);
}

/* ---- No more address space. ---- */

#define UNTOUCHED 77

static size_t address_space(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	MUST(file && fscanf(file, "%lu", &pages) == 1);
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* So much more than now, and no more. */
static void limit(size_t more)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

	MUST(getrlimit(RLIMIT_AS, &limit) == 0);
	limit.rlim_cur = address_space() + more;
	MUST(setrlimit(RLIMIT_AS, &limit) == 0);
}

static void *first_call(void *arg)
{
	pthread_barrier_wait(arg);
	pthread_barrier_wait(arg); /* the limit is set in between */
	MUST(ksem_post(world.proc, id) == 0);
	MUST(ksem_wait(world.proc, id) == 0);
	return NULL;
}

/* Calls until one is refused. The others must go on, and what was refused must have left nothing. */
static unsigned until_refused(void)
{
	struct ksem_ns *ns = (void *)UNTOUCHED;
	struct ksem_proc *proc = (void *)UNTOUCHED;
	unsigned before = semaphores_in(world.ns), made = 0;
	ksem_id_t new;
	char name[32];
	int error;

	for (;; made++) {
		new = UNTOUCHED;
		snprintf(name, sizeof(name), "/%u", made);
		error = made % 2 ? ksem_init(world.proc, 1, &new) :
				   ksem_open(world.proc, name, O_CREAT | O_EXCL, 0600, 1, &new);
		if (error)
			break;
		MUST(ksem_post(world.proc, new) == 0 && ksem_trywait(world.proc, new) == 0);
	}
	MUST(error == ENOMEM && new == UNTOUCHED);
	MUST(semaphores_in(world.ns) == before + made);
	error = ksem_proc_fork(world.proc, &proc);
	MUST(error == 0 || (error == ENOMEM && proc == (void *)UNTOUCHED));
	if (error == 0)
		MUST(ksem_proc_exit(proc) == 0);
	error = ksem_ns_create(NULL, &ns);
	MUST(error == 0 || (error == ENOMEM && ns == (void *)UNTOUCHED));
	if (error == 0)
		MUST(ksem_ns_destroy(ns) == 0);
	MUST(ksem_post(world.proc, id) == 0 && ksem_wait(world.proc, id) == 0);
	return made;
}

static void without_memory(void)
{
	pthread_barrier_t line;
	pthread_t thread;

	begin(0);
	pthread_barrier_init(&line, NULL, 2);
	thread = start(first_call, &line);
	pthread_barrier_wait(&line);
	limit(4 * 1024 * 1024);
	pthread_barrier_wait(&line); /* liburcu has room for it: it has met fewer than eight threads */
	finish(thread);
	printf("%u semaphores until ENOMEM\n", until_refused());
	MUST(ksem_proc_exec(world.proc) == 0);
	ksem_unpin(pin);
	world_end(&world);
}

/* No namespace yet, and less and less room for what all namespaces share. */
static void first_namespace_without_memory(void)
{
	struct ksem_ns *ns = (void *)UNTOUCHED;
	int error;

	limit(0);
	error = ksem_ns_create(NULL, &ns);
	MUST(error == 0 || (error == ENOMEM && ns == (void *)UNTOUCHED));
	if (error)
		return;
	MUST(ksem_proc_create(ns, NULL, &world.proc) == 0);
	MUST(ksem_init(world.proc, 1, &id) == 0);
	for (int i = 0; i < 1000; i++)
		MUST(ksem_trywait(world.proc, id) == 0 && ksem_post(world.proc, id) == 0);
	MUST(ksem_pin(world.proc, id, &pin) == 0);
	MUST(mode() == WORD_CENTRAL); /* there was no memory for slots, and it doesn't matter */
}

static bool address_space_has_a_limit(void)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		limit(0);
		_exit(mmap(NULL, 1 << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
	}
	MUST(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status));
	return WEXITSTATUS(status) == 0;
}

static void calls_without_address_space(void **state)
{
	(void)state;
	if (SANITIZED)
		SKIP("sanitizers reserve all address space");
	if (!address_space_has_a_limit())
		SKIP("address space has no limit here"); /* qemu-user */
	in_child(without_memory);
	in_child(first_namespace_without_memory);
}

/* ---- Threads that end, and programs that are replaced. ---- */

static void *post_and_end(void *arg)
{
	(void)arg;
	MUST(ksem_post(world.proc, id) == 0);
	pthread_exit(NULL);
}

static void threads_end_while_others_wait(void **state)
{
	enum { WAITERS = 3, ROUNDS_OF = 100 };
	pthread_t waiter[WAITERS];

	(void)state;
	begin(0);
	for (int round = 0; round < ROUNDS_OF; round++) {
		for (int i = 0; i < WAITERS; i++)
			waiter[i] = start(wait_once, NULL);
		for (int i = 0; i < WAITERS; i++)
			finish(start(post_and_end, NULL));
		for (int i = 0; i < WAITERS; i++)
			finish(waiter[i]);
		assert_int_equal(value_of(world.proc, id), 0);
	}
	end();
}

static void *wait_and_be_cancelled(void *arg)
{
	atomic_store((atomic_bool *)arg, true);
	MUST(ksem_wait(world.proc, id) == 0);
	pthread_testcancel();
	return NULL;
}

static void a_cancelled_waiter_takes_its_permit_first(void **state)
{
	atomic_bool there = false;
	pthread_t waiter;

	(void)state;
	begin(0);
	waiter = start(wait_and_be_cancelled, &there);
	until_asleep(world.proc, id, 1);
	OK(pthread_cancel(waiter));
	sleep_ms(5);
	assert_int_equal(info_of(world.proc, id).waiters, 1); /* a wait is no cancellation point */
	OK(ksem_post(world.proc, id));
	assert_ptr_equal(finish(waiter), PTHREAD_CANCELED);
	assert_int_equal(value_of(world.proc, id), 0);
	end();
}

static char *const true_arguments[] = {(char[]){"true"}, NULL};

static void spawn_while_others_post(void)
{
	pthread_t taker[TAKERS];
	pid_t child;
	int status;

	begin(PERMITS);
	for (int i = 0; i < TAKERS; i++)
		taker[i] = start(take_and_give, NULL);
	for (int i = 0; i < ROUNDS(100); i++) {
		MUST(posix_spawn(&child, "/bin/true", NULL, NULL, true_arguments, NULL) == 0);
		MUST(waitpid(child, &status, 0) == child && status == 0);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < TAKERS; i++)
		finish(taker[i]);
	MUST(value_of(world.proc, id) == PERMITS);
	end();
}

static void exec_while_others_post(void)
{
	begin(PERMITS);
	for (int i = 0; i < TAKERS; i++)
		start(take_and_give, NULL);
	sleep_ms(2);
	execv("/bin/true", true_arguments);
	abort();
}

static void programs_start_and_are_replaced_while_others_post(void **state)
{
	(void)state;
	in_child(spawn_while_others_post);
	for (int i = 0; i < 20; i++)
		in_child(exec_while_others_post);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_without_address_space), /* first: children then have met no other thread */
		cmocka_unit_test(permits_are_conserved_without_membarrier),
		cmocka_unit_test(permits_are_conserved_where_a_thread_has_no_sequences),
		cmocka_unit_test(timed_sleeps_work_without_futex_waitv),
		cmocka_unit_test(a_wake_that_is_refused_keeps_only_those_asleep_that_it_was_for),
		cmocka_unit_test(waits_for_any_work_without_futex_waitv),
		cmocka_unit_test(waits_end_without_futexes),
		cmocka_unit_test(threads_end_while_others_wait),
		cmocka_unit_test(a_cancelled_waiter_takes_its_permit_first),
		cmocka_unit_test(programs_start_and_are_replaced_while_others_post),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
