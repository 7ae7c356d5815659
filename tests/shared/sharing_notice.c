/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How soon a sleeper gets the permits of a holder that has ended, in another OS process, while nobody calls anything:
 * at once, by the watcher (shared/deaths.h); where there can be none, when it looks by itself.
 *
 * Others may load the machine. So a test measures several times, and the median must be within the promised bound.
 */
#include "holding.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define BOUND_NS INT64_C(100000000)
#define LOOKS_NS INT64_C(3000000000) /* by when a sleeper has looked by itself */
#define TIMES    (THREAD_SANITIZED ? 3 : 5)
#define OVER_US  400000 /* after news, the watcher has looked for the last time */
#define MANY     100

struct board {
	struct turns first;
	atomic(int64_t) woke;   /* when the sleeper had its permits */
	atomic(uint32_t) turns; /* how many sleepers have had the permit that they take in turn */
	struct {
		pid_t who;
		int64_t woke;
	} each[MANY]; /* they, in that order */
};

#define board ((struct board *)board_page)

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void make_of(uint32_t order, uint32_t limit)
{
	make(UNDO(.order = order, .limit = limit), limit);
	store_seq(&turn->ready, 0);
	store_seq(&turn->go, 0);
	store_seq(&board->woke, 0);
}

/* ---- A death that takes its time: the process seems to be there for a while after it has closed all. ---- */

#define SLOW_NS INT64_C(20000000)

bool __real_lifetime_lasts(uint64_t lifetime);
bool __wrap_lifetime_lasts(uint64_t lifetime);

static atomic(int64_t) first_asked;
static bool slowly;

bool __wrap_lifetime_lasts(uint64_t lifetime)
{
	int64_t none = 0;

	if (__real_lifetime_lasts(lifetime))
		return true;
	if (!slowly || cas_seq(&first_asked, &none, now()))
		return slowly;
	return now() - load_seq(&first_asked) < SLOW_NS;
}

/* ---- Who holds. ---- */

static void hold_one(void)
{
	come_in();
	MUST(ksem_trywait(world.proc, id) == 0);
	say_ready_and_stay();
}

static void hold_two(void)
{
	come_in();
	MUST(ksem_trywait_many(world.proc, id, 2) == 0);
	say_ready_and_stay();
}

static void hold_and_exit(void)
{
	come_in();
	MUST(ksem_trywait(world.proc, id) == 0);
	say_ready();
	until_go();
	if (SANITIZED)
		_exit(0); /* exit would first look for leaks, which takes long beside other load */
	exit(0);
}

static void hold_and_execute(void)
{
	come_in();
	MUST(ksem_trywait(world.proc, id) == 0);
	say_ready();
	until_go();
	become_another_program();
}

static void hold_and_give_back(void)
{
	come_in();
	MUST(ksem_trywait(world.proc, id) == 0);
	say_ready();
	until_go();
	MUST(ksem_post(world.proc, id) == 0);
	say_ready_and_stay();
}

/* ---- Who waits. ---- */

static void note_wake(void)
{
	store_seq(&board->woke, now());
}

/* Where the sanitizer lets no fork's child start a thread, sleepers look by themselves. */
#define FORKS_BOUND_NS (THREAD_SANITIZED ? LOOKS_NS : BOUND_NS)

static void wait_for_one(void)
{
	come_in();
	MUST(wait_patiently(world.proc, id) == 0);
	note_wake();
}

static void wait_for_two(void)
{
	struct timespec until = in_ms(CLOCK_MONOTONIC, PATIENCE);

	come_in();
	MUST(ksem_wait_many(world.proc, id, 2, CLOCK_MONOTONIC, &until) == 0);
	note_wake();
}

static void wait_for_any(void)
{
	struct timespec until = in_ms(CLOCK_MONOTONIC, PATIENCE);
	ksem_id_t ids[2];
	unsigned which;

	come_in();
	ids[1] = id;
	MUST(ksem_init(world.proc, 0, &ids[0]) == 0);
	MUST(ksem_wait_any(world.proc, ids, 2, CLOCK_MONOTONIC, &until, &which) == 0 && which == 1);
	note_wake();
}

