/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Anonymous semaphores: init and destroy. Most of destroy is about when it may not.
 */
#include "../support.h"

/* ---- init ---- */

static void init_makes_a_semaphore_of_that_value_with_one_reference(void **state)
{
	const unsigned values[] = {
		0, 1, 2, 1000, INT32_MAX, (unsigned)INT32_MAX + 1, KSEM_VALUE_MAX - 1, KSEM_VALUE_MAX};
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		ksem_id_t id;

		OK(ksem_init(world->proc, values[i], &id));
		assert_true(id != 0);
		assert_int_equal(value_of(world->proc, id), values[i]);
		assert_int_equal(info_of(world->proc, id).refs, 1);
		assert_int_equal(info_of(world->proc, id).waiters, 0);
		assert_string_equal(info_of(world->proc, id).name, "");
		FAILS(values[i] ? 0 : EAGAIN, ksem_trywait(world->proc, id));
		assert_int_equal(semaphores_in(world->ns), i + 1);
	}
}

static void each_init_makes_another_semaphore(void **state)
{
	struct world *world = *state;
	ksem_id_t a, b;

	OK(ksem_init(world->proc, 1, &a));
	OK(ksem_init(world->proc, 1, &b));
	assert_true(a != b);
	OK(ksem_wait(world->proc, a));
	assert_int_equal(value_of(world->proc, b), 1);
	OK(ksem_destroy(world->proc, a));
	assert_int_equal(value_of(world->proc, b), 1);
}

static void init_at_max_sems_is_ENFILE_and_leaves_nothing(void **state)
{
	struct world world = world_limited(2, 0);
	ksem_id_t first, second, id = 77;

	(void)state;
	OK(ksem_init(world.proc, 0, &first));
	OK(ksem_init(world.proc, 0, &second));
	for (int i = 0; i < 100; i++)
		FAILS(ENFILE, ksem_init(world.proc, 0, &id));
	assert_true(id == 77);
	assert_int_equal(semaphores_in(world.ns), 2);
	OK(ksem_destroy(world.proc, first));
	OK(ksem_init(world.proc, 0, &id));
	FAILS(ENFILE, ksem_init(world.proc, 0, &id));
	OK(ksem_proc_exit(world.proc));
	OK(ksem_ns_destroy(world.ns));
}

/* ---- destroy: not held, named ---- */

static void destroy_is_EINVAL_where_the_process_does_not_hold_it(void **state)
{
	struct world *world = *state;
	struct ksem_proc *other = world_user(world, 0, 0);
	ksem_id_t id;

	OK(ksem_init(world->proc, 0, &id));
	FAILS(EINVAL, ksem_destroy(other, id));
	FAILS(EINVAL, ksem_destroy(world->proc, 0));
	FAILS(EINVAL, ksem_destroy(world->proc, id + 1));
	assert_int_equal(info_of(world->proc, id).refs, 1);
	OK(ksem_proc_exit(other));
}

static void destroy_twice_is_EINVAL(void **state)
{
	struct world *world = *state;
	ksem_id_t id, next;

	OK(ksem_init(world->proc, 0, &id));
	OK(ksem_destroy(world->proc, id));
	FAILS(EINVAL, ksem_destroy(world->proc, id));
	OK(ksem_init(world->proc, 0, &next)); /* perhaps in the place of the first */
	FAILS(EINVAL, ksem_destroy(world->proc, id));
	OK(ksem_destroy(world->proc, next));
}

static void destroy_of_a_named_semaphore_is_EINVAL(void **state)
{
	struct world *world = *state;
	ksem_id_t id;

	OK(ksem_open(world->proc, "/name", O_CREAT, 0600, 1, &id));
	FAILS(EINVAL, ksem_destroy(world->proc, id));
	OK(ksem_unlink(world->proc, "/name"));
	FAILS(EINVAL, ksem_destroy(world->proc, id));
	assert_int_equal(info_of(world->proc, id).refs, 1);
	assert_int_equal(value_of(world->proc, id), 1);
}

/* ---- destroy: a thread waits ---- */

struct waiter {
	struct ksem_proc *proc; /* in which it waits by id, or NULL */
	ksem_id_t id;
	struct ksem *pin;
	bool timed;
};

