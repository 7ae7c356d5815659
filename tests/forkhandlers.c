/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fork handlers of the host that use the library, registered before the library's own and after them; and children for
 * which no handlers ran: _Fork, posix_spawn. A process that hangs is ended by its own alarm.
 */
#include "support.h"

#include <spawn.h>

#define SECONDS 60 /* before a process is taken to hang */
#define FORKS   ROUNDS(40)

extern char **environ;

static struct host {
	struct world world;
	ksem_id_t id;     /* posted and taken */
	ksem_id_t none;   /* waited for in vain */
	ksem_id_t asleep; /* waited for */
	struct ksem *pin; /* of asleep */
	atomic_bool stop;
} host;

static bool enabled, in_prepare, in_parent, in_child; /* which handlers use the library */
static bool only_first;                               /* not those that were registered last */
static atomic_int calls;                              /* of handlers that did */

/* Every kind of call; of those that end something, one that waits for a grace period. */
static void use_everything(const char *who)
{
	char name[64]; /* nobody else's */
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 1);
	struct ksem_ns_options options = {.size = sizeof(options), .dir = host.world.dir};
	struct ksem_proc *proc = host.world.proc, *other;
	struct ksem_ns *ns;
	ksem_id_t id, named;
	unsigned seen = 0;

	(void)snprintf(name, sizeof(name), "%s-%ld", who, (long)gettid());
	MUST(ksem_post(proc, host.id) == 0 && ksem_wait(proc, host.id) == 0);
	MUST(ksem_clockwait(proc, host.none, CLOCK_MONOTONIC, &soon) == ETIMEDOUT);
	MUST(ksem_init(proc, 1, &id) == 0);
	MUST(ksem_open(proc, name, O_CREAT, 0600, 1, &named) == 0);
	MUST(ksem_trywait(proc, named) == 0 && ksem_trywait(proc, id) == 0);
	MUST(ksem_ns_foreach(host.world.ns, visit_and_count, &seen) == 0 && seen >= 3);
	MUST(ksem_unlink(proc, name) == 0);
	MUST(ksem_close(proc, named) == 0 && ksem_destroy(proc, id) == 0);
	MUST(ksem_ns_create(&options, &ns) == 0);
	MUST(ksem_proc_create(ns, NULL, &other) == 0 && ksem_init(other, 0, &id) == 0);
	MUST(ksem_proc_exit(other) == 0 && ksem_ns_destroy(ns) == 0);
}

static void handler(bool on, const char *name)
{
	if (!enabled || !on)
		return;
	use_everything(name);
	calls++;
}

static bool raises; /* once, where the library has blocked signals for the fork */

static _Thread_local bool keeps_gate; /* the library's fork gate stays shut */
static atomic_bool gate_is_kept;

static void prepare_first(void)
{
	if (raises) {
		raises = false;
		raise(SIGUSR1);
	}
	if (keeps_gate) {
		atomic_store(&gate_is_kept, true);
		while (!atomic_load(&host.stop))
			sched_yield();
	}
	handler(in_prepare, "/prepare-first");
}
static void prepare_last(void)
{
	handler(in_prepare && !only_first, "/prepare-last");
}
static void parent_first(void)
{
	handler(in_parent, "/parent-first");
}
static void parent_last(void)
{
	handler(in_parent && !only_first, "/parent-last");
}

static void child_first(void)
{
	if (enabled)
		alarm(SECONDS);
	handler(in_child, "/child-first");
}

static void child_last(void)
{
	handler(in_child && !only_first, "/child-last");
}

/* Before any library is there: their prepare handlers run after the library's, the others before. */
static void register_first(void)
{
	pthread_atfork(prepare_first, parent_first, child_first);
}

__attribute__((section(".preinit_array"), used)) static void (*before_libraries)(void) = register_first;

static void *make_and_destroy(void *arg)
{
	(void)arg;
	while (!atomic_load(&host.stop)) {
		ksem_id_t id;

		MUST(ksem_init(host.world.proc, 0, &id) == 0 && ksem_destroy(host.world.proc, id) == 0);
	}
	return NULL;
}

