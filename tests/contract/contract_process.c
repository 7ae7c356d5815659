/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes: what create, fork, exec and exit do to references and credentials; and that an id means nothing to a
 * process that doesn't hold it.
 */
#include "../support.h"

static bool holds(struct ksem_proc *proc, ksem_id_t id)
{
	unsigned value;

	return ksem_getvalue(proc, id, &value) == 0;
}

/* A thread that waits in a process until it is let go. */
struct waiter {
	struct ksem_proc *proc;
	ksem_id_t id;
	bool timed;
	pthread_t thread;
};

static void *wait_in_process(void *arg)
{
	const struct waiter *w = arg;
	const struct timespec far = {.tv_sec = INT32_MAX};

	return (void *)(intptr_t)(w->timed ? ksem_clockwait(w->proc, w->id, CLOCK_MONOTONIC, &far) :
					     ksem_wait(w->proc, w->id));
}

static void begin_wait(struct waiter *w, struct ksem_proc *proc, ksem_id_t id, bool timed)
{
	*w = (struct waiter){.proc = proc, .id = id, .timed = timed};
	w->thread = start(wait_in_process, w);
	until_waiting(proc, id, 1);
}

static void end_wait(struct waiter *w)
{
	OK(ksem_post(w->proc, w->id));
	assert_null(finish(w->thread));
}

/* ---- create ---- */

static void a_new_process_holds_nothing(void **state)
{
	struct world *world = *state;
	struct ksem_proc *proc = world_user(world, 0, 0);
	ksem_id_t anonymous, named;

	OK(ksem_init(world->proc, 1, &anonymous));
	OK(ksem_open(world->proc, "/name", O_CREAT, 0666, 1, &named));
	assert_false(holds(proc, anonymous));
	assert_false(holds(proc, named));
	OK(ksem_proc_exit(proc));
	assert_int_equal(info_of(world->proc, anonymous).refs, 1);
	assert_int_equal(info_of(world->proc, named).refs, 1);
}

static void credentials_NULL_are_the_effective_ids(void **state)
{
	struct world *world = *state;
	struct ksem_proc *proc;
	ksem_id_t id;

	OK(ksem_proc_create(world->ns, NULL, &proc));
	OK(ksem_open(proc, "/mine", O_CREAT, 0600, 0, &id));
	assert_int_equal(info_of(proc, id).uid, geteuid());
	assert_int_equal(info_of(proc, id).gid, getegid());
	OK(ksem_proc_exit(proc));
}

static void credentials_given_are_the_process_s(void **state)
{
	struct world *world = *state;
	struct ksem_proc *user = world_user(world, 100, 200), *none = world_user(world, (uid_t)-1, (gid_t)-1);
	ksem_id_t id;

	OK(ksem_open(user, "/mine", O_CREAT, 0200, 0, &id));
	assert_int_equal(info_of(user, id).uid, 100);
	assert_int_equal(info_of(user, id).gid, 200);
	OK(ksem_open(user, "/mine", 0, 0, 0, &id));
	FAILS(EPERM, ksem_open(none, "/mine", 0, 0, 0, &id));
	OK(ksem_open(world->proc, "/mine", 0, 0, 0, &id)); /* uid 0 */
	OK(ksem_proc_exit(user));
	OK(ksem_proc_exit(none));
}

/* ---- fork ---- */

static void fork_copies_each_reference_as_often_as_the_parent_holds_it(void **state)
{
	enum { NAMES = 50 };
	struct world *world = *state;
	struct ksem_proc *child;
	ksem_id_t ids[NAMES], anonymous;
	char name[16];

	OK(ksem_init(world->proc, 3, &anonymous));
	for (unsigned i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "/%u", i);
		for (unsigned opens = 0; opens <= i; opens++)
			OK(ksem_open(world->proc, name, O_CREAT, 0600, 0, &ids[i]));
	}
	OK(ksem_proc_fork(world->proc, &child));
	assert_int_equal(info_of(child, anonymous).refs, 2);
	assert_int_equal(value_of(child, anonymous), 3);
	OK(ksem_destroy(child, anonymous));
	FAILS(EINVAL, ksem_destroy(child, anonymous));
	for (unsigned i = 0; i < NAMES; i++) {
		assert_int_equal(info_of(child, ids[i]).refs, 2 * (i + 1));
		for (unsigned opens = 0; opens <= i; opens++)
			OK(ksem_close(child, ids[i]));
		FAILS(EINVAL, ksem_close(child, ids[i]));
		assert_int_equal(info_of(world->proc, ids[i]).refs, i + 1);
	}
	assert_int_equal(info_of(world->proc, anonymous).refs, 1);
	OK(ksem_proc_exit(child));
}