static void *wait_for_one(void *arg)
{
	const struct timespec far = {.tv_sec = INT32_MAX};
	const struct waiter *w = arg;
	int error;

	if (w->proc)
		error = w->timed ? ksem_clockwait(w->proc, w->id, CLOCK_REALTIME, &far) : ksem_wait(w->proc, w->id);
	else
		error = w->timed ? ksem_pinned_clockwait(w->pin, CLOCK_REALTIME, &far) : ksem_pinned_wait(w->pin);
	return (void *)(intptr_t)error;
}

/* `destroyer` may not destroy the semaphore while that waiter is there; it may when it's gone. */
static void destroy_is_EBUSY_until_it_is_woken(struct ksem_proc *destroyer, struct waiter waiter, ksem_id_t id)
{
	unsigned refs = info_of(destroyer, id).refs;
	pthread_t thread = start(wait_for_one, &waiter);

	until_waiting(destroyer, id, 1);
	for (int i = 0; i < 3; i++)
		FAILS(EBUSY, ksem_destroy(destroyer, id));
	assert_int_equal(info_of(destroyer, id).refs, refs);
	assert_int_equal(info_of(destroyer, id).waiters, 1);
	OK(ksem_post(destroyer, id));
	assert_null(finish(thread));
	OK(ksem_destroy(destroyer, id));
	FAILS(EINVAL, ksem_destroy(destroyer, id));
}

static void destroy_is_EBUSY_while_a_thread_waits_by_id(void **state)
{
	struct world *world = *state;
	ksem_id_t id;

	for (int timed = 0; timed < 2; timed++) {
		OK(ksem_init(world->proc, 0, &id));
		destroy_is_EBUSY_until_it_is_woken(world->proc, (struct waiter){world->proc, id, NULL, timed}, id);
	}
}

static void destroy_is_EBUSY_while_a_thread_waits_pinned(void **state)
{
	struct world *world = *state;
	struct ksem *pin;
	ksem_id_t id;

	for (int timed = 0; timed < 2; timed++) {
		OK(ksem_init(world->proc, 0, &id));
		OK(ksem_pin(world->proc, id, &pin));
		destroy_is_EBUSY_until_it_is_woken(world->proc, (struct waiter){NULL, id, pin, timed}, id);
		ksem_unpin(pin);
	}
}

static void destroy_is_EBUSY_while_a_thread_waits_in_another_process(void **state)
{
	struct world *world = *state;
	struct ksem_proc *child;
	ksem_id_t id;

	OK(ksem_init(world->proc, 0, &id));
	OK(ksem_proc_fork(world->proc, &child));
	destroy_is_EBUSY_until_it_is_woken(world->proc, (struct waiter){child, id, NULL, false}, id);
	OK(ksem_destroy(child, id));
	OK(ksem_proc_exit(child));
}

static void destroy_is_EBUSY_while_a_thread_waits_though_another_process_holds_it(void **state)
{
	struct world *world = *state;
	struct ksem_proc *child;
	struct ksem *pin;
	ksem_id_t id;

	for (int pinned = 0; pinned < 2; pinned++) {
		OK(ksem_init(world->proc, 0, &id));
		OK(ksem_pin(world->proc, id, &pin));
		OK(ksem_proc_fork(world->proc, &child));
		destroy_is_EBUSY_until_it_is_woken(world->proc,
						   (struct waiter){pinned ? NULL : world->proc, id, pin, false}, id);
		assert_int_equal(info_of(child, id).refs, 1);
		ksem_unpin(pin);
		OK(ksem_proc_exit(child));
	}
}

/* EINVAL comes before EBUSY. */
static void destroy_is_EINVAL_not_EBUSY_where_it_is_named_or_not_held(void **state)
{
	struct world *world = *state;
	struct ksem_proc *other = world_user(world, 0, 0);
	ksem_id_t anonymous, named;
	struct waiter waiter;
	pthread_t thread;

	OK(ksem_init(world->proc, 0, &anonymous));
	waiter = (struct waiter){world->proc, anonymous, NULL, false};
	thread = start(wait_for_one, &waiter);
	until_waiting(world->proc, anonymous, 1);
	FAILS(EINVAL, ksem_destroy(other, anonymous));
	OK(ksem_post(world->proc, anonymous));
	assert_null(finish(thread));

	OK(ksem_open(world->proc, "/name", O_CREAT, 0600, 0, &named));
	waiter = (struct waiter){world->proc, named, NULL, false};
	thread = start(wait_for_one, &waiter);
	until_waiting(world->proc, named, 1);
	FAILS(EINVAL, ksem_destroy(world->proc, named));
	OK(ksem_post(world->proc, named));
	assert_null(finish(thread));
	OK(ksem_proc_exit(other));
}