static void *sleep_by_id(void *arg)
{
	(void)arg;
	MUST(ksem_wait(host.world.proc, host.asleep) == 0);
	return NULL;
}

static int setup(void **state)
{
	(void)state;
	memset(&host, 0, sizeof(host));
	host.world = world_limited(0, 0);
	OK(ksem_init(host.world.proc, 0, &host.id));
	OK(ksem_init(host.world.proc, 0, &host.none));
	OK(ksem_init(host.world.proc, 0, &host.asleep));
	OK(ksem_pin(host.world.proc, host.asleep, &host.pin));
	alarm(4 * SECONDS);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	enabled = false;
	ksem_unpin(host.pin);
	OK(ksem_destroy(host.world.proc, host.asleep));
	OK(ksem_destroy(host.world.proc, host.none));
	OK(ksem_destroy(host.world.proc, host.id));
	world_end(&host.world);
	alarm(0);
	return 0;
}

/* ---- Handlers. ---- */

/* Forks, and has the child use it all: the parent's waiters wait there too where they are of a shared semaphore. */
static void fork_one(pid_t (*forks)(void))
{
	unsigned waiters = host.world.dir ? info_of(host.world.proc, host.asleep).waiters : 0;
	pid_t child = forks();
	sigset_t mask;

	if (child == 0) {
		alarm(SECONDS);
		MUST(info_of(host.world.proc, host.asleep).waiters == waiters);
		use_everything("/child");
		MUST(pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0 && !sigismember(&mask, SIGUSR1));
		MUST(ksem_proc_exec(host.world.proc) == 0);
		_exit(0);
	}
	must_end_well(child);
}

static void fork_with_handlers(bool prepare, bool parent, bool child)
{
	pthread_t thread = start(make_and_destroy, NULL), sleeper = start(sleep_by_id, NULL);
	int before = calls;

	until_waiting(host.world.proc, host.asleep, 1);
	in_prepare = prepare, in_parent = parent, in_child = child;
	enabled = true;
	for (int i = 0; i < FORKS; i++) {
		fork_one(fork);
		use_everything("/after");
		MUST(info_of(host.world.proc, host.asleep).waiters == 1);
	}
	enabled = false;
	assert_int_equal(calls - before, FORKS * 2 * (prepare + parent));
	atomic_store(&host.stop, true);
	finish(thread);
	OK(ksem_post(host.world.proc, host.asleep));
	finish(sleeper);
}

static void prepare_handlers_may_use_it(void **state)
{
	(void)state;
	fork_with_handlers(true, false, false);
}

static void parent_handlers_may_use_it(void **state)
{
	(void)state;
	fork_with_handlers(false, true, false);
}

static void child_handlers_may_use_it(void **state)
{
	(void)state;
	fork_with_handlers(false, false, true);
}

static void all_handlers_may_use_it(void **state)
{
	(void)state;
	fork_with_handlers(true, true, true);
}

/* A thread's first call may be one of a handler's. */
static void *fork_unknown(void *arg)
{
	(void)arg;
	fork_one(fork);
	return NULL;
}

static void handlers_may_be_the_first_callers_of_their_thread(void **state)
{
	(void)state;
	in_prepare = in_parent = in_child = true;
	only_first = true; /* the others would make the thread known before the library's own handler runs */
	enabled = true;
	for (int i = 0; i < 5; i++)
		finish(start(fork_unknown, NULL));
	only_first = false;
}

static void *fork_many(void *arg)
{
	(void)arg;
	for (int i = 0; i < FORKS / 4; i++)
		fork_one(fork);
	return NULL;
}

/* Each prepares, and has it undone by its handlers' calls, while the other waits. */
static void threads_fork_at_the_same_time(void **state)
{
	pthread_t threads[2];

	(void)state;
	in_prepare = false, in_parent = in_child = true;
	enabled = true;
	for (int i = 0; i < 2; i++)
		threads[i] = start(fork_many, NULL);
	for (int i = 0; i < 2; i++)
		finish(threads[i]);
}

