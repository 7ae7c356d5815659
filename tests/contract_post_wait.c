/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Post, wait and what goes with them, by id and pinned: most tests run for both. Then pins, and waits that keep
 * their semaphore.
 */
#include "support.h"

#include <limits.h>
#include <sys/syscall.h>

/* A semaphore, as the calls under test name it. */
struct target {
	struct world *world;
	struct ksem_proc *proc;
	ksem_id_t id;
	struct ksem *pin; /* NULL until there's a semaphore, and by id */
	bool pinned;
};

static int post(struct target *t)
{
	return t->pinned ? ksem_pinned_post(t->pin) : ksem_post(t->proc, t->id);
}

static int post_many(struct target *t, unsigned count)
{
	return t->pinned ? ksem_pinned_post_many(t->pin, count) : ksem_post_many(t->proc, t->id, count);
}

static int wait_for_one(struct target *t)
{
	return t->pinned ? ksem_pinned_wait(t->pin) : ksem_wait(t->proc, t->id);
}

static int trywait(struct target *t)
{
	return t->pinned ? ksem_pinned_trywait(t->pin) : ksem_trywait(t->proc, t->id);
}

static int clockwait(struct target *t, clockid_t clock, struct timespec deadline)
{
	return t->pinned ? ksem_pinned_clockwait(t->pin, clock, &deadline) :
			   ksem_clockwait(t->proc, t->id, clock, &deadline);
}

static int getvalue(struct target *t, unsigned *value)
{
	return t->pinned ? ksem_pinned_getvalue(t->pin, value) : ksem_getvalue(t->proc, t->id, value);
}

static unsigned value(struct target *t)
{
	unsigned value;

	MUST(getvalue(t, &value) == 0);
	return value;
}

/* Replaces the semaphore by a new one of that value. */
static void renew(struct target *t, unsigned initial)
{
	if (t->id)
		OK(ksem_destroy(t->proc, t->id));
	ksem_unpin(t->pin);
	t->pin = NULL;
	OK(ksem_init(t->proc, initial, &t->id));
	if (t->pinned)
		OK(ksem_pin(t->proc, t->id, &t->pin));
}

static int setup(void **state, bool pinned)
{
	struct target *t = calloc(1, sizeof(*t));
	void *world;

	world_setup(&world);
	t->world = world;
	t->proc = t->world->proc;
	t->pinned = pinned;
	renew(t, 0);
	*state = t;
	return 0;
}

static int setup_by_id(void **state)
{
	return setup(state, false);
}

static int setup_pinned(void **state)
{
	return setup(state, true);
}

static int teardown(void **state)
{
	struct target *t = *state;
	void *world = t->world;

	ksem_unpin(t->pin);
	free(t);
	return world_teardown(&world);
}

#define variant(f, way, setup) ((struct CMUnitTest){#f way, f, setup, teardown, NULL})
#define both(f)                variant(f, " (by id)", setup_by_id), variant(f, " (pinned)", setup_pinned)

/* A thread that waits, once it is asleep or about to be. */
struct waiter {
	struct target *target;
	bool timed;
	pthread_t thread;
	atomic_bool done;
};

static const struct timespec far_off = {.tv_sec = INT32_MAX};

static void *wait_in_thread(void *arg)
{
	struct waiter *w = arg;
	int error = w->timed ? clockwait(w->target, CLOCK_MONOTONIC, far_off) : wait_for_one(w->target);

	atomic_store(&w->done, true);
	return (void *)(intptr_t)error;
}

static void begin_waits(struct waiter *waiters, unsigned n, struct target *t)
{
	for (unsigned i = 0; i < n; i++) {
		waiters[i] = (struct waiter){.target = t, .timed = i % 2};
		waiters[i].thread = start(wait_in_thread, &waiters[i]);
	}
	until_waiting(t->proc, t->id, n);
}

static int end_wait(struct waiter *w)
{
	return (int)(intptr_t)finish(w->thread);
}

/* How many waits are over; when time has gone by in which more could have been. */
static unsigned count_done(struct waiter *waiters, unsigned n)
{
	unsigned done = 0;

	sleep_ms(10);
	for (unsigned i = 0; i < n; i++)
		done += atomic_load(&waiters[i].done);
	return done;
}

/* ---- The value ---- */

static void post_adds_1_and_wait_takes_1(void **state)
{
	struct target *t = *state;

	for (unsigned i = 1; i <= 100; i++) {
		OK(post(t));
		assert_int_equal(value(t), i);
	}
	for (unsigned i = 100; i > 0; i--) {
		OK(i % 3 == 0 ? wait_for_one(t) : i % 3 == 1 ? trywait(t) : clockwait(t, CLOCK_REALTIME, far_off));
		assert_int_equal(value(t), i - 1);
	}
	FAILS(EAGAIN, trywait(t));
	assert_int_equal(value(t), 0);
}