static void fork_of_a_process_without_references_has_none(void **state)
{
	struct world *world = *state;
	struct ksem_proc *child;
	ksem_id_t id;

	OK(ksem_proc_fork(world->proc, &child));
	OK(ksem_init(child, 0, &id));
	assert_false(holds(world->proc, id));
	OK(ksem_destroy(child, id));
	OK(ksem_proc_exit(child));
}

static void fork_copies_the_credentials(void **state)
{
	struct world *world = *state;
	struct ksem_proc *user = world_user(world, 100, 200), *child;
	ksem_id_t id;

	OK(ksem_open(world->proc, "/not-theirs", O_CREAT, 0600, 0, &id));
	OK(ksem_open(user, "/theirs", O_CREAT, S_IWUSR, 0, &id));
	OK(ksem_proc_fork(user, &child));
	OK(ksem_proc_exit(user));
	OK(ksem_open(child, "/theirs", 0, 0, 0, &id));
	FAILS(EPERM, ksem_open(child, "/not-theirs", 0, 0, 0, &id));
	OK(ksem_open(child, "/child-s", O_CREAT, 0600, 0, &id));
	assert_int_equal(info_of(child, id).uid, 100);
	assert_int_equal(info_of(child, id).gid, 200);
	OK(ksem_proc_exit(child));
}

static void parent_and_child_go_their_own_ways(void **state)
{
	struct world *world = *state;
	struct ksem_proc *child;
	ksem_id_t both, parents, childs;

	OK(ksem_init(world->proc, 0, &both));
	OK(ksem_proc_fork(world->proc, &child));
	OK(ksem_init(world->proc, 0, &parents));
	OK(ksem_init(child, 0, &childs));
	assert_false(holds(child, parents));
	assert_false(holds(world->proc, childs));
	OK(ksem_post(child, both));
	OK(ksem_wait(world->proc, both));
	OK(ksem_destroy(child, both));
	assert_true(holds(world->proc, both));
	OK(ksem_proc_exit(child));
	assert_int_equal(semaphores_in(world->ns), 2);
}

static void references_outlive_the_parent_over_generations(void **state)
{
	struct world *world = *state;
	struct ksem_proc *proc = world_user(world, 100, 200), *child;
	ksem_id_t anonymous, unlinked;

	OK(ksem_init(proc, 1, &anonymous));
	OK(ksem_open(proc, "/unlinked", O_CREAT, 0600, 2, &unlinked));
	OK(ksem_unlink(proc, "/unlinked"));
	for (int generation = 0; generation < 10; generation++) {
		OK(ksem_proc_fork(proc, &child));
		OK(ksem_proc_exit(proc));
		proc = child;
		assert_int_equal(info_of(proc, anonymous).refs, 1);
		OK(ksem_post(proc, anonymous));
		OK(ksem_post(proc, unlinked));
	}
	assert_int_equal(value_of(proc, anonymous), 11);
	assert_int_equal(value_of(proc, unlinked), 12);
	OK(ksem_destroy(proc, anonymous));
	OK(ksem_close(proc, unlinked));
	assert_int_equal(semaphores_in(world->ns), 0);
	OK(ksem_proc_exit(proc));
}

