/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Completion queues that wait for shared semaphores with the default attributes (queue/direct.h): beside threads and
 * queues of other processes, which may be killed or stopped anywhere.
 */
#include "sharing.h"

#include <poll.h>
#include <sys/epoll.h>

/* ThreadSanitizer ends a child that begins a thread, if its parent had one at the fork. Here queues do. */
const char *__tsan_default_options(void);

const char *__tsan_default_options(void)
{
	return "die_after_fork=0";
}

struct board {
	atomic(unsigned) ready, go, begun, done, killed;
};

#define board ((struct board *)board_page)

static struct world world;
static ksem_id_t id;
static struct ksem_cq *cq;

static void make(uint32_t value)
{
	world = enter();
	OK(ksem_open(world.proc, "/direct", O_CREAT | O_EXCL, 0600, value, &id));
	OK(ksem_cq_create(world.proc, &cq));
}

static void end(void)
{
	OK(ksem_cq_destroy(cq));
	OK(ksem_unlink(world.proc, "/direct"));
	world_end(&world);
}

/* In a child: another namespace object, and another process. */
static void come_in(void)
{
	world = enter();
	MUST(ksem_open(world.proc, "/direct", 0, 0, 0, &id) == 0);
}

static void come_in_with_queue(void)
{
	come_in();
	MUST(ksem_cq_create(world.proc, &cq) == 0);
}

static void say_ready_and_stay(void)
{
	fetch_add_seq(&board->ready, 1);
	for (;;)
		pause();
}

static void until(atomic(unsigned) *count, unsigned n)
{
	while (load_seq(count) < n)
		usleep(200);
}

static int submit(uint32_t count, uint64_t user_data)
{
	return ksem_cq_submit(cq, id, count, CLOCK_MONOTONIC, NULL, user_data);
}

static bool readable(int ms)
{
	struct pollfd fd = {.fd = ksem_cq_fd(cq), .events = POLLIN};

	return poll(&fd, 1, ms) == 1 && fd.revents & POLLIN;
}

static unsigned reap(struct ksem_completion *out, unsigned room)
{
	unsigned n;

	MUST(ksem_cq_reap(cq, out, room, &n) == 0);
	return n;
}

/* Sleeps until the descriptor says so, as a loop does. */
static struct ksem_completion next(void)
{
	struct ksem_completion c;

	do
		MUST(readable(PATIENCE));
	while (reap(&c, 1) == 0);
	return c;
}

static void comes(uint64_t user_data, int error)
{
	struct ksem_completion c = next();

	MUST(c.user_data == user_data);
	MUST(c.error == error);
	MUST(c.id == id);
}

static unsigned waiting(void)
{
	return info_of(world.proc, id).waiters;
}

static unsigned value(void)
{
	return value_of(world.proc, id);
}

static int64_t ms_since(struct timespec then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)(now.tv_sec - then.tv_sec) * 1000 + (now.tv_nsec - then.tv_nsec) / 1000000;
}

static struct timespec this_instant(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now;
}

/* ---- Posts of other processes. ---- */

#define TURNS 40

static void post_when_asked(void)
{
	come_in();
	for (unsigned i = 1; i <= TURNS; i++) {
		until(&board->go, i);
		MUST(ksem_post(world.proc, id) == 0);
	}
}

/* The thread sleeps by then. If nobody woke it, it would look by itself once a second, and this take too long. */
static void a_post_of_another_process_wakes_the_loop(void **state)
{
	struct timespec begun;
	pid_t child;

	(void)state;
	make(0);
	child = start_process(post_when_asked);
	begun = this_instant();
	for (unsigned i = 1; i <= TURNS; i++) {
		OK(submit(1, i));
		assert_false(readable(2));
		store_seq(&board->go, i);
		comes(i, 0);
	}
	must_end_well(child);
	assert_true(ms_since(begun) < TURNS * 1000 / 4);
	end();
}

#define MANY 100000

static void post_many_in_pieces(void)
{
	struct random random = random_new();

	come_in();
	for (unsigned left = (unsigned)ROUNDS(MANY), n; left > 0; left -= n) {
		n = 1 + random_below(&random, left < 50 ? left : 50);
		MUST(ksem_post_many(world.proc, id, n) == 0);
	}
}