/* ---- destroy: one reference, and the last ---- */

static void destroy_drops_only_the_process_s_own_reference(void **state)
{
	struct world *world = *state;
	struct ksem_proc *child, *grandchild;
	ksem_id_t id;

	OK(ksem_init(world->proc, 4, &id));
	OK(ksem_proc_fork(world->proc, &child));
	OK(ksem_proc_fork(child, &grandchild));
	OK(ksem_destroy(child, id));
	FAILS(EINVAL, ksem_post(child, id));
	assert_int_equal(info_of(world->proc, id).refs, 2);
	OK(ksem_destroy(world->proc, id));
	OK(ksem_post(grandchild, id));
	assert_int_equal(value_of(grandchild, id), 5);
	assert_int_equal(info_of(grandchild, id).refs, 1);
	OK(ksem_proc_exit(child));
	OK(ksem_proc_exit(grandchild));
}

static void destroy_of_the_last_reference_frees_the_semaphore(void **state)
{
	struct world *world = *state;
	struct ksem_proc *child;
	ksem_id_t id;

	OK(ksem_init(world->proc, 9, &id)); /* permits that are left don't matter */
	OK(ksem_proc_fork(world->proc, &child));
	OK(ksem_destroy(world->proc, id));
	assert_int_equal(semaphores_in(world->ns), 1);
	OK(ksem_destroy(child, id));
	assert_int_equal(semaphores_in(world->ns), 0);
	OK(ksem_proc_exit(child));
}

static void a_pin_does_not_keep_destroy_from_freeing_the_place(void **state)
{
	struct world world = world_limited(1, 0);
	struct ksem *pin;
	ksem_id_t id;

	(void)state;
	OK(ksem_init(world.proc, 0, &id));
	OK(ksem_pin(world.proc, id, &pin));
	OK(ksem_destroy(world.proc, id));
	assert_int_equal(semaphores_in(world.ns), 0);
	OK(ksem_init(world.proc, 6, &id));
	FAILS(EINVAL, ksem_pinned_post(pin));
	ksem_unpin(pin);
	assert_int_equal(semaphores_in(world.ns), 1);
	assert_int_equal(value_of(world.proc, id), 6);
	OK(ksem_proc_exit(world.proc));
	OK(ksem_ns_destroy(world.ns));
}

struct giving {
	struct ksem_proc *proc;
	ksem_id_t id;
	int plain; /* not atomic: the post must happen before the wait that takes its permit */
};

static void *give(void *arg)
{
	struct giving *giving = arg;

	giving->plain++;
	MUST(ksem_post(giving->proc, giving->id) == 0);
	return NULL;
}

static void who_took_the_permit_may_destroy_at_once(void **state)
{
	struct world *world = *state;

	for (int i = 0; i < ROUNDS(3000); i++) {
		struct giving giving = {.proc = world->proc, .plain = i};
		pthread_t thread;

		OK(ksem_init(world->proc, 0, &giving.id));
		thread = start(give, &giving);
		if (i % 2)
			OK(ksem_wait(world->proc, giving.id));
		else
			while (ksem_trywait(world->proc, giving.id))
				sched_yield();
		OK(ksem_destroy(world->proc, giving.id));
		assert_int_equal(giving.plain, i + 1);
		finish(thread);
	}
	assert_int_equal(semaphores_in(world->ns), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(init_makes_a_semaphore_of_that_value_with_one_reference),
		world_test(each_init_makes_another_semaphore),
		cmocka_unit_test(init_at_max_sems_is_ENFILE_and_leaves_nothing),
		world_test(destroy_is_EINVAL_where_the_process_does_not_hold_it),
		world_test(destroy_twice_is_EINVAL),
		world_test(destroy_of_a_named_semaphore_is_EINVAL),
		world_test(destroy_is_EBUSY_while_a_thread_waits_by_id),
		world_test(destroy_is_EBUSY_while_a_thread_waits_pinned),
		world_test(destroy_is_EBUSY_while_a_thread_waits_in_another_process),
		world_test(destroy_is_EBUSY_while_a_thread_waits_though_another_process_holds_it),
		world_test(destroy_is_EINVAL_not_EBUSY_where_it_is_named_or_not_held),
		world_test(destroy_drops_only_the_process_s_own_reference),
		world_test(destroy_of_the_last_reference_frees_the_semaphore),
		cmocka_unit_test(a_pin_does_not_keep_destroy_from_freeing_the_place),
		world_test(who_took_the_permit_may_destroy_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
