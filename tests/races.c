/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls that meet: each pair that could spoil the other, from threads that do nothing else, with counts that must come
 * out.
 */
#include "support.h"

#include <dlfcn.h>

static struct world *world;
static pthread_barrier_t barrier;
static atomic_bool stop;

static int setup(void **state)
{
	world_setup(state);
	world = *state;
	atomic_store(&stop, false);
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(semaphores_in(world->ns), 0);
	return world_teardown(state);
}

/* ---- Names. ---- */

#define RACERS 4

static struct racer {
	struct ksem_proc *proc;
	unsigned value; /* that it makes the semaphore with */
	int oflag;
	int error;
	ksem_id_t id;
} racers[RACERS];

static void *open_at_once(void *arg)
{
	struct racer *racer = arg;

	pthread_barrier_wait(&barrier);
	racer->error = ksem_open(racer->proc, "/race", racer->oflag, 0600, racer->value, &racer->id);
	return NULL;
}

/* All of them at once; returns how many succeeded. */
static unsigned race_to_open(struct ksem_ns *ns, int oflag)
{
	const struct ksem_cred root = {0, 0};
	pthread_t thread[RACERS];
	unsigned won = 0;

	pthread_barrier_init(&barrier, NULL, RACERS);
	for (unsigned i = 0; i < RACERS; i++) {
		racers[i] = (struct racer){.value = i + 1, .oflag = oflag};
		OK(ksem_proc_create(ns, &root, &racers[i].proc));
		thread[i] = start(open_at_once, &racers[i]);
	}
	for (unsigned i = 0; i < RACERS; i++) {
		finish(thread[i]);
		won += racers[i].error == 0;
	}
	pthread_barrier_destroy(&barrier);
	return won;
}

static void end_racers(void)
{
	OK(ksem_unlink(racers[0].proc, "/race"));
	for (unsigned i = 0; i < RACERS; i++)
		OK(ksem_proc_exit(racers[i].proc));
}

static void create_race_has_one_winner_and_the_others_find_it(void **state)
{
	(void)state;
	for (int round = 0; round < share_of(ROUNDS(1000)); round++) {
		struct ksem_info info;

		assert_int_equal(race_to_open(world->ns, O_CREAT), RACERS);
		info = info_of(racers[0].proc, racers[0].id);
		assert_int_equal(info.refs, RACERS);
		assert_in_range(info.value, 1, RACERS);
		for (unsigned i = 1; i < RACERS; i++)
			assert_true(racers[i].id == racers[0].id);
		assert_int_equal(semaphores_in(world->ns), 1);
		end_racers();
	}
}

static void exclusive_create_race_has_one_winner(void **state)
{
	(void)state;
	for (int round = 0; round < share_of(ROUNDS(1000)); round++) {
		assert_int_equal(race_to_open(world->ns, O_CREAT | O_EXCL), 1);
		for (unsigned i = 0; i < RACERS; i++)
			assert_true(racers[i].error == 0 || racers[i].error == EEXIST);
		end_racers();
	}
}

static void create_race_at_the_limit_refuses_nobody(void **state)
{
	const struct ksem_ns_options options = {.size = sizeof(options), .max_sems = 1};
	struct ksem_ns *ns;

	(void)state;
	OK(ksem_ns_create(&options, &ns));
	for (int round = 0; round < share_of(ROUNDS(1000)); round++) {
		assert_int_equal(race_to_open(ns, O_CREAT), RACERS);
		end_racers();
	}
	OK(ksem_ns_destroy(ns));
}

#define UNLINKERS 2

static struct {
	atomic_uint here, won; /* over all rounds */
	atomic_uint found;     /* in this round: who are about to take the name out of the table */
	atomic_bool begun;     /* in other tests nobody is held up */
} unlinks;

static void meet(unsigned round)
{
	atomic_fetch_add(&unlinks.here, 1);
	while (atomic_load(&unlinks.here) < (round + 1) * UNLINKERS)
		sched_yield();
}

