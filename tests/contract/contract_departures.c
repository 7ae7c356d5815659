/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where ksem departs from the system that it rebuilds, NetBSD's uipc_sem.c of 2006: a test for each row of that table.
 */
#include "../support.h"

#include <sys/resource.h>

/* At most 30 semaphores, names of at most 14 bytes, fixed when built. */
static void limits_are_per_namespace_and_30_and_14_are_the_original(void **state)
{
	struct world original = world_limited(30, 14), other = world_limited(31, 15);
	ksem_id_t id;

	(void)state;
	OK(ksem_open(original.proc, "/14-bytes-long", O_CREAT, 0600, 0, &id));
	FAILS(ENAMETOOLONG, ksem_open(original.proc, "/15-bytes--long", O_CREAT, 0600, 0, &id));
	OK(ksem_open(other.proc, "/15-bytes--long", O_CREAT, 0600, 0, &id));
	FAILS(ENAMETOOLONG, ksem_open(other.proc, "/16-bytes---long", O_CREAT, 0600, 0, &id));
	for (int i = 1; i < 30; i++)
		OK(ksem_init(original.proc, 0, &id));
	for (int i = 1; i < 31; i++)
		OK(ksem_init(other.proc, 0, &id));
	for (int i = 0; i < 2; i++) {
		struct world *world = i ? &other : &original;

		FAILS(ENFILE, ksem_init(world->proc, 0, &id));
		FAILS(ENFILE, ksem_open(world->proc, "/new", O_CREAT, 0600, 0, &id));
		assert_int_equal(semaphores_in(world->ns), 30 + i);
	}
	world_end(&original);
	world_end(&other);
}

/* close of an unlinked semaphore fails, so its reference leaks until exit; destroy accepts it. */
static void close_of_an_unlinked_semaphore_works_and_destroy_of_an_opened_one_is_EINVAL(void **state)
{
	struct world world = world_limited(1, 0);
	ksem_id_t id;

	(void)state;
	for (int i = 0; i < 100; i++) {
		OK(ksem_open(world.proc, "/name", O_CREAT | O_EXCL, 0600, 0, &id));
		FAILS(EINVAL, ksem_destroy(world.proc, id));
		OK(ksem_unlink(world.proc, "/name"));
		FAILS(EINVAL, ksem_destroy(world.proc, id));
		assert_int_equal(info_of(world.proc, id).refs, 1);
		OK(ksem_close(world.proc, id));
		assert_int_equal(semaphores_in(world.ns), 0);
	}
	world_end(&world);
}

/* Anyone may unlink any name. */
static void unlink_needs_the_permission_that_open_needs(void **state)
{
	struct world *world = *state;
	struct ksem_proc *owner = world_user(world, 100, 200), *stranger = world_user(world, 101, 201);
	const mode_t modes[] = {0, 0600, 0620, 0444, 0555, 0602, 0666};
	ksem_id_t id;

	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		int expected = modes[i] & 02 ? 0 : EPERM;

		OK(ksem_open(owner, "/name", O_CREAT | O_EXCL, modes[i], 0, &id));
		FAILS(expected, ksem_open(stranger, "/name", 0, 0, 0, &id));
		FAILS(expected, ksem_unlink(stranger, "/name"));
		FAILS(expected ? 0 : ENOENT, ksem_unlink(world->proc, "/name"));
	}
	OK(ksem_proc_exit(owner));
	OK(ksem_proc_exit(stranger));
}

struct maker {
	struct ksem_proc *proc;
	pthread_barrier_t *line;
	ksem_id_t id;
	int error;
};

static void *open_at_once(void *arg)
{
	struct maker *maker = arg;

	pthread_barrier_wait(maker->line);
	maker->error = ksem_open(maker->proc, "/name", O_CREAT, 0666, 0, &maker->id);
	return NULL;
}

/* The loser leaks a semaphore and a place under the limit. With only one place, it would soon be gone. */
static void the_loser_of_a_race_to_create_leaves_nothing(void **state)
{
	enum { MAKERS = 3 };
	struct world world = world_limited(1, 0);
	pthread_barrier_t line;

	(void)state;
	pthread_barrier_init(&line, NULL, MAKERS);
	for (int round = 0; round < ROUNDS(1000); round++) {
		struct maker makers[MAKERS];
		pthread_t threads[MAKERS];

		for (int i = 0; i < MAKERS; i++) {
			makers[i] = (struct maker){.proc = world_user(&world, 0, 0), .line = &line};
			threads[i] = start(open_at_once, &makers[i]);
		}
		for (int i = 0; i < MAKERS; i++)
			finish(threads[i]);
		for (int i = 0; i < MAKERS; i++) {
			OK(makers[i].error);
			assert_true(makers[i].id == makers[0].id);
		}
		assert_int_equal(semaphores_in(world.ns), 1);
		assert_int_equal(info_of(makers[0].proc, makers[0].id).refs, MAKERS);
		OK(ksem_unlink(world.proc, "/name"));
		for (int i = 0; i < MAKERS; i++)
			OK(ksem_proc_exit(makers[i].proc));
		assert_int_equal(semaphores_in(world.ns), 0);
	}
	pthread_barrier_destroy(&line);
	world_end(&world);
}