/* By edges: a loop that has reaped all sleeps until the next one. */
static void many_that_pend_are_all_posted_by_another_process(void **state)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	static struct ksem_completion c[64];
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	unsigned got = 0, n;
	pid_t child;

	(void)state;
	make(0);
	OK(epoll_ctl(epoll, EPOLL_CTL_ADD, ksem_cq_fd(cq), &event));
	for (unsigned i = 0; i < (unsigned)ROUNDS(MANY); i++)
		MUST(submit(1, i) == 0);
	assert_int_equal(waiting(), ROUNDS(MANY));
	child = start_process(post_many_in_pieces);
	while (got < (unsigned)ROUNDS(MANY)) {
		MUST(epoll_wait(epoll, &event, 1, PATIENCE) == 1);
		while ((n = reap(c, 64)) > 0) {
			for (unsigned i = 0; i < n; i++)
				MUST(c[i].error == 0 && c[i].user_data == got++);
		}
	}
	must_end_well(child);
	close(epoll);
	assert_int_equal(waiting(), 0);
	assert_int_equal(value(), 0);
	end();
}

/* More than the kernel lets a thread sleep on. */
#define SEMAPHORES 300

static ksem_id_t ids[SEMAPHORES];

static void open_all(int oflag)
{
	for (unsigned i = 0; i < SEMAPHORES; i++) {
		char name[16];

		snprintf(name, sizeof(name), "/of%u", i);
		MUST(ksem_open(world.proc, name, oflag, 0600, 0, &ids[i]) == 0);
	}
}

static void post_to_each(void)
{
	world = enter();
	open_all(0);
	for (unsigned i = 1; i <= SEMAPHORES; i++) {
		until(&board->go, i);
		MUST(ksem_post(world.proc, ids[(i * 7) % SEMAPHORES]) == 0);
	}
}

static void news_of_hundreds_of_semaphores_arrive(void **state)
{
	struct timespec begun;
	pid_t child;

	(void)state;
	make(0);
	open_all(O_CREAT | O_EXCL);
	for (unsigned i = 0; i < SEMAPHORES; i++)
		OK(ksem_cq_submit(cq, ids[i], 1, 0, NULL, i));
	child = start_process(post_to_each);
	begun = this_instant();
	for (unsigned i = 1; i <= SEMAPHORES; i++) {
		struct ksem_completion c;

		store_seq(&board->go, i);
		c = next();
		assert_true(c.user_data == (i * 7) % SEMAPHORES && c.id == ids[c.user_data] && c.error == 0);
	}
	must_end_well(child);
	assert_true(ms_since(begun) < SEMAPHORES * 1000 / 10);
	for (unsigned i = 0; i < SEMAPHORES; i++) {
		char name[16];

		snprintf(name, sizeof(name), "/of%u", i);
		OK(ksem_close(world.proc, ids[i]));
		OK(ksem_unlink(world.proc, name));
	}
	end();
}

static void post_six(void)
{
	come_in();
	for (unsigned i = 1; i <= 6; i++) {
		until(&board->go, i);
		MUST(ksem_post(world.proc, id) == 0);
		fetch_add_seq(&board->done, 1);
	}
}

static void post_another(void)
{
	unsigned i = load_seq(&board->go) + 1;

	store_seq(&board->go, i);
	until(&board->done, i);
}

/* The thread sleeps while there are two permits, which would do for the wait that comes next. */
static void one_that_wants_fewer_goes_before_one_that_wants_more(void **state)
{
	pid_t child;

	(void)state;
	make(0);
	child = start_process(post_six);
	OK(submit(4, 4));
	post_another();
	post_another();
	assert_false(readable(20));
	OK(ksem_trywait(world.proc, id));
	OK(submit(2, 2));
	assert_false(readable(20));
	post_another();
	comes(2, 0);
	assert_int_equal(waiting(), 1);
	for (unsigned i = 0; i < 3; i++)
		post_another();
	assert_int_equal(value(), 3);
	OK(ksem_post(world.proc, id));
	comes(4, 0);
	assert_int_equal(value(), 0);
	must_end_well(child);
	end();
}

static void shut_it_down(void)
{
	come_in();
	MUST(ksem_shutdown(world.proc, id) == 0);
}

static void a_shutdown_by_another_process_ends_all(void **state)
{
	(void)state;
	make(1);
	OK(submit(2, 1));
	OK(submit(3, 2));
	must_end_well(start_process(shut_it_down));
	comes(1, ESHUTDOWN);
	comes(2, ESHUTDOWN);
	OK(submit(1, 3));
	comes(3, 0);
	OK(submit(1, 4));
	comes(4, ESHUTDOWN);
	assert_int_equal(waiting(), 0);
	assert_true(info_of(world.proc, id).flags == KSEM_SHUTDOWN);
	end();
}