/* liburcu's, which the library calls when it has found the name; held up until both have, or one has found none. */
int cds_lfht_del(void *table, void *node);
int cds_lfht_del(void *table, void *node)
{
	int (*real)(void *, void *) = (int (*)(void *, void *))(uintptr_t)dlsym(RTLD_NEXT, "cds_lfht_del");

	if (atomic_load(&unlinks.begun)) {
		atomic_fetch_add(&unlinks.found, 1);
		for (int ms = 0; ms < 20 && atomic_load(&unlinks.found) < UNLINKERS; ms++)
			sleep_ms(1);
	}
	return real(table, node);
}

static void *race_to_unlink(void *arg)
{
	bool makes = arg != NULL;
	ksem_id_t id = 0;

	for (unsigned round = 0; round < 100; round++) {
		int error;

		if (makes) {
			MUST(ksem_open(world->proc, "/race", O_CREAT | O_EXCL, 0600, 0, &id) == 0);
			atomic_store(&unlinks.found, 0);
		}
		meet(2 * round);
		error = ksem_unlink(world->proc, "/race");
		MUST(error == 0 || error == ENOENT);
		atomic_fetch_add(&unlinks.won, error == 0);
		meet(2 * round + 1);
		if (makes) {
			MUST(atomic_load(&unlinks.won) == round + 1);
			MUST(ksem_close(world->proc, id) == 0);
		}
	}
	return NULL;
}

static void unlink_race_has_one_winner(void **state)
{
	pthread_t thread;

	(void)state;
	atomic_store(&unlinks.here, 0);
	atomic_store(&unlinks.won, 0);
	atomic_store(&unlinks.begun, true);
	thread = start(race_to_unlink, NULL);
	race_to_unlink(&unlinks);
	finish(thread);
	atomic_store(&unlinks.begun, false);
}

static void *unlink_all_the_time(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		int error = ksem_unlink(world->proc, "/race");

		MUST(error == 0 || error == ENOENT);
	}
	return NULL;
}

static void *open_post_and_close(void *arg)
{
	(void)arg;
	for (int i = 0; i < share_of(ROUNDS(50000)); i++) {
		ksem_id_t id;

		MUST(ksem_open(world->proc, "/race", O_CREAT, 0600, 0, &id) == 0);
		MUST(ksem_post(world->proc, id) == 0);
		MUST(value_of(world->proc, id) >= 1);
		MUST(ksem_close(world->proc, id) == 0);
	}
	return NULL;
}

static void open_never_fails_beside_unlink(void **state)
{
	pthread_t unlinker, opener[2];

	(void)state;
	unlinker = start(unlink_all_the_time, NULL);
	for (int i = 0; i < 2; i++)
		opener[i] = start(open_post_and_close, NULL);
	for (int i = 0; i < 2; i++)
		finish(opener[i]);
	atomic_store(&stop, true);
	finish(unlinker);
	(void)ksem_unlink(world->proc, "/race");
}

/* ---- Ends. ---- */

static _Atomic ksem_id_t current;

static void *wait_for_current(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)ksem_wait(world->proc, atomic_load(&current));
}

static void *post_current(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)ksem_post(world->proc, atomic_load(&current));
}

/*
 * Whoever comes first: the wait is served, and then destroy is EBUSY until it is; or destroy wins, and the wait is
 * EINVAL.
 */
static void destroy_against_wait_and_post_has_one_answer(void **state)
{
	(void)state;
	for (int round = 0; round < share_of(ROUNDS(3000)); round++) {
		pthread_t waiter, poster;
		ksem_id_t id;
		intptr_t waited, posted;
		int error;

		OK(ksem_init(world->proc, 0, &id));
		atomic_store(&current, id);
		waiter = start(wait_for_current, NULL);
		poster = start(post_current, NULL);
		while ((error = ksem_destroy(world->proc, id)) == EBUSY)
			sched_yield();
		assert_int_equal(error, 0);
		posted = (intptr_t)finish(poster);
		waited = (intptr_t)finish(waiter);
		assert_true(waited == 0 || waited == EINVAL);
		assert_true(posted == 0 || posted == EINVAL);
		if (waited == 0)
			assert_int_equal(posted, 0);
	}
}