/* ---- Measuring. ---- */

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void is_within(int64_t *times, unsigned count, int64_t bound)
{
	qsort(times, count, sizeof(*times), compare);
	printf("%.3f ms, at most %.3f\n", (double)times[count / 2] / 1e6, (double)times[count - 1] / 1e6);
	assert_true(times[count / 2] >= 0);
	assert_true(times[count / 2] <= bound);
}

/* One holder of all permits dies; a waiter is asleep. Returns how long after that it has its permits. */
static int64_t kill_while_waiting(void (*hold)(void), void (*wait)(void))
{
	pid_t holder, waiter;
	int64_t died;

	store_seq(&turn->ready, 0);
	holder = start_process(hold);
	until_ready(1);
	waiter = start_process(wait);
	until_waiting(world.proc, id, 1);
	usleep(2000);
	died = now();
	kill_and_reap(holder);
	must_end_well(waiter);
	return load_seq(&board->woke) - died;
}

static void kill_often(uint32_t order, uint32_t limit, void (*hold)(void), void (*wait)(void), int64_t bound)
{
	int64_t times[TIMES];

	make_of(order, limit);
	for (int i = 0; i < TIMES; i++)
		times[i] = kill_while_waiting(hold, wait);
	is_within(times, TIMES, bound);
	end();
}

static void sleepers_of_all_orders_notice_at_once(void **state)
{
	(void)state;
	for (uint32_t order = KSEM_BARGING; order <= KSEM_LIFO; order++) {
		kill_often(order, 1, hold_one, wait_for_one, FORKS_BOUND_NS);
		kill_often(order, 2, hold_two, wait_for_two, FORKS_BOUND_NS);
		kill_often(order, 1, hold_one, wait_for_any, FORKS_BOUND_NS);
	}
}

/* The holder ends by itself. */
static int64_t end_while_waiting(void (*hold)(void))
{
	pid_t holder, waiter;
	int64_t went;

	store_seq(&turn->ready, 0);
	store_seq(&turn->go, 0);
	holder = start_process(hold);
	until_ready(1);
	waiter = start_process(wait_for_one);
	until_waiting(world.proc, id, 1);
	usleep(2000);
	went = now();
	store_seq(&turn->go, 1);
	must_end_well(waiter);
	kill(holder, SIGKILL);
	MUST(waitpid(holder, NULL, 0) == holder);
	return load_seq(&board->woke) - went;
}

static void exit_and_exec_are_noticed_at_once(void **state)
{
	int64_t times[TIMES];

	(void)state;
	make_of(KSEM_FIFO, 1);
	for (int i = 0; i < TIMES; i++)
		times[i] = end_while_waiting(hold_and_exit);
	is_within(times, TIMES, FORKS_BOUND_NS);
	for (int i = 0; i < TIMES; i++)
		times[i] = end_while_waiting(hold_and_execute);
	is_within(times, TIMES, FORKS_BOUND_NS);
	end();
}

/* The sleeper wants two. The first holder has given its permit back; the one that came later has the other one. */
static void who_comes_later_is_noticed_too(void **state)
{
	int64_t times[TIMES];

	(void)state;
	make_of(KSEM_BARGING, 2);
	for (int i = 0; i < TIMES; i++) {
		pid_t first, waiter, later;

		store_seq(&turn->ready, 0);
		store_seq(&turn->go, 0);
		first = start_process(hold_and_give_back);
		until_ready(1);
		waiter = start_process(wait_for_two);
		until_waiting(world.proc, id, 1);
		later = start_process(hold_one);
		until_ready(2);
		store_seq(&turn->go, 1);
		until_ready(3);
		times[i] = -now();
		kill_and_reap(later);
		must_end_well(waiter);
		times[i] += load_seq(&board->woke);
		kill_and_reap(first);
	}
	is_within(times, TIMES, FORKS_BOUND_NS);
	end();
}

