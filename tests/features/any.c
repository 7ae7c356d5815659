/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem_wait_any: one permit of one of several semaphores, of any orders. The tests run with lists of semaphores that
 * have a line, that have the default attributes, and of both in turn.
 */
#include "feature.h"

#include <sys/mman.h>
#include <sys/prctl.h>

enum list { LINED, DEFAULT, MIXED };

/* As many semaphores as a test wants. */
struct several {
	enum list list;
	struct world *world;
	struct ksem_proc *proc;
	ksem_id_t ids[KSEM_ANY_MAX + 1];
	unsigned n;
};

static void have(struct several *s, unsigned n)
{
	for (; s->n < n; s->n++) {
		if (s->list == DEFAULT || (s->list == MIXED && s->n % 2 == 0))
			OK(ksem_init(s->proc, 0, &s->ids[s->n]));
		else
			OK(ksem_init_attr(s->proc, ATTR(.order = s->n % 3, .limit = LIMIT), 0, &s->ids[s->n]));
	}
}

static int several_setup(void **state)
{
	struct several *s = calloc(1, sizeof(*s));
	void *world;

	s->list = *(const enum list *)*state;
	world_setup(&world);
	s->world = world;
	s->proc = s->world->proc;
	have(s, 3);
	*state = s;
	return 0;
}

static int several_teardown(void **state)
{
	struct several *s = *state;
	void *world = s->world;

	while (s->n > 0)
		OK(ksem_destroy(s->proc, s->ids[--s->n]));
	free(s);
	return world_teardown(&world);
}

struct any_waiting {
	struct several *several;
	const ksem_id_t *ids;
	unsigned n;
	const struct timespec *deadline;
	pthread_t thread;
	atomic_bool done;
	unsigned which;
	int error;
};

static void *wait_any_in_thread(void *arg)
{
	struct any_waiting *w = arg;

	w->error = ksem_wait_any(w->several->proc, w->ids, w->n, CLOCK_MONOTONIC, w->deadline, &w->which);
	atomic_store(&w->done, true);
	return NULL;
}

/* Returns when the thread is a waiter on each of the list. */
static void begin_any(struct any_waiting *w, struct several *s, const ksem_id_t *ids, unsigned n)
{
	unsigned before[KSEM_ANY_MAX];

	for (unsigned i = 0; i < n; i++)
		before[i] = info_of(s->proc, ids[i]).waiters;
	*w = (struct any_waiting){.several = s, .ids = ids, .n = n, .which = 77};
	w->thread = start(wait_any_in_thread, w);
	for (unsigned i = 0; i < n; i++)
		until_waiting(s->proc, ids[i], before[i] + 1);
}

static void no_waiters(struct several *s)
{
	for (unsigned i = 0; i < s->n; i++)
		assert_int_equal(info_of(s->proc, s->ids[i]).waiters, 0);
}

static void the_first_in_the_list_that_has_a_permit_is_taken(void **state)
{
	struct several *s = *state;
	unsigned which = 77;

	OK(ksem_post(s->proc, s->ids[2]));
	OK(ksem_post(s->proc, s->ids[1]));
	OK(ksem_wait_any(s->proc, s->ids, 3, CLOCK_MONOTONIC, NULL, &which));
	assert_int_equal(which, 1);
	OK(ksem_wait_any(s->proc, s->ids, 3, CLOCK_REALTIME, &past, &which));
	assert_int_equal(which, 2);
	which = 77;
	FAILS(ETIMEDOUT, ksem_wait_any(s->proc, s->ids, 3, CLOCK_REALTIME, &past, &which));
	assert_int_equal(which, 77);
	no_waiters(s);
}

static void whichever_grants_first_wakes_a_sleeper(void **state)
{
	struct several *s = *state;

	for (unsigned i = 0; i < 3; i++) {
		struct any_waiting w;

		begin_any(&w, s, s->ids, 3);
		OK(ksem_post(s->proc, s->ids[i]));
		finish(w.thread);
		OK(w.error);
		assert_int_equal(w.which, i);
		assert_int_equal(value_of(s->proc, s->ids[i]), 0);
		no_waiters(s);
	}
}

