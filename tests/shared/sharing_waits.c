/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waits on shared semaphores take no lock: another thread stops in the middle of an unlink, and has the namespace's
 * lock, until every wait has ended in time.
 *
 * The linker puts the unlinkat here before libc's (--wrap). It stops there until the test lets it go on. It does the
 * same with the function in which the last waiter of a semaphore ends it.
 */
#include "sharing.h"

#include "object/namespace.h"

int __real_unlinkat(int fd, const char *path, int flags);
int __wrap_unlinkat(int fd, const char *path, int flags);

static atomic(bool) stop_there, is_there;

int __wrap_unlinkat(int fd, const char *path, int flags)
{
	if (load_seq(&stop_there)) {
		store_rel(&is_there, true);
		while (load_seq(&stop_there))
			sched_yield();
	}
	return __real_unlinkat(fd, path, flags);
}

static struct world world;
static ksem_id_t id;
static struct ksem *pinned;

static void *unlink_slowly(void *arg)
{
	(void)arg;
	MUST(ksem_unlink(world.proc, "/unlinked") == 0);
	return NULL;
}

/* ---- Waits, each in a thread of its own. ---- */

static void *time_out(void *arg)
{
	struct timespec until = in_ms(CLOCK_MONOTONIC, 10);

	(void)arg;
	MUST(ksem_clockwait(world.proc, id, CLOCK_MONOTONIC, &until) == ETIMEDOUT);
	return NULL;
}

static void *time_out_pinned(void *arg)
{
	struct timespec until = in_ms(CLOCK_REALTIME, 10);

	(void)arg;
	MUST(ksem_pinned_clockwait(pinned, CLOCK_REALTIME, &until) == ETIMEDOUT);
	return NULL;
}

static void *get_a_permit(void *arg)
{
	(void)arg;
	MUST(ksem_wait(world.proc, id) == 0);
	return NULL;
}

static void *get_a_permit_pinned(void *arg)
{
	(void)arg;
	MUST(ksem_pinned_wait(pinned) == 0);
	return NULL;
}

static void on_signal(int signal)
{
	(void)signal;
}

static void *be_interrupted(void *arg)
{
	(void)arg;
	MUST(ksem_wait(world.proc, id) == EINTR);
	return NULL;
}

/* True: it ended in good time. */
static bool ends(pthread_t thread)
{
	struct timespec until = in_ms(CLOCK_REALTIME, 3000);

	return pthread_timedjoin_np(thread, NULL, &until) == 0;
}

static bool all_kinds_of_waits_end(void)
{
	static void *(*const posted[])(void *) = {get_a_permit, get_a_permit_pinned};
	struct page *page = map_page("/held");
	bool ended = true;
	pthread_t thread;

	ended &= ends(start(time_out, NULL));
	ended &= ends(start(time_out_pinned, NULL));
	for (size_t i = 0; i < sizeof(posted) / sizeof(*posted); i++) {
		thread = start(posted[i], NULL);
		while (word_waiters(plain_word(&page->sem)) == 0)
			sched_yield();
		OK(ksem_post(world.proc, id));
		ended &= ends(thread);
	}
	thread = start(be_interrupted, NULL);
	while (word_waiters(plain_word(&page->sem)) == 0)
		sched_yield();
	do {
		OK(pthread_kill(thread, SIGUSR1));
	} while (word_waiters(plain_word(&page->sem)) > 0 && sched_yield() == 0);
	ended &= ends(thread);
	munmap(page, PAGE_BYTES);
	return ended;
}