/* Each process watches for its own sleepers. */
static int64_t waiter_without(int signal)
{
	pid_t holder, other, waiter;
	int64_t died;

	store_seq(&turn->ready, 0);
	holder = start_process(hold_two);
	until_ready(1);
	other = start_process(wait_for_one);
	until_waiting(world.proc, id, 1);
	waiter = start_process(wait_for_one);
	until_waiting(world.proc, id, 2);
	MUST(kill(other, signal) == 0);
	if (signal == SIGKILL)
		MUST(waitpid(other, NULL, 0) == other);
	died = now();
	kill_and_reap(holder);
	must_end_well(waiter);
	died = load_seq(&board->woke) - died;
	if (signal != SIGKILL)
		kill_and_reap(other);
	return died;
}

static void another_watcher_may_be_killed_or_stopped(void **state)
{
	int64_t times[TIMES];

	(void)state;
	make_of(KSEM_FIFO, 2);
	for (int i = 0; i < TIMES; i++)
		times[i] = waiter_without(SIGKILL);
	is_within(times, TIMES, FORKS_BOUND_NS);
	for (int i = 0; i < TIMES; i++)
		times[i] = waiter_without(SIGSTOP);
	is_within(times, TIMES, FORKS_BOUND_NS);
	end();
}

static void wait_for_the_slow(void)
{
	slowly = true;
	wait_for_one();
}

static void a_slow_death_is_noticed_too(void **state)
{
	(void)state;
	kill_often(KSEM_FIFO, 1, hold_one, wait_for_the_slow, FORKS_BOUND_NS);
}

/* The watcher is there, but when the holder died, nobody waited. */
static void wait_again(void)
{
	struct timespec until = in_ms(CLOCK_MONOTONIC, PATIENCE);
	unsigned which;
	int64_t began;

	come_in();
	MUST(wait_patiently(world.proc, id) == 0);
	MUST(ksem_post(world.proc, id) == 0);
	say_ready();
	until_go();
	usleep(OVER_US);
	began = now();
	MUST(ksem_wait_any(world.proc, &id, 1, CLOCK_MONOTONIC, &until, &which) == 0); /* which doesn't try first */
	store_seq(&board->woke, now() - began);
}

static void who_comes_after_a_death_looks_before_it_sleeps(void **state)
{
	int64_t times[TIMES];

	(void)state;
	make_of(KSEM_FIFO, 1);
	for (int i = 0; i < TIMES; i++) {
		pid_t first, holder, waiter;

		store_seq(&turn->ready, 0);
		store_seq(&turn->go, 0);
		first = start_process(hold_one);
		until_ready(1);
		waiter = start_process(wait_again);
		until_waiting(world.proc, id, 1);
		kill_and_reap(first);
		until_ready(2);
		holder = start_process(hold_one);
		until_ready(3);
		kill_and_reap(holder);
		store_seq(&turn->go, 1);
		must_end_well(waiter);
		times[i] = load_seq(&board->woke);
	}
	is_within(times, TIMES, FORKS_BOUND_NS);
	end();
}

static void among_a_hundred_processes(void **state)
{
	int64_t times[3];
	pid_t others[MANY - 3];

	(void)state;
	make_of(KSEM_FIFO, MANY);
	for (int i = 0; i < MANY - 3; i++)
		others[i] = start_process(hold_one);
	until_ready(MANY - 3);
	for (int i = 0; i < 3; i++) {
		pid_t holder, waiter;

		store_seq(&turn->ready, 0);
		holder = start_process(hold_two);
		until_ready(1);
		waiter = start_process(wait_for_two);
		until_waiting(world.proc, id, 1);
		times[i] = -now();
		kill_and_reap(holder);
		must_end_well(waiter);
		times[i] += load_seq(&board->woke);
	}
	is_within(times, 3, FORKS_BOUND_NS);
	for (int i = 0; i < MANY - 3; i++)
		kill_and_reap(others[i]);
	end();
}

static void wait_very_patiently(void)
{
	struct timespec until = in_ms(CLOCK_MONOTONIC, 5 * PATIENCE);
	uint32_t each;

	come_in();
	MUST(ksem_clockwait(world.proc, id, CLOCK_MONOTONIC, &until) == 0);
	each = fetch_add_seq(&board->turns, 1);
	board->each[each].who = getpid();
	board->each[each].woke = now();
}