/* ---- Nothing else is different. ---- */

static int count_waiting(const struct ksem_holder *holder, void *arg)
{
	*(unsigned *)arg += holder->waiting;
	return 0;
}

static void it_stays_as_it_was(void **state)
{
	struct ksem_info before, after;
	unsigned waits = 0;

	(void)state;
	make(5);
	before = info_of(world.proc, id);
	OK(submit(5, 1));
	OK(submit(1, 2));
	OK(ksem_holders(world.proc, id, count_waiting, &waits));
	assert_int_equal(waits, 1);
	OK(ksem_post_many(world.proc, id, 6));
	comes(1, 0);
	comes(2, 0);
	after = info_of(world.proc, id);
	assert_memory_equal(&before, &after, sizeof(before));
	OK(ksem_post_many(world.proc, id, KSEM_VALUE_MAX - 5));
	FAILS(EOVERFLOW, ksem_post(world.proc, id));
	FAILS(EINVAL, ksem_set_limit(world.proc, id, 5));
	end();
}

/* A post of this process decides at once, as for other semaphores. */
static void a_post_of_its_own_process_grants_at_once(void **state)
{
	(void)state;
	make(0);
	for (unsigned i = 0; i < 100; i++) {
		OK(submit(1, i));
		OK(ksem_post(world.proc, id));
		while (waiting() > 0) /* unless the queue's thread has its lock at that instant */
			sched_yield();
		assert_int_equal(value(), 0);
		FAILS(ENOENT, ksem_cq_cancel(cq, i));
		comes(i, 0);
	}
	end();
}

/* ---- Deaths. ---- */

static void wait_ten_times(void)
{
	come_in_with_queue();
	for (unsigned i = 0; i < 10; i++)
		MUST(submit(1 + i % 2, i) == 0);
	say_ready_and_stay();
}

/* They count no more, and nothing is granted to them. */
static void waits_of_a_killed_process_are_gone(void **state)
{
	struct timespec begun;
	pid_t child;

	(void)state;
	make(0);
	child = start_process(wait_ten_times);
	until(&board->ready, 1);
	assert_int_equal(waiting(), 10);
	OK(submit(1, 77));
	assert_int_equal(waiting(), 11);
	kill_and_reap(child);
	begun = this_instant();
	OK(ksem_post(world.proc, id));
	comes(77, 0);
	assert_true(ms_since(begun) < 3000);
	assert_int_equal(waiting(), 0);
	assert_int_equal(value(), 0);
	end();
}

#define WAITS 32

static void post_until_killed(void)
{
	come_in();
	fetch_add_seq(&board->ready, 1);
	for (;;) {
		while (value() > 1000) /* as many as are taken in some time */
			sched_yield();
		fetch_add_seq(&board->begun, 1);
		MUST(ksem_post(world.proc, id) == 0);
		fetch_add_seq(&board->done, 1);
	}
}

/* Reaps what there is, at most WAITS, and waits as often again. */
static unsigned reap_and_wait_again(void)
{
	struct ksem_completion c[WAITS];
	unsigned n = reap(c, WAITS);

	for (unsigned i = 0; i < n; i++)
		OK(submit(1, c[i].user_data));
	return n;
}

/* No permit is lost that was posted, and no completion, whatever the poster was about to do. */
static void posters_may_be_killed(void **state)
{
	struct random random = random_new();
	unsigned got = 0, n;

	(void)state;
	make(0);
	for (unsigned i = 0; i < WAITS; i++)
		OK(submit(1, i));
	for (unsigned round = 0; round < (unsigned)ROUNDS(100); round++) {
		struct timespec begun;
		pid_t child = start_process(post_until_killed);

		until(&board->ready, round + 1);
		begun = this_instant();
		for (int64_t ms = random_below(&random, 10); ms_since(begun) < ms;)
			got += readable(1) ? reap_and_wait_again() : 0;
		kill_and_reap(child);
	}
	while (got < load_seq(&board->done)) {
		assert_true(readable(PATIENCE));
		got += reap_and_wait_again();
	}
	while (value() > 0 || readable(10))
		got += (n = reap_and_wait_again());
	assert_in_range(got, load_seq(&board->done), load_seq(&board->begun));
	assert_int_equal(value(), 0);
	assert_int_equal(waiting(), WAITS);
	end();
}

