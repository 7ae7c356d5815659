/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The line under storms: threads, signal handlers that post to the line that their thread is just working on, and
 * processes that are killed at any instruction. What must hold: never more permits out than there are; strict order of
 * first in first out; none lost, none made; every sleeper for whom there is a permit goes on.
 *
 * Rounds end by counts, not by time; a lost wake shows as a hang, which the test's time limit ends.
 */
#include "support.h"
#include "waiting.h"

#include <sys/mman.h>

#include "line/entries.h"
#include "line/help.h"
#include "line/line.h"
#include "os/clock.h"

#define PERMITS 4
#define THREADS 8

static struct line line;
static struct line_view view;
static atomic_int inside;
static atomic_uint timeouts, refused;

static void new_line(uint32_t value, uint32_t limit, uint32_t order)
{
	memset((void *)&line, 0, sizeof(line));
	line_init(&line, value, limit, order);
	line_view_init(&view, &line, FUTEX_PRIVATE, NULL, NULL);
	atomic_store(&inside, 0);
}

static uint32_t value_now(void)
{
	uint32_t value = 0;

	MUST(line_value(&view, &value) == 0);
	return value;
}

/* Each list leads round and back, and nobody is in it. */
static void is_empty(const struct line_view *of)
{
	MUST(line_waiters(of) == 0);
	for (uint32_t list = 0; list < LINE_LISTS; list++) {
		MUST(link_read(&of->line->lists[list].next) == list);
		MUST(link_read(&of->line->lists[list].prev) == list);
	}
	MUST((line_word(of->line).low & LINE_BUSY) == 0);
}

static unsigned next_random(unsigned *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 16;
}

static int wait_for_a_moment(uint32_t need, unsigned random)
{
	struct timespec now = clock_now(CLOCK_MONOTONIC);
	struct deadline deadline = {CLOCK_MONOTONIC, clock_after(&now, random % 60000)};

	return wait_on_line(&view, need, 1, &deadline);
}

struct member {
	unsigned seed, turns;
	pthread_t thread;
};

/* Needs 1 to 3; waits, with and without a deadline, tries, takes what is there. */
static void *crowd_body(void *arg)
{
	struct member *member = arg;

	for (unsigned i = 0; i < member->turns; i++) {
		unsigned random = next_random(&member->seed);
		uint32_t need = 1 + random % 3;
		int error;

		switch (random / 4 % 4) {
		case 0:
			error = line_try(&view, need);
			break;
		case 1:
			error = wait_for_a_moment(need, random);
			break;
		case 2:
			error = line_try_upto(&view, need, &need);
			break;
		default:
			error = wait_on_line(&view, need, 1, NULL);
			break;
		}
		if (error) {
			MUST(error == EAGAIN || error == ETIMEDOUT);
			atomic_fetch_add(error == EAGAIN ? &refused : &timeouts, 1);
			continue;
		}
		MUST(atomic_fetch_add(&inside, (int)need) + (int)need <= PERMITS);
		for (unsigned j = random % 200; j > 0; j--)
			cpu_relax();
		atomic_fetch_sub(&inside, (int)need);
		MUST(line_post(&view, need) == 0);
	}
	return NULL;
}

static void run(struct member *members, unsigned n, void *(*body)(void *), unsigned turns)
{
	for (unsigned i = 0; i < n; i++) {
		members[i].seed = 77 * (i + 1);
		members[i].turns = turns;
		MUST(pthread_create(&members[i].thread, NULL, body, &members[i]) == 0);
	}
}

static void join(struct member *members, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		pthread_join(members[i].thread, NULL);
}

/* Until some of each kind of call found nothing: with few processors they may miss one another for long. */
static void a_crowd_never_has_more_than_there_is(void **state)
{
	struct member members[THREADS];

	(void)state;
	do {
		for (uint32_t order = LINE_BARGING; order <= LINE_LIFO; order++) {
			new_line(PERMITS, PERMITS, order);
			run(members, THREADS, crowd_body, (unsigned)share_of(ROUNDS(20000)));
			join(members, THREADS);
			assert_int_equal(value_now(), PERMITS);
			is_empty(&view);
			line_view_end(&view);
		}
	} while (atomic_load(&timeouts) == 0 || atomic_load(&refused) == 0);
}

/* The limit goes up and down all the while; what is out may pass it, and is owed. */
static void *limit_body(void *arg)
{
	struct member *member = arg;

	for (unsigned i = 0; i < member->turns; i++) {
		line_set_limit(&view, next_random(&member->seed) % (PERMITS + 1));
		sched_yield();
	}
	line_set_limit(&view, PERMITS);
	return NULL;
}

