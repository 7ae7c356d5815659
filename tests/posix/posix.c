/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The calls of <semaphore.h> on semaphores without names.
 */
#include "posix.h"

#include <dlfcn.h>
#include <limits.h>
#include <setjmp.h>
#include <sys/syscall.h>
#include <sys/time.h>

static void the_calls_are_those_of_this_build(void **state)
{
	Dl_info info = {0};

	(void)state;
	assert_int_not_equal(dladdr((void *)(uintptr_t)sem_post, &info), 0);
	printf("sem_post is in %s\n", info.dli_fname);
#ifdef KSEM_POSIX_SHARED
	assert_non_null(strstr(info.dli_fname, "libksem_posix.so"));
#endif
	if (!OURS)
		assert_null(strstr(info.dli_fname, "ksem"));
}

/* ---- One thread. ---- */

static void permits_are_counted(void **state)
{
	sem_t sem;

	(void)state;
	OK(sem_init(&sem, 0, 2));
	assert_int_equal(sem_value(&sem), 2);
	OK(sem_wait(&sem));
	OK(sem_trywait(&sem));
	assert_int_equal(sem_value(&sem), 0);
	REFUSES(EAGAIN, sem_trywait(&sem));
	OK(sem_post(&sem));
	OK(sem_post(&sem));
	assert_int_equal(sem_value(&sem), 2);
	OK(sem_wait(&sem));
	assert_int_equal(sem_value(&sem), 1);
	OK(sem_destroy(&sem));
}

static void bytes_of_0_are_a_semaphore_without_permits(void **state)
{
	static sem_t sem;

	(void)state;
	assert_int_equal(sem_value(&sem), 0);
	REFUSES(EAGAIN, sem_trywait(&sem));
	OK(sem_post(&sem));
	OK(sem_wait(&sem));
}

static void init_writes_no_byte_beyond(void **state)
{
	struct {
		sem_t sem;
		unsigned char after[32];
	} memory;

	(void)state;
	memset(&memory, 0xA5, sizeof(memory));
	OK(sem_init(&memory.sem, 1, 7));
	OK(sem_post(&memory.sem));
	for (unsigned i = 0; i < sizeof(memory.after); i++)
		assert_int_equal(memory.after[i], 0xA5);
	assert_int_equal(sem_value(&memory.sem), 8);
}

static void values_end_at_SEM_VALUE_MAX(void **state)
{
	sem_t sem;

	(void)state;
	REFUSES(EINVAL, sem_init(&sem, 0, (unsigned)SEM_VALUE_MAX + 1));
	REFUSES(EINVAL, sem_init(&sem, 1, UINT_MAX));
	OK(sem_init(&sem, 0, SEM_VALUE_MAX));
	assert_int_equal(sem_value(&sem), SEM_VALUE_MAX);
	REFUSES(EOVERFLOW, sem_post(&sem));
	assert_int_equal(sem_value(&sem), SEM_VALUE_MAX);
	OK(sem_wait(&sem));
	OK(sem_post(&sem));
	REFUSES(EOVERFLOW, sem_post(&sem));
	OK(sem_destroy(&sem));
}

static void deadlines_are_checked(void **state)
{
	struct timespec bad[] = {{1, -1}, {1, 1000000000}, {TIME_MAX, TIME_MAX}};
	struct timespec past = {-1, 0};
	sem_t sem;

	(void)state;
	OK(sem_init(&sem, 0, 0));
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		REFUSES(EINVAL, sem_timedwait(&sem, &bad[i]));
		REFUSES(EINVAL, sem_clockwait(&sem, CLOCK_MONOTONIC, &bad[i]));
	}
	REFUSES(EINVAL, sem_clockwait(&sem, CLOCK_PROCESS_CPUTIME_ID, &past));
	REFUSES(EINVAL, sem_clockwait(&sem, 12345, &past));
	REFUSES(ETIMEDOUT, sem_timedwait(&sem, &past));
	REFUSES(ETIMEDOUT, sem_clockwait(&sem, CLOCK_MONOTONIC, &past));
	OK(sem_post(&sem));
	OK(sem_timedwait(&sem, &past)); /* a permit that is there is taken however late it is */
	assert_int_equal(sem_waiters(&sem), 0);
}