static void grandchildren_hold_what_their_grandparent_held(void **state)
{
	struct world *world = *state;
	struct ksem_proc *family[7]; /* 0 is the parent of 1 and 2, 1 of 3 and 4, 2 of 5 and 6 */
	ksem_id_t id;

	family[0] = world_user(world, 0, 0);
	OK(ksem_open(family[0], "/name", O_CREAT, 0600, 0, &id));
	OK(ksem_open(family[0], "/name", 0, 0, 0, &id));
	for (int i = 1; i < 7; i++)
		OK(ksem_proc_fork(family[(i - 1) / 2], &family[i]));
	assert_int_equal(info_of(family[6], id).refs, 14);
	for (int i = 0; i < 3; i++) { /* the others keep theirs until they exit */
		OK(ksem_post(family[i], id));
		OK(ksem_close(family[i], id));
		OK(ksem_close(family[i], id));
		FAILS(EINVAL, ksem_close(family[i], id));
		assert_int_equal(info_of(family[6], id).refs, 2 * (6 - i));
	}
	assert_int_equal(value_of(family[6], id), 3);
	for (int i = 0; i < 7; i++)
		OK(ksem_proc_exit(family[i]));
	OK(ksem_open(world->proc, "/name", 0, 0, 0, &id));
	assert_int_equal(info_of(world->proc, id).refs, 1);
}

struct changing {
	struct ksem_proc *proc;
	ksem_id_t id; /* which it holds once, or twice */
	atomic_bool stop;
};

static void *change_references(void *arg)
{
	struct changing *c = arg;
	ksem_id_t id, anonymous;

	while (!atomic_load(&c->stop)) {
		MUST(ksem_open(c->proc, "/changing", 0, 0, 0, &id) == 0);
		MUST(ksem_init(c->proc, 0, &anonymous) == 0);
		MUST(ksem_close(c->proc, id) == 0);
		MUST(ksem_destroy(c->proc, anonymous) == 0);
	}
	return NULL;
}

static void fork_copies_what_changes_meanwhile_whole_or_not_at_all(void **state)
{
	struct world *world = *state;
	struct changing changing = {.proc = world_user(world, 0, 0)};
	pthread_t thread;

	OK(ksem_open(changing.proc, "/changing", O_CREAT, 0600, 0, &changing.id));
	thread = start(change_references, &changing);
	for (int i = 0; i < ROUNDS(2000); i++) {
		struct ksem_proc *child;
		int copied = 0;

		OK(ksem_proc_fork(changing.proc, &child));
		while (holds(child, changing.id)) {
			OK(ksem_close(child, changing.id));
			copied++;
		}
		assert_in_range(copied, 1, 2);
		FAILS(EINVAL, ksem_close(child, changing.id));
		OK(ksem_proc_exit(child)); /* with the anonymous one, if that was copied */
	}
	atomic_store(&changing.stop, true);
	finish(thread);
	assert_int_equal(info_of(changing.proc, changing.id).refs, 1);
	assert_int_equal(semaphores_in(world->ns), 1);
	OK(ksem_proc_exit(changing.proc));
}

/* ---- exec and exit ---- */

/* Holds 30 anonymous, 30 named (the 30 opened twice), 30 unlinked semaphores. */
static ksem_id_t hold_many(struct ksem_proc *proc)
{
	ksem_id_t id = 0;
	char name[24];

	for (int i = 0; i < 30; i++) {
		OK(ksem_init(proc, 0, &id));
		snprintf(name, sizeof(name), "/unlinked-%d", i);
		OK(ksem_open(proc, name, O_CREAT, 0600, 0, &id));
		OK(ksem_unlink(proc, name));
		snprintf(name, sizeof(name), "/named-%d", i);
		OK(ksem_open(proc, name, O_CREAT, 0600, 0, &id));
		OK(ksem_open(proc, name, 0, 0, 0, &id));
	}
	return id;
}

static void exec_drops_all_references_and_the_process_stays(void **state)
{
	struct world *world = *state;
	struct ksem_proc *proc = world_user(world, 100, 200);
	ksem_id_t id, again;

	for (int i = 0; i < 3; i++) {
		id = hold_many(proc);
		assert_int_equal(semaphores_in(world->ns), 90);
		OK(ksem_proc_exec(proc));
		assert_int_equal(semaphores_in(world->ns), 30); /* the names keep theirs */
		assert_false(holds(proc, id));
	}
	OK(ksem_proc_exec(proc));
	OK(ksem_open(proc, "/named-29", 0, 0, 0, &again));
	assert_true(again == id);
	assert_int_equal(info_of(proc, id).refs, 1);
	assert_int_equal(info_of(proc, id).uid, 100);
	FAILS(EBUSY, ksem_ns_destroy(world->ns));
	OK(ksem_proc_exit(proc));
}