/* KNOWN: of one sleeper on several futexes, two wakes are both counted. */
static void a_second_permit_is_given_back(void **state)
{
	struct several *s = *state;

	for (int i = 0; i < ROUNDS(500); i++) {
		struct any_waiting w;
		unsigned sum = 0;

		begin_any(&w, s, s->ids, 3);
		OK(ksem_post(s->proc, s->ids[i % 3]));
		OK(ksem_post(s->proc, s->ids[(i + 1) % 3]));
		finish(w.thread);
		OK(w.error);
		for (unsigned j = 0; j < 3; j++) {
			sum += value_of(s->proc, s->ids[j]);
			while (ksem_trywait(s->proc, s->ids[j]) == 0)
				;
		}
		assert_int_equal(sum, 1);
		no_waiters(s);
	}
}

/* One post on each: whichever the wait on both took, the other permit must reach the other sleeper or stay. */
static void what_one_sleeper_does_not_need_reaches_another(void **state)
{
	struct several *s = *state;

	for (int i = 0; i < ROUNDS(500); i++) {
		struct any_waiting both, one;

		begin_any(&both, s, s->ids, 2);
		begin_any(&one, s, &s->ids[1], 1);
		OK(ksem_post(s->proc, s->ids[i % 2]));
		OK(ksem_post(s->proc, s->ids[1 - i % 2]));
		finish(both.thread);
		OK(both.error);
		if (both.which == 1) { /* the other's permit is still to come */
			assert_int_equal(value_of(s->proc, s->ids[0]), 1);
			OK(ksem_trywait(s->proc, s->ids[0]));
			OK(ksem_post(s->proc, s->ids[1]));
		}
		finish(one.thread);
		OK(one.error);
		assert_int_equal(value_of(s->proc, s->ids[0]) + value_of(s->proc, s->ids[1]), 0);
		no_waiters(s);
	}
}

static void sixty_four_can_be_waited_for(void **state)
{
	struct several *s = *state;
	struct any_waiting w;
	unsigned which = 77;

	have(s, KSEM_ANY_MAX + 1);
	FAILS(EINVAL, ksem_wait_any(s->proc, s->ids, KSEM_ANY_MAX + 1, CLOCK_MONOTONIC, &past, &which));
	begin_any(&w, s, s->ids, KSEM_ANY_MAX);
	OK(ksem_post(s->proc, s->ids[KSEM_ANY_MAX - 1]));
	finish(w.thread);
	OK(w.error);
	assert_int_equal(w.which, KSEM_ANY_MAX - 1);
	no_waiters(s);
}

static void an_id_may_be_there_twice(void **state)
{
	struct several *s = *state;
	const ksem_id_t ids[] = {s->ids[1], s->ids[0], s->ids[1]};
	struct any_waiting w;
	unsigned which = 77;

	OK(ksem_post_many(s->proc, s->ids[1], 2));
	OK(ksem_wait_any(s->proc, ids, 3, CLOCK_MONOTONIC, NULL, &which));
	assert_int_equal(which, 0);
	assert_int_equal(value_of(s->proc, s->ids[1]), 1);
	OK(ksem_trywait(s->proc, s->ids[1]));
	begin_any(&w, s, ids, 3);
	assert_int_equal(info_of(s->proc, s->ids[1]).waiters, 1); /* one waiter, even if listed twice */
	assert_int_equal(info_of(s->proc, s->ids[0]).waiters, 1);
	OK(ksem_post(s->proc, s->ids[1]));
	finish(w.thread);
	OK(w.error);
	assert_int_equal(w.which, 0);
	assert_int_equal(value_of(s->proc, s->ids[1]), 0);
	no_waiters(s);
}

