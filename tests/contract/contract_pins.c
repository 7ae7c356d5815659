/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pins, and waits that keep their semaphore.
 */
#include "target.h"

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

static void do_nothing(int signal)
{
	(void)signal;
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
	struct sigaction action = {.sa_handler = do_nothing};
	unsigned orphans = 0;

	OK(sigaction(SIGUSR1, &action, NULL));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(pin_where_the_id_is_not_held_is_EINVAL),
		world_test(a_pin_is_not_a_reference),
		world_test(pins_keep_the_semaphore_over_close_and_unlink_until_the_last_unpin),
		cmocka_unit_test(a_pin_keeps_the_semaphore_over_exec_exit_and_ns_destroy),
		world_test(pinned_calls_after_destroy_are_EINVAL),
		world_test(a_pinned_post_wakes_a_thread_whose_semaphore_was_closed_and_unlinked),
		world_test(exit_elsewhere_neither_wakes_a_thread_nor_takes_its_semaphore),
		world_test(a_pinned_wait_goes_on_when_every_process_has_exited),
		world_test(a_semaphore_goes_with_the_wait_that_alone_kept_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