/* When the process of that turn had ended: later by what the kernel took for that. */
static int64_t ended(const pid_t *pids, const int64_t *ends, unsigned count, unsigned nth)
{
	for (unsigned i = 0; i < count; i++) {
		if (pids[i] == board->each[nth].who)
			return ends[i];
	}
	fail_msg("who was that?");
	return 0;
}

/* Each sleeper ends with the permit that it was granted, and so lets the next one go on. All of them watch. */
static void a_hundred_sleepers_notice_one_after_another(void **state)
{
	unsigned count = (unsigned)ROUNDS(MANY - 2);
	pid_t holder, waiters[MANY - 2];
	int64_t ends[MANY - 2], times[MANY - 2];

	(void)state;
	make_of(KSEM_FIFO, 1);
	store_seq(&board->turns, 0);
	holder = start_process(hold_one);
	until_ready(1);
	for (unsigned i = 0; i < count; i++)
		start_process(wait_very_patiently);
	until_waiting(world.proc, id, count);
	kill_and_reap(holder);
	for (unsigned i = 0; i < count; i++) {
		int status;

		waiters[i] = waitpid(-1, &status, 0);
		ends[i] = now();
		MUST(waiters[i] > 0 && status == 0);
	}
	assert_int_equal(load_seq(&board->turns), count);
	for (unsigned i = 1; i < count; i++) {
		int64_t end = ended(waiters, ends, count, i - 1), woke = board->each[i].woke;

		times[i - 1] = woke > end ? woke - end : 0; /* this process may learn of the end later */
	}
	is_within(times, count - 1, FORKS_BOUND_NS);
	end();
}

/* ---- The waiter's process. ---- */

/* No file of this process can be opened any more. */
static void wait_without_descriptors(void)
{
	struct rlimit none = {0, 0};

	come_in();
	MUST(getrlimit(RLIMIT_NOFILE, &none) == 0);
	none.rlim_cur = 64;
	MUST(setrlimit(RLIMIT_NOFILE, &none) == 0);
	while (open("/dev/null", O_RDONLY) >= 0)
		;
	MUST(errno == EMFILE);
	MUST(wait_patiently(world.proc, id) == 0);
	note_wake();
}

static void without_free_descriptors(void **state)
{
	(void)state;
	kill_often(KSEM_FIFO, 1, hold_one, wait_without_descriptors, FORKS_BOUND_NS);
}

/* The program closes all that it finds open, after it has begun to wait. */
static void wait_and_close_descriptors(void)
{
	pthread_t thread;

	come_in();
	thread = start(wait_in_thread, NULL);
	until_asleep(world.proc, id, 1);
	usleep(20000);
	MUST(syscall(SYS_close_range, 3, ~0U, 0) == 0);
	MUST(open("/dev/null", O_RDONLY) == 3 && open("/dev/null", O_RDONLY) == 4 && open("/dev/null", O_RDONLY) == 5);
	say_ready();
	finish(thread);
	note_wake();
	for (int fd = 3; fd < 6; fd++)
		MUST(fcntl(fd, F_GETFD) == 0); /* they are still the program's */
}

static void who_closed_all_descriptors_notices(void **state)
{
	int64_t times[TIMES];

	(void)state;
	if (THREAD_SANITIZED)
		SKIP("the sanitizer reports who closes what another thread uses");
	make_of(KSEM_FIFO, 1);
	for (int i = 0; i < TIMES; i++) {
		pid_t holder, waiter;

		store_seq(&turn->ready, 0);
		holder = start_process(hold_one);
		until_ready(1);
		waiter = start_process(wait_and_close_descriptors);
		until_ready(2);
		times[i] = -now();
		kill_and_reap(holder);
		must_end_well(waiter);
		times[i] += load_seq(&board->woke);
	}
	is_within(times, TIMES, FORKS_BOUND_NS);
	end();
}

#define REFUSAL(number, error) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))

static int refused; /* a system call */