static void *post_one_at_a_time(void *arg)
{
	struct several *s = arg;

	for (int i = 0; i < ROUNDS(2000); i++) {
		MUST(ksem_post(s->proc, s->ids[0]) == 0);
		while (value_of(s->proc, s->ids[0]) > 0)
			sched_yield();
	}
	return NULL;
}

/* Its permit may come just when the call has looked where it is listed first. */
static void one_that_is_listed_twice_is_named_where_it_is_first(void **state)
{
	struct several *s = *state;
	ksem_id_t ids[KSEM_ANY_MAX];
	unsigned wrong = 0;
	pthread_t poster = start(post_one_at_a_time, s);

	for (unsigned i = 0; i < KSEM_ANY_MAX; i++)
		ids[i] = s->ids[0];
	for (int taken = 0; taken < ROUNDS(2000);) {
		unsigned which = 77;

		if (ksem_trywait_any(s->proc, ids, KSEM_ANY_MAX, &which) == 0) {
			wrong += which != 0;
			taken++;
		} else {
			sched_yield(); /* where the poster waits for this processor, it would wait for long */
		}
	}
	finish(poster);
	assert_int_equal(wrong, 0);
}

static void ESHUTDOWN_names_the_lowest_that_is_shut(void **state)
{
	struct several *s = *state;
	struct any_waiting w;
	unsigned which = 77;

	begin_any(&w, s, s->ids, 3);
	OK(ksem_shutdown(s->proc, s->ids[2]));
	finish(w.thread);
	FAILS(ESHUTDOWN, w.error);
	assert_int_equal(w.which, 2);
	OK(ksem_shutdown(s->proc, s->ids[1]));
	FAILS(ESHUTDOWN, ksem_wait_any(s->proc, s->ids, 3, CLOCK_MONOTONIC, &past, &which));
	assert_int_equal(which, 1);
	OK(ksem_post(s->proc, s->ids[2]));
	OK(ksem_wait_any(s->proc, s->ids, 3, CLOCK_MONOTONIC, NULL, &which));
	assert_int_equal(which, 2);
	which = 77;
	FAILS(EAGAIN, ksem_trywait_any(s->proc, s->ids, 3, &which));
	assert_int_equal(which, 77);
	no_waiters(s);
}

static void bad_arguments_are_refused_in_order(void **state)
{
	const struct timespec wrong = {0, -1};
	struct several *s = *state;
	ksem_id_t ids[2] = {s->ids[0], 0};
	unsigned which = 77;

	OK(ksem_post(s->proc, s->ids[0]));
	FAILS(EINVAL, ksem_wait_any(NULL, NULL, 0, -1, &wrong, NULL));
	FAILS(EFAULT, ksem_wait_any(s->proc, NULL, 0, -1, &wrong, &which));
	FAILS(EFAULT, ksem_wait_any(s->proc, ids, 0, -1, &wrong, NULL));
	FAILS(EINVAL, ksem_wait_any(s->proc, ids, 0, CLOCK_MONOTONIC, NULL, &which));
	FAILS(EINVAL, ksem_wait_any(s->proc, ids, 2, CLOCK_MONOTONIC, NULL, &which));
	FAILS(EINVAL, ksem_wait_any(s->proc, ids, 1, CLOCK_BOOTTIME, &past, &which));
	FAILS(EINVAL, ksem_wait_any(s->proc, ids, 1, CLOCK_MONOTONIC, &wrong, &which));
	assert_int_equal(which, 77);
	assert_int_equal(value_of(s->proc, s->ids[0]), 1);
	OK(ksem_wait_any(s->proc, ids, 1, -1, NULL, &which)); /* no deadline: the clock is ignored */
}