static void a_limit_that_changes_loses_nothing(void **state)
{
	struct member members[THREADS + 1];

	(void)state;
	for (uint32_t order = LINE_BARGING; order <= LINE_LIFO; order++) {
		new_line(PERMITS, PERMITS, order);
		run(members, THREADS, crowd_body, ROUNDS(5000));
		members[THREADS].seed = 5;
		members[THREADS].turns = ROUNDS(5000);
		pthread_create(&members[THREADS].thread, NULL, limit_body, &members[THREADS]);
		join(members, THREADS + 1);
		assert_int_equal(value_now(), PERMITS);
		is_empty(&view);
		line_view_end(&view);
	}
}

/* ---- Strict order: a queue's waits, by several threads, each of which notes when its wait has its place. ---- */

static atomic_uint drawn;
static uint32_t head;
static pthread_mutex_t place = PTHREAD_MUTEX_INITIALIZER; /* so that the numbers are in the order of the places */

static void *submit_body(void *arg)
{
	struct member *member = arg;

	for (unsigned i = 0; i < member->turns; i++) {
		struct line_handle handle;

		pthread_mutex_lock(&place);
		MUST(line_submit(&view, 1, head, (struct line_by){.holder = 1}, atomic_fetch_add(&drawn, 1), 0,
				 &handle) == 0);
		pthread_mutex_unlock(&place);
	}
	return NULL;
}

static void *post_body(void *arg)
{
	struct member *member = arg;

	for (unsigned i = 0; i < member->turns; i++)
		MUST(line_post(&view, 1) == 0);
	return NULL;
}

static void first_in_is_first_out_whoever_posts(void **state)
{
	struct member submitters[3], posters[3];
	const unsigned turns = (unsigned)share_of(ROUNDS(20000));

	(void)state;
	new_line(0, 4000000, LINE_FIFO);
	atomic_store(&drawn, 0);
	OK(line_open_ready(&view, 1, 0, &head));
	run(submitters, 3, submit_body, turns);
	run(posters, 3, post_body, turns);
	for (unsigned i = 0; i < 3 * turns;) {
		struct line_result result;

		if (line_reap_ready(&view, head, &result) != 0) {
			sched_yield();
			continue;
		}
		assert_int_equal(result.user, i);
		assert_int_equal(result.need, 1);
		i++;
	}
	join(submitters, 3);
	join(posters, 3);
	assert_int_equal(value_now(), 0);
	line_close_ready(&view, head, line_ready_round(&view, head));
	is_empty(&view);
	line_view_end(&view);
}

/* ---- A handler that posts in the middle of whatever its thread does to the line. ---- */

static atomic_uint given;

static void on_timer(int number)
{
	uint32_t value;

	(void)number;
	MUST(line_post(&view, 1) == 0);
	MUST(line_value(&view, &value) == 0);
	atomic_fetch_add(&given, 1);
	if (line_try(&view, 1) == 0)
		MUST(line_post(&view, 1) == 0);
}

static void handlers_post_in_the_middle(void **state)
{
	struct itimerspec every = {{0, 50000}, {0, 50000}}, never = {{0, 0}, {0, 0}};
	struct sigaction action = {.sa_handler = on_timer, .sa_flags = SA_RESTART}, old;
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
	struct member members[3];
	timer_t timer;

	(void)state;
	for (uint32_t order = LINE_BARGING; order <= LINE_LIFO; order++) {
		new_line(PERMITS, 4000000, order);
		atomic_store(&given, 0);
		sigaction(SIGALRM, &action, &old);
		OK(timer_create(CLOCK_MONOTONIC, &event, &timer));
		OK(timer_settime(timer, 0, &every, NULL));
		run(members, 3, post_body, 0);
		join(members, 3);
		for (unsigned i = 0; i < (unsigned)share_of(ROUNDS(30000)); i++) {
			uint32_t slot;
			bool full;
			int error = enter_line(&view, 1 + i % 5, 1, &slot, &full);

			if (error == EAGAIN)
				error = line_leave(&view, slot, true);
			if (error == 0)
				MUST(line_post(&view, 1 + i % 5) == 0);
			else
				MUST(error == ECANCELED);
		}
		OK(timer_settime(timer, 0, &never, NULL));
		OK(timer_delete(timer));
		sigaction(SIGALRM, &old, NULL);
		assert_int_equal(value_now(), PERMITS + atomic_load(&given));
		is_empty(&view);
		line_view_end(&view);
	}
}

/* ---- Processes that are killed. ---- */

#define CHILDREN 6

struct shared {
	struct line line;
	atomic_bool dead[CHILDREN + 1]; /* by number; 0 is the parent */
	struct {
		_Alignas(64) atomic_uint out; /* permits that the child may have beside what its entries say */
		atomic_ulong turns;
	} children[CHILDREN + 1];
};

static struct shared *shared;

static bool is_dead(void *context, uint32_t holder)
{
	(void)context;
	return holder <= CHILDREN && atomic_load(&shared->dead[holder]);
}

static const struct line_hooks shared_hooks = {is_dead, NULL};

