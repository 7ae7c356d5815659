/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NULL arguments: a process, namespace or pinned semaphore is EINVAL, and comes first; an output argument, name,
 * deadline or callback is EFAULT.
 */
#include "../support.h"

static int visit(const struct ksem_info *info, void *arg)
{
	(void)info;
	(void)arg;
	return 0;
}

static void null_process_namespace_or_pin_is_EINVAL(void **state)
{
	(void)state;
	FAILS(EINVAL, ksem_ns_destroy(NULL));
	FAILS(EINVAL, ksem_ns_foreach(NULL, visit, NULL));
	FAILS(EINVAL, ksem_ns_foreach(NULL, NULL, NULL));
	FAILS(EINVAL, ksem_proc_create(NULL, NULL, NULL));
	FAILS(EINVAL, ksem_proc_fork(NULL, NULL));
	FAILS(EINVAL, ksem_proc_exec(NULL));
	FAILS(EINVAL, ksem_proc_exit(NULL));
	FAILS(EINVAL, ksem_init(NULL, 0, NULL));
	FAILS(EINVAL, ksem_destroy(NULL, 1));
	FAILS(EINVAL, ksem_open(NULL, NULL, 0, 0, 0, NULL));
	FAILS(EINVAL, ksem_close(NULL, 1));
	FAILS(EINVAL, ksem_unlink(NULL, NULL));
	FAILS(EINVAL, ksem_post(NULL, 1));
	FAILS(EINVAL, ksem_post_many(NULL, 1, 1));
	FAILS(EINVAL, ksem_wait(NULL, 1));
	FAILS(EINVAL, ksem_trywait(NULL, 1));
	FAILS(EINVAL, ksem_clockwait(NULL, 1, CLOCK_REALTIME, NULL));
	FAILS(EINVAL, ksem_getvalue(NULL, 1, NULL));
	FAILS(EINVAL, ksem_pin(NULL, 1, NULL));
	FAILS(EINVAL, ksem_stat(NULL, 1, NULL));
	FAILS(EINVAL, ksem_pinned_post(NULL));
	FAILS(EINVAL, ksem_pinned_post_many(NULL, 1));
	FAILS(EINVAL, ksem_pinned_wait(NULL));
	FAILS(EINVAL, ksem_pinned_trywait(NULL));
	FAILS(EINVAL, ksem_pinned_clockwait(NULL, CLOCK_REALTIME, NULL));
	FAILS(EINVAL, ksem_pinned_getvalue(NULL, NULL));
	ksem_unpin(NULL);
}

static void null_output_name_deadline_or_callback_is_EFAULT(void **state)
{
	struct world *world = *state;
	const struct ksem_ns_options wrong = {.size = 0};
	struct ksem_proc *proc = world->proc;
	struct ksem *pin;
	ksem_id_t id, other;

	OK(ksem_init(proc, 1, &id));
	OK(ksem_pin(proc, id, &pin));
	FAILS(EFAULT, ksem_ns_create(NULL, NULL));
	FAILS(EFAULT, ksem_ns_create(&wrong, NULL));
	FAILS(EFAULT, ksem_ns_foreach(world->ns, NULL, NULL));
	FAILS(EFAULT, ksem_proc_create(world->ns, NULL, NULL));
	FAILS(EFAULT, ksem_proc_fork(proc, NULL));
	FAILS(EFAULT, ksem_init(proc, 0, NULL));
	FAILS(EFAULT, ksem_open(proc, NULL, O_CREAT, 0600, 0, &other));
	FAILS(EFAULT, ksem_open(proc, "/name", O_CREAT, 0600, 0, NULL));
	FAILS(EFAULT, ksem_unlink(proc, NULL));
	FAILS(EFAULT, ksem_clockwait(proc, id, CLOCK_REALTIME, NULL));
	FAILS(EFAULT, ksem_clockwait(proc, 0, -1, NULL));
	FAILS(EFAULT, ksem_getvalue(proc, 0, NULL));
	FAILS(EFAULT, ksem_pin(proc, 0, NULL));
	FAILS(EFAULT, ksem_stat(proc, 0, NULL));
	FAILS(EFAULT, ksem_pinned_clockwait(pin, CLOCK_REALTIME, NULL));
	FAILS(EFAULT, ksem_pinned_getvalue(pin, NULL));
	FAILS(ENOENT, ksem_open(proc, "/name", 0, 0, 0, &other));
	assert_int_equal(value_of(proc, id), 1);
	ksem_unpin(pin);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(null_process_namespace_or_pin_is_EINVAL),
		world_test(null_output_name_deadline_or_callback_is_EFAULT),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