static void a_handler_interrupts_it(void **state)
{
	struct several *s = *state;
	struct any_waiting w;

	if (EMULATED)
		SKIP("it has no futex_waitv: a handler with SA_RESTART ends the wait");
	handle(do_nothing, 0);
	begin_any(&w, s, s->ids, 3);
	while (!atomic_load(&w.done)) {
		OK(pthread_kill(w.thread, SIGUSR1));
		sleep_ms(1);
	}
	finish(w.thread);
	FAILS(EINTR, w.error);
	assert_int_equal(w.which, 77);
	no_waiters(s);
	handle(do_nothing, SA_RESTART);
	begin_any(&w, s, s->ids, 3);
	for (int i = 0; i < 20; i++) {
		OK(pthread_kill(w.thread, SIGUSR1));
		sched_yield();
	}
	assert_false(atomic_load(&w.done));
	OK(ksem_post(s->proc, s->ids[1]));
	finish(w.thread);
	OK(w.error);
	handle(SIG_DFL, 0);
}

static void nobody_destroys_what_is_waited_for(void **state)
{
	struct several *s = *state;
	struct any_waiting w;

	begin_any(&w, s, s->ids, 3);
	for (unsigned i = 0; i < 3; i++)
		FAILS(EBUSY, ksem_destroy(s->proc, s->ids[i]));
	FAILS(EBUSY, ksem_proc_exec(s->proc));
	OK(ksem_post(s->proc, s->ids[0]));
	finish(w.thread);
	OK(w.error);
}

static void fifo_it_queues_behind_those_that_wait(void **state)
{
	struct several *s = *state;
	struct any_waiting first, any;

	begin_any(&first, s, &s->ids[1], 1); /* of order KSEM_FIFO */
	begin_any(&any, s, s->ids, 2);
	OK(ksem_post(s->proc, s->ids[1]));
	finish(first.thread);
	OK(first.error);
	assert_false(atomic_load(&any.done));
	OK(ksem_post(s->proc, s->ids[1]));
	finish(any.thread);
	OK(any.error);
	assert_int_equal(any.which, 1);
}

/* ---- Storms. ---- */

#define POOL    3 /* semaphores */
#define ROAMERS 3 /* threads that wait for all of them */
#define STAYERS 3 /* one for each of them alone */
#define PERMITS 2 /* fewer than threads, so that most sleep */
#define TAKES   ROUNDS(20000)
#define SOON_MS 20 /* deadlines of those that give up now and then */

struct storm {
	struct several *several;
	atomic_uint takes;
	atomic_bool over;
	atomic_int at_once; /* threads that have a permit */
};

struct stormer {
	struct storm *storm;
	unsigned number;
	pthread_t thread;
};

/* Takes from one of all, or from its own. 0 or ETIMEDOUT. */
static int take_in_storm(const struct stormer *me, unsigned turn, unsigned *which)
{
	struct several *s = me->storm->several;
	struct timespec soon = in_ms(CLOCK_MONOTONIC, SOON_MS);
	bool gives_up = turn % 16 == 0;

	*which = me->number % POOL;
	if (me->number < ROAMERS)
		return ksem_wait_any(s->proc, s->ids, POOL, CLOCK_MONOTONIC, gives_up ? &soon : NULL, which);
	return gives_up ? ksem_clockwait(s->proc, s->ids[*which], CLOCK_MONOTONIC, &soon) :
			  ksem_wait(s->proc, s->ids[*which]);
}

/* Takes a permit, and posts it anywhere: if a wake is lost, soon all sleep. */
static void *roam(void *arg)
{
	struct stormer *me = arg;
	struct storm *storm = me->storm;
	struct random random = {(uint64_t)me->number * 12345 + 1};

	for (unsigned turn = 1; !atomic_load(&storm->over); turn++) {
		unsigned which = 77;
		int error = take_in_storm(me, turn, &which);

		MUST(error == 0 || error == ETIMEDOUT);
		if (error)
			continue;
		MUST(which < POOL && (atomic_fetch_add(&storm->at_once, 1) < PERMITS || atomic_load(&storm->over)));
		atomic_fetch_sub(&storm->at_once, 1);
		if (atomic_fetch_add(&storm->takes, 1) >= TAKES)
			atomic_store(&storm->over, true);
		MUST(ksem_post(storm->several->proc, storm->several->ids[random_below(&random, POOL)]) == 0);
	}
	for (unsigned i = 0; i < POOL; i++) /* whoever still sleeps */
		MUST(ksem_post_many(storm->several->proc, storm->several->ids[i], ROAMERS + STAYERS) == 0);
	return NULL;
}