static void a_deadline_ends_a_wait_and_not_before(clockid_t clock, int pshared)
{
	struct timespec until = in_ms(clock, 60), now;
	sem_t sem;

	OK(sem_init(&sem, pshared, 0));
	if (clock == CLOCK_REALTIME)
		REFUSES(ETIMEDOUT, sem_timedwait(&sem, &until));
	else
		REFUSES(ETIMEDOUT, sem_clockwait(&sem, clock, &until));
	clock_gettime(clock, &now);
	assert_true(now.tv_sec > until.tv_sec || (now.tv_sec == until.tv_sec && now.tv_nsec >= until.tv_nsec));
	assert_int_equal(sem_value(&sem), 0);
	assert_int_equal(sem_waiters(&sem), 0);
}

static void waits_end_at_their_deadline(void **state)
{
	(void)state;
	for (int pshared = 0; pshared < 2; pshared++) {
		a_deadline_ends_a_wait_and_not_before(CLOCK_REALTIME, pshared);
		a_deadline_ends_a_wait_and_not_before(CLOCK_MONOTONIC, pshared);
	}
}

/* ---- Beside libc's calls on the same sem_t, as of a plugin that is bound to libc. ---- */

static struct {
	int (*init)(sem_t *, int, unsigned), (*post)(sem_t *), (*wait)(sem_t *), (*trywait)(sem_t *);
	int (*getvalue)(sem_t *, int *);
} libc;

static bool find_libcs(void)
{
	void *handle = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);

	if (!handle)
		return false;
	libc.init = (int (*)(sem_t *, int, unsigned))(uintptr_t)dlsym(handle, "sem_init");
	libc.post = (int (*)(sem_t *))(uintptr_t)dlsym(handle, "sem_post");
	libc.wait = (int (*)(sem_t *))(uintptr_t)dlsym(handle, "sem_wait");
	libc.trywait = (int (*)(sem_t *))(uintptr_t)dlsym(handle, "sem_trywait");
	libc.getvalue = (int (*)(sem_t *, int *))(uintptr_t)dlsym(handle, "sem_getvalue");
	return libc.init && libc.post && libc.wait && libc.trywait && libc.getvalue;
}

static sem_t mixed;
static int (*mixed_wait)(sem_t *);
static atomic_int mixed_done;

static void *wait_mixed(void *arg)
{
	MUST(mixed_wait(&mixed) == 0);
	atomic_fetch_add(&mixed_done, 1);
	return arg;
}

static void mix(int (*init)(sem_t *, int, unsigned), int (*wait)(sem_t *), int (*post)(sem_t *), int pshared)
{
	pthread_t threads[2];
	int value;

	memset(&mixed, 0xA5, sizeof(mixed));
	OK(init(&mixed, pshared, 3));
	OK(libc.getvalue(&mixed, &value));
	assert_int_equal(value, 3);
	for (int i = 0; i < 3; i++)
		OK(i % 2 ? libc.trywait(&mixed) : sem_trywait(&mixed));
	REFUSES(EAGAIN, libc.trywait(&mixed));
	REFUSES(EAGAIN, sem_trywait(&mixed));
	mixed_wait = wait;
	atomic_store(&mixed_done, 0);
	for (int i = 0; i < 2; i++)
		threads[i] = start(wait_mixed, NULL);
	sleep_ms(50); /* till they sleep; if not, they find the permit */
	for (int i = 0; i < 2; i++) {
		OK(post(&mixed));
		while (atomic_load(&mixed_done) <= i)
			sleep_ms(1);
	}
	for (int i = 0; i < 2; i++)
		finish(threads[i]);
	assert_int_equal(sem_value(&mixed), 0);
	assert_int_equal(sem_waiters(&mixed), 0);
}

static void libcs_calls_understand_ours(void **state)
{
	(void)state;
	if (SANITIZED || EMULATED || !find_libcs())
		SKIP("it isn't glibc's that is found");
	for (int pshared = 0; pshared < 2; pshared++) {
		mix(sem_init, sem_wait, libc.post, pshared);
		mix(sem_init, libc.wait, sem_post, pshared);
		mix(libc.init, sem_wait, libc.post, pshared);
		mix(libc.init, libc.wait, sem_post, pshared);
	}
}