static void getvalue_is_the_value_and_takes_nothing(void **state)
{
	const unsigned values[] = {0, 1, 77, INT32_MAX, (unsigned)INT32_MAX + 1, KSEM_VALUE_MAX};
	struct target *t = *state;

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		renew(t, values[i]);
		assert_int_equal(value(t), values[i]);
		assert_int_equal(value(t), values[i]);
	}
}

static void trywait_of_0_is_EAGAIN(void **state)
{
	struct target *t = *state;

	FAILS(EAGAIN, trywait(t));
	renew(t, KSEM_VALUE_MAX);
	OK(trywait(t));
	assert_int_equal(value(t), KSEM_VALUE_MAX - 1);
	renew(t, 1);
	OK(trywait(t));
	FAILS(EAGAIN, trywait(t));
	FAILS(EAGAIN, trywait(t));
	OK(post(t));
	OK(trywait(t));
}

static void post_over_KSEM_VALUE_MAX_is_EOVERFLOW(void **state)
{
	struct target *t = *state;

	renew(t, KSEM_VALUE_MAX - 1);
	OK(post(t));
	for (int i = 0; i < 3; i++)
		FAILS(EOVERFLOW, post(t));
	assert_int_equal(value(t), KSEM_VALUE_MAX);
	OK(wait_for_one(t));
	OK(post(t));
	FAILS(EOVERFLOW, post(t));
}

static void post_many_adds_all_or_nothing(void **state)
{
	static const struct {
		unsigned from, count;
		int error;
	} cases[] = {
		{0, 1, 0},
		{0, 1000, 0},
		{0, KSEM_VALUE_MAX, 0},
		{0, (unsigned)INT32_MAX + 1, 0},
		{1, KSEM_VALUE_MAX - 1, 0},
		{1, KSEM_VALUE_MAX, EOVERFLOW},
		{5, KSEM_VALUE_MAX - 5, 0},
		{5, KSEM_VALUE_MAX - 4, EOVERFLOW},
		{(unsigned)INT32_MAX + 1, (unsigned)INT32_MAX, 0},
		{(unsigned)INT32_MAX + 1, (unsigned)INT32_MAX + 1, EOVERFLOW}, /* their sum in 32 bits is 0 */
		{KSEM_VALUE_MAX - 1, 1, 0},
		{KSEM_VALUE_MAX - 1, 2, EOVERFLOW},
		{KSEM_VALUE_MAX, 1, EOVERFLOW},
		{KSEM_VALUE_MAX, KSEM_VALUE_MAX, EOVERFLOW},
	};
	struct target *t = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		renew(t, cases[i].from);
		FAILS(cases[i].error, post_many(t, cases[i].count));
		assert_int_equal(value(t), cases[i].from + (cases[i].error ? 0 : cases[i].count));
	}
}

static void post_many_of_0_does_nothing(void **state)
{
	struct target *t = *state;
	struct waiter waiter;

	begin_waits(&waiter, 1, t);
	OK(post_many(t, 0));
	assert_int_equal(count_done(&waiter, 1), 0);
	assert_int_equal(value(t), 0);
	OK(post(t));
	OK(end_wait(&waiter));
	renew(t, KSEM_VALUE_MAX);
	OK(post_many(t, 0));
	assert_int_equal(value(t), KSEM_VALUE_MAX);
}

/* ---- Waking ---- */

static void a_post_lets_one_waiter_go_on(void **state)
{
	enum { WAITERS = 4 };
	struct target *t = *state;
	struct waiter waiters[WAITERS];

	begin_waits(waiters, WAITERS, t);
	for (unsigned i = 1; i <= WAITERS; i++) {
		OK(post(t));
		until_waiting(t->proc, t->id, WAITERS - i);
		assert_in_range(count_done(waiters, WAITERS), 0, i);
		assert_int_equal(info_of(t->proc, t->id).waiters, WAITERS - i);
		assert_int_equal(value(t), 0);
	}
	for (unsigned i = 0; i < WAITERS; i++)
		OK(end_wait(&waiters[i]));
	assert_int_equal(value(t), 0);
}

static void post_many_lets_as_many_waiters_go_on_as_can(void **state)
{
	enum { WAITERS = 6 };
	struct target *t = *state;
	struct waiter waiters[WAITERS];

	begin_waits(waiters, WAITERS, t);
	OK(post_many(t, 4));
	until_waiting(t->proc, t->id, 2);
	assert_in_range(count_done(waiters, WAITERS), 0, 4);
	assert_int_equal(info_of(t->proc, t->id).waiters, 2);
	assert_int_equal(value(t), 0);
	OK(post_many(t, KSEM_VALUE_MAX));
	for (unsigned i = 0; i < WAITERS; i++)
		OK(end_wait(&waiters[i]));
	assert_int_equal(value(t), KSEM_VALUE_MAX - 2);
	assert_int_equal(info_of(t->proc, t->id).waiters, 0);
}

