/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Posts by id that are held up anywhere, by a signal handler, while others destroy the semaphore and make and destroy
 * thousands more. Without a grace period before memory goes back, the post goes on in memory that was freed, which
 * AddressSanitizer reports if it comes to that; unit/object/reclaim.c holds every free to a grace period.
 */
#include "support.h"

#define ENOUGH 3000 /* destroys after which memory goes back, grace period or not */

static struct world *world;
static _Atomic ksem_id_t current;
static atomic_uint destroyed;
static atomic_bool stop;

/* Waits for others, but not for ever: they may wait for the reader that this interrupts. */
static void hold_up(int signal)
{
	struct timespec now, end = in_ms(CLOCK_MONOTONIC, 2);
	unsigned before = atomic_load(&destroyed);

	(void)signal;
	do {
		sched_yield();
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (atomic_load(&destroyed) - before < ENOUGH &&
		 (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec)));
}

static void *post_whatever_is_there(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		int error = ksem_post(world->proc, atomic_load(&current));

		MUST(error == 0 || error == EINVAL);
	}
	return NULL;
}

static void *make_and_destroy(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		ksem_id_t id;

		MUST(ksem_init(world->proc, 0, &id) == 0);
		atomic_store(&current, id);
		MUST(ksem_destroy(world->proc, id) == 0);
		atomic_fetch_add(&destroyed, 1);
	}
	return NULL;
}

static void a_post_held_up_anywhere_may_meet_a_destroy(void **state)
{
	struct sigaction action = {.sa_handler = hold_up, .sa_flags = SA_RESTART};
	struct sigaction before;
	pthread_t poster, maker;

	world = *state;
	atomic_store(&stop, false);
	OK(sigaction(SIGUSR1, &action, &before));
	poster = start(post_whatever_is_there, NULL);
	maker = start(make_and_destroy, NULL);
	for (int i = 0; i < 1200; i++) {
		OK(pthread_kill(poster, SIGUSR1));
		sleep_ms(2);
	}
	atomic_store(&stop, true);
	finish(poster);
	finish(maker);
	assert_true(atomic_load(&destroyed) > ENOUGH);
	OK(sigaction(SIGUSR1, &before, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {world_test(a_post_held_up_anywhere_may_meet_a_destroy)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
