/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * <ksem/inline.h>: calls that the library needn't see don't get there, and all do in a program for another layout
 * (inline_other.c). The calls of the library are counted on their way there. That the answers are the same is shown by
 * the contract's tests, which are built with it too (contract_post_wait_inline, ...).
 */
#include "support.h"

#include <dlfcn.h>

#include <ksem/inline.h>

#include "inline_other.h"

#define PAIRS 1000

static atomic_uint calls;

/* Counts the call, and goes on to the library's. */
#define COUNTED(name, parameters, arguments)                          \
	int(name) parameters                                          \
	{                                                             \
		static int(*library) parameters;                      \
                                                                      \
		if (!library)                                         \
			*(void **)&library = dlsym(RTLD_NEXT, #name); \
		atomic_fetch_add(&calls, 1);                          \
		return library arguments;                             \
	}

COUNTED(ksem_pinned_post, (struct ksem * sem), (sem))
COUNTED(ksem_pinned_wait, (struct ksem * sem), (sem))
COUNTED(ksem_pinned_trywait, (struct ksem * sem), (sem))
COUNTED(ksem_post, (struct ksem_proc * proc, ksem_id_t id), (proc, id))
COUNTED(ksem_wait, (struct ksem_proc * proc, ksem_id_t id), (proc, id))
COUNTED(ksem_trywait, (struct ksem_proc * proc, ksem_id_t id), (proc, id))

static struct target {
	struct ksem_proc *proc;
	ksem_id_t id;
	struct ksem *pin;
} target;

/* Each of them posts once and takes once. */
static void pinned_post_and_wait(void)
{
	OK(ksem_pinned_post(target.pin));
	OK(ksem_pinned_wait(target.pin));
}

static void pinned_post_and_trywait(void)
{
	OK(ksem_pinned_post(target.pin));
	OK(ksem_pinned_trywait(target.pin));
}

static void post_and_wait(void)
{
	OK(ksem_post(target.proc, target.id));
	OK(ksem_wait(target.proc, target.id));
}

static void post_and_trywait(void)
{
	OK(ksem_post(target.proc, target.id));
	OK(ksem_trywait(target.proc, target.id));
}

static void other_layout(void)
{
	OK(other_pinned_post(target.pin));
	OK(other_pinned_wait(target.pin));
}

static void other_layout_by_id(void)
{
	OK(other_post(target.proc, target.id));
	OK(other_wait(target.proc, target.id));
}

static unsigned calls_of(void (*pair)(void))
{
	atomic_store(&calls, 0);
	for (int i = 0; i < PAIRS; i++)
		pair();
	return atomic_load(&calls);
}

/* A semaphore that is used much, so that its permits are in slots if they can be. */
static int setup(void **state)
{
	struct world *world;

	world_setup(state);
	world = *state;
	target.proc = world->proc;
	OK(ksem_init(world->proc, 1, &target.id));
	OK(ksem_pin(world->proc, target.id, &target.pin));
	for (int i = 0; i < 10000; i++)
		pinned_post_and_wait();
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(value_of(target.proc, target.id), 1);
	ksem_unpin(target.pin);
	OK(ksem_destroy(target.proc, target.id));
	return world_teardown(state);
}

/* A few sequences are aborted: by a tick of the clock, another thread of the machine. */
static void calls_with_a_permit_in_a_slot_stay_in_the_caller(void **state)
{
	(void)state;
	if (!KSEM_INLINE_WORKS || ksem_inline_2.processors == 0)
		SKIP("no restartable sequences here");
	assert_in_range(calls_of(pinned_post_and_wait), 0, PAIRS / 2);
	assert_in_range(calls_of(pinned_post_and_trywait), 0, PAIRS / 2);
	assert_in_range(calls_of(post_and_wait), 0, PAIRS / 2);
	assert_in_range(calls_of(post_and_trywait), 0, PAIRS / 2);
}

static void all_calls_get_to_a_library_of_another_layout(void **state)
{
	(void)state;
	assert_int_equal(calls_of(other_layout), 2 * PAIRS);
	assert_int_equal(calls_of(other_layout_by_id), 2 * PAIRS);
}

static void what_is_no_argument_is_for_the_library_to_refuse(void **state)
{
	(void)state;
	atomic_store(&calls, 0);
	FAILS(EINVAL, ksem_pinned_post(NULL));
	FAILS(EINVAL, ksem_pinned_wait(NULL));
	FAILS(EINVAL, ksem_pinned_trywait(NULL));
	FAILS(EINVAL, ksem_post(NULL, 1));
	FAILS(EINVAL, ksem_wait(NULL, 1));
	FAILS(EINVAL, ksem_trywait(NULL, 1));
	FAILS(EINVAL, ksem_post(target.proc, 0));
	FAILS(EINVAL, ksem_wait(target.proc, UINT64_MAX));
	FAILS(EINVAL, ksem_trywait(target.proc, target.id + 1));
	assert_int_equal(calls, 9);
}

/* Ids that differ from the semaphore's in one bit. Some of them lead to the same place in memory or in the table. */
static void ids_like_it_are_refused(struct ksem_proc *proc, ksem_id_t id)
{
	unsigned value = value_of(proc, id);

	for (int bit = 0; bit < 64; bit++) {
		ksem_id_t other = id ^ UINT64_C(1) << bit;

		FAILS(EINVAL, ksem_post(proc, other));
		FAILS(EINVAL, ksem_trywait(proc, other));
		FAILS(EINVAL, ksem_wait(proc, other));
	}
	assert_int_equal(value_of(proc, id), value);
}

static void an_id_is_compared_whole(void **state)
{
	struct world *world = *state;
	struct ksem_proc *other = world_user(world, 0, 0);
	ksem_id_t made, opened;

	OK(ksem_init(world->proc, 5, &made));
	ids_like_it_are_refused(world->proc, made);
	FAILS(EINVAL, ksem_post(other, made)); /* which doesn't hold it */
	FAILS(EINVAL, ksem_trywait(other, made));
	OK(ksem_open(world->proc, "/opened", O_CREAT, 0600, 5, &made));
	OK(ksem_open(other, "/opened", 0, 0, 0, &opened));
	ids_like_it_are_refused(other, opened); /* it finds it by its table */
	OK(ksem_proc_exit(other));
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(calls_with_a_permit_in_a_slot_stay_in_the_caller),
		test(all_calls_get_to_a_library_of_another_layout),
		test(what_is_no_argument_is_for_the_library_to_refuse),
		world_test(an_id_is_compared_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