struct handover {
	struct target *target;
	int plain; /* not atomic: a post must happen before what sees it, and ThreadSanitizer says if it doesn't */
};

static void *write_and_post(void *arg)
{
	struct handover *h = arg;

	h->plain++;
	MUST(post(h->target) == 0);
	return NULL;
}

static void a_post_happens_before_the_wait_or_getvalue_that_sees_it(void **state)
{
	struct target *t = *state;

	for (int i = 0; i < ROUNDS(400); i++) {
		struct handover handover = {t, i};
		pthread_t thread = start(write_and_post, &handover);

		if (i % 4 == 0)
			OK(wait_for_one(t));
		else if (i % 4 == 1)
			OK(clockwait(t, CLOCK_REALTIME, far_off));
		else if (i % 4 == 2)
			while (trywait(t))
				sched_yield();
		else
			while (value(t) == 0)
				sched_yield();
		assert_int_equal(handover.plain, i + 1);
		finish(thread);
		renew(t, 0);
	}
}

/* ---- clockwait ---- */

static void clockwait_with_another_clock_is_EINVAL_though_there_is_a_permit(void **state)
{
	const clockid_t clocks[] = {CLOCK_BOOTTIME,        CLOCK_TAI, CLOCK_MONOTONIC_RAW,
				    CLOCK_REALTIME_COARSE, -1,        INT32_MIN};
	struct target *t = *state;

	for (size_t i = 0; i < sizeof(clocks) / sizeof(*clocks); i++) {
		renew(t, 1);
		FAILS(EINVAL, clockwait(t, clocks[i], far_off));
		assert_int_equal(value(t), 1);
		renew(t, 0);
		FAILS(EINVAL, clockwait(t, clocks[i], far_off));
	}
}

static void clockwait_with_tv_nsec_out_of_range_is_EINVAL_though_there_is_a_permit(void **state)
{
	const long wrong[] = {-1, 1000000000, 1999999999, INT32_MIN, LONG_MIN, LONG_MAX};
	const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};
	struct target *t = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		for (int c = 0; c < 2; c++) {
			renew(t, 1);
			FAILS(EINVAL, clockwait(t, clocks[c], (struct timespec){0, wrong[i]}));
			FAILS(EINVAL, clockwait(t, clocks[c], (struct timespec){-1, wrong[i]}));
			FAILS(EINVAL, clockwait(t, clocks[c], (struct timespec){INT32_MAX, wrong[i]}));
			assert_int_equal(value(t), 1);
			OK(clockwait(t, clocks[c], (struct timespec){0, i % 2 ? 0 : 999999999}));
			FAILS(EINVAL, clockwait(t, clocks[c], (struct timespec){0, wrong[i]}));
		}
	}
}

static void a_deadline_in_the_past_takes_a_permit_or_is_ETIMEDOUT(void **state)
{
	const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};
	struct target *t = *state;

	for (int c = 0; c < 2; c++) {
		const struct timespec past[] = {
			{0, 0},         {0, 999999999},      {-1, 999999999},
			{TIME_MIN, 0}, in_ms(clocks[c], 0), in_ms(clocks[c], -1),
		};

		for (size_t i = 0; i < sizeof(past) / sizeof(*past); i++) {
			renew(t, 1);
			OK(clockwait(t, clocks[c], past[i]));
			assert_int_equal(value(t), 0);
			FAILS(ETIMEDOUT, clockwait(t, clocks[c], past[i]));
			assert_int_equal(value(t), 0);
		}
	}
}

static bool reached(clockid_t clock, struct timespec deadline)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec != deadline.tv_sec ? now.tv_sec > deadline.tv_sec : now.tv_nsec >= deadline.tv_nsec;
}

static void clockwait_is_ETIMEDOUT_at_the_deadline_and_not_before(void **state)
{
	const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};
	struct target *t = *state;

	for (long ms = 1; ms <= 81; ms += 20) {
		for (int c = 0; c < 2; c++) {
			struct timespec deadline = in_ms(clocks[c], ms);

			FAILS(ETIMEDOUT, clockwait(t, clocks[c], deadline));
			assert_true(reached(clocks[c], deadline));
		}
	}
}

struct late_waiter {
	struct target *target;
	clockid_t clock;
};