static void *wait_then_destroy(void *arg)
{
	(void)arg;
	for (;;) {
		ksem_id_t id = atomic_load(&current);

		if (id == 1)
			return NULL;
		if (id == 0) {
			sched_yield(); /* where others use the processors too, the post would come after a time slice */
			continue;
		}
		MUST(ksem_wait(world->proc, id) == 0);
		MUST(ksem_destroy(world->proc, id) == 0);
		atomic_store(&current, 0);
	}
}

/* The thread that took the permit destroys at once, while the post is still on its way back. */
static void the_taker_may_destroy_at_once(void **state)
{
	pthread_t taker;

	(void)state;
	atomic_store(&current, 0);
	taker = start(wait_then_destroy, NULL);
	for (int i = 0; i < share_of(rounds_of_making(50000)); i++) {
		ksem_id_t id;

		OK(ksem_init(world->proc, 0, &id));
		atomic_store(&current, id);
		OK(ksem_post(world->proc, id));
		while (atomic_load(&current) != 0)
			sched_yield();
	}
	atomic_store(&current, 1);
	finish(taker);
}

static void *post_stale_ids(void *arg)
{
	unsigned long posted = 0;

	(void)arg;
	while (!atomic_load(&stop)) {
		int error = ksem_post(world->proc, atomic_load(&current));

		MUST(error == 0 || error == EINVAL);
		posted += error == 0;
	}
	return (void *)posted;
}

/* A post by an id that is let go reaches its semaphore or none: no other semaphore ever has a permit too many. */
static void a_stale_id_reaches_no_other_semaphore(void **state)
{
	unsigned long counted = 0, posted;
	pthread_t poster;
	ksem_id_t bystander, id;

	(void)state;
	atomic_store(&current, 0);
	poster = start(post_stale_ids, NULL);
	for (int i = 0; i < share_of(rounds_of_making(100000)); i++) {
		OK(ksem_init(world->proc, 0, &id));
		atomic_store(&current, id);
		if (i % 4 == 0)
			sched_yield();
		counted += value_of(world->proc, id);
		OK(ksem_destroy(world->proc, id));
		OK(ksem_init(world->proc, 0, &bystander)); /* in the same slot */
		MUST(value_of(world->proc, bystander) == 0);
		OK(ksem_destroy(world->proc, bystander));
	}
	atomic_store(&stop, true);
	posted = (unsigned long)finish(poster);
	assert_true(posted >= counted); /* some came between the count and the destroy */
}

/* ---- Processes. ---- */

static void *open_and_close(void *arg)
{
	const char *name = arg;

	while (!atomic_load(&stop)) {
		ksem_id_t id;

		MUST(ksem_open(world->proc, name, O_CREAT, 0600, 0, &id) == 0);
		MUST(ksem_open(world->proc, name, 0, 0, 0, &id) == 0);
		MUST(ksem_close(world->proc, id) == 0);
		MUST(ksem_close(world->proc, id) == 0);
	}
	return NULL;
}

static void fork_against_open_and_close_copies_references_whole(void **state)
{
	pthread_t thread[2];
	ksem_id_t a, b;

	(void)state;
	OK(ksem_open(world->proc, "/a", O_CREAT, 0600, 0, &a));
	OK(ksem_open(world->proc, "/b", O_CREAT, 0600, 0, &b));
	thread[0] = start(open_and_close, (void *)(uintptr_t) "/a");
	thread[1] = start(open_and_close, (void *)(uintptr_t) "/b");
	for (int i = 0; i < share_of(ROUNDS(5000)); i++) {
		struct ksem_proc *child;
		int held = 0;

		OK(ksem_proc_fork(world->proc, &child));
		while (ksem_close(child, a) == 0)
			held++;
		assert_in_range(held, 1, 3);
		OK(ksem_post(child, b));
		OK(ksem_proc_exit(child));
	}
	atomic_store(&stop, true);
	finish(thread[0]);
	finish(thread[1]);
	assert_int_equal(info_of(world->proc, a).refs, 1);
	assert_int_equal(info_of(world->proc, b).refs, 1);
	OK(ksem_unlink(world->proc, "/a"));
	OK(ksem_unlink(world->proc, "/b"));
	OK(ksem_close(world->proc, a));
	OK(ksem_close(world->proc, b));
}