static void wait_where_it_is_refused(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		REFUSAL((unsigned)refused, EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
	struct rusage usage;

	come_in();
	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
	MUST(wait_patiently(world.proc, id) == 0);
	note_wake();
	MUST(getrusage(RUSAGE_SELF, &usage) == 0);
	MUST(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec == 0); /* it didn't turn round and round */
}

static void sleepers_notice_where_a_call_is_refused(void **state)
{
	const int calls[] = {SYS_close_range, SYS_inotify_init1, SYS_inotify_add_watch,
			     SYS_ppoll,       SYS_openat,        SYS_clone3,
			     SYS_clone,       SYS_kill,          SYS_getpgid};

	(void)state;
	if (SANITIZED || EMULATED)
		SKIP("the sanitizer or the emulator makes these calls, too");
	make_of(KSEM_LIFO, 1);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		int64_t took;

		refused = calls[i];
		took = kill_while_waiting(hold_one, wait_where_it_is_refused);
		printf("without call %d: %.3f ms\n", refused, (double)took / 1e6);
		assert_true(took <= LOOKS_NS);
	}
	end();
}

static void forked_child_waits(void)
{
	MUST(wait_patiently(world.proc, id) == 0);
	note_wake();
	say_ready();
}

/* A thread sleeps, with a watcher; the process forks, and the child sleeps. */
static void wait_and_fork(void)
{
	pthread_t thread;
	pid_t child;

	come_in();
	thread = start(wait_in_thread, NULL);
	until_asleep(world.proc, id, 1);
	child = start_process(forked_child_waits);
	until_waiting(world.proc, id, 2);
	say_ready();
	finish(thread);
	must_end_well(child);
}

/* The parent is stopped, so that its watcher is no help. */
static void a_forks_child_watches_for_itself(void **state)
{
	int64_t times[TIMES];

	(void)state;
	make_of(KSEM_FIFO, 2);
	for (int i = 0; i < TIMES; i++) {
		pid_t holder, waiter;

		store_seq(&turn->ready, 0);
		holder = start_process(hold_two);
		until_ready(1);
		waiter = start_process(wait_and_fork);
		until_ready(2);
		MUST(kill(waiter, SIGSTOP) == 0);
		MUST(waitpid(waiter, NULL, WUNTRACED) == waiter);
		times[i] = -now();
		kill_and_reap(holder);
		until_ready(3);
		times[i] += load_seq(&board->woke);
		MUST(kill(waiter, SIGCONT) == 0);
		must_end_well(waiter);
	}
	is_within(times, TIMES, FORKS_BOUND_NS);
	end();
}

static unsigned threads_of_this_process(void)
{
	char line[100];
	unsigned threads = 0;
	FILE *status = fopen("/proc/self/status", "re");

	MUST(status != NULL);
	while (fgets(line, sizeof(line), status)) {
		if (sscanf(line, "Threads: %u", &threads) == 1)
			break;
	}
	fclose(status);
	return threads;
}

static void until_threads(unsigned n)
{
	for (int i = 0; i < PATIENCE && threads_of_this_process() != n; i++)
		usleep(1000);
	MUST(threads_of_this_process() == n);
}

/* A process that does `act`, and waits meanwhile for what a holder has; that is killed once the process is ready. */
static void watch_beside_a_holder(void (*act)(void))
{
	pid_t holder, child;

	if (THREAD_SANITIZED)
		SKIP("the sanitizer has threads of its own");
	make_of(KSEM_FIFO, 1);
	holder = start_process(hold_one);
	until_ready(1);
	child = start_process(act);
	until_ready(2);
	kill_and_reap(holder);
	must_end_well(child);
	end();
}

/* The thread that sleeps is cancelled, but waits on; then the process leaves the namespace, and the watcher ends. */
static void cancel_and_leave(void)
{
	unsigned before = threads_of_this_process();
	pthread_t thread;

	come_in();
	thread = start(wait_in_thread, NULL);
	until_asleep(world.proc, id, 1);
	until_threads(before + 2);
	pthread_cancel(thread);
	say_ready();
	pthread_join(thread, NULL);
	note_wake();
	MUST(ksem_proc_exit(world.proc) == 0);
	MUST(ksem_ns_destroy(world.ns) == 0);
	until_threads(before);
}