static void *wait_to_the_end_of_time(void *arg)
{
	struct late_waiter *w = arg;

	return (void *)(intptr_t)clockwait(w->target, w->clock, (struct timespec){TIME_MAX, 999999999});
}

static void a_deadline_as_late_as_can_be_waits_for_a_post(void **state)
{
	const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};
	struct target *t = *state;

	for (int c = 0; c < 2; c++) {
		struct late_waiter waiter = {t, clocks[c]};
		pthread_t thread;

		OK(post(t));
		assert_null(wait_to_the_end_of_time(&waiter));
		thread = start(wait_to_the_end_of_time, &waiter);
		until_waiting(t->proc, t->id, 1);
		sleep_ms(10);
		OK(post(t));
		assert_null(finish(thread));
	}
}

static void a_wait_that_timed_out_leaves_no_trace(void **state)
{
	struct target *t = *state;

	for (int i = 0; i < 20; i++) {
		FAILS(ETIMEDOUT, clockwait(t, CLOCK_MONOTONIC, in_ms(CLOCK_MONOTONIC, i % 5)));
		assert_int_equal(info_of(t->proc, t->id).waiters, 0);
		OK(post(t));
		assert_int_equal(value(t), 1);
		OK(trywait(t));
		renew(t, 0); /* destroys it */
	}
	OK(ksem_proc_exec(t->proc)); /* nor does a thread wait in the process */
	t->id = 0;
	renew(t, 0);
}

static void a_wait_that_timed_out_takes_no_wake_from_those_behind_it(void **state)
{
	struct target *t = *state;
	struct waiter waiter;

	for (int i = 0; i < 10; i++) {
		begin_waits(&waiter, 1, t);
		FAILS(ETIMEDOUT, clockwait(t, CLOCK_MONOTONIC, in_ms(CLOCK_MONOTONIC, 3)));
		OK(post(t));
		OK(end_wait(&waiter));
	}
}

/* ---- Signals ---- */

static atomic_uint handled;

static void count_signal(int signal)
{
	(void)signal;
	atomic_fetch_add(&handled, 1);
}

static void handle_SIGUSR1(void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	atomic_store(&handled, 0);
	OK(sigaction(SIGUSR1, &action, NULL));
}

static void a_signal_handler_ends_a_wait_with_EINTR(void **state)
{
	struct target *t = *state;

	handle_SIGUSR1(count_signal, 0);
	for (int timed = 0; timed < 2; timed++) {
		struct waiter waiter = {.target = t, .timed = timed};

		waiter.thread = start(wait_in_thread, &waiter);
		until_waiting(t->proc, t->id, 1);
		while (!atomic_load(&waiter.done)) { /* more than one, because the first may come before it sleeps */
			pthread_kill(waiter.thread, SIGUSR1);
			sleep_ms(1);
		}
		assert_int_equal(end_wait(&waiter), EINTR);
		assert_int_equal(info_of(t->proc, t->id).waiters, 0);
		assert_int_equal(value(t), 0);
		renew(t, 0); /* destroys it */
	}
	signal(SIGUSR1, SIG_DFL);
}

static bool has_futex_waitv(void)
{
	return syscall(449, NULL, 0, 0, NULL, 0) != 0 && errno == EINVAL; /* else ENOSYS, or EPERM of a filter */
}

static void a_handler_installed_with_SA_RESTART_lets_the_wait_go_on(void **state)
{
	struct target *t = *state;

	handle_SIGUSR1(count_signal, SA_RESTART);
	for (int timed = 0; timed < 1 + has_futex_waitv(); timed++) { /* older kernels end a timed sleep all the same */
		struct waiter waiter = {.target = t, .timed = timed};

		waiter.thread = start(wait_in_thread, &waiter);
		until_waiting(t->proc, t->id, 1);
		for (unsigned i = 1; i <= 20; i++) {
			unsigned before = atomic_load(&handled);

			pthread_kill(waiter.thread, SIGUSR1);
			while (atomic_load(&handled) == before)
				sched_yield();
			sleep_ms(1);
		}
		assert_int_equal(count_done(&waiter, 1), 0);
		assert_int_equal(info_of(t->proc, t->id).waiters, 1);
		OK(post(t));
		OK(end_wait(&waiter));
	}
	signal(SIGUSR1, SIG_DFL);
}

static struct target *handler_s;

static void post_from_handler(int signal)
{
	(void)signal;
	MUST(post(handler_s) == 0);
	atomic_fetch_add(&handled, 1);
}