/* ---- Children without handlers. ---- */

/* qemu-user accepts MADV_WIPEONFORK, and wipes nothing. */
#define skip_where_the_page_is_not_wiped()                           \
	do {                                                         \
		if (EMULATED)                                        \
			SKIP("a child of _Fork isn't noticed here"); \
	} while (0)

static void a_child_of_Fork_may_use_it(void **state)
{
	pthread_t sleeper;

	(void)state;
	skip_where_the_page_is_not_wiped();
	if (THREAD_SANITIZED && host.world.dir)
		SKIP("for ThreadSanitizer the child has the sleeper, which uses descriptors that the child closes");
	sleeper = start(sleep_by_id, NULL);
	until_asleep(host.world.proc, host.asleep, 1);
	for (int i = 0; i < FORKS; i++)
		fork_one(_Fork);
	assert_int_equal(info_of(host.world.proc, host.asleep).waiters, 1);
	OK(ksem_post(host.world.proc, host.asleep));
	finish(sleeper);
}

/* Its first call is a wait that sleeps, until it is killed. It must not stay counted where it isn't the parent's. */
static void a_killed_child_of_Fork_waits_no_more(void **state)
{
	struct ksem_proc *proc = host.world.proc;
	bool shared = host.world.dir != NULL;
	pid_t child;
	int status;

	(void)state;
	skip_where_the_page_is_not_wiped();
	child = _Fork();
	MUST(child >= 0);
	if (child == 0) {
		alarm(SECONDS);
		ksem_wait(proc, host.asleep);
		_exit(1);
	}
	if (shared)
		until_waiting(proc, host.asleep, 1);
	OK(kill(child, SIGKILL));
	MUST(waitpid(child, &status, 0) == child);
	assert_int_equal(info_of(proc, host.asleep).waiters, 0);
	OK(ksem_post(proc, host.asleep));
	assert_int_equal(value_of(proc, host.asleep), 1);
	OK(ksem_trywait(proc, host.asleep));
}

/* Its own children, by each kind of fork. */
static void a_child_of_Fork_may_fork(void **state)
{
	pid_t child;

	(void)state;
	skip_where_the_page_is_not_wiped();
	in_prepare = in_parent = in_child = true;
	enabled = true;
	child = _Fork();
	if (child == 0) {
		fork_one(fork);
		fork_one(_Fork);
		_exit(0);
	}
	must_end_well(child);
}

/* Only what may be called from a signal handler, whatever the parent's threads were doing. */
static void a_child_of_Fork_may_post_beside_threads(void **state)
{
	pthread_t threads[2];

	(void)state;
	skip_where_the_page_is_not_wiped();
	for (int i = 0; i < 2; i++)
		threads[i] = start(make_and_destroy, NULL);
	for (int i = 0; i < FORKS; i++) {
		pid_t child = _Fork();

		if (child == 0) {
			alarm(SECONDS);
			_exit(ksem_pinned_post(host.pin) || ksem_pinned_trywait(host.pin));
		}
		must_end_well(child);
	}
	atomic_store(&host.stop, true);
	for (int i = 0; i < 2; i++)
		finish(threads[i]);
}

/* Children that share their parent's memory, while its threads are inside the gate. */
static void programs_are_started_beside_threads(void **state)
{
	char program[] = "true";
	char *argv[] = {program, NULL};
	pthread_t threads[2];
	pid_t child;

	(void)state;
	for (int i = 0; i < 2; i++)
		threads[i] = start(make_and_destroy, NULL);
	for (int i = 0; i < FORKS; i++) {
		OK(posix_spawnp(&child, argv[0], NULL, NULL, argv, environ));
		must_end_well(child);
		child = vfork();
		if (child == 0) {
			execvp(argv[0], argv);
			_exit(1);
		}
		must_end_well(child);
	}
	atomic_store(&host.stop, true);
	for (int i = 0; i < 2; i++)
		finish(threads[i]);
	use_everything("/after");
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void fork_and_go_on(int signal)
{
	int saved = errno;
	pid_t child = fork();

	(void)signal;
	MUST(child >= 0);
	if (child == 0)
		_exit(0);
	must_end_well(child);
	errno = saved;
}

static int cancel_state(void)
{
	int state, none;

	MUST(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state) == 0);
	MUST(pthread_setcancelstate(state, &none) == 0);
	return state;
}