/* Process exit unlocks a lock twice. */
static void exit_lets_go_of_everything_once(void **state)
{
	struct world world = world_limited(60, 0);
	char name[16];
	ksem_id_t id;

	(void)state;
	for (int round = 0; round < 20; round++) {
		struct ksem_proc *proc = world_user(&world, 0, 0), *child;

		for (int i = 0; i < 30; i++) {
			OK(ksem_init(proc, 0, &id));
			snprintf(name, sizeof(name), "/%d", i);
			OK(ksem_open(proc, name, O_CREAT, 0600, 0, &id));
			if (i % 2 == 0)
				OK(ksem_unlink(proc, name));
		}
		OK(ksem_proc_fork(proc, &child));
		OK(ksem_proc_exit(proc));
		assert_int_equal(semaphores_in(world.ns), 60);
		OK(ksem_proc_exit(child));
		assert_int_equal(semaphores_in(world.ns), 15);
		for (int i = 1; i < 30; i += 2) {
			snprintf(name, sizeof(name), "/%d", i);
			OK(ksem_open(world.proc, name, 0, 0, 0, &id));
			assert_int_equal(info_of(world.proc, id).refs, 1);
			OK(ksem_close(world.proc, id));
			OK(ksem_unlink(world.proc, name));
		}
	}
	world_end(&world);
}

static void *init_at_once(void *arg)
{
	struct maker *maker = arg;

	pthread_barrier_wait(maker->line);
	maker->error = ksem_init(maker->proc, 7, &maker->id);
	return NULL;
}

/* A process's first two semaphores made at once lose one list. */
static void the_first_two_semaphores_of_a_process_made_at_once_are_both_kept(void **state)
{
	struct world world = world_limited(2, 0);
	pthread_barrier_t line;

	(void)state;
	pthread_barrier_init(&line, NULL, 2);
	for (int round = 0; round < ROUNDS(1500); round++) {
		struct ksem_proc *proc = world_user(&world, 0, 0);
		struct maker makers[2] = {{.proc = proc, .line = &line}, {.proc = proc, .line = &line}};
		pthread_t thread = start(init_at_once, &makers[0]);

		init_at_once(&makers[1]);
		finish(thread);
		for (int i = 0; i < 2; i++) {
			OK(makers[i].error);
			assert_int_equal(value_of(proc, makers[i].id), 7);
		}
		assert_true(makers[0].id != makers[1].id);
		OK(ksem_proc_exit(proc));
		assert_int_equal(semaphores_in(world.ns), 0); /* exit knew of both */
	}
	pthread_barrier_destroy(&line);
	world_end(&world);
}

/* A freed id can come back at once. */
static void a_freed_id_never_comes_back(void **state)
{
	enum { IDS = 5000 };
	static ksem_id_t ids[IDS];
	struct world world = world_limited(1, 0);

	(void)state;
	for (int i = 0; i < ROUNDS(IDS); i++) {
		OK(ksem_init(world.proc, 0, &ids[i]));
		OK(ksem_destroy(world.proc, ids[i]));
		for (int j = 0; j < i; j++)
			if (ids[j] == ids[i])
				fail_msg("the ids of rounds %d and %d are the same", j, i);
		FAILS(EINVAL, ksem_post(world.proc, ids[i]));
	}
	world_end(&world);
}

struct waiter {
	struct ksem_proc *proc;
	ksem_id_t id;
	long sleeps; /* how often the thread went to sleep while it waited */
};

static void *wait_and_count_sleeps(void *arg)
{
	struct waiter *w = arg;
	struct rusage before, after;
	unsigned value;

	MUST(ksem_getvalue(w->proc, w->id, &value) == 0); /* a thread's first call may sleep for reasons of its own */
	getrusage(RUSAGE_THREAD, &before);
	MUST(ksem_wait(w->proc, w->id) == 0);
	getrusage(RUSAGE_THREAD, &after);
	w->sleeps = after.ru_nvcsw - before.ru_nvcsw;
	return NULL;
}

/*
 * A post wakes every waiter. That would be waiters * (waiters + 1) / 2 sleeps in all; here each sleeps once. The bound
 * leaves room for sleeps that are none of ours. (Sanitizers and emulators make threads sleep too: under them there's no
 * bound.)
 */
static void a_post_wakes_only_those_that_can_go_on(void **state)
{
	enum { WAITERS = 16 };
	struct world *world = *state;
	struct waiter waiters[WAITERS];
	pthread_t threads[WAITERS];
	ksem_id_t id;
	long sleeps = 0;

	OK(ksem_init(world->proc, 0, &id));
	for (int i = 0; i < WAITERS; i++) {
		waiters[i] = (struct waiter){world->proc, id, 0};
		threads[i] = start(wait_and_count_sleeps, &waiters[i]);
	}
	until_waiting(world->proc, id, WAITERS);
	for (unsigned left = WAITERS; left > 0;) {
		unsigned posts = left > 4 ? 1 : 2;

		sleep_ms(5); /* so that those that were woken for nothing would be asleep again */
		OK(ksem_post_many(world->proc, id, posts));
		left -= posts;
		until_waiting(world->proc, id, left);
		assert_int_equal(value_of(world->proc, id), 0);
	}
	for (int i = 0; i < WAITERS; i++) {
		finish(threads[i]);
		sleeps += waiters[i].sleeps;
	}
	if (!SANITIZED && !EMULATED)
		assert_in_range(sleeps, 0, 3 * WAITERS);
	assert_int_equal(value_of(world->proc, id), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_are_per_namespace_and_30_and_14_are_the_original),
		cmocka_unit_test(close_of_an_unlinked_semaphore_works_and_destroy_of_an_opened_one_is_EINVAL),
		world_test(unlink_needs_the_permission_that_open_needs),
		cmocka_unit_test(the_loser_of_a_race_to_create_leaves_nothing),
		cmocka_unit_test(exit_lets_go_of_everything_once),
		cmocka_unit_test(the_first_two_semaphores_of_a_process_made_at_once_are_both_kept),
		cmocka_unit_test(a_freed_id_never_comes_back),
		world_test(a_post_wakes_only_those_that_can_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