static void exit_drops_all_references_and_the_process_goes(void **state)
{
	struct world *world = *state;
	struct ksem_proc *proc = world_user(world, 100, 200);
	ksem_id_t kept, id, again;

	OK(ksem_init(world->proc, 0, &kept));
	id = hold_many(proc);
	OK(ksem_proc_exit(proc));
	assert_int_equal(semaphores_in(world->ns), 31);
	OK(ksem_open(world->proc, "/named-29", 0, 0, 0, &again));
	assert_true(again == id);
	assert_int_equal(info_of(world->proc, id).refs, 1);
	assert_int_equal(info_of(world->proc, kept).refs, 1);
}

static void exec_and_exit_leave_other_processes_alone(void **state)
{
	struct world *world = *state;
	struct ksem_proc *child;
	ksem_id_t id;

	OK(ksem_init(world->proc, 5, &id));
	OK(ksem_proc_fork(world->proc, &child));
	assert_int_equal(info_of(world->proc, id).refs, 2);
	OK(ksem_proc_exec(child));
	assert_int_equal(info_of(world->proc, id).refs, 1);
	OK(ksem_proc_exit(child));
	assert_int_equal(info_of(world->proc, id).refs, 1);
	assert_int_equal(value_of(world->proc, id), 5);
}

static void leaving_is_EBUSY_while_a_thread_waits(struct world *world, int (*leave)(struct ksem_proc *), bool timed)
{
	struct ksem_proc *proc = world_user(world, 0, 0);
	ksem_id_t waited, other, named, again;
	struct waiter waiter;

	OK(ksem_init(proc, 0, &waited));
	OK(ksem_init(proc, 9, &other));
	OK(ksem_open(proc, "/name", O_CREAT, 0600, 0, &named));
	OK(ksem_open(proc, "/name", 0, 0, 0, &named));
	begin_wait(&waiter, proc, waited, timed);
	for (int i = 0; i < 3; i++) {
		FAILS(EBUSY, leave(proc));
		assert_int_equal(info_of(proc, waited).waiters, 1);
		assert_int_equal(info_of(proc, waited).refs, 1);
		assert_int_equal(value_of(proc, other), 9);
		assert_int_equal(info_of(proc, named).refs, 2);
	}
	OK(ksem_open(proc, "/name", 0, 0, 0, &again));
	OK(ksem_wait(proc, other));
	end_wait(&waiter);
	OK(leave(proc));
	OK(ksem_open(world->proc, "/name", 0, 0, 0, &again));
	assert_true(again == named);
	assert_int_equal(info_of(world->proc, named).refs, 1);
	OK(ksem_close(world->proc, again));
	OK(ksem_unlink(world->proc, "/name"));
	assert_int_equal(semaphores_in(world->ns), 0);
	if (leave == ksem_proc_exec)
		OK(ksem_proc_exit(proc));
}

static void exec_is_EBUSY_while_a_thread_waits_and_changes_nothing(void **state)
{
	leaving_is_EBUSY_while_a_thread_waits(*state, ksem_proc_exec, false);
	leaving_is_EBUSY_while_a_thread_waits(*state, ksem_proc_exec, true);
}

static void exit_is_EBUSY_while_a_thread_waits_and_changes_nothing(void **state)
{
	leaving_is_EBUSY_while_a_thread_waits(*state, ksem_proc_exit, false);
	leaving_is_EBUSY_while_a_thread_waits(*state, ksem_proc_exit, true);
}

static void a_wait_in_one_process_keeps_no_other_from_exec_and_exit(void **state)
{
	struct world *world = *state;
	struct ksem_proc *child;
	struct waiter waiter;
	ksem_id_t id;

	OK(ksem_init(world->proc, 0, &id));
	OK(ksem_proc_fork(world->proc, &child));
	begin_wait(&waiter, world->proc, id, false);
	OK(ksem_proc_exec(child));
	OK(ksem_proc_exit(child));
	assert_int_equal(info_of(world->proc, id).waiters, 1);
	end_wait(&waiter);
}

/* ---- ids ---- */

