/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two threads, two semaphores that have permits per processor: each thread posts to one and looks at the other's value.
 * Each semaphore alone may be looked at before the other's post; but not both, if a value is one that the semaphore had
 * at an instant of the call: whoever's post took effect last was followed by a look after both. (Linearizability is
 * local: Herlihy and Wing, Linearizability, ACM Transactions on Programming Languages and Systems 12, 1990.) So a post
 * must not stand in the processor's store buffer while the thread looks elsewhere.
 *
 * The threads do nothing in between that is a fence; so no history with stamps can show this.
 */
#include "../support.h"

#define WARM_PAIRS 250
#define PAIRS      ((unsigned)share_of(ROUNDS(300000)))

static struct looker {
	struct ksem *own, *other;
	unsigned seen;
	atomic_ulong arrived;
} lookers[2];

static unsigned long neither;

/* Both threads leave at one time. */
static void meet(unsigned me, unsigned long *meeting)
{
	atomic_store(&lookers[me].arrived, ++*meeting);
	for (unsigned spins = 0; atomic_load(&lookers[!me].arrived) < *meeting; spins++) {
		if (spins > 4000)
			sched_yield();
	}
}

static void *post_and_look(void *arg)
{
	struct looker *looker = arg;
	unsigned me = looker == &lookers[1];
	unsigned long meeting = 0;

	for (unsigned i = 0; i < PAIRS; i++) {
		meet(me, &meeting);
		MUST(ksem_pinned_post(looker->own) == 0);
		MUST(ksem_pinned_getvalue(looker->other, &looker->seen) == 0);
		meet(me, &meeting);
		if (me == 0)
			neither += lookers[0].seen == 1 && lookers[1].seen == 1;
		MUST(ksem_pinned_trywait(looker->own) == 0);
	}
	return NULL;
}

static void of_two_posts_one_is_seen(void **state)
{
	struct world *world = *state;
	ksem_id_t ids[2];
	pthread_t thread;

	for (unsigned i = 0; i < 2; i++) {
		OK(ksem_init(world->proc, 1, &ids[i]));
		OK(ksem_pin(world->proc, ids[i], &lookers[i].own));
		lookers[!i].other = lookers[i].own;
		for (unsigned pair = 0; pair < WARM_PAIRS; pair++) {
			OK(ksem_pinned_post(lookers[i].own));
			OK(ksem_pinned_trywait(lookers[i].own));
		}
	}
	thread = start(post_and_look, &lookers[1]);
	post_and_look(&lookers[0]);
	finish(thread);
	for (unsigned i = 0; i < 2; i++) {
		ksem_unpin(lookers[i].own);
		OK(ksem_destroy(world->proc, ids[i]));
	}
	if (neither > 0)
		fail_msg("%lu times of %u neither thread saw the other's post", neither, PAIRS);
}

/* ---- A shared semaphore that is full. ---- */

static struct {
	struct ksem *percpu, *full;
	unsigned seen;
} room;

static void *make_room_and_look(void *arg)
{
	unsigned long meeting = 0;

	(void)arg;
	for (unsigned i = 0; i < PAIRS; i++) {
		meet(1, &meeting);
		MUST(ksem_pinned_trywait(room.full) == 0);
		MUST(ksem_pinned_getvalue(room.percpu, &room.seen) == 0);
		meet(1, &meeting);
		meet(1, &meeting);
	}
	return NULL;
}

/* If there was no room yet, the one that made room looked after both posts. Returns whether it saw neither. */
static bool post_twice(unsigned long *meeting)
{
	int error;
	bool unseen;

	meet(0, meeting);
	MUST(ksem_pinned_post(room.percpu) == 0);
	error = ksem_pinned_post(room.full);
	meet(0, meeting);
	unseen = error == EOVERFLOW && room.seen == 0;
	if (error)
		MUST(error == EOVERFLOW && ksem_pinned_post(room.full) == 0);
	MUST(ksem_pinned_trywait(room.percpu) == 0);
	meet(0, meeting);
	return unseen;
}

static void a_post_that_finds_no_room_follows_a_post_that_is_seen(void **state)
{
	struct world *world = *state;
	char *dir = shared_directory_new();
	const struct ksem_ns_options options = {.size = sizeof(options), .dir = dir};
	struct world shared = {.dir = NULL};
	unsigned long meeting = 0, unseen = 0;
	ksem_id_t full, percpu;
	pthread_t thread;

	OK(ksem_ns_create(&options, &shared.ns));
	OK(ksem_proc_create(shared.ns, NULL, &shared.proc));
	OK(ksem_init(shared.proc, KSEM_VALUE_MAX, &full));
	OK(ksem_pin(shared.proc, full, &room.full));
	OK(ksem_init(world->proc, 0, &percpu));
	OK(ksem_pin(world->proc, percpu, &room.percpu));
	for (unsigned pair = 0; pair < 20 * WARM_PAIRS; pair++) {
		OK(ksem_pinned_post(room.percpu));
		OK(ksem_pinned_trywait(room.percpu));
	}
	for (unsigned i = 0; i < 2; i++)
		atomic_store(&lookers[i].arrived, 0);
	thread = start(make_room_and_look, NULL);
	for (unsigned i = 0; i < PAIRS; i++)
		unseen += post_twice(&meeting);
	finish(thread);
	ksem_unpin(room.full);
	ksem_unpin(room.percpu);
	OK(ksem_destroy(world->proc, percpu));
	OK(ksem_destroy(shared.proc, full));
	OK(ksem_proc_exit(shared.proc));
	OK(ksem_ns_destroy(shared.ns));
	shared_directory_free(dir);
	if (unseen > 0)
		fail_msg("%lu times of %u a post that found no room passed a post before it", unseen, PAIRS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(of_two_posts_one_is_seen),
		world_test(a_post_that_finds_no_room_follows_a_post_that_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