/* ---- Threads. ---- */

static struct {
	sem_t sem, other;
	int kind;     /* of the wait */
	int answer;   /* of the wait, with its errno */
	long payload; /* plain: ordered by the semaphore alone */
	atomic_int ready, posted, refused;
	atomic_bool stop;
	_Atomic(sem_t *) given;
} test;

static void begin(int pshared, unsigned value)
{
	memset(&test, 0, sizeof(test));
	OK(sem_init(&test.sem, pshared, value));
}

/* One of the three waits, as test.kind says. */
static int wait_somehow(sem_t *sem, int kind)
{
	struct timespec real = in_ms(CLOCK_REALTIME, 100000), monotonic = in_ms(CLOCK_MONOTONIC, 100000);

	return kind == 0 ? sem_wait(sem) :
	       kind == 1 ? sem_timedwait(sem, &real) :
			   sem_clockwait(sem, CLOCK_MONOTONIC, &monotonic);
}

static void *wait_once(void *arg)
{
	(void)arg;
	atomic_fetch_add(&test.ready, 1);
	test.answer = wait_somehow(&test.sem, test.kind) == 0 ? 0 : errno;
	if (test.answer == 0)
		test.payload++;
	atomic_store(&test.stop, true);
	return NULL;
}

static void a_post_wakes_a_sleeper(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		pthread_t thread;

		begin(i / 3, 0);
		test.kind = i % 3;
		thread = start(wait_once, NULL);
		until_sem_waiters(&test.sem, 1);
		assert_int_equal(sem_value(&test.sem), 0);
		test.payload = 41;
		OK(sem_post(&test.sem));
		finish(thread);
		assert_int_equal(test.answer, 0);
		assert_int_equal(test.payload, 42);
		assert_int_equal(sem_value(&test.sem), 0);
		assert_int_equal(sem_waiters(&test.sem), 0);
	}
}

static void *add_under_it(void *arg)
{
	for (int i = 0; i < ROUNDS(100000); i++) {
		MUST(wait_somehow(&test.sem, *(int *)arg) == 0);
		test.payload++;
		MUST(sem_post(&test.sem) == 0);
	}
	return NULL;
}

static void one_permit_is_a_lock(void **state)
{
	int kinds[] = {0, 1, 2, 0};
	pthread_t threads[4];

	(void)state;
	for (int pshared = 0; pshared < 2; pshared++) {
		begin(pshared, 1);
		for (int i = 0; i < 4; i++)
			threads[i] = start(add_under_it, &kinds[i]);
		for (int i = 0; i < 4; i++)
			finish(threads[i]);
		assert_int_equal(test.payload, 4 * ROUNDS(100000));
		assert_int_equal(sem_value(&test.sem), 1);
		assert_int_equal(sem_waiters(&test.sem), 0);
	}
}

static void *post_till_full(void *arg)
{
	(void)arg;
	for (int i = 0; i < 10000; i++) {
		if (sem_post(&test.sem) == 0)
			atomic_fetch_add(&test.posted, 1);
		else
			MUST(errno == EOVERFLOW);
		MUST(sem_value(&test.sem) >= 0);
	}
	return NULL;
}

static void posters_that_race_end_at_SEM_VALUE_MAX(void **state)
{
	pthread_t threads[4];

	(void)state;
	begin(0, SEM_VALUE_MAX - 20001);
	for (int i = 0; i < 4; i++)
		threads[i] = start(post_till_full, NULL);
	for (int i = 0; i < 4; i++)
		finish(threads[i]);
	assert_int_equal(atomic_load(&test.posted), 20001);
	assert_int_equal(sem_value(&test.sem), SEM_VALUE_MAX);
}

/* ---- The end, right after the wait. ---- */

static void *post_what_is_given(void *arg)
{
	unsigned turn = 0;

	(void)arg;
	while (!atomic_load(&test.stop)) {
		sem_t *sem = atomic_exchange(&test.given, NULL);

		if (!sem) {
			sched_yield();
			continue;
		}
		if (OURS && ++turn % 4 == 0) /* a poster of one that sleeps, or is on its way */
			until_sem_waiters(sem, 1);
		MUST(sem_post(sem) == 0);
	}
	return NULL;
}