static atomic_int forked_in_the_gate;

static void fork_in_the_gate(int signal)
{
	int saved = errno;
	pid_t child = fork();

	(void)signal;
	MUST(child >= 0);
	if (child == 0)
		alarm(SECONDS);
	atomic_store(&forked_in_the_gate, child);
	errno = saved;
}

static void *fork_and_keep_the_gate(void *arg)
{
	pid_t child;

	(void)arg;
	keeps_gate = true;
	child = fork();
	if (child == 0)
		_exit(0);
	must_end_well(child);
	return NULL;
}

static atomic_int waiting_at_gate;

static void *make_one(void *arg)
{
	pid_t parent = getpid();
	ksem_id_t id;

	(void)arg;
	atomic_store(&waiting_at_gate, gettid());
	MUST(ksem_init(host.world.proc, 0, &id) == 0 && ksem_destroy(host.world.proc, id) == 0);
	if (getpid() != parent)
		_exit(0);
	return NULL;
}

/* It waits for another thread's fork. Its child needn't. */
static void a_handler_may_fork_at_the_gate(void **state)
{
	struct sigaction action = {.sa_handler = fork_in_the_gate, .sa_flags = SA_RESTART}, before;
	pthread_t keeper, maker;

	(void)state;
	OK(sigaction(SIGUSR2, &action, &before));
	keeper = start(fork_and_keep_the_gate, NULL);
	while (!atomic_load(&gate_is_kept))
		sched_yield();
	maker = start(make_one, NULL);
	while (atomic_load(&waiting_at_gate) == 0)
		sched_yield();
	sleep_ms(50);
	MUST(pthread_kill(maker, SIGUSR2) == 0);
	while (atomic_load(&forked_in_the_gate) == 0)
		sched_yield();
	must_end_well(atomic_load(&forked_in_the_gate));
	atomic_store(&host.stop, true);
	finish(keeper);
	finish(maker);
	OK(sigaction(SIGUSR2, &before, NULL));
}

/* The signal came during a fork. So its handler runs at the end of that, and forks itself. */
static void a_handler_at_the_end_of_a_fork_may_fork(void **state)
{
	struct sigaction action = {.sa_handler = fork_and_go_on}, before;
	sigset_t mask;
	pid_t child;

	(void)state;
	OK(sigaction(SIGUSR1, &action, &before));
	raises = true;
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(cancel_state() == PTHREAD_CANCEL_ENABLE ? 0 : 1);
	assert_false(raises);
	assert_int_equal(cancel_state(), PTHREAD_CANCEL_ENABLE);
	OK(pthread_sigmask(SIG_SETMASK, NULL, &mask));
	assert_false(sigismember(&mask, SIGUSR1));
	must_end_well(child);
	OK(sigaction(SIGUSR1, &before, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(prepare_handlers_may_use_it),
		test(parent_handlers_may_use_it),
		test(child_handlers_may_use_it),
		test(all_handlers_may_use_it),
		test(handlers_may_be_the_first_callers_of_their_thread),
		test(threads_fork_at_the_same_time),
		test(a_handler_at_the_end_of_a_fork_may_fork),
		test(a_handler_may_fork_at_the_gate),
		test(a_child_of_Fork_may_use_it),
		test(a_killed_child_of_Fork_waits_no_more),
		test(a_child_of_Fork_may_fork),
		test(a_child_of_Fork_may_post_beside_threads),
		test(programs_are_started_beside_threads),
	};

	(void)before_libraries;
	pthread_atfork(prepare_last, parent_last, child_last);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