static void a_signal_handler_may_post(void **state)
{
	struct target *t = *state;
	struct waiter waiter;

	handler_s = t;
	handle_SIGUSR1(post_from_handler, SA_RESTART);
	begin_waits(&waiter, 1, t);
	raise(SIGUSR1);
	OK(end_wait(&waiter));
	for (unsigned i = 1; i <= 10; i++)
		raise(SIGUSR1);
	assert_int_equal(atomic_load(&handled), 11);
	assert_int_equal(value(t), 10);
	/* It may post to what its own thread waits for. */
	renew(t, 0);
	handle_SIGUSR1(post_from_handler, 0);
	waiter = (struct waiter){.target = t};
	waiter.thread = start(wait_in_thread, &waiter);
	until_waiting(t->proc, t->id, 1);
	pthread_kill(waiter.thread, SIGUSR1);
	OK(end_wait(&waiter)); /* not EINTR: there's a permit */
	assert_int_equal(value(t), 0);
	signal(SIGUSR1, SIG_DFL);
}

/* ---- Pins ---- */

/* The semaphore is alive: its value is as given, and every call works. */
static void pin_works(struct ksem *pin, unsigned expected)
{
	unsigned value = 77;

	OK(ksem_pinned_getvalue(pin, &value));
	assert_int_equal(value, expected);
	OK(ksem_pinned_post(pin));
	OK(ksem_pinned_post_many(pin, 3));
	OK(ksem_pinned_wait(pin));
	OK(ksem_pinned_trywait(pin));
	OK(ksem_pinned_clockwait(pin, CLOCK_MONOTONIC, &(struct timespec){0, 0}));
	OK(ksem_pinned_trywait(pin));
	OK(ksem_pinned_getvalue(pin, &value));
	assert_int_equal(value, expected);
}

static void pin_where_the_id_is_not_held_is_EINVAL(void **state)
{
	struct world *world = *state;
	struct ksem_proc *other = world_user(world, 0, 0);
	struct ksem *pin = (void *)world;
	ksem_id_t id;

	OK(ksem_init(world->proc, 0, &id));
	FAILS(EINVAL, ksem_pin(other, id, &pin));
	FAILS(EINVAL, ksem_pin(world->proc, 0, &pin));
	FAILS(EINVAL, ksem_pin(world->proc, id + 1, &pin));
	OK(ksem_destroy(world->proc, id));
	FAILS(EINVAL, ksem_pin(world->proc, id, &pin));
	assert_ptr_equal(pin, world);
	OK(ksem_proc_exit(other));
}

static void a_pin_is_not_a_reference(void **state)
{
	struct world *world = *state;
	struct ksem *pins[3];
	ksem_id_t id;

	OK(ksem_open(world->proc, "/name", O_CREAT, 0600, 2, &id));
	for (int i = 0; i < 3; i++) {
		OK(ksem_pin(world->proc, id, &pins[i]));
		assert_int_equal(info_of(world->proc, id).refs, 1);
		pin_works(pins[i], 2);
	}
	OK(ksem_close(world->proc, id));
	FAILS(EINVAL, ksem_close(world->proc, id));
	FAILS(EINVAL, ksem_post(world->proc, id)); /* a pin makes the id mean nothing */
	for (int i = 0; i < 3; i++) {
		pin_works(pins[i], 2);
		ksem_unpin(pins[i]);
	}
	OK(ksem_open(world->proc, "/name", 0, 0, 0, &id)); /* kept by its name */
	assert_int_equal(info_of(world->proc, id).refs, 1);
}

static void pins_keep_the_semaphore_over_close_and_unlink_until_the_last_unpin(void **state)
{
	struct world *world = *state;
	struct ksem *first, *second;
	ksem_id_t id;

	OK(ksem_open(world->proc, "/name", O_CREAT, 0600, 2, &id));
	OK(ksem_pin(world->proc, id, &first));
	OK(ksem_pin(world->proc, id, &second));
	OK(ksem_close(world->proc, id));
	pin_works(first, 2);
	OK(ksem_unlink(world->proc, "/name"));
	pin_works(first, 2);
	ksem_unpin(first);
	pin_works(second, 2);
	assert_int_equal(semaphores_in(world->ns), 1);
	ksem_unpin(second);
	assert_int_equal(semaphores_in(world->ns), 0);
}

static void a_pin_keeps_the_semaphore_over_exec_exit_and_ns_destroy(void **state)
{
	struct world world = world_limited(0, 0);
	struct ksem *anonymous, *named, *dropped_by_exec;
	ksem_id_t id;

	(void)state;
	OK(ksem_init(world.proc, 1, &id));
	OK(ksem_pin(world.proc, id, &dropped_by_exec));
	OK(ksem_proc_exec(world.proc));
	pin_works(dropped_by_exec, 1);
	OK(ksem_init(world.proc, 2, &id));
	OK(ksem_pin(world.proc, id, &anonymous));
	OK(ksem_open(world.proc, "/name", O_CREAT, 0600, 3, &id));
	OK(ksem_pin(world.proc, id, &named));
	OK(ksem_proc_exit(world.proc));
	pin_works(anonymous, 2);
	pin_works(named, 3);
	assert_int_equal(semaphores_in(world.ns), 3);
	OK(ksem_ns_destroy(world.ns));
	pin_works(dropped_by_exec, 1);
	pin_works(anonymous, 2);
	pin_works(named, 3);
	ksem_unpin(anonymous);
	ksem_unpin(dropped_by_exec);
	pin_works(named, 3);
	ksem_unpin(named);
	shared_directory_free(world.dir);
}