static void no_wake_is_lost_while_all_post_to_any(void **state)
{
	struct several *s = *state;
	struct storm storm = {.several = s};
	struct stormer stormers[ROAMERS + STAYERS];
	unsigned sum = 0;

	for (unsigned i = 0; i < ROAMERS + STAYERS; i++) {
		stormers[i] = (struct stormer){.storm = &storm, .number = i};
		stormers[i].thread = start(roam, &stormers[i]);
	}
	OK(ksem_post_many(s->proc, s->ids[0], PERMITS));
	for (unsigned i = 0; i < ROAMERS + STAYERS; i++)
		finish(stormers[i].thread);
	for (unsigned i = 0; i < POOL; i++)
		sum += value_of(s->proc, s->ids[i]);
	assert_int_equal(sum, PERMITS + POOL * (ROAMERS + STAYERS) * (ROAMERS + STAYERS));
	no_waiters(s);
}

/* ---- Processes that are killed. ---- */

#define KILLS ROUNDS(60)

struct board {
	atomic_uint takes;
	atomic_bool over;
};

/* In a process of its own: takes and posts until it is over, or killed. */
static void roam_alone(const char *dir, struct board *board, unsigned number)
{
	const struct ksem_ns_options options = {.size = sizeof(options), .dir = dir};
	struct random random = {(uint64_t)getpid()};
	struct ksem_proc *proc;
	struct ksem_ns *ns;
	ksem_id_t ids[2];
	unsigned which;

	MUST(ksem_ns_create(&options, &ns) == 0 && ksem_proc_create(ns, NULL, &proc) == 0);
	MUST(ksem_open(proc, "/0", 0, 0, 0, &ids[0]) == 0 && ksem_open(proc, "/1", 0, 0, 0, &ids[1]) == 0);
	while (!atomic_load(&board->over)) {
		struct timespec soon = in_ms(CLOCK_MONOTONIC, 100);
		unsigned only = number % 2;
		int error = number < 3 ? ksem_wait_any(proc, ids, 2, CLOCK_MONOTONIC, &soon, &which) :
					 ksem_clockwait(proc, ids[only], CLOCK_MONOTONIC, &soon);

		MUST(error == 0 || error == ETIMEDOUT);
		if (error)
			continue;
		atomic_fetch_add(&board->takes, 1);
		MUST(ksem_post(proc, ids[random_below(&random, 2)]) == 0);
	}
	_exit(0);
}

static pid_t start_roaming(struct several *s, struct board *board, unsigned number)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(120);
		roam_alone(s->world->dir, board, number);
	}
	return child;
}