static ksem_id_t held[64];

static void *look_up_held(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		for (size_t i = 0; i < sizeof(held) / sizeof(*held); i++)
			MUST(ksem_post(world->proc, held[i]) == 0);
		MUST(ksem_post(world->proc, held[0] + (UINT64_C(1) << 50)) == EINVAL);
	}
	return NULL;
}

static void look_ups_succeed_while_the_table_grows_and_shrinks(void **state)
{
	enum { MANY = 3000 };
	static ksem_id_t many[MANY];
	pthread_t thread[2];

	(void)state;
	for (size_t i = 0; i < sizeof(held) / sizeof(*held); i++) {
		for (int j = 0; j < 7; j++)
			OK(ksem_init(world->proc, 0, &many[j])); /* so that ids held are far apart */
		OK(ksem_init(world->proc, 0, &held[i]));
		for (int j = 0; j < 7; j++)
			OK(ksem_destroy(world->proc, many[j]));
	}
	for (int i = 0; i < 2; i++)
		thread[i] = start(look_up_held, NULL);
	for (int round = 0; round < share_of(rounds_of_making(60)); round++) {
		for (int i = 0; i < MANY; i++)
			OK(ksem_init(world->proc, 0, &many[i]));
		for (int i = 0; i < MANY; i++)
			OK(ksem_destroy(world->proc, many[i]));
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		finish(thread[i]);
	for (size_t i = 0; i < sizeof(held) / sizeof(*held); i++)
		OK(ksem_destroy(world->proc, held[i]));
}

static void *wait_shortly(void *arg)
{
	struct ksem_proc *proc = arg;

	while (!atomic_load(&stop)) {
		struct timespec soon = in_ms(CLOCK_MONOTONIC, 0);
		int error = ksem_clockwait(proc, atomic_load(&current), CLOCK_MONOTONIC, &soon);

		MUST(error == ETIMEDOUT || error == EINVAL);
	}
	return NULL;
}

/* exec drops all, or refuses because of a wait and drops nothing. */
static void exec_against_wait_is_all_or_nothing(void **state)
{
	struct ksem_proc *proc = world_user(world, 0, 0);
	pthread_t waiter;
	unsigned dropped = 0;

	(void)state;
	atomic_store(&current, 0);
	waiter = start(wait_shortly, proc);
	for (int i = 0; i < share_of(ROUNDS(20000)); i++) {
		ksem_id_t id, other;
		unsigned value;
		int error;

		OK(ksem_init(proc, 0, &id));
		OK(ksem_init(proc, 7, &other));
		atomic_store(&current, id);
		while ((error = ksem_proc_exec(proc)) == EBUSY)
			OK(ksem_getvalue(proc, other, &value));
		assert_int_equal(error, 0);
		FAILS(EINVAL, ksem_getvalue(proc, other, &value));
		FAILS(EINVAL, ksem_getvalue(proc, id, &value));
		dropped++;
	}
	atomic_store(&stop, true);
	finish(waiter);
	assert_true(dropped > 0);
	OK(ksem_proc_exit(proc));
}

static void *pin_and_unpin(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		struct ksem *pin;
		int error = ksem_pin(world->proc, atomic_load(&current), &pin);

		MUST(error == 0 || error == EINVAL);
		if (error == 0) {
			unsigned value;

			error = ksem_pinned_post(pin);
			MUST(error == 0 || error == EINVAL);
			error = ksem_pinned_getvalue(pin, &value);
			MUST(error == 0 || error == EINVAL);
			ksem_unpin(pin);
		}
	}
	return NULL;
}