static void pinned_calls_after_destroy_are_EINVAL(void **state)
{
	struct world *world = *state;
	struct timespec past = {0, 0};

	for (unsigned initial = 0; initial < 2; initial++) { /* whether or not there's a permit */
		struct ksem_proc *child;
		struct ksem *pin, *another;
		unsigned value = 77;
		ksem_id_t id;

		OK(ksem_init(world->proc, initial, &id));
		OK(ksem_proc_fork(world->proc, &child));
		OK(ksem_pin(world->proc, id, &pin));
		OK(ksem_pin(child, id, &another));
		OK(ksem_destroy(world->proc, id));
		pin_works(pin, initial); /* the child holds it still */
		OK(ksem_destroy(child, id));
		FAILS(EINVAL, ksem_pinned_post(pin));
		FAILS(EINVAL, ksem_pinned_post_many(pin, 0));
		FAILS(EINVAL, ksem_pinned_post_many(pin, 1));
		FAILS(EINVAL, ksem_pinned_post_many(pin, KSEM_VALUE_MAX));
		FAILS(EINVAL, ksem_pinned_wait(pin));
		FAILS(EINVAL, ksem_pinned_trywait(pin));
		FAILS(EINVAL, ksem_pinned_clockwait(pin, CLOCK_REALTIME, &past));
		FAILS(EINVAL, ksem_pinned_getvalue(pin, &value));
		assert_int_equal(value, 77);
		ksem_unpin(pin);
		FAILS(EINVAL, ksem_pinned_post(another));
		ksem_unpin(another);
		OK(ksem_proc_exit(child));
	}
}

/* ---- A waiting thread keeps its semaphore ---- */

static void a_pinned_post_wakes_a_thread_whose_semaphore_was_closed_and_unlinked(void **state)
{
	struct world *world = *state;
	struct target by_id = {.proc = world->proc}, pinned = {.proc = world->proc, .pinned = true};
	struct waiter waiters[2] = {{.target = &by_id}, {.target = &pinned}};

	OK(ksem_open(world->proc, "/name", O_CREAT, 0600, 0, &by_id.id));
	OK(ksem_pin(world->proc, by_id.id, &pinned.pin));
	for (int i = 0; i < 2; i++)
		waiters[i].thread = start(wait_in_thread, &waiters[i]);
	until_waiting(world->proc, by_id.id, 2);
	OK(ksem_close(world->proc, by_id.id));
	OK(ksem_unlink(world->proc, "/name"));
	FAILS(EINVAL, ksem_post(world->proc, by_id.id));
	assert_int_equal(count_done(waiters, 2), 0); /* that woke nobody */
	FAILS(EBUSY, ksem_proc_exec(world->proc));   /* nor took the process */
	OK(ksem_pinned_post_many(pinned.pin, 2));
	for (int i = 0; i < 2; i++)
		OK(end_wait(&waiters[i]));
	pin_works(pinned.pin, 0);
	ksem_unpin(pinned.pin);
	assert_int_equal(semaphores_in(world->ns), 0);
}

static void exit_elsewhere_neither_wakes_a_thread_nor_takes_its_semaphore(void **state)
{
	struct world *world = *state;
	struct target by_id = {.proc = world->proc};
	struct ksem_proc *child;
	struct waiter waiter;

	OK(ksem_init(world->proc, 0, &by_id.id));
	OK(ksem_proc_fork(world->proc, &child));
	begin_waits(&waiter, 1, &by_id);
	OK(ksem_proc_exit(child));
	assert_int_equal(count_done(&waiter, 1), 0);
	assert_int_equal(info_of(world->proc, by_id.id).waiters, 1);
	OK(post(&by_id));
	OK(end_wait(&waiter));
}