static void memory_may_go_right_after_the_wait(void **state)
{
	pthread_t poster;

	(void)state;
	begin(0, 0);
	poster = start(post_what_is_given, NULL);
	for (int i = 0; i < ROUNDS(20000); i++) {
		sem_t *sem = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				  (i % 2 ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS, -1, 0);

		assert_true(sem != MAP_FAILED);
		OK(sem_init(sem, i % 2, 0));
		atomic_store(&test.given, sem);
		OK(sem_wait(sem));
		OK(sem_destroy(sem));
		OK(munmap(sem, 4096));
	}
	atomic_store(&test.stop, true);
	finish(poster);
}

/* ---- Signals. ---- */

static void set_handler(int signal, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	OK(sigaction(signal, &action, NULL));
}

static atomic_int handled;

static void count_signal(int signal)
{
	(void)signal;
	atomic_fetch_add(&handled, 1);
}

/* Signals a thread that sleeps, until its handler has run once more. */
static void disturb(pthread_t thread)
{
	int before = atomic_load(&handled);

	sleep_ms(20);
	pthread_kill(thread, SIGUSR1);
	while (atomic_load(&handled) == before)
		sched_yield();
}

static void a_handler_ends_waits(void **state)
{
	(void)state;
	set_handler(SIGUSR1, count_signal, 0);
	for (int i = 0; i < 6; i++) {
		pthread_t thread;

		begin(i / 3, 0);
		test.kind = i % 3;
		thread = start(wait_once, NULL);
		until_sem_waiters(&test.sem, 1);
		while (!atomic_load(&test.stop)) { /* a handler that runs just before the sleep doesn't end it */
			pthread_kill(thread, SIGUSR1);
			sleep_ms(3);
		}
		finish(thread);
		assert_int_equal(test.answer, EINTR);
		assert_int_equal(sem_waiters(&test.sem), 0);
		assert_int_equal(sem_value(&test.sem), 0);
	}
}

static _Thread_local sigjmp_buf before_the_wait;

static void leave_the_wait(int signal)
{
	(void)signal;
	siglongjmp(before_the_wait, 1);
}

/* Overwrites the stack on which the wait was, and ends the thread, which runs the cleanup handlers that are left. */
static void *be_thrown_out(void *arg)
{
	char stack[8192];

	if (sigsetjmp(before_the_wait, 1) == 0)
		sem_wait(&test.sem);
	memset(stack, 0x41, sizeof(stack));
	__asm__ volatile("" : : "r"(stack) : "memory");
	pthread_exit(arg);
}

static void a_handler_may_jump_out_of_a_wait(void **state)
{
	pthread_t thread;

	(void)state;
	set_handler(SIGUSR1, leave_the_wait, 0);
	begin(0, 0);
	thread = start(be_thrown_out, &test);
	until_sem_waiters(&test.sem, 1);
	sleep_ms(20);
	pthread_kill(thread, SIGUSR1);
	assert_ptr_equal(finish(thread), &test);
}

/* Only the wait without a deadline goes on. */
static void a_handler_with_SA_RESTART_does_not(void **state)
{
	(void)state;
	if (THREAD_SANITIZED)
		SKIP("there a wait is a sequence of short sleeps, as its runtime holds handlers back");
	set_handler(SIGUSR1, count_signal, SA_RESTART);
	for (int pshared = 0; pshared < 2; pshared++) {
		pthread_t thread;

		begin(pshared, 0);
		thread = start(wait_once, NULL);
		until_sem_waiters(&test.sem, 1);
		disturb(thread);
		disturb(thread);
		sleep_ms(20);
		OK(sem_post(&test.sem));
		finish(thread);
		assert_int_equal(test.answer, 0);
	}
}

/* ---- Signals at whole seconds, when programs' timers fire. ---- */

#define TIMED_THREADS 48

static struct {
	sem_t sem[TIMED_THREADS / 2]; /* two threads wait on each but the first few: one */
	atomic_int interrupted, posted_to;
} seconds;

static void nothing(int signal)
{
	(void)signal;
}