static void the_killed_take_one_permit_each_at_most(void **state)
{
	struct several *s = *state;
	struct board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct random random = random_new();
	const struct ksem_attr *fair = ATTR(.order = KSEM_FIFO, .limit = LIMIT);
	const unsigned permits = KILLS + 2;
	pid_t children[5];
	ksem_id_t ids[2];
	unsigned left;

	if (!s->world->dir)
		SKIP("processes have no private namespace in common");
	assert_true(board != MAP_FAILED);
	OK(ksem_open_attr(s->proc, "/0", O_CREAT, 0600, s->list == LINED ? fair : NULL, permits, &ids[0]));
	OK(ksem_open_attr(s->proc, "/1", O_CREAT, 0600, s->list == DEFAULT ? NULL : fair, 0, &ids[1]));
	for (unsigned i = 0; i < 5; i++)
		children[i] = start_roaming(s, board, i);
	for (int i = 0; i < KILLS; i++) {
		unsigned victim = random_below(&random, 5), before = atomic_load(&board->takes);

		while (atomic_load(&board->takes) < before + random_below(&random, 200))
			sched_yield();
		assert_int_equal(kill(children[victim], SIGKILL), 0);
		assert_int_equal(waitpid(children[victim], NULL, 0), children[victim]);
		children[victim] = start_roaming(s, board, victim);
	}
	atomic_store(&board->over, true);
	for (unsigned i = 0; i < 5; i++)
		must_end_well(children[i]);
	left = value_of(s->proc, ids[0]) + value_of(s->proc, ids[1]);
	assert_in_range(left, permits - KILLS, permits);
	assert_int_equal(info_of(s->proc, ids[0]).waiters, 0);
	assert_int_equal(info_of(s->proc, ids[1]).waiters, 0);
	OK(ksem_unlink(s->proc, "/0"));
	OK(ksem_unlink(s->proc, "/1"));
	OK(ksem_close(s->proc, ids[0]));
	OK(ksem_close(s->proc, ids[1]));
	munmap(board, sizeof(*board));
}

/* ---- Cancellation, forks, the ends of semaphores. ---- */

static void *wait_cancelled(void *arg)
{
	struct any_waiting *w = arg;

	pthread_cancel(pthread_self());
	wait_any_in_thread(w);
	pthread_testcancel();
	return NULL;
}

static void it_is_no_cancellation_point(void **state)
{
	struct several *s = *state;
	struct any_waiting w = {.several = s, .ids = s->ids, .n = 3};
	void *result;

	w.thread = start(wait_cancelled, &w);
	for (unsigned i = 0; i < 3; i++)
		until_waiting(s->proc, s->ids[i], 1);
	OK(pthread_cancel(w.thread));
	OK(ksem_post(s->proc, s->ids[2]));
	OK(pthread_join(w.thread, &result));
	assert_ptr_equal(result, PTHREAD_CANCELED);
	OK(w.error);
	assert_int_equal(w.which, 2);
	no_waiters(s);
}

static atomic_int forked; /* the child of fork_in_handler; 0 in it */

static void fork_in_handler(int signal)
{
	(void)signal;
	if (atomic_load(&forked) == -1)
		atomic_store(&forked, fork());
}

/* The thread whose handler forks. Its child goes on with the wait, alone, and takes what is posted to it there. */
static void *wait_and_fork(void *arg)
{
	struct any_waiting *w = arg;
	struct several *s = w->several;

	w->error = ksem_wait_any(s->proc, s->ids, 3, CLOCK_MONOTONIC, w->deadline, &w->which);
	if (atomic_load(&forked) != 0)
		return NULL;
	signal(SIGUSR1, SIG_IGN);
	MUST(w->error == EINTR);
	for (unsigned i = 0; i < 3; i++)
		until_waiting(s->proc, s->ids[i], 0); /* a shared one is the parent's, too, whose wait ends as well */
	MUST(ksem_post(s->proc, s->ids[1]) == 0);
	MUST(ksem_wait_any(s->proc, s->ids, 3, CLOCK_MONOTONIC, NULL, &w->which) == 0 && w->which == 1);
	for (unsigned i = 0; i < 3; i++)
		MUST(ksem_destroy(s->proc, s->ids[i]) == 0);
	_exit(0);
}