static void a_watcher_ends_with_the_namespace(void **state)
{
	(void)state;
	watch_beside_a_holder(cancel_and_leave);
}

/* Somebody opens and closes the directory, or a file in it, as who lists the semaphores does. */
static void open_and_close(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	MUST(fd >= 0);
	close(fd);
}

/* Nobody waits, but the directory is closed all the time. */
static void wait_and_stay(void)
{
	unsigned before = threads_of_this_process();
	pthread_t thread;

	come_in();
	thread = start(wait_in_thread, NULL);
	until_asleep(world.proc, id, 1);
	say_ready();
	pthread_join(thread, NULL);
	until_threads(before + 1);
	for (unsigned ms = 0; ms < 3 * PATIENCE && threads_of_this_process() > before; ms += 100) {
		open_and_close(path_of(""));
		sleep_ms(100);
	}
	MUST(threads_of_this_process() == before);
}

static void a_watcher_that_nobody_needs_ends(void **state)
{
	(void)state;
	watch_beside_a_holder(wait_and_stay);
}

/* Before and after, the watcher is the same thread. */
static void wait_while_files_are_closed(void)
{
	unsigned before = threads_of_this_process();
	pthread_t thread;

	come_in();
	thread = start(wait_in_thread, NULL);
	until_threads(before + 2);
	sleep_ms(300); /* it has looked for the last time after its start */
	for (int i = 0; i < 100; i++) {
		open_and_close(path_of(NAME));
		sleep_ms(2);
		MUST(threads_of_this_process() == before + 2);
	}
	say_ready();
	pthread_join(thread, NULL);
}

static void news_of_files_end_no_watcher(void **state)
{
	(void)state;
	watch_beside_a_holder(wait_while_files_are_closed);
}

static void exit_while_a_thread_sleeps(void)
{
	come_in();
	start(wait_in_thread, NULL);
	until_asleep(world.proc, id, 1);
	exit(0);
}

static void a_process_may_exit_while_it_watches(void **state)
{
	pid_t holder;

	(void)state;
	make_of(KSEM_FIFO, 1);
	holder = start_process(hold_one);
	until_ready(1);
	for (int i = 0; i < 20; i++)
		must_end_well(start_process(exit_while_a_thread_sleeps));
	kill_and_reap(holder);
	end();
}

/* In a process that isn't a fork's child: with ThreadSanitizer, too. The last test, since it leaves a thread. */
static void a_thread_of_this_process_notices(void **state)
{
	int64_t times[TIMES];

	(void)state;
	make_of(KSEM_FIFO, 1);
	for (int i = 0; i < TIMES; i++) {
		pthread_t thread;
		pid_t holder;

		store_seq(&turn->ready, 0);
		holder = start_process(hold_one);
		until_ready(1);
		thread = start(wait_in_thread, NULL);
		until_asleep(world.proc, id, 1);
		times[i] = -now();
		kill_and_reap(holder);
		finish(thread);
		times[i] += now();
		OK(ksem_post(world.proc, id));
	}
	is_within(times, TIMES, BOUND_NS);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		board_test(sleepers_of_all_orders_notice_at_once),
		board_test(exit_and_exec_are_noticed_at_once),
		board_test(who_comes_later_is_noticed_too),
		board_test(another_watcher_may_be_killed_or_stopped),
		board_test(a_slow_death_is_noticed_too),
		board_test(who_comes_after_a_death_looks_before_it_sleeps),
		board_test(among_a_hundred_processes),
		board_test(a_hundred_sleepers_notice_one_after_another),
		board_test(without_free_descriptors),
		board_test(who_closed_all_descriptors_notices),
		board_test(sleepers_notice_where_a_call_is_refused),
		board_test(a_forks_child_watches_for_itself),
		board_test(a_watcher_ends_with_the_namespace),
		board_test(news_of_files_end_no_watcher),
		board_test(a_watcher_that_nobody_needs_ends),
		board_test(a_process_may_exit_while_it_watches),
		board_test(a_thread_of_this_process_notices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