/* A wait by pin is in no process, so that may exit; the wait goes on. */
static void a_pinned_wait_goes_on_when_every_process_has_exited(void **state)
{
	struct world *world = *state;
	struct ksem_proc *proc = world_user(world, 0, 0);
	struct target pinned = {.proc = proc, .pinned = true};
	struct waiter waiter;

	OK(ksem_init(proc, 0, &pinned.id));
	OK(ksem_pin(proc, pinned.id, &pinned.pin));
	begin_waits(&waiter, 1, &pinned);
	OK(ksem_proc_exit(proc));
	assert_int_equal(count_done(&waiter, 1), 0);
	OK(ksem_pinned_post(pinned.pin));
	OK(end_wait(&waiter));
	ksem_unpin(pinned.pin);
	assert_int_equal(semaphores_in(world->ns), 0);
}

static int visit_orphan(const struct ksem_info *info, void *arg)
{
	assert_int_equal(info->refs, 0);
	assert_int_equal(info->waiters, 1);
	assert_string_equal(info->name, "");
	++*(unsigned *)arg;
	return 0;
}

static void a_semaphore_goes_with_the_wait_that_alone_kept_it(void **state)
{
	struct world *world = *state;
	struct target t = {.proc = world->proc};
	struct waiter waiter = {.target = &t};
	unsigned orphans = 0;

	handle_SIGUSR1(count_signal, 0);
	OK(ksem_open(world->proc, "/name", O_CREAT, 0600, 0, &t.id));
	waiter.thread = start(wait_in_thread, &waiter);
	until_waiting(world->proc, t.id, 1);
	OK(ksem_unlink(world->proc, "/name"));
	OK(ksem_close(world->proc, t.id));
	OK(ksem_ns_foreach(world->ns, visit_orphan, &orphans));
	assert_int_equal(orphans, 1);
	while (!atomic_load(&waiter.done)) {
		pthread_kill(waiter.thread, SIGUSR1);
		sleep_ms(1);
	}
	assert_int_equal(end_wait(&waiter), EINTR);
	assert_int_equal(semaphores_in(world->ns), 0);
	OK(ksem_proc_exec(world->proc));
	signal(SIGUSR1, SIG_DFL);
}

/* ---- errno ---- */

#define KEEPS_ERRNO(expected, call)             \
	do {                                    \
		errno = 12345;                  \
		FAILS(expected, call);          \
		assert_int_equal(errno, 12345); \
	} while (0)

static void every_call_leaves_errno_alone(void **state)
{
	const struct ksem_ns_options options = {.size = sizeof(options), .max_sems = 2}, wrong_options = {.size = 1};
	const struct timespec past = {0, 0}, soon = in_ms(CLOCK_REALTIME, 5), wrong = {0, -1};
	struct ksem_ns *ns;
	struct ksem_proc *proc, *child;
	struct ksem *pin;
	struct ksem_info info;
	ksem_id_t id, named;
	unsigned value, n = 0;

	(void)state;
	KEEPS_ERRNO(EINVAL, ksem_ns_create(&wrong_options, &ns));
	KEEPS_ERRNO(0, ksem_ns_create(&options, &ns));
	KEEPS_ERRNO(0, ksem_proc_create(ns, NULL, &proc));
	KEEPS_ERRNO(0, ksem_proc_fork(proc, &child));
	KEEPS_ERRNO(EBUSY, ksem_ns_destroy(ns));
	KEEPS_ERRNO(0, ksem_init(proc, 0, &id));
	KEEPS_ERRNO(ENOENT, ksem_open(proc, "/name", 0, 0, 0, &named));
	KEEPS_ERRNO(0, ksem_open(proc, "/name", O_CREAT, 0600, 0, &named));
	KEEPS_ERRNO(ENFILE, ksem_init(proc, 0, &id));
	KEEPS_ERRNO(0, ksem_stat(proc, id, &info));
	KEEPS_ERRNO(EINVAL, ksem_stat(proc, 0, &info));
	KEEPS_ERRNO(0, ksem_ns_foreach(ns, visit_and_count, &n));
	KEEPS_ERRNO(0, ksem_pin(proc, id, &pin));
	KEEPS_ERRNO(EINVAL, ksem_pin(proc, 0, &pin));
	for (int pinned = 0; pinned < 2; pinned++) {
		struct target t = {.proc = proc, .id = id, .pin = pin, .pinned = pinned};
		struct waiter waiter;

		KEEPS_ERRNO(EAGAIN, trywait(&t));
		KEEPS_ERRNO(ETIMEDOUT, clockwait(&t, CLOCK_REALTIME, past));
		KEEPS_ERRNO(ETIMEDOUT, clockwait(&t, CLOCK_REALTIME, soon));
		KEEPS_ERRNO(EINVAL, clockwait(&t, CLOCK_REALTIME, wrong));
		KEEPS_ERRNO(0, post(&t));
		KEEPS_ERRNO(0, post_many(&t, 3));
		KEEPS_ERRNO(EOVERFLOW, post_many(&t, KSEM_VALUE_MAX));
		KEEPS_ERRNO(0, getvalue(&t, &value));
		KEEPS_ERRNO(0, wait_for_one(&t));
		KEEPS_ERRNO(0, trywait(&t));
		KEEPS_ERRNO(0, clockwait(&t, CLOCK_MONOTONIC, past));
		KEEPS_ERRNO(0, clockwait(&t, CLOCK_MONOTONIC, past));
		begin_waits(&waiter, 1, &t);
		KEEPS_ERRNO(EBUSY, ksem_destroy(proc, id));
		KEEPS_ERRNO(0, post(&t)); /* with a thread to wake */
		OK(end_wait(&waiter));
	}
	KEEPS_ERRNO(EINVAL, ksem_post(proc, 0));
	KEEPS_ERRNO(EINVAL, ksem_close(proc, id));
	KEEPS_ERRNO(EINVAL, ksem_destroy(proc, named));
	KEEPS_ERRNO(0, ksem_destroy(proc, id));
	KEEPS_ERRNO(EINVAL, ksem_pinned_post(pin));
	errno = 12345;
	ksem_unpin(pin);
	assert_int_equal(errno, 12345);
	KEEPS_ERRNO(0, ksem_close(proc, named));
	KEEPS_ERRNO(0, ksem_unlink(proc, "/name"));
	KEEPS_ERRNO(ENOENT, ksem_unlink(proc, "/name"));
	for (int i = 0; i < 3000; i++) { /* enough that memory is given back on the way */
		KEEPS_ERRNO(0, ksem_init(proc, 0, &id));
		KEEPS_ERRNO(0, ksem_destroy(proc, id));
	}
	KEEPS_ERRNO(0, ksem_proc_exec(child));
	KEEPS_ERRNO(0, ksem_proc_exit(child));
	KEEPS_ERRNO(0, ksem_proc_exit(proc));
	KEEPS_ERRNO(0, ksem_ns_destroy(ns));
	errno = 12345;
	(void)ksem_self();
	assert_int_equal(errno, 12345);
}