/* Every call by id that has nothing but the id to check. */
static void all_calls_by_id_are_EINVAL(struct ksem_proc *proc, ksem_id_t id)
{
	const struct timespec past = {0, 0};
	struct ksem_info info;
	struct ksem *pin = NULL;
	unsigned value = 77;

	FAILS(EINVAL, ksem_destroy(proc, id));
	FAILS(EINVAL, ksem_close(proc, id));
	FAILS(EINVAL, ksem_post(proc, id));
	FAILS(EINVAL, ksem_post_many(proc, id, 0));
	FAILS(EINVAL, ksem_post_many(proc, id, 1));
	FAILS(EINVAL, ksem_post_many(proc, id, UINT32_MAX));
	FAILS(EINVAL, ksem_wait(proc, id));
	FAILS(EINVAL, ksem_trywait(proc, id));
	FAILS(EINVAL, ksem_clockwait(proc, id, CLOCK_REALTIME, &past));
	FAILS(EINVAL, ksem_getvalue(proc, id, &value));
	FAILS(EINVAL, ksem_pin(proc, id, &pin));
	FAILS(EINVAL, ksem_stat(proc, id, &info));
	assert_int_equal(value, 77);
	assert_null(pin);
}

static void an_id_means_nothing_to_a_process_that_does_not_hold_it(void **state)
{
	struct world *world = *state;
	struct ksem_proc *owner = world_user(world, 0, 0), *other = world_user(world, 0, 0);
	ksem_id_t anonymous, named, held[2];

	OK(ksem_init(owner, 1, &anonymous));
	OK(ksem_open(owner, "/name", O_CREAT, 0666, 1, &named));
	for (int i = 0; i < 2; i++) {
		all_calls_by_id_are_EINVAL(other, anonymous);
		all_calls_by_id_are_EINVAL(other, named);
		all_calls_by_id_are_EINVAL(other, 0);
		all_calls_by_id_are_EINVAL(other, 1);
		all_calls_by_id_are_EINVAL(other, UINT64_MAX);
		OK(ksem_init(other, 0, &held[i])); /* the second time round it holds something */
	}
	for (int bit = 0; bit < 64; bit++)
		if ((held[0] ^ UINT64_C(1) << bit) != held[1])
			all_calls_by_id_are_EINVAL(other, held[0] ^ UINT64_C(1) << bit);
	assert_int_equal(value_of(owner, anonymous), 1);
	assert_int_equal(value_of(owner, named), 1);
	assert_int_equal(info_of(owner, named).refs, 1);
	OK(ksem_proc_exit(owner));
	OK(ksem_proc_exit(other));
}

static void an_id_that_was_let_go_means_nothing(void **state)
{
	struct world *world = *state;
	ksem_id_t id;

	OK(ksem_init(world->proc, 1, &id));
	OK(ksem_destroy(world->proc, id));
	all_calls_by_id_are_EINVAL(world->proc, id);
	OK(ksem_open(world->proc, "/name", O_CREAT, 0666, 1, &id));
	OK(ksem_close(world->proc, id));
	all_calls_by_id_are_EINVAL(world->proc, id);
	OK(ksem_init(world->proc, 1, &id));
	OK(ksem_proc_exec(world->proc));
	all_calls_by_id_are_EINVAL(world->proc, id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(a_new_process_holds_nothing),
		world_test(credentials_NULL_are_the_effective_ids),
		world_test(credentials_given_are_the_process_s),
		world_test(fork_copies_each_reference_as_often_as_the_parent_holds_it),
		world_test(fork_of_a_process_without_references_has_none),
		world_test(fork_copies_the_credentials),
		world_test(parent_and_child_go_their_own_ways),
		world_test(references_outlive_the_parent_over_generations),
		world_test(grandchildren_hold_what_their_grandparent_held),
		world_test(fork_copies_what_changes_meanwhile_whole_or_not_at_all),
		world_test(exec_drops_all_references_and_the_process_stays),
		world_test(exit_drops_all_references_and_the_process_goes),
		world_test(exec_and_exit_leave_other_processes_alone),
		world_test(exec_is_EBUSY_while_a_thread_waits_and_changes_nothing),
		world_test(exit_is_EBUSY_while_a_thread_waits_and_changes_nothing),
		world_test(a_wait_in_one_process_keeps_no_other_from_exec_and_exit),
		world_test(an_id_means_nothing_to_a_process_that_does_not_hold_it),
		world_test(an_id_that_was_let_go_means_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