/* A timer that signals this thread in a second, and by so many microseconds more or less. */
static timer_t time_this_thread(int us)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR2};
	struct itimerspec when = {{0, 0}, {0, 1000000000 + us * 1000L}};
	timer_t timer;

	event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	when.it_value.tv_sec = when.it_value.tv_nsec / 1000000000;
	when.it_value.tv_nsec %= 1000000000;
	MUST(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	MUST(timer_settime(timer, 0, &when, NULL) == 0);
	return timer;
}

static void *wait_for_a_second(void *arg)
{
	int which = (int)(intptr_t)arg;
	timer_t timer = time_this_thread(which * 10 - 10 * TIMED_THREADS / 3); /* some before, more after */

	if (wait_somehow(&seconds.sem[which / 2], which % 3) == 0) {
		atomic_fetch_add(&seconds.posted_to, 1);
	} else {
		MUST(errno == EINTR);
		atomic_fetch_add(&seconds.interrupted, 1);
	}
	MUST(timer_delete(timer) == 0);
	return NULL;
}

/* None of them is lost: a thread that sleeps in slices, and goes on when one is over, would lose some. */
static void no_signal_is_lost_when_a_second_is_over(void **state)
{
	pthread_t threads[TIMED_THREADS];

	(void)state;
	if (EMULATED)
		SKIP("there are no timers that signal a thread");
	if (THREAD_SANITIZED)
		SKIP("there a wait is a sequence of short sleeps, as its runtime holds handlers back");
	set_handler(SIGUSR2, nothing, 0);
	memset(&seconds, 0, sizeof(seconds));
	for (int i = 0; i < TIMED_THREADS / 2; i++)
		OK(sem_init(&seconds.sem[i], i % 4 != 0, 0));
	for (int i = 0; i < TIMED_THREADS; i++)
		threads[i] = start(wait_for_a_second, (void *)(intptr_t)i);
	for (int ms = 0; ms < 5000 && atomic_load(&seconds.interrupted) < TIMED_THREADS; ms++)
		sleep_ms(1);
	for (int i = 0; i < TIMED_THREADS; i++) /* lets out those who still wait */
		OK(sem_post(&seconds.sem[i / 2]));
	for (int i = 0; i < TIMED_THREADS; i++)
		finish(threads[i]);
	assert_int_equal(atomic_load(&seconds.posted_to), 0);
}

static void post_both(int signal)
{
	int saved = errno;

	(void)signal;
	MUST(sem_post(&test.sem) == 0);
	MUST(sem_post(&test.other) == 0);
	MUST(errno == saved);
	atomic_fetch_add(&test.posted, 1);
}

/* Its thread posts, takes and waits meanwhile; none of its calls may be in the way of the handler's. */
static void handlers_may_post(void **state)
{
	struct itimerval often = {{0, 100}, {0, 100}}, never = {{0, 0}, {0, 0}};
	int taken = 0, posted = 0;

	(void)state;
	begin(0, 0);
	OK(sem_init(&test.other, 0, 0));
	set_handler(SIGALRM, post_both, SA_RESTART);
	OK(setitimer(ITIMER_REAL, &often, NULL));
	while (atomic_load(&test.posted) < ROUNDS(2000)) {
		OK(sem_wait(&test.sem)); /* for the handler's */
		taken++;
		for (int i = 0; i < 100; i++) {
			OK(sem_post(&test.sem));
			posted++;
			if (sem_trywait(&test.sem) == 0)
				taken++;
		}
	}
	OK(setitimer(ITIMER_REAL, &never, NULL));
	set_handler(SIGALRM, SIG_IGN, 0);
	assert_int_equal(sem_value(&test.sem), atomic_load(&test.posted) + posted - taken);
	assert_int_equal(sem_value(&test.other), atomic_load(&test.posted));
}

/* ---- Cancellation. ---- */

static void note_cleanup(void *arg)
{
	atomic_fetch_add((atomic_int *)arg, 1);
}

static void *wait_to_be_cancelled(void *arg)
{
	pthread_cleanup_push(note_cleanup, &test.posted);
	wait_once(arg);
	pthread_cleanup_pop(0);
	return NULL;
}