static void *wait_and_check_errno(void *arg)
{
	int error;

	errno = 12345;
	error = wait_for_one(arg);
	MUST(errno == 12345);
	return (void *)(intptr_t)error;
}

static void a_wait_that_slept_leaves_errno_alone(void **state)
{
	struct target *t = *state;
	pthread_t thread = start(wait_and_check_errno, t);

	until_waiting(t->proc, t->id, 1);
	sleep_ms(5);
	OK(post(t));
	assert_null(finish(thread));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		both(post_adds_1_and_wait_takes_1),
		both(getvalue_is_the_value_and_takes_nothing),
		both(trywait_of_0_is_EAGAIN),
		both(post_over_KSEM_VALUE_MAX_is_EOVERFLOW),
		both(post_many_adds_all_or_nothing),
		both(post_many_of_0_does_nothing),
		both(a_post_lets_one_waiter_go_on),
		both(post_many_lets_as_many_waiters_go_on_as_can),
		both(a_post_happens_before_the_wait_or_getvalue_that_sees_it),
		both(clockwait_with_another_clock_is_EINVAL_though_there_is_a_permit),
		both(clockwait_with_tv_nsec_out_of_range_is_EINVAL_though_there_is_a_permit),
		both(a_deadline_in_the_past_takes_a_permit_or_is_ETIMEDOUT),
		both(clockwait_is_ETIMEDOUT_at_the_deadline_and_not_before),
		both(a_deadline_as_late_as_can_be_waits_for_a_post),
		both(a_wait_that_timed_out_leaves_no_trace),
		both(a_wait_that_timed_out_takes_no_wake_from_those_behind_it),
		both(a_signal_handler_ends_a_wait_with_EINTR),
		both(a_handler_installed_with_SA_RESTART_lets_the_wait_go_on),
		both(a_signal_handler_may_post),
		both(a_wait_that_slept_leaves_errno_alone),
		world_test(pin_where_the_id_is_not_held_is_EINVAL),
		world_test(a_pin_is_not_a_reference),
		world_test(pins_keep_the_semaphore_over_close_and_unlink_until_the_last_unpin),
		cmocka_unit_test(a_pin_keeps_the_semaphore_over_exec_exit_and_ns_destroy),
		world_test(pinned_calls_after_destroy_are_EINVAL),
		world_test(a_pinned_post_wakes_a_thread_whose_semaphore_was_closed_and_unlinked),
		world_test(exit_elsewhere_neither_wakes_a_thread_nor_takes_its_semaphore),
		world_test(a_pinned_wait_goes_on_when_every_process_has_exited),
		world_test(a_semaphore_goes_with_the_wait_that_alone_kept_it),
		cmocka_unit_test(every_call_leaves_errno_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
