/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that sleep in a wait, as the kernel says, are woken by posts: each by one, or all by one of many.
 * tools/verify mutants takes the wake out, and expects this test to hang.
 */
#include "support.h"

#define SLEEPERS 4

struct sleeper {
	pthread_t thread;
	struct ksem_proc *proc;
	ksem_id_t id;
	struct ksem *pin; /* NULL: by id */
};

static void *sleep_once(void *arg)
{
	struct sleeper *sleeper = arg;

	MUST((sleeper->pin ? ksem_pinned_wait(sleeper->pin) : ksem_wait(sleeper->proc, sleeper->id)) == 0);
	return NULL;
}

static void sleepers_start(struct sleeper *sleepers, struct world *world, ksem_id_t id, bool pinned)
{
	for (unsigned i = 0; i < SLEEPERS; i++) {
		sleepers[i] = (struct sleeper){.proc = world->proc, .id = id};
		if (pinned)
			OK(ksem_pin(world->proc, id, &sleepers[i].pin));
		sleepers[i].thread = start(sleep_once, &sleepers[i]);
	}
	until_asleep(world->proc, id, SLEEPERS);
}

static void sleepers_finish(struct sleeper *sleepers)
{
	for (unsigned i = 0; i < SLEEPERS; i++) {
		finish(sleepers[i].thread);
		ksem_unpin(sleepers[i].pin);
	}
}

static void each_post_wakes_a_sleeper(void **state)
{
	struct world *world = *state;

	for (unsigned round = 0; round < 20; round++) {
		struct sleeper sleepers[SLEEPERS];
		ksem_id_t id;

		OK(ksem_init(world->proc, 0, &id));
		sleepers_start(sleepers, world, id, round % 2);
		for (unsigned left = SLEEPERS; left > 0; left--) {
			OK(ksem_post(world->proc, id));
			until_waiting(world->proc, id, left - 1);
		}
		sleepers_finish(sleepers);
		assert_int_equal(value_of(world->proc, id), 0);
		OK(ksem_destroy(world->proc, id));
	}
}

static void a_post_of_many_wakes_as_many(void **state)
{
	struct world *world = *state;

	for (unsigned round = 0; round < 20; round++) {
		struct sleeper sleepers[SLEEPERS];
		ksem_id_t id;

		OK(ksem_init(world->proc, 0, &id));
		sleepers_start(sleepers, world, id, round % 2);
		OK(ksem_post_many(world->proc, id, SLEEPERS - 1));
		until_waiting(world->proc, id, 1);
		OK(ksem_post_many(world->proc, id, 3));
		sleepers_finish(sleepers);
		assert_int_equal(value_of(world->proc, id), 2);
		OK(ksem_destroy(world->proc, id));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(each_post_wakes_a_sleeper),
		world_test(a_post_of_many_wakes_as_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