static void pins_against_destroy_keep_the_memory_only(void **state)
{
	pthread_t thread[2];

	(void)state;
	atomic_store(&current, 0);
	for (int i = 0; i < 2; i++)
		thread[i] = start(pin_and_unpin, NULL);
	for (int i = 0; i < share_of(rounds_of_making(100000)); i++) {
		ksem_id_t id;

		OK(ksem_init(world->proc, 0, &id));
		atomic_store(&current, id);
		OK(ksem_destroy(world->proc, id));
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		finish(thread[i]);
}

static void *churn(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		ksem_id_t id;

		MUST(ksem_open(world->proc, "/visited", O_CREAT, 0600, 3, &id) == 0);
		MUST(ksem_unlink(world->proc, "/visited") == 0);
		MUST(ksem_close(world->proc, id) == 0);
	}
	return NULL;
}

static int check_info(const struct ksem_info *info, void *arg)
{
	(void)arg;
	MUST(info->id != 0);
	MUST(info->value == 3);
	MUST(strcmp(info->name, "/visited") == 0 || info->name[0] == '\0');
	MUST(info->refs <= 1);
	return 0;
}

static void foreach_beside_churn_sees_whole_semaphores(void **state)
{
	pthread_t thread = start(churn, NULL);

	(void)state;
	for (int i = 0; i < share_of(ROUNDS(100000)); i++)
		OK(ksem_ns_foreach(world->ns, check_info, NULL));
	atomic_store(&stop, true);
	finish(thread);
}

/* ---- Permits. ---- */

#define PERMITS 3

static struct {
	ksem_id_t id;
	struct ksem *pin;
	atomic_int held;
} permits;

/* Takes a permit in any of the ways there are; false: none to be had. */
static bool take_somehow(struct random *random)
{
	struct timespec soon;
	int error;

	switch (random_below(random, 5)) {
	case 0:
		return ksem_wait(world->proc, permits.id) == 0;
	case 1:
		return ksem_pinned_wait(permits.pin) == 0;
	case 2:
		error = ksem_trywait(world->proc, permits.id);
		MUST(error == 0 || error == EAGAIN);
		return error == 0;
	case 3:
		error = ksem_pinned_trywait(permits.pin);
		MUST(error == 0 || error == EAGAIN);
		return error == 0;
	default:
		soon = in_ms(CLOCK_MONOTONIC, random_below(random, 2));
		error = ksem_clockwait(world->proc, permits.id, CLOCK_MONOTONIC, &soon);
		MUST(error == 0 || error == ETIMEDOUT);
		return error == 0;
	}
}

static void *take_and_give_back(void *arg)
{
	struct random random = {(uintptr_t)arg};

	for (int i = 0; i < share_of(ROUNDS(20000)); i++) {
		unsigned more = 0;

		if (!take_somehow(&random))
			continue;
		MUST(atomic_fetch_add(&permits.held, 1) < PERMITS);
		MUST(value_of(world->proc, permits.id) < PERMITS);
		if (random_below(&random, 8) == 0)
			sched_yield();
		if (random_below(&random, 4) == 0 && ksem_trywait(world->proc, permits.id) == 0)
			more = 1;
		atomic_fetch_sub(&permits.held, 1);
		if (random_below(&random, 2) == 0)
			MUST(ksem_post_many(world->proc, permits.id, 1 + more) == 0);
		else
			MUST(ksem_pinned_post_many(permits.pin, 1 + more) == 0);
	}
	return NULL;
}