static void wait_and_say_so(void)
{
	come_in();
	for (;;) {
		MUST(ksem_wait(world.proc, id) == 0);
		fetch_add_seq(&board->done, 1);
	}
}

/* Submits, cancels, reaps and posts, until it is killed. */
static void use_queue_until_killed(void)
{
	struct random random = random_new();

	come_in_with_queue();
	fetch_add_seq(&board->ready, 1);
	for (uint64_t i = 0;; i++) {
		struct timespec soon = ksem_deadline_after(random_below(&random, 3) * 500000);
		struct ksem_completion c[8];
		unsigned n;

		MUST(ksem_cq_submit(cq, id, 1 + random_below(&random, 2), CLOCK_MONOTONIC,
				    random_below(&random, 2) ? &soon : NULL, i) == 0);
		if (random_below(&random, 3) == 0)
			usleep(random_below(&random, 300));
		if (random_below(&random, 2))
			ksem_cq_cancel(cq, i - random_below(&random, 4));
		n = reap(c, 8);
		for (unsigned k = 0; k < n; k++) {
			MUST(c[k].error == 0 || c[k].error == ETIMEDOUT || c[k].error == ECANCELED);
			if (c[k].error == 0)
				MUST(ksem_post_many(world.proc, id, c[k].count) == 0);
		}
	}
}

/*
 * Two processes with queues take permits and post them, and are killed and stopped. A thread of a third one gets each
 * permit that is then posted, in time: what a queue's thread was woken for and didn't take goes on, or is found.
 */
static void others_go_on_whatever_process_with_a_queue_is_killed(void **state)
{
	struct random random = random_new();
	unsigned posted = 0, rounds = (unsigned)ROUNDS(200);
	pid_t victims[2], waiter;

	(void)state;
	make(0);
	waiter = start_process(wait_and_say_so);
	for (unsigned i = 0; i < 2; i++)
		victims[i] = start_process(use_queue_until_killed);
	until(&board->ready, 2);
	for (unsigned round = 0; round < rounds; round++) {
		unsigned i = round % 2;

		OK(ksem_post_many(world.proc, id, 1 + random_below(&random, 3)));
		usleep(random_below(&random, 1500));
		if (random_below(&random, 4) == 0)
			OK(kill(victims[i], SIGSTOP));
		usleep(random_below(&random, 1500));
		if (random_below(&random, 3) == 0) {
			OK(kill(victims[i], SIGCONT));
			continue;
		}
		kill_and_reap(victims[i]);
		victims[i] = start_process(use_queue_until_killed);
	}
	for (unsigned i = 0; i < 2; i++)
		kill_and_reap(victims[i]);
	for (unsigned turn = 0; turn < 10; turn++, posted++) {
		struct timespec begun = this_instant();
		unsigned before;

		while (value() > 0 || waiting() != 1) { /* it has what they left */
			assert_true(ms_since(begun) < PATIENCE);
			usleep(1000);
		}
		before = load_seq(&board->done);
		OK(ksem_post(world.proc, id));
		until(&board->done, before + 1);
	}
	kill_and_reap(waiter);
	assert_int_equal(waiting(), 0);
	assert_int_equal(value(), 0);
	end();
}

/* A thread that sleeps beside such a queue looks by itself, if the post woke the queue's thread. */
static void a_stopped_queue_keeps_permits_from_nobody(void **state)
{
	pid_t child, waiter;

	(void)state;
	make(0);
	child = start_process(wait_ten_times);
	until(&board->ready, 1);
	OK(kill(child, SIGSTOP));
	waiter = start_process(wait_and_say_so);
	for (unsigned turn = 1; turn <= 3; turn++) {
		struct timespec begun;

		while (waiting() != 11)
			usleep(1000);
		usleep(20000);
		begun = this_instant();
		OK(ksem_post(world.proc, id));
		until(&board->done, turn);
		assert_true(ms_since(begun) < 5000);
	}
	kill_and_reap(waiter);
	OK(submit(1, 1));
	OK(ksem_post(world.proc, id));
	comes(1, 0);
	kill_and_reap(child);
	assert_int_equal(waiting(), 0);
	end();
}

/* ---- Forks, and closed descriptors. ---- */