static _Noreturn void child_body(unsigned me)
{
	unsigned seed = (unsigned)getpid();

	for (;;) {
		uint32_t need = 1 + next_random(&seed) % 2, slot;
		bool full;
		int error;

		atomic_store(&shared->children[me].out, need);
		error = enter_line(&view, need, me, &slot, &full);
		if (error == EAGAIN) {
			struct timespec now = clock_now(CLOCK_MONOTONIC);
			struct deadline soon = {CLOCK_MONOTONIC, clock_after(&now, next_random(&seed) % 200000)};

			error = line_yield(&view, slot) ? EAGAIN : sleep_in_line(&view, slot, &soon);
			while ((error = line_leave(&view, slot, error == ETIMEDOUT)) == EAGAIN)
				error = sleep_in_line(&view, slot, &soon);
		}
		if (error == 0)
			MUST(line_post(&view, need) == 0);
		else
			MUST(error == ECANCELED);
		atomic_store(&shared->children[me].out, 0);
		atomic_fetch_add(&shared->children[me].turns, 1);
	}
}

static pid_t new_child(unsigned me)
{
	pid_t pid;

	atomic_store(&shared->children[me].out, 0);
	atomic_store(&shared->dead[me], false);
	pid = fork();
	MUST(pid >= 0);
	if (pid == 0)
		child_body(me);
	return pid;
}

static void wait_until_all_turn(unsigned without)
{
	for (unsigned i = 1; i <= CHILDREN; i++) {
		unsigned long before = atomic_load(&shared->children[i].turns);

		while (i != without && atomic_load(&shared->children[i].turns) == before)
			sched_yield();
	}
}

/*
 * One is killed at a time, at any instruction. Then the others must all go on. A permit that the dead one had taken, or
 * was posting, goes with it; the test posts as many as it can have had.
 */
static void the_killed_stop_nobody_and_take_only_what_they_had(void **state)
{
	uint32_t order = (uint32_t)(uintptr_t)*state;
	unsigned seed = (unsigned)getpid(), rounds = ROUNDS(60), spare = 0;
	void *entries;
	pid_t pids[CHILDREN + 1];

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	entries = mmap(NULL, LINE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(shared != MAP_FAILED && entries != MAP_FAILED);
	line_init(&shared->line, PERMITS, 4000000, order);
	line_view_init(&view, &shared->line, FUTEX_SHARED, &shared_hooks, NULL);
	line_map(&view, entries);
	for (unsigned i = 1; i <= CHILDREN; i++)
		pids[i] = new_child(i);
	for (unsigned round = 0; round < rounds; round++) {
		unsigned victim = 1 + next_random(&seed) % CHILDREN, out;
		struct timespec pause = {0, next_random(&seed) * 8L};

		nanosleep(&pause, NULL);
		OK(kill(pids[victim], SIGKILL));
		assert_int_equal(waitpid(pids[victim], NULL, 0), pids[victim]);
		atomic_store(&shared->dead[victim], true);
		line_reap(&view);
		out = atomic_load(&shared->children[victim].out);
		OK(line_post(&view, out));
		spare += out;
		wait_until_all_turn(victim);
		pids[victim] = new_child(victim);
		if (round % 4 != 3)
			continue;
		/* At rest nobody has any. What the dead took with them is no more than they could have had. */
		for (unsigned i = 1; i <= CHILDREN; i++) {
			OK(kill(pids[i], SIGKILL));
			assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
			atomic_store(&shared->dead[i], true);
			out = atomic_load(&shared->children[i].out);
			OK(line_post(&view, out));
			spare += out;
		}
		line_reap(&view);
		is_empty(&view);
		assert_true(value_now() >= PERMITS && value_now() <= PERMITS + spare);
		OK(line_try(&view, value_now() - PERMITS));
		spare = 0;
		for (uint32_t slot = LINE_LISTS; slot < LINE_LISTS + load_rlx(&shared->line.used);
		     slot++) /* relaxed: at rest */
			assert_int_equal(state_of(load_rlx(&entry_at(&view, slot)->state)),
					 ENTRY_FREE); /* relaxed: as above */
		for (unsigned i = 1; i <= CHILDREN; i++)
			pids[i] = new_child(i);
	}
	for (unsigned i = 1; i <= CHILDREN; i++) {
		OK(kill(pids[i], SIGKILL));
		assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
	}
	munmap(entries, LINE_BYTES);
	munmap(shared, sizeof(*shared));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_crowd_never_has_more_than_there_is),
		cmocka_unit_test(a_limit_that_changes_loses_nothing),
		cmocka_unit_test(first_in_is_first_out_whoever_posts),
		cmocka_unit_test(handlers_post_in_the_middle),
		cmocka_unit_test_prestate(the_killed_stop_nobody_and_take_only_what_they_had, (void *)LINE_FIFO),
		cmocka_unit_test_prestate(the_killed_stop_nobody_and_take_only_what_they_had, (void *)LINE_LIFO),
		cmocka_unit_test_prestate(the_killed_stop_nobody_and_take_only_what_they_had, (void *)LINE_BARGING),
	};

	if (!line_works()) {
		printf("skipped: this processor swaps no two words at once\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