static void waits_end_while_locks_are_held(void **state)
{
	struct sigaction action = {.sa_handler = on_signal}, before;
	pthread_t unlinker;
	ksem_id_t other;
	bool ended;

	(void)state;
	OK(sigaction(SIGUSR1, &action, &before));
	world = enter();
	OK(ksem_open(world.proc, "/held", O_CREAT, 0600, 0, &id));
	OK(ksem_open(world.proc, "/unlinked", O_CREAT, 0600, 0, &other));
	OK(ksem_pin(world.proc, id, &pinned));
	store_rel(&stop_there, true);
	unlinker = start(unlink_slowly, NULL);
	while (!load_seq(&is_there))
		sched_yield();
	pthread_mutex_lock(&world.ns->lock);
	ended = all_kinds_of_waits_end();
	pthread_mutex_unlock(&world.ns->lock);
	store_rel(&stop_there, false);
	finish(unlinker);
	assert_true(ended);
	ksem_unpin(pinned);
	world_end(&world);
	OK(sigaction(SIGUSR1, &before, NULL));
}

/* ---- What only waiters keep. ---- */

static void *wait_for_one(void *arg)
{
	(void)arg;
	MUST(wait_patiently(world.proc, id) == 0);
	return NULL;
}

static void what_only_a_waiter_keeps_can_be_opened_again(void **state)
{
	ksem_id_t again;
	pthread_t thread;

	(void)state;
	world = enter();
	for (int round = 0; round < 100; round++) {
		OK(ksem_open(world.proc, "/held", O_CREAT, 0600, 0, &id));
		thread = start(wait_for_one, NULL);
		until_waiting(world.proc, id, 1);
		OK(ksem_close(world.proc, id));
		FAILS(EINVAL, ksem_post(world.proc, id));
		OK(ksem_open(world.proc, "/held", 0, 0, 0, &again));
		assert_true(again == id);
		assert_int_equal(info_of(world.proc, id).waiters, 1);
		assert_int_equal(info_of(world.proc, id).refs, 1);
		OK(ksem_post(world.proc, id));
		if (round % 2)
			finish(thread);
		OK(ksem_close(world.proc, again));
		if (round % 2 == 0)
			finish(thread);
	}
	world_end(&world);
	assert_int_equal(mappings_of(dir), 0);
}

/* ---- A handler that forks when the wait is over. ---- */

void __real_own_wait_end_orphan(struct ksem *ksem);
void __wrap_own_wait_end_orphan(struct ksem *ksem);

static atomic(bool) fork_there;
static pid_t forked = -1;
static int told[2];

/* The last waiter of a semaphore that nobody else keeps is no waiter any more, and is about to end it. */
void __wrap_own_wait_end_orphan(struct ksem *ksem)
{
	if (load_seq(&fork_there)) {
		store_rel(&fork_there, false);
		forked = fork();
	}
	__real_own_wait_end_orphan(ksem);
	if (forked == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		MUST(write(told[1], "", 1) == 1);
		pause();
	}
}

static void a_child_forked_when_the_wait_is_over_takes_nothing(void **state)
{
	const struct ksem_attr attr = {.size = sizeof(attr), .order = KSEM_FIFO};
	struct world other;
	ksem_id_t same;
	pthread_t thread;
	char byte;

	(void)state;
	OK(pipe(told));
	world = enter();
	other = enter();
	OK(ksem_open_attr(world.proc, "/held", O_CREAT, 0600, &attr, 0, &id));
	OK(ksem_open(other.proc, "/held", 0, 0, 0, &same));
	thread = start(wait_for_one, NULL);
	until_waiting(other.proc, same, 1);
	OK(ksem_close(world.proc, id));
	store_rel(&fork_there, true);
	OK(ksem_post_many(other.proc, same, 2)); /* one for the thread, and none for the child */
	finish(thread);
	assert_int_equal(read(told[0], &byte, 1), 1);
	assert_int_equal(value_of(other.proc, same), 1);
	assert_int_equal(info_of(other.proc, same).waiters, 0);
	kill_and_reap(forked);
	close(told[0]);
	close(told[1]);
	world_end(&other);
	world_end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		shared_test(waits_end_while_locks_are_held),
		shared_test(what_only_a_waiter_keeps_can_be_opened_again),
		shared_test(a_child_forked_when_the_wait_is_over_takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
