/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of completion queues in a namespace that OS processes share: a semaphore that the test's process makes,
 * with a queue, and that its children open by its name. And the tests that hold whatever its attributes are: who
 * includes this defines ATTRIBUTES first, NULL for the default ones.
 */
#ifndef KSEM_TESTS_QUEUEING_H
#define KSEM_TESTS_QUEUEING_H

#include "sharing.h"

#include <poll.h>
#include <sys/epoll.h>

#define NAME "/queue"

/* ThreadSanitizer ends a child that begins a thread, if its parent had one at the fork. Here queues and watchers do. */
const char *__tsan_default_options(void);

const char *__tsan_default_options(void)
{
	return "die_after_fork=0";
}

/* How far the processes are, outside of the library. */
struct board {
	atomic(unsigned) ready, go, begun, done, killed;
};

#define board ((struct board *)board_page)

static struct world world;
static ksem_id_t id;
static struct ksem_cq *cq;

static inline void make(uint32_t value)
{
	world = enter();
	OK(ksem_open_attr(world.proc, NAME, O_CREAT | O_EXCL, 0600, ATTRIBUTES, value, &id));
	OK(ksem_cq_create(world.proc, &cq));
}

static inline void end(void)
{
	OK(ksem_cq_destroy(cq));
	OK(ksem_unlink(world.proc, NAME));
	world_end(&world);
}

/* In a child: another namespace object, and another process. */
static inline void come_in(void)
{
	world = enter();
	MUST(ksem_open(world.proc, NAME, 0, 0, 0, &id) == 0);
}

static inline void come_in_with_queue(void)
{
	come_in();
	MUST(ksem_cq_create(world.proc, &cq) == 0);
}

static inline void say_ready_and_stay(void)
{
	fetch_add_seq(&board->ready, 1);
	for (;;)
		pause();
}

static inline void until(atomic(unsigned) *count, unsigned n)
{
	while (load_seq(count) < n)
		usleep(200);
}

static inline int submit(uint32_t count, uint64_t user_data)
{
	return ksem_cq_submit(cq, id, count, CLOCK_MONOTONIC, NULL, user_data);
}

static inline bool readable(int ms)
{
	struct pollfd fd = {.fd = ksem_cq_fd(cq), .events = POLLIN};

	return poll(&fd, 1, ms) == 1 && fd.revents & POLLIN;
}

static inline unsigned reap(struct ksem_completion *out, unsigned room)
{
	unsigned n;

	MUST(ksem_cq_reap(cq, out, room, &n) == 0);
	return n;
}

/* Sleeps until the descriptor says so, as a loop does. */
static inline struct ksem_completion next(void)
{
	struct ksem_completion c;

	do
		MUST(readable(PATIENCE));
	while (reap(&c, 1) == 0);
	return c;
}

static inline void comes(uint64_t user_data, int error)
{
	struct ksem_completion c = next();

	MUST(c.user_data == user_data);
	MUST(c.error == error);
	MUST(c.id == id);
}

static inline unsigned waiting(void)
{
	return info_of(world.proc, id).waiters;
}

static inline void until_none_waits(void)
{
	for (unsigned ms = 0; waiting() > 0; ms++) {
		assert_true(ms < PATIENCE);
		usleep(1000);
	}
}

static inline unsigned value(void)
{
	return value_of(world.proc, id);
}

static inline struct timespec this_instant(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now;
}

static inline int64_t ms_since(struct timespec then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)(now.tv_sec - then.tv_sec) * 1000 + (now.tv_nsec - then.tv_nsec) / 1000000;
}

#define WAITS 32

/* Reaps what there is, at most WAITS, and waits as often again. */
static inline unsigned reap_and_wait_again(void)
{
	struct ksem_completion c[WAITS];
	unsigned n = reap(c, WAITS);

	for (unsigned i = 0; i < n; i++)
		OK(submit(1, c[i].user_data));
	return n;
}

static inline bool is_in_directory(int fd)
{
	char link[64], path[200];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path) - 1);
	path[length > 0 ? length : 0] = '\0';
	return length > 0 && strstr(path, dir);
}

/* ---- Tests of any attributes. ---- */

#define TURNS 50

static inline void post_when_asked(void)
{
	come_in();
	for (unsigned i = 1; i <= TURNS; i++) {
		until(&board->go, i);
		MUST(ksem_post(world.proc, id) == 0);
	}
}

/* The thread sleeps by then. If nobody woke it, it would look by itself once a second, and this take too long. */
static inline void a_post_of_another_process_wakes_the_loop(void **state)
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

static inline void post_many_in_pieces(void)
{
	struct random random = random_new();

	come_in();
	for (unsigned left = (unsigned)ROUNDS(MANY), n; left > 0; left -= n) {
		n = 1 + random_below(&random, left < 50 ? left : 50);
		MUST(ksem_post_many(world.proc, id, n) == 0);
	}
}

/* By edges: a loop that has reaped all sleeps until the next one. */
static inline void many_that_pend_are_all_posted_by_another_process(void **state)
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

static inline void open_all(int oflag)
{
	for (unsigned i = 0; i < SEMAPHORES; i++) {
		char name[16];

		snprintf(name, sizeof(name), "/of%u", i);
		MUST(ksem_open_attr(world.proc, name, oflag, 0600, ATTRIBUTES, 0, &ids[i]) == 0);
	}
}

static inline void post_to_each(void)
{
	world = enter();
	open_all(0);
	for (unsigned i = 1; i <= SEMAPHORES; i++) {
		until(&board->go, i);
		MUST(ksem_post(world.proc, ids[(i * 7) % SEMAPHORES]) == 0);
	}
}

static inline void news_of_hundreds_of_semaphores_arrive(void **state)
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
	for (unsigned i = 0; i < SEMAPHORES; i++)
		OK(ksem_close(world.proc, ids[i]));
	for (unsigned i = 0; i < SEMAPHORES; i++) {
		char name[16];

		snprintf(name, sizeof(name), "/of%u", i);
		OK(ksem_unlink(world.proc, name));
	}
	end();
}

/* The child's copy is dead, and neither its end nor its own queue touches the parent's. */
static inline void a_forks_child_leaves_the_queue_alone(void **state)
{
	pid_t child;

	(void)state;
	if (THREAD_SANITIZED)
		SKIP("the child may start no threads");
	make(0);
	OK(submit(1, 1));
	child = fork();
	if (child == 0) {
		MUST(ksem_cq_fd(cq) == -1);
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
static inline void a_forks_child_of_a_queue_that_keeps_a_closed_semaphore(void **state)
{
	ksem_id_t closed;
	pid_t child;

	(void)state;
	make(0);
	OK(ksem_open_attr(world.proc, "/closed", O_CREAT | O_EXCL, 0600, ATTRIBUTES, 0, &closed));
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

#endif
