/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * No call changes errno.
 */
#include "target.h"

#define KEEPS_ERRNO(expected, call)             \
	do {                                    \
		errno = 12345;                  \
		FAILS(expected, call);          \
		assert_int_equal(errno, 12345); \
	} while (0)

static void every_call_leaves_errno_alone(void **state)
{
	struct ksem_ns_options options = {.size = sizeof(options), .max_sems = 2}, wrong_options = {.size = 1};
	const struct timespec past = {0, 0}, soon = in_ms(CLOCK_REALTIME, 5), wrong = {0, -1};
	struct ksem_ns *ns;
	struct ksem_proc *proc, *child;
	struct ksem *pin;
	struct ksem_info info;
	ksem_id_t id, named;
	unsigned value, n = 0;

	(void)state;
	if (getenv("KSEM_TEST_SHARED"))
		options.dir = shared_directory_new();
	KEEPS_ERRNO(EINVAL, ksem_ns_create(&wrong_options, &ns));
	KEEPS_ERRNO(0, ksem_ns_create(&options, &ns));
	KEEPS_ERRNO(0, ksem_proc_create(ns, NULL, &proc));
	KEEPS_ERRNO(0, ksem_proc_fork(proc, &child));
	KEEPS_ERRNO(EBUSY, ksem_ns_destroy(ns));
	KEEPS_ERRNO(0, ksem_init(proc, 0, &id));
	KEEPS_ERRNO(ENOENT, ksem_open(proc, "/name", 0, 0, 0, &named));
	KEEPS_ERRNO(0, ksem_open(proc, "/name", O_CREAT, 0600, 0, &named));
	KEEPS_ERRNO(ENFILE, ksem_init(proc, 0, &id));
	KEEPS_ERRNO(0, ksem_stat(proc, id, &info));
	KEEPS_ERRNO(EINVAL, ksem_stat(proc, 0, &info));
	KEEPS_ERRNO(0, ksem_ns_foreach(ns, visit_and_count, &n));
	KEEPS_ERRNO(0, ksem_pin(proc, id, &pin));
	KEEPS_ERRNO(EINVAL, ksem_pin(proc, 0, &pin));
	for (int pinned = 0; pinned < 2; pinned++) {
		struct target t = {.proc = proc, .id = id, .pin = pin, .pinned = pinned};
		struct waiter waiter;

		KEEPS_ERRNO(EAGAIN, trywait(&t));
		KEEPS_ERRNO(ETIMEDOUT, clockwait(&t, CLOCK_REALTIME, past));
		KEEPS_ERRNO(ETIMEDOUT, clockwait(&t, CLOCK_REALTIME, soon));
		KEEPS_ERRNO(EINVAL, clockwait(&t, CLOCK_REALTIME, wrong));
		KEEPS_ERRNO(0, post(&t));
		KEEPS_ERRNO(0, post_many(&t, 3));
		KEEPS_ERRNO(EOVERFLOW, post_many(&t, KSEM_VALUE_MAX));
		KEEPS_ERRNO(0, getvalue(&t, &value));
		KEEPS_ERRNO(0, wait_for_one(&t));
		KEEPS_ERRNO(0, trywait(&t));
		KEEPS_ERRNO(0, clockwait(&t, CLOCK_MONOTONIC, past));
		KEEPS_ERRNO(0, clockwait(&t, CLOCK_MONOTONIC, past));
		begin_waits(&waiter, 1, &t);
		KEEPS_ERRNO(EBUSY, ksem_destroy(proc, id));
		KEEPS_ERRNO(0, post(&t)); /* with a thread to wake */
		OK(end_wait(&waiter));
	}
	KEEPS_ERRNO(EINVAL, ksem_post(proc, 0));
	KEEPS_ERRNO(EINVAL, ksem_close(proc, id));
	KEEPS_ERRNO(EINVAL, ksem_destroy(proc, named));
	KEEPS_ERRNO(0, ksem_destroy(proc, id));
	KEEPS_ERRNO(EINVAL, ksem_pinned_post(pin));
	errno = 12345;
	ksem_unpin(pin);
	assert_int_equal(errno, 12345);
	KEEPS_ERRNO(0, ksem_close(proc, named));
	KEEPS_ERRNO(0, ksem_unlink(proc, "/name"));
	KEEPS_ERRNO(ENOENT, ksem_unlink(proc, "/name"));
	for (int i = 0; i < 3000; i++) { /* enough that memory is given back on the way */
		KEEPS_ERRNO(0, ksem_init(proc, 0, &id));
		KEEPS_ERRNO(0, ksem_destroy(proc, id));
	}
	KEEPS_ERRNO(0, ksem_proc_exec(child));
	KEEPS_ERRNO(0, ksem_proc_exit(child));
	KEEPS_ERRNO(0, ksem_proc_exit(proc));
	KEEPS_ERRNO(0, ksem_ns_destroy(ns));
	errno = 12345;
	(void)ksem_self();
	assert_int_equal(errno, 12345);
}

static void *wait_and_check_errno(void *arg)
{
	int error;

	errno = 12345;
	error = wait_for_one(arg);
	MUST(errno == 12345);
	return (void *)(intptr_t)error;
}

static void a_wait_that_slept_leaves_errno_alone(void **state)
{
	struct target *t = *state;
	pthread_t thread = start(wait_and_check_errno, t);

	until_waiting(t->proc, t->id, 1);
	sleep_ms(5);
	OK(post(t));
	assert_null(finish(thread));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		both(a_wait_that_slept_leaves_errno_alone),
		cmocka_unit_test(every_call_leaves_errno_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