static void a_sleeper_can_be_cancelled(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		pthread_t thread;

		begin(i / 3, 0);
		test.kind = i % 3;
		thread = start(wait_to_be_cancelled, NULL);
		until_sem_waiters(&test.sem, 1);
		sleep_ms(10);
		OK(pthread_cancel(thread));
		assert_ptr_equal(finish(thread), PTHREAD_CANCELED);
		assert_int_equal(atomic_load(&test.posted), 1); /* the thread's own handler ran */
		assert_int_equal(sem_waiters(&test.sem), 0);
		OK(sem_post(&test.sem));
		assert_int_equal(sem_value(&test.sem), 1); /* nobody waits any more who would take it */
	}
}

static void *wait_with_cancellation_pending(void *arg)
{
	(void)arg;
	pthread_cancel(pthread_self());
	MUST(sem_post(&test.other) == 0); /* these aren't points of cancellation */
	MUST(sem_trywait(&test.other) == 0);
	MUST(sem_value(&test.sem) == 1);
	wait_somehow(&test.sem, test.kind);
	MUST(false);
	return NULL;
}

static void waits_are_points_of_cancellation_even_with_a_permit(void **state)
{
	(void)state;
	for (int kind = 0; kind < (OURS ? 3 : 1); kind++) { /* glibc's timed waits are none then */
		begin(0, 1);
		OK(sem_init(&test.other, 0, 0));
		test.kind = kind;
		assert_ptr_equal(finish(start(wait_with_cancellation_pending, NULL)), PTHREAD_CANCELED);
		assert_int_equal(sem_value(&test.sem), 1);
	}
}

static void *wait_uncancellable(void *arg)
{
	int before;

	MUST(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before) == 0);
	wait_once(arg);
	return arg;
}

static void who_forbids_it_is_not_cancelled(void **state)
{
	pthread_t thread;

	(void)state;
	begin(0, 0);
	thread = start(wait_uncancellable, &test);
	until_sem_waiters(&test.sem, 1);
	OK(pthread_cancel(thread));
	sleep_ms(20);
	OK(sem_post(&test.sem));
	assert_ptr_equal(finish(thread), &test);
	assert_int_equal(test.answer, 0);
}

static void *wait_and_test_type(void *arg)
{
	int before;

	wait_once(arg);
	MUST(pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &before) == 0);
	MUST(before == PTHREAD_CANCEL_DEFERRED);
	return NULL;
}

/* Cancelled and posted to at the same time: it has the permit, or the semaphore has. */
static void a_cancelled_thread_takes_no_permit_with_it(void **state)
{
	struct random random = random_new();

	(void)state;
	for (int i = 0; i < ROUNDS(2000); i++) {
		pthread_t thread;
		bool cancelled;

		begin(i % 2, 0);
		thread = start(wait_and_test_type, NULL);
		while (!atomic_load(&test.ready))
			sched_yield();
		for (unsigned n = random_below(&random, 200); n > 0; n--)
			sem_value(&test.sem);
		OK(sem_post(&test.sem));
		OK(pthread_cancel(thread));
		cancelled = finish(thread) == PTHREAD_CANCELED;
		if (test.payload == 1) /* it had it; and was cancelled later, or not at all */
			assert_int_equal(sem_value(&test.sem), 0);
		else
			assert_true(cancelled && sem_value(&test.sem) == 1);
		assert_int_equal(sem_waiters(&test.sem), 0);
	}
}

static void *wait_and_say(void *arg)
{
	atomic_bool *got_it = arg;

	MUST(sem_wait(&test.sem) == 0);
	atomic_store(got_it, true);
	return NULL;
}

/* The wake call went to the one that is cancelled: the other may not sleep on beside the permit. */
static void a_cancelled_thread_takes_no_wake_call_with_it(void **state)
{
	(void)state;
	if (!OURS)
		SKIP("glibc doesn't promise it");
	for (int i = 0; i < ROUNDS(2000); i++) {
		atomic_bool cancelled_got_it = false, other_got_it = false;
		pthread_t cancelled, other;

		begin(0, 0);
		cancelled = start(wait_and_say, &cancelled_got_it);
		until_sem_waiters(&test.sem, 1);
		other = start(wait_and_say, &other_got_it);
		until_sem_waiters(&test.sem, 2);
		OK(sem_post(&test.sem));
		OK(pthread_cancel(cancelled));
		finish(cancelled); /* its result may be PTHREAD_CANCELED either way */
		if (atomic_load(&cancelled_got_it))
			OK(sem_post(&test.sem));
		finish(other); /* hangs, if the permit's wake call is lost */
		assert_true(atomic_load(&other_got_it));
		assert_int_equal(sem_value(&test.sem), 0);
		assert_int_equal(sem_waiters(&test.sem), 0);
	}
}

