/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers of the kernel that look like refusals: EAGAIN, though the word is as expected. The word had changed, and has
 * changed back. A wait is to sleep on as before, so that a handler with SA_RESTART doesn't end it. If a sandbox gives
 * that answer to each call, a wait naps.
 *
 * The library calls syscall() of the C library; the function here comes before it.
 */
#include "support.h"

#include <dlfcn.h>
#include <linux/futex.h>
#include <sys/syscall.h>

#include "os/futex.h"
#include "os/timed.h"
#include "os/waitv.h"

typedef long syscall_function(long, ...);

static syscall_function *libc_syscall;
static atomic_int changes_back;  /* so many sleeps answer EAGAIN; less than 0: all futex calls do */
static atomic_int bitsets, naps; /* so many sleeps by FUTEX_WAIT_BITSET, and naps, there were */
static atomic(uint32_t) word;

__attribute__((constructor)) static void find_libc_syscall(void)
{
	*(void **)&libc_syscall = dlsym(RTLD_NEXT, "syscall");
}

/* A sleep on a word; a test call has another address. */
static bool is_sleep(long number, const long *a)
{
	int command = (int)a[1] & FUTEX_CMD_MASK;

	if (number == SYS_futex_waitv)
		return a[0] && a[2] == 0 && ((struct futex_waitv *)a[0])->val == load_rlx(&word);
	return number == SYS_futex && (command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET) && a[0] % 4 == 0;
}

static bool is_nap(long number)
{
#ifdef SYS_ppoll_time64
	if (number == SYS_ppoll_time64)
		return true;
#endif
	return number == SYS_ppoll;
}

static bool answers_eagain(long number, const long *a)
{
	bool is_futex = number == SYS_futex || number == SYS_futex_waitv;

	if (number == SYS_futex && ((int)a[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET && a[0] % 4 == 0)
		atomic_fetch_add(&bitsets, 1);
	if (is_nap(number))
		atomic_fetch_add(&naps, 1);
	if (atomic_load(&changes_back) < 0)
		return is_futex;
	if (!is_sleep(number, a) || atomic_load(&changes_back) == 0)
		return false;
	if (atomic_fetch_sub(&changes_back, 1) == 1)
		atomic_store(&word, 1); /* now it is another one */
	return true;
}

/* As the C library's: some of the arguments that it hands on may be none, and are whatever lies there. */
__attribute__((no_sanitize_address)) long syscall(long number, ...)
{
	long a[6];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	if (!libc_syscall)
		find_libc_syscall();
	if (answers_eagain(number, a)) {
		errno = EAGAIN;
		return -1;
	}
	return libc_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void play(int times)
{
	waitv_may_serve(); /* it finds out by calls of its own */
	atomic_store(&word, 0);
	atomic_store(&bitsets, 0);
	atomic_store(&naps, 0);
	atomic_store(&changes_back, times);
}

static void a_word_that_changed_back_is_no_refusal(void **state)
{
	const struct deadline later = {CLOCK_MONOTONIC, in_ms(CLOCK_MONOTONIC, 3600 * 1000)};
	bool has_waitv = waitv_may_serve();

	(void)state;
	for (int i = 0; i < 8; i++) {
		const struct deadline *deadline = i & 1 ? &later : NULL;

		play(i & 2 ? 1 : 3);
		assert_int_equal(futex_wait_in(i & 4 ? FUTEX_SHARED : FUTEX_PRIVATE, &word, 0, deadline), EAGAIN);
		assert_int_equal(naps, 0);
		if (has_waitv)
			assert_int_equal(bitsets, 0);
		play(1);
		assert_int_equal(futex_bitset(&word, 0, deadline, 0), EAGAIN);
	}
	play(0);
}

static struct world *world;
static ksem_id_t id;

static void *wait_once(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)ksem_wait(world->proc, id);
}

static void do_nothing(int signal)
{
	(void)signal;
}

static void a_handler_with_SA_RESTART_does_not_end_the_wait_then(void **state)
{
	const struct sigaction action = {.sa_handler = do_nothing, .sa_flags = SA_RESTART};
	pthread_t waiter;

	world = *state;
	OK(ksem_init(world->proc, 0, &id));
	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	for (int i = 0; i < 5; i++) {
		play(i);
		waiter = start(wait_once, NULL);
		until_asleep(world->proc, id, 1);
		assert_int_equal(pthread_kill(waiter, SIGUSR1), 0);
		sleep_ms(2);
		OK(ksem_post(world->proc, id));
		assert_int_equal((intptr_t)finish(waiter), 0);
		assert_int_equal(bitsets, 0);
		assert_int_equal(naps, 0);
	}
	OK(ksem_destroy(world->proc, id));
}

/* This one last: afterwards the library takes futex_waitv for refused. */
static void one_answer_to_all_calls_is_a_refusal(void **state)
{
	const struct deadline later = {CLOCK_MONOTONIC, in_ms(CLOCK_MONOTONIC, 3600 * 1000)};

	(void)state;
	for (int i = 0; i < 4; i++) {
		play(-1);
		assert_int_equal(futex_wait_in(i & 1 ? FUTEX_SHARED : FUTEX_PRIVATE, &word, 0, i & 2 ? &later : NULL),
				 0);
		assert_int_equal(naps, 1);
		assert_int_not_equal(bitsets, 0);
	}
	play(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_word_that_changed_back_is_no_refusal),
		cmocka_unit_test_setup_teardown(a_handler_with_SA_RESTART_does_not_end_the_wait_then, world_setup,
						world_teardown),
		cmocka_unit_test(one_answer_to_all_calls_is_a_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
