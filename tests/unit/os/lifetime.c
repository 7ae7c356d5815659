/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A lifetime tells a process from a later one with the same number, however long the process has run. The time is the
 * test's own; when a process began, the kernel says.
 */
#include "support.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/lifetime.h"

#define DAY (24 * 60 * 60)

static time_t later; /* seconds: what the clock is ahead */

int clock_gettime(clockid_t clock, struct timespec *time)
{
	if (syscall(SYS_clock_gettime, clock, time) != 0)
		return -1;
	time->tv_sec += later;
	return 0;
}

static void a_process_lasts_for_years(void **state)
{
	(void)state;
	for (int noted = 0; noted < 3000; noted += 100) {
		uint64_t lifetime;

		later = (time_t)noted * DAY;
		lifetime = lifetime_own();
		for (int asked = noted; asked < 3000; asked += 100) {
			later = (time_t)asked * DAY;
			assert_true(lifetime_lasts(lifetime));
		}
	}
	later = 0;
}

static uint64_t of_pid(uint64_t lifetime, pid_t pid)
{
	return (lifetime & ~(uint64_t)0x3FFFFF) | (uint64_t)pid;
}

/* A process has its number by now. */
static void one_that_existed_before_that_process_began_is_over(void **state)
{
	uint64_t before = lifetime_own();
	pid_t child;

	(void)state;
	usleep(50000);
	child = fork();
	if (child == 0)
		pause();
	for (int asked = 0; asked < 400; asked += 100) {
		later = (time_t)asked * DAY;
		assert_false(lifetime_lasts(of_pid(before, child)));
	}
	later = 0;
	assert_true(lifetime_lasts(of_pid(lifetime_own(), child)));
	MUST(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
}

static void one_whose_number_nobody_has_is_over(void **state)
{
	pid_t child = fork();
	uint64_t lifetime;

	(void)state;
	if (child == 0)
		_exit(0);
	lifetime = of_pid(lifetime_own(), child);
	MUST(waitpid(child, NULL, 0) == child);
	assert_false(lifetime_lasts(lifetime));
}

static void say_namespace_of_a_child(int to)
{
	uint32_t namespace;

	MUST(unshare(CLONE_NEWTIME) == 0);
	if (fork() == 0) {
		namespace = lifetime_namespace();
		MUST(write(to, &namespace, sizeof(namespace)) == sizeof(namespace));
	}
	_exit(0);
}

/* Neither a pid nor a time means the same there. */
static void a_time_namespace_is_another_one(void **state)
{
	uint32_t namespace = 0;
	int ends[2];
	ssize_t length;
	pid_t child;

	(void)state;
	assert_true(lifetime_namespace() == lifetime_namespace());
	if (getuid() != 0 || access("/proc/self/ns/time", F_OK) != 0)
		SKIP("no time namespaces here, or not for this user");
	MUST(pipe(ends) == 0);
	child = fork();
	if (child == 0)
		say_namespace_of_a_child(ends[1]);
	close(ends[1]);
	length = read(ends[0], &namespace, sizeof(namespace));
	MUST(waitpid(child, NULL, 0) == child);
	close(ends[0]);
	assert_int_equal(length, sizeof(namespace));
	assert_true(namespace != 0 && namespace != lifetime_namespace());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_lasts_for_years),
		cmocka_unit_test(one_that_existed_before_that_process_began_is_over),
		cmocka_unit_test(one_whose_number_nobody_has_is_over),
		cmocka_unit_test(a_time_namespace_is_another_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