/* ---- Processes. ---- */

static void processes_share_what_pshared_says(void **state)
{
	struct {
		sem_t lock, done;
		long count;
	} *shared = shared_page();
	enum { CHILDREN = 4 };
	pid_t children[CHILDREN];

	(void)state;
	OK(sem_init(&shared->lock, 1, 0));
	OK(sem_init(&shared->done, 1, 0));
	for (int i = 0; i < CHILDREN; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			for (int n = 0; n < ROUNDS(20000); n++) {
				MUST(sem_wait(&shared->lock) == 0);
				shared->count++;
				MUST(sem_post(&shared->lock) == 0);
			}
			MUST(sem_post(&shared->done) == 0);
			_exit(0);
		}
	}
	until_sem_waiters(&shared->lock, CHILDREN); /* all sleep, in other processes */
	OK(sem_post(&shared->lock));
	for (int i = 0; i < CHILDREN; i++)
		OK(sem_wait(&shared->done));
	for (int i = 0; i < CHILDREN; i++)
		child_succeeds(children[i]);
	assert_int_equal(shared->count, CHILDREN * ROUNDS(20000));
	assert_int_equal(sem_value(&shared->lock), 1);
	assert_int_equal(sem_waiters(&shared->lock), 0);
	munmap(shared, 4096);
}

static void a_killed_sleeper_is_in_nobodys_way(void **state)
{
	sem_t *sem = shared_page();
	pid_t killed, other;

	(void)state;
	OK(sem_init(sem, 1, 0));
	if ((killed = fork()) == 0)
		_exit(sem_wait(sem) != 0);
	until_sem_waiters(sem, 1);
	kill(killed, SIGKILL);
	assert_int_equal(waitpid(killed, NULL, 0), killed);
	if ((other = fork()) == 0)
		_exit(sem_wait(sem) != 0);
	until_sem_waiters(sem, 2);
	OK(sem_post(sem));
	child_succeeds(other);
	OK(sem_post(sem));
	assert_int_equal(sem_value(sem), 1);
	OK(sem_destroy(sem));
	munmap(sem, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_calls_are_those_of_this_build),
		cmocka_unit_test(permits_are_counted),
		cmocka_unit_test(bytes_of_0_are_a_semaphore_without_permits),
		cmocka_unit_test(init_writes_no_byte_beyond),
		cmocka_unit_test(values_end_at_SEM_VALUE_MAX),
		cmocka_unit_test(deadlines_are_checked),
		cmocka_unit_test(waits_end_at_their_deadline),
		cmocka_unit_test(libcs_calls_understand_ours),
		cmocka_unit_test(a_post_wakes_a_sleeper),
		cmocka_unit_test(one_permit_is_a_lock),
		cmocka_unit_test(posters_that_race_end_at_SEM_VALUE_MAX),
		cmocka_unit_test(memory_may_go_right_after_the_wait),
		cmocka_unit_test(a_handler_ends_waits),
		cmocka_unit_test(a_handler_may_jump_out_of_a_wait),
		cmocka_unit_test(a_handler_with_SA_RESTART_does_not),
		cmocka_unit_test(no_signal_is_lost_when_a_second_is_over),
		cmocka_unit_test(handlers_may_post),
		cmocka_unit_test(a_sleeper_can_be_cancelled),
		cmocka_unit_test(waits_are_points_of_cancellation_even_with_a_permit),
		cmocka_unit_test(who_forbids_it_is_not_cancelled),
		cmocka_unit_test(a_cancelled_thread_takes_no_permit_with_it),
		cmocka_unit_test(a_cancelled_thread_takes_no_wake_call_with_it),
		cmocka_unit_test(processes_share_what_pshared_says),
		cmocka_unit_test(a_killed_sleeper_is_in_nobodys_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