static void permits_are_conserved_and_never_more_are_held(void **state)
{
	struct random random = random_new();
	pthread_t thread[6];

	(void)state;
	OK(ksem_init(world->proc, PERMITS, &permits.id));
	OK(ksem_pin(world->proc, permits.id, &permits.pin));
	atomic_store(&permits.held, 0);
	for (int i = 0; i < 6; i++)
		thread[i] = start(take_and_give_back, (void *)(uintptr_t)random_next(&random));
	for (int i = 0; i < 6; i++)
		finish(thread[i]);
	assert_int_equal(value_of(world->proc, permits.id), PERMITS);
	assert_int_equal(info_of(world->proc, permits.id).waiters, 0);
	ksem_unpin(permits.pin);
	OK(ksem_destroy(world->proc, permits.id));
}

static void *wait_for_ever(void *arg)
{
	(void)arg;
	MUST(ksem_wait(world->proc, permits.id) == 0);
	return NULL;
}

/* Waiters time out beside others that wait for ever, as permits come: each of these gets its own in the end. */
static void *time_out(void *arg)
{
	unsigned long taken = 0;

	(void)arg;
	while (!atomic_load(&stop)) {
		struct timespec soon = in_ms(CLOCK_MONOTONIC, 0);

		soon.tv_nsec = soon.tv_nsec < 999900000 ? soon.tv_nsec + 50000 : soon.tv_nsec;
		if (ksem_clockwait(world->proc, permits.id, CLOCK_MONOTONIC, &soon) == 0) {
			taken++;
			MUST(ksem_post(world->proc, permits.id) == 0);
		}
	}
	return (void *)taken;
}

static void timeouts_that_race_posts_eat_no_permit(void **state)
{
	(void)state;
	OK(ksem_init(world->proc, 0, &permits.id));
	for (int round = 0; round < share_of(ROUNDS(50)) + 1; round++) {
		pthread_t patient[3], hasty[2];

		atomic_store(&stop, false);
		for (int i = 0; i < 2; i++)
			hasty[i] = start(time_out, NULL);
		for (int i = 0; i < 3; i++)
			patient[i] = start(wait_for_ever, NULL);
		for (int i = 0; i < 3; i++) {
			sched_yield();
			OK(ksem_post(world->proc, permits.id));
		}
		for (int i = 0; i < 3; i++)
			finish(patient[i]); /* for ever, if one slept beside a permit */
		atomic_store(&stop, true);
		for (int i = 0; i < 2; i++)
			finish(hasty[i]);
		assert_int_equal(value_of(world->proc, permits.id), 0);
	}
	OK(ksem_destroy(world->proc, permits.id));
}

static void a_batch_lets_every_waiter_go(void **state)
{
	(void)state;
	OK(ksem_init(world->proc, 0, &permits.id));
	for (int round = 0; round < share_of(ROUNDS(200)); round++) {
		pthread_t thread[5];

		for (int i = 0; i < 5; i++)
			thread[i] = start(wait_for_ever, NULL);
		if (round % 2 == 0)
			until_waiting(world->proc, permits.id, 5);
		OK(ksem_post_many(world->proc, permits.id, 5));
		for (int i = 0; i < 5; i++)
			finish(thread[i]);
		assert_int_equal(value_of(world->proc, permits.id), 0);
	}
	OK(ksem_destroy(world->proc, permits.id));
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(create_race_has_one_winner_and_the_others_find_it),
		test(exclusive_create_race_has_one_winner),
		test(unlink_race_has_one_winner),
		test(create_race_at_the_limit_refuses_nobody),
		test(open_never_fails_beside_unlink),
		test(destroy_against_wait_and_post_has_one_answer),
		test(the_taker_may_destroy_at_once),
		test(a_stale_id_reaches_no_other_semaphore),
		test(fork_against_open_and_close_copies_references_whole),
		test(look_ups_succeed_while_the_table_grows_and_shrinks),
		test(exec_against_wait_is_all_or_nothing),
		test(pins_against_destroy_keep_the_memory_only),
		test(foreach_beside_churn_sees_whole_semaphores),
		test(permits_are_conserved_and_never_more_are_held),
		test(timeouts_that_race_posts_eat_no_permit),
		test(a_batch_lets_every_waiter_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