/* The child's copy is dead, and neither its end nor its own queue touches the parent's. */
static void a_forks_child_leaves_the_queue_alone(void **state)
{
	pid_t child;

	(void)state;
	if (THREAD_SANITIZED)
		SKIP("the child may start no threads");
	make(0);
	OK(submit(1, 1));
	child = fork();
	if (child == 0) {
		MUST(submit(1, 2) == EINVAL);
		MUST(waiting() == 1);
		MUST(ksem_cq_destroy(cq) == 0);
		MUST(ksem_cq_create(world.proc, &cq) == 0);
		MUST(submit(1, 3) == 0);
		MUST(waiting() == 2);
		MUST(ksem_post_many(world.proc, id, 2) == 0);
		comes(3, 0);
		MUST(ksem_cq_destroy(cq) == 0);
		_exit(0);
	}
	must_end_well(child);
	comes(1, 0);
	assert_int_equal(waiting(), 0);
	assert_int_equal(value(), 0);
	end();
}

/* The child has dropped what the parent's queue kept, and not the parent's record with it. */
static void a_forks_child_of_a_queue_that_keeps_a_closed_semaphore(void **state)
{
	ksem_id_t closed;
	pid_t child;

	(void)state;
	make(0);
	OK(ksem_open(world.proc, "/closed", O_CREAT | O_EXCL, 0600, 0, &closed));
	OK(ksem_cq_submit(cq, closed, 1, 0, NULL, 9));
	OK(ksem_close(world.proc, closed));
	child = fork();
	if (child == 0)
		_exit(ksem_cq_destroy(cq) != 0 || ksem_proc_exec(world.proc) != 0);
	must_end_well(child);
	OK(ksem_open(world.proc, "/closed", 0, 0, 0, &closed));
	assert_int_equal(info_of(world.proc, closed).waiters, 1);
	OK(ksem_post(world.proc, closed));
	assert_int_equal(next().user_data, 9);
	OK(ksem_close(world.proc, closed));
	OK(ksem_unlink(world.proc, "/closed"));
	end();
}

static bool is_in_directory(int fd)
{
	char link[64], path[200];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path) - 1);
	path[length > 0 ? length : 0] = '\0';
	return length > 0 && strstr(path, dir);
}

static void wait_without_descriptors(void)
{
	come_in_with_queue();
	MUST(submit(1, 1) == 0);
	MUST(submit(1, 2) == 0);
	fetch_add_seq(&board->ready, 1);
	while (load_seq(&board->go) == 0) { /* the library opens it again, now and then */
		for (int fd = 3; fd < 100; fd++) {
			if (is_in_directory(fd))
				close(fd);
		}
		usleep(200);
	}
	comes(1, 0);
	comes(2, 0);
	MUST(waiting() == 0);
	MUST(submit(1, 3) == 0);
	MUST(waiting() == 1);
	MUST(ksem_cq_destroy(cq) == 0);
}

/* Others take the process for dead, and count its waits off. They still get permits, and are counted again. */
static void a_process_that_was_taken_for_dead_keeps_its_waits(void **state)
{
	pid_t child;

	(void)state;
	if (THREAD_SANITIZED)
		SKIP("the sanitizer reports who closes what another thread uses");
	make(0);
	child = start_process(wait_without_descriptors);
	until(&board->ready, 1);
	for (unsigned ms = 0; waiting() > 0; ms++) {
		assert_true(ms < PATIENCE);
		usleep(1000);
	}
	OK(ksem_post_many(world.proc, id, 2));
	store_seq(&board->go, 1);
	must_end_well(child);
	assert_int_equal(waiting(), 0);
	assert_int_equal(value(), 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		board_test(a_post_of_another_process_wakes_the_loop),
		board_test(many_that_pend_are_all_posted_by_another_process),
		board_test(news_of_hundreds_of_semaphores_arrive),
		board_test(one_that_wants_fewer_goes_before_one_that_wants_more),
		board_test(a_shutdown_by_another_process_ends_all),
		board_test(it_stays_as_it_was),
		board_test(a_post_of_its_own_process_grants_at_once),
		board_test(waits_of_a_killed_process_are_gone),
		board_test(posters_may_be_killed),
		board_test(others_go_on_whatever_process_with_a_queue_is_killed),
		board_test(a_stopped_queue_keeps_permits_from_nobody),
		board_test(a_forks_child_leaves_the_queue_alone),
		board_test(a_forks_child_of_a_queue_that_keeps_a_closed_semaphore),
		board_test(a_process_that_was_taken_for_dead_keeps_its_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