/* Signals come until both waits have ended: a handler that runs just before the sleep doesn't end it. */
static void a_handler_may_fork(void **state)
{
	struct several *s = *state;
	struct any_waiting w = {.several = s, .which = 77};
	int child, status;

	if (EMULATED)
		SKIP("it has no futex_waitv: a handler that runs during a look ends no wait");
	atomic_store(&forked, -1);
	handle(fork_in_handler, 0);
	w.thread = start(wait_and_fork, &w);
	for (unsigned i = 0; i < 3; i++)
		until_asleep(s->proc, s->ids[i], 1);
	do
		OK(pthread_kill(w.thread, SIGUSR1));
	while (usleep(1000) == 0 && pthread_tryjoin_np(w.thread, NULL) != 0);
	child = atomic_load(&forked);
	assert_true(child > 0);
	while (waitpid(child, &status, WNOHANG) == 0) {
		OK(kill(child, SIGUSR1));
		usleep(1000);
	}
	assert_int_equal(status, 0);
	handle(SIG_DFL, 0);
	FAILS(EINTR, w.error);
	no_waiters(s);
}

/* Named ones: the last reference goes while a thread waits, which ends them. */
static void whoever_waits_keeps_what_others_close(void **state)
{
	struct several *s = *state;
	ksem_id_t ids[2];
	struct any_waiting w;
	struct ksem *pin;

	OK(ksem_open(s->proc, "/first", O_CREAT, 0600, 0, &ids[0]));
	OK(ksem_open(s->proc, "/second", O_CREAT, 0600, 0, &ids[1]));
	begin_any(&w, s, ids, 2);
	OK(ksem_pin(s->proc, ids[1], &pin));
	OK(ksem_unlink(s->proc, "/first"));
	OK(ksem_unlink(s->proc, "/second"));
	OK(ksem_close(s->proc, ids[0]));
	OK(ksem_close(s->proc, ids[1]));
	OK(ksem_pinned_post(pin));
	ksem_unpin(pin);
	finish(w.thread);
	OK(w.error);
	assert_int_equal(w.which, 1);
	assert_int_equal(semaphores_in(s->world->ns), s->n);
}

static void a_deadline_ends_it_on_either_clock(void **state)
{
	struct several *s = *state;
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 20), later, now;
	unsigned which = 77;

	FAILS(ETIMEDOUT, ksem_wait_any(s->proc, s->ids, 3, CLOCK_MONOTONIC, &soon, &which));
	clock_gettime(CLOCK_MONOTONIC, &now);
	assert_true(now.tv_sec > soon.tv_sec || (now.tv_sec == soon.tv_sec && now.tv_nsec >= soon.tv_nsec));
	later = in_ms(CLOCK_REALTIME, 20);
	FAILS(ETIMEDOUT, ksem_wait_any(s->proc, s->ids, 3, CLOCK_REALTIME, &later, &which));
	assert_int_equal(which, 77);
	no_waiters(s);
}

#define on_list(f, kind) \
	((struct CMUnitTest){#f " (" #kind ")", f, several_setup, several_teardown, &(enum list){kind}})
#define lined_test(f)   on_list(f, LINED)
#define several_test(f) on_list(f, LINED), on_list(f, DEFAULT), on_list(f, MIXED)

int main(void)
{
	const struct CMUnitTest tests[] = {
		several_test(the_first_in_the_list_that_has_a_permit_is_taken),
		several_test(whichever_grants_first_wakes_a_sleeper),
		several_test(a_second_permit_is_given_back),
		several_test(what_one_sleeper_does_not_need_reaches_another),
		several_test(sixty_four_can_be_waited_for),
		several_test(an_id_may_be_there_twice),
		several_test(one_that_is_listed_twice_is_named_where_it_is_first),
		several_test(ESHUTDOWN_names_the_lowest_that_is_shut),
		several_test(bad_arguments_are_refused_in_order),
		several_test(a_deadline_ends_it_on_either_clock),
		several_test(a_handler_interrupts_it),
		several_test(nobody_destroys_what_is_waited_for),
		lined_test(fifo_it_queues_behind_those_that_wait),
		several_test(no_wake_is_lost_while_all_post_to_any),
		several_test(it_is_no_cancellation_point),
		several_test(a_handler_may_fork),
		several_test(whoever_waits_keeps_what_others_close),
		several_test(the_killed_take_one_permit_each_at_most),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
