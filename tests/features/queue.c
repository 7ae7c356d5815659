/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Completion queues: waits without a thread.
 */
#include "feature.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <ucontext.h>

#define DEFAULT 3 /* as an order: made with the default attributes */

#define OF_ORDER(q, ...) ((q)->order == DEFAULT ? NULL : ATTR(.order = (q)->order, __VA_ARGS__))

/* A semaphore of some order, and a queue. */
struct queue {
	struct world *world;
	struct ksem_proc *proc;
	ksem_id_t id;
	struct ksem_cq *cq;
	uint32_t order;
};

static int queue_setup(void **state)
{
	struct queue *q = calloc(1, sizeof(*q));
	void *world;

	q->order = *(const uint32_t *)*state;
	world_setup(&world);
	q->world = world;
	q->proc = q->world->proc;
	OK(ksem_init_attr(q->proc, OF_ORDER(q, .limit = 1000000), 0, &q->id));
	OK(ksem_cq_create(q->proc, &q->cq));
	*state = q;
	return 0;
}

static int queue_teardown(void **state)
{
	struct queue *q = *state;
	void *world = q->world;

	if (q->cq)
		OK(ksem_cq_destroy(q->cq));
	OK(ksem_destroy(q->proc, q->id));
	free(q);
	return world_teardown(&world);
}

static int submit_until(struct queue *q, uint32_t count, const struct timespec *deadline, uint64_t user_data)
{
	return ksem_cq_submit(q->cq, q->id, count, CLOCK_MONOTONIC, deadline, user_data);
}

static int submit(struct queue *q, uint32_t count, uint64_t user_data)
{
	return submit_until(q, count, NULL, user_data);
}

static unsigned reap(struct queue *q, struct ksem_completion *out, unsigned room)
{
	unsigned n = 12345;

	OK(ksem_cq_reap(q->cq, out, room, &n));
	assert_in_range(n, 0, room);
	return n;
}

static bool readable(struct queue *q, int ms)
{
	struct pollfd fd = {.fd = ksem_cq_fd(q->cq), .events = POLLIN};

	return poll(&fd, 1, ms) == 1 && fd.revents & POLLIN;
}

/* Sleeps until the descriptor says so, as a loop does; the completion must be of that wait. */
static void comes(struct queue *q, uint64_t user_data, int error)
{
	struct ksem_completion c;

	do {
		assert_true(readable(q, 10000));
	} while (reap(q, &c, 1) == 0);
	assert_true(c.user_data == user_data);
	assert_int_equal(c.error, error);
	assert_true(c.id == q->id);
}

static void nothing_comes(struct queue *q)
{
	struct ksem_completion c;

	assert_int_equal(reap(q, &c, 1), 0);
}

static unsigned waiting(struct queue *q)
{
	return info_of(q->proc, q->id).waiters;
}

/* Does no line decide its waits, but whoever comes first? */
static bool is_direct(const struct queue *q)
{
	return q->world->dir && q->order == DEFAULT;
}

/* ---- Submit and reap. ---- */

static void permits_that_are_there_complete_it_as_well(void **state)
{
	struct queue *q = *state;
	struct ksem_completion c;

	OK(ksem_post_many(q->proc, q->id, 5));
	OK(submit(q, 3, UINT64_MAX));
	assert_true(readable(q, 10000));
	assert_int_equal(reap(q, &c, 1), 1);
	assert_true(c.user_data == UINT64_MAX);
	assert_true(c.id == q->id);
	assert_int_equal(c.count, 3);
	assert_int_equal(c.error, 0);
	assert_int_equal(value_of(q->proc, q->id), 2);
	nothing_comes(q);
	OK(submit(q, 0, 7)); /* nothing, and that is there */
	comes(q, 7, 0);
}

static void a_post_completes_it(void **state)
{
	struct queue *q = *state;

	OK(submit(q, 2, 1));
	assert_int_equal(waiting(q), 1);
	nothing_comes(q);
	assert_false(readable(q, 0));
	OK(ksem_post(q->proc, q->id));
	nothing_comes(q);
	OK(ksem_post(q->proc, q->id));
	comes(q, 1, 0);
	assert_int_equal(value_of(q->proc, q->id), 0);
	assert_int_equal(waiting(q), 0);
	nothing_comes(q);
}

static void waits_complete_in_the_order_of_the_semaphore(void **state)
{
	enum { WAITS = 8 };
	struct queue *q = *state;
	struct ksem_completion c[WAITS];

	for (unsigned i = 0; i < WAITS; i++)
		OK(submit(q, 1, i));
	assert_int_equal(waiting(q), WAITS);
	for (unsigned i = 0; i < WAITS; i++) {
		OK(ksem_post(q->proc, q->id));
		while (is_direct(q) && waiting(q) > WAITS - 1 - i)
			sched_yield(); /* the queue's thread was about to look, so the post left it to that */
		assert_int_equal(waiting(q), WAITS - 1 - i);
	}
	assert_int_equal(reap(q, c, WAITS), WAITS); /* in the order in which they were decided */
	for (unsigned i = 0; i < WAITS && (q->order == KSEM_FIFO || q->order == KSEM_LIFO); i++)
		assert_int_equal(c[i].user_data, q->order == KSEM_FIFO ? i : WAITS - 1 - i);
}

/* Whether they stood in line or not. */
static void completions_come_in_the_order_of_their_ends(void **state)
{
	struct queue *q = *state;

	for (unsigned round = 0; round < 3; round++) { /* with the semaphore known to the queue, and new to it */
		OK(submit(q, 1, 1));
		OK(submit(q, 5, 2));
		OK(ksem_cq_cancel(q->cq, 2));
		OK(ksem_post_many(q->proc, q->id, 2));
		OK(submit(q, 1, 3)); /* its permit is there */
		OK(submit(q, 0, 4));
		OK(submit(q, 1, 5));
		OK(submit(q, 0, 6));
		comes(q, 2, ECANCELED);
		comes(q, 1, 0);
		comes(q, 3, 0);
		comes(q, 4, 0);
		OK(ksem_post(q->proc, q->id));
		OK(submit(q, 0, 7));
		comes(q, 6, 0);
		comes(q, 5, 0);
		comes(q, 7, 0);
		nothing_comes(q);
	}
}

#if defined(__x86_64__) && !SANITIZED
#define STEPS 1
#else
#define STEPS 0
#endif

/* Has a signal handler act amid a call, before its instruction number `at`. */
static struct {
	struct queue *q;
	void (*act)(void);
	unsigned steps, at;
	bool done;  /* it has acted; else the call has fewer instructions */
	bool first; /* the wait that stood in line was over first */
} stepped;

#if STEPS

/* Each instruction from here on raises SIGTRAP. */
static void trace_instructions(void)
{
	__asm__ volatile("leaq -128(%%rsp), %%rsp\n pushfq\n orq $0x100, (%%rsp)\n popfq\n leaq 128(%%rsp), %%rsp"
			 :
			 :
			 : "memory", "cc");
}

static void act_after_some_steps(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	if (++stepped.steps < stepped.at)
		return;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~0x100;
	stepped.done = true;
	stepped.act();
}

static void trace_no_more(void)
{
	__asm__ volatile("leaq -128(%%rsp), %%rsp\n pushfq\n andq $~0x100, (%%rsp)\n popfq\n leaq 128(%%rsp), %%rsp"
			 :
			 :
			 : "memory", "cc");
}

#else

static void trace_instructions(void)
{
}

static void act_after_some_steps(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)info, (void)context;
}

static void trace_no_more(void)
{
}

#endif

/* Calls `round` until the call that it traces has fewer instructions; each time `act` comes some instructions later. */
static void step_through(struct queue *q, void (*act)(void), void (*round)(void), unsigned every)
{
	struct sigaction action = {.sa_sigaction = act_after_some_steps, .sa_flags = SA_SIGINFO}, before;

	if (!STEPS)
		skip();
	stepped.q = q;
	stepped.act = act;
	stepped.at = 1;
	sigemptyset(&action.sa_mask);
	sigaction(SIGTRAP, &action, &before);
	do {
		stepped.at += every;
		stepped.steps = 0;
		stepped.done = false;
		round();
	} while (stepped.done);
	sigaction(SIGTRAP, &before, NULL);
	assert_true(stepped.at > 100);
}

static unsigned value_in_handler(struct queue *q)
{
	unsigned value;

	MUST(ksem_getvalue(q->proc, q->id, &value) == 0);
	return value;
}

/*
 * A wait for two stands in line, and one for one is submitted. There is one permit, unless that has taken it already.
 * Posts two, and sees which of the waits is over first.
 */
static void post_to_both(void)
{
	struct queue *q = stepped.q;
	bool taken = value_in_handler(q) == 0;

	MUST(ksem_post(q->proc, q->id) == 0);
	stepped.first = !taken && value_in_handler(q) == 0;
	MUST(ksem_post(q->proc, q->id) == 0);
}

static void submit_in_steps(void)
{
	struct queue *q = stepped.q;
	int error;

	OK(submit(q, 2, 1));
	OK(ksem_post(q->proc, q->id));
	trace_instructions();
	error = submit(q, 1, 2);
	trace_no_more();
	OK(error);
	if (!stepped.done)
		post_to_both();
	comes(q, stepped.first ? 1 : 2, 0);
	comes(q, stepped.first ? 2 : 1, 0);
	nothing_comes(q);
}

/* Where answers are recorded (answers/answers.c): this takes long, and calls answer nothing that others don't show. */
#define SKIP_FOR_ANSWERS()                                           \
	do {                                                         \
		if (getenv("KSEM_TEST_ANSWERS"))                     \
			SKIP("takes long, and answers nothing new"); \
	} while (0)

/* At many places of a submit, in turn; at a third of these, without KSEM_TEST_WIDE. */
static void so_they_do_if_others_end_during_a_submit(void **state)
{
	SKIP_FOR_ANSWERS();
	step_through(*state, post_to_both, submit_in_steps, share_of(3) < 3 ? 3 * 61 : 61);
}

static void reap_gives_as_many_as_there_is_room_for(void **state)
{
	struct queue *q = *state;
	struct ksem_completion c[4] = {{0}};
	unsigned n = 77;

	for (unsigned i = 0; i < 5; i++)
		OK(submit(q, 0, i));
	OK(ksem_cq_reap(q->cq, NULL, 0, &n));
	assert_int_equal(n, 0);
	assert_int_equal(reap(q, c, 3), 3);
	assert_true(readable(q, 10000)); /* two are left */
	assert_int_equal(reap(q, c, 4), 2);
	assert_int_equal(reap(q, c, 4), 0);
}

static void threads_and_queues_stand_in_one_line(void **state)
{
	struct queue *q = *state;
	struct feature f = {.proc = q->proc, .id = q->id};
	struct waiting thread;

	OK(submit(q, 1, 1));
	queue_up(&thread, &f, 1);
	OK(submit(q, 1, 2));
	OK(ksem_post(q->proc, q->id));
	comes(q, 1, 0);
	assert_false(is_done(&thread));
	OK(ksem_post(q->proc, q->id));
	OK(ended(&thread));
	nothing_comes(q);
	OK(ksem_post(q->proc, q->id));
	comes(q, 2, 0);
	f.id = 0;
}

/* ---- Bad arguments. ---- */

static void bad_arguments_are_refused(void **state)
{
	const struct timespec wrong = {0, 1000000000};
	struct queue *q = *state;
	struct ksem_completion c;
	unsigned n = 77;

	FAILS(EINVAL, ksem_cq_create(NULL, NULL));
	FAILS(EFAULT, ksem_cq_create(q->proc, NULL));
	FAILS(EINVAL, ksem_cq_destroy(NULL));
	assert_int_equal(ksem_cq_fd(NULL), -1);
	FAILS(EINVAL, ksem_cq_submit(NULL, q->id, 1, CLOCK_MONOTONIC, NULL, 1));
	FAILS(EINVAL, ksem_cq_submit(q->cq, q->id + 1, 1, CLOCK_MONOTONIC, NULL, 1));
	FAILS(EINVAL, ksem_cq_submit(q->cq, 0, 0, CLOCK_MONOTONIC, NULL, 1));
	FAILS(EINVAL, ksem_cq_submit(q->cq, q->id, 1000001, CLOCK_MONOTONIC, NULL, 1));
	FAILS(EINVAL, ksem_cq_submit(q->cq, q->id, 1, CLOCK_BOOTTIME, &past, 1));
	FAILS(EINVAL, ksem_cq_submit(q->cq, q->id, 1, CLOCK_MONOTONIC, &wrong, 1));
	FAILS(EINVAL, ksem_cq_cancel(NULL, 1));
	FAILS(EINVAL, ksem_cq_reap(NULL, &c, 1, &n));
	FAILS(EFAULT, ksem_cq_reap(q->cq, &c, 1, NULL));
	FAILS(EFAULT, ksem_cq_reap(q->cq, NULL, 1, &n));
	assert_int_equal(n, 77);
	nothing_comes(q);
	OK(ksem_cq_submit(q->cq, q->id, 1, -1, NULL, 1)); /* no deadline: the clock is ignored */
	assert_int_equal(waiting(q), 1);
}

/* ---- Deadlines. ---- */

static void nap_until(const struct timespec *time)
{
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, time, NULL) == EINTR)
		;
}

static void a_deadline_completes_it_in_time(void **state)
{
	struct queue *q = *state;
	struct timespec begun = in_ms(CLOCK_MONOTONIC, 0), soon = in_ms(CLOCK_MONOTONIC, 30);
	struct timespec realtime = in_ms(CLOCK_REALTIME, 60);

	OK(submit_until(q, 1, &soon, 1));
	OK(ksem_cq_submit(q->cq, q->id, 1, CLOCK_REALTIME, &realtime, 2));
	comes(q, 1, ETIMEDOUT);
	assert_true(ns_since(begun) >= 30000000);
	comes(q, 2, ETIMEDOUT);
	assert_true(ns_since(begun) >= 59000000);
	assert_int_equal(waiting(q), 0);
	OK(submit_until(q, 1, &past, 3));
	comes(q, 3, ETIMEDOUT);
	OK(ksem_post(q->proc, q->id));
	OK(submit_until(q, 1, &past, 4)); /* a permit that is there is taken however late it is */
	comes(q, 4, 0);
}

/* Though nobody reaps, a thread behind it, or a post, passes over it. */
static void one_past_its_deadline_blocks_nobody(void **state)
{
	struct queue *q = *state;
	struct feature f = {.proc = q->proc, .id = q->id};
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 20), begun;
	struct waiting thread;

	OK(ksem_post(q->proc, q->id));
	OK(submit_until(q, 2, &soon, 1));
	queue_up(&thread, &f, 1);
	clock_gettime(CLOCK_MONOTONIC, &begun);
	OK(ended(&thread));
	assert_true(ns_since(begun) < 5000000000); /* 10 ms, and what a busy machine adds */
	comes(q, 1, ETIMEDOUT);
	f.id = 0;
}

static void of_many_deadlines_each_comes_when_it_is_due(void **state)
{
	enum { WAITS = 100 };
	struct queue *q = *state;
	struct timespec deadlines[WAITS];
	struct ksem_completion c;
	unsigned came = 0;
	int64_t last = 0;

	for (unsigned i = 0; i < WAITS; i++) {
		deadlines[i] = in_ms(CLOCK_MONOTONIC, 10 + (long)(i * 37 % WAITS));
		OK(submit_until(q, 1, &deadlines[i], i));
	}
	while (came < WAITS) {
		assert_true(readable(q, 10000));
		while (reap(q, &c, 1) == 1) {
			int64_t now = ns_since((struct timespec){0, 0});
			const struct timespec *due = &deadlines[c.user_data];

			assert_int_equal(c.error, ETIMEDOUT);
			assert_true(now >= due->tv_sec * 1000000000 + due->tv_nsec);
			assert_true(now >= last);
			last = now;
			came++;
		}
	}
}

/* In a private namespace the library runs no thread. */
static unsigned threads_of_process(void)
{
	char line[256];
	unsigned threads = 0;
	FILE *file = fopen("/proc/self/status", "r");

	MUST(file);
	while (fgets(line, sizeof(line), file))
		sscanf(line, "Threads: %u", &threads);
	fclose(file);
	return threads;
}

static void a_private_one_has_no_thread_a_shared_one_at_most_one(void **state)
{
	struct queue *q = *state;
	unsigned before = threads_of_process();
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 20);
	struct ksem_cq *more;

	OK(ksem_cq_create(q->proc, &more));
	OK(ksem_cq_submit(more, q->id, 1, CLOCK_MONOTONIC, &soon, 1));
	assert_true(threads_of_process() <= before + (q->world->dir != NULL));
	OK(ksem_cq_destroy(more));
	assert_true(threads_of_process() <= before);
}

/* The permit goes to whoever is next, not to the wait that is over; and that is told so. */
static void a_post_passes_over_one_past_its_deadline(void **state)
{
	struct queue *q = *state;
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 10);
	struct ksem_cq *slow;
	struct ksem_completion c;
	unsigned n;

	OK(ksem_cq_create(q->proc, &slow));
	OK(ksem_cq_submit(slow, q->id, 1, CLOCK_MONOTONIC, &soon, 1));
	OK(ksem_cq_submit(slow, q->id, 1, CLOCK_MONOTONIC, &soon, 2));
	OK(submit(q, 1, 3));
	nap_until(&soon);
	OK(ksem_post(q->proc, q->id));
	comes(q, 3, 0);
	for (unsigned i = 0; i < 2; i++) {
		OK(ksem_cq_reap(slow, &c, 1, &n));
		assert_int_equal(n, 1);
		assert_int_equal(c.error, ETIMEDOUT);
	}
	OK(ksem_cq_destroy(slow));
	assert_int_equal(waiting(q), 0);
}

/* Nobody reaps the one in front, and nobody posts. */
static void one_past_its_deadline_blocks_no_other_queue(void **state)
{
	struct queue *q = *state;
	struct timespec begun = in_ms(CLOCK_MONOTONIC, 0);
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 20), later = in_ms(CLOCK_MONOTONIC, 60);
	struct ksem_cq *slow;

	OK(ksem_cq_create(q->proc, &slow));
	OK(ksem_post_many(q->proc, q->id, 2));
	OK(ksem_cq_submit(slow, q->id, 3, CLOCK_MONOTONIC, &soon, 1));
	OK(ksem_cq_submit(slow, q->id, 4, CLOCK_MONOTONIC, &later, 1));
	OK(submit(q, 1, 2));
	OK(submit(q, 1, 3));
	comes(q, 2, 0);
	comes(q, 3, 0);
	assert_true(ns_since(begun) >= 60000000 && ns_since(begun) < 5000000000);
	OK(ksem_cq_destroy(slow));
}

/* Though this queue has waits with later deadlines, which don't stand in line any more, or never did. */
static void nor_if_others_with_deadlines_are_over(void **state)
{
	struct queue *q = *state;
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 20), far = in_ms(CLOCK_MONOTONIC, 60000);
	struct ksem_cq *slow;

	OK(ksem_cq_create(q->proc, &slow));
	OK(submit_until(q, 1, &far, 7));
	OK(ksem_post_many(q->proc, q->id, 3));
	OK(submit_until(q, 1, &far, 8));
	OK(submit_until(q, 0, &far, 9));
	OK(ksem_cq_submit(slow, q->id, 3, CLOCK_MONOTONIC, &soon, 1));
	OK(submit(q, 1, 2));
	for (uint64_t i = 7; i < 10; i++)
		comes(q, i, 0);
	comes(q, 2, 0);
	OK(ksem_cq_destroy(slow));
}

/* Makes the semaphore anew, with the limit `high` first; then with `low`, and that many permits. */
static void make_with_limit(struct queue *q, uint32_t high, uint32_t low, uint32_t permits)
{
	OK(ksem_destroy(q->proc, q->id));
	OK(ksem_init_attr(q->proc, OF_ORDER(q, .limit = high), high - low + permits, &q->id));
	OK(ksem_set_limit(q->proc, q->id, low));
	assert_int_equal(value_of(q->proc, q->id), permits);
}

/* Though the wait that came last wants more than the limit, and so stands in another list. */
static void nor_if_the_last_one_stands_aside(void **state)
{
	struct queue *q = *state;
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 20), later = in_ms(CLOCK_MONOTONIC, 60);
	struct ksem_cq *slow;

	make_with_limit(q, 20, 10, 2);
	OK(ksem_cq_create(q->proc, &slow));
	OK(ksem_cq_submit(slow, q->id, 3, CLOCK_MONOTONIC, &soon, 1));
	OK(ksem_cq_submit(slow, q->id, 3, CLOCK_MONOTONIC, &later, 1));
	OK(submit(q, 2, 2));
	OK(submit(q, 15, 3));
	comes(q, 2, 0);
	OK(ksem_cq_cancel(q->cq, 3));
	comes(q, 3, ECANCELED);
	OK(ksem_cq_destroy(slow));
}

/* Nor if a thousand others stand behind, and a change of the limit moves one of its waits. */
static void nor_in_a_long_line(void **state)
{
	struct queue *q = *state;
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 500);
	struct ksem_cq *slow;

	make_with_limit(q, 20, 10, 2);
	OK(ksem_cq_create(q->proc, &slow));
	OK(ksem_cq_submit(slow, q->id, 5, CLOCK_MONOTONIC, &soon, 1));
	OK(submit(q, 2, 2));
	for (int i = 0; i < 1100; i++)
		OK(ksem_cq_submit(slow, q->id, 5, CLOCK_MONOTONIC, NULL, 1));
	OK(submit(q, 11, 3));
	OK(submit(q, 15, 4));
	OK(ksem_set_limit(q->proc, q->id, 12));
	comes(q, 2, 0);
	OK(ksem_cq_destroy(slow));
	for (uint64_t i = 3; i < 5; i++) {
		OK(ksem_cq_cancel(q->cq, i));
		comes(q, i, ECANCELED);
	}
}

/* Nor if a wait is moved behind it while another one completes. */
static void nor_if_a_completion_came_with_it(void **state)
{
	struct queue *q = *state;
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 100);
	struct ksem_cq *slow;

	make_with_limit(q, 8, 1, 0);
	OK(ksem_cq_create(q->proc, &slow));
	OK(submit(q, 1, 1));
	OK(ksem_cq_submit(slow, q->id, 3, CLOCK_MONOTONIC, &soon, 1));
	OK(submit(q, 2, 2));
	OK(ksem_post(q->proc, q->id));
	OK(ksem_set_limit(q->proc, q->id, 3));
	comes(q, 1, 0);
	comes(q, 2, 0);
	OK(ksem_cq_destroy(slow));
}

/* Until the far deadline, but for the looks once a second. */
static void the_loop_sleeps_though_the_last_wait_is_over(void **state)
{
	struct queue *q = *state;
	struct timespec far = in_ms(CLOCK_MONOTONIC, 60000);
	struct ksem_cq *slow;
	int idle = 0;

	OK(ksem_cq_create(q->proc, &slow));
	OK(ksem_cq_submit(slow, q->id, 3, CLOCK_MONOTONIC, &far, 1));
	OK(submit(q, 1, 2));
	OK(submit(q, 1, 3));
	OK(ksem_cq_cancel(q->cq, 3));
	comes(q, 3, ECANCELED);
	for (int i = 0; i < 4; i++) {
		nothing_comes(q);
		idle += !readable(q, 100);
	}
	assert_true(idle >= 2);
	OK(ksem_cq_cancel(q->cq, 2));
	comes(q, 2, ECANCELED);
	OK(ksem_cq_destroy(slow));
}

/* Nor a thread that waits for one of several. */
static void one_past_its_deadline_blocks_no_wait_for_any(void **state)
{
	struct queue *q = *state;
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 20), far = in_ms(CLOCK_MONOTONIC, 20000);
	ksem_id_t ids[2] = {q->id};
	unsigned which = 7;

	OK(ksem_init(q->proc, 0, &ids[1]));
	OK(ksem_post(q->proc, q->id));
	OK(submit_until(q, 2, &soon, 1));
	OK(ksem_wait_any(q->proc, ids, 2, CLOCK_MONOTONIC, &far, &which));
	assert_int_equal(which, 0);
	comes(q, 1, ETIMEDOUT);
	OK(ksem_destroy(q->proc, ids[1]));
}

/* Trywait looks for itself, though a wait for more stands there. */
static void one_past_its_deadline_does_not_stop_a_trywait(void **state)
{
	struct queue *q = *state;
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 300);

	OK(ksem_post(q->proc, q->id));
	OK(submit_until(q, 2, &soon, 1));
	FAILS(EAGAIN, ksem_trywait(q->proc, q->id));
	nap_until(&soon);
	OK(ksem_trywait(q->proc, q->id));
	comes(q, 1, ETIMEDOUT);
}

/*
 * Two waits for more than the limit stand in line, in that order, once it is raised again. Of the first nobody takes
 * care; the other must go on after its deadline.
 */
static struct ksem_cq *stand_behind(struct queue *q, struct feature *f)
{
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 400); /* after raise_limit_and_post */
	struct ksem_cq *slow;

	*f = (struct feature){.proc = q->proc};
	OK(ksem_cq_create(q->proc, &slow));
	OK(ksem_init_attr(q->proc, ATTR(.limit = 9, .order = q->order), 0, &f->id));
	OK(ksem_set_limit(q->proc, f->id, 2)); /* it owes 7 */
	OK(ksem_cq_submit(slow, f->id, 9, CLOCK_MONOTONIC, &soon, 1));
	return slow;
}

static void raise_limit_and_post(struct feature *f)
{
	OK(ksem_set_limit(f->proc, f->id, 9));
	OK(ksem_post_many(f->proc, f->id, 6));
	assert_int_equal(waiters(f), 2);
}

static void a_thread_moved_behind_one_goes_on_after_its_deadline(void **state)
{
	struct queue *q = *state;
	struct timespec far = in_ms(CLOCK_MONOTONIC, 10000);
	struct waiting thread;
	struct feature f;
	struct ksem_cq *slow = stand_behind(q, &f);

	queue_up_until(&thread, &f, 3, &far);
	until_asleep(q->proc, f.id, 2);
	raise_limit_and_post(&f);
	OK(ended(&thread));
	OK(ksem_cq_destroy(slow));
	OK(ksem_destroy(f.proc, f.id));
}

static void a_queue_moved_behind_one_goes_on_after_its_deadline(void **state)
{
	struct queue *q = *state;
	ksem_id_t own = q->id;
	struct feature f;
	struct ksem_cq *slow = stand_behind(q, &f);

	OK(ksem_cq_submit(q->cq, f.id, 3, CLOCK_MONOTONIC, NULL, 2));
	raise_limit_and_post(&f);
	q->id = f.id;
	comes(q, 2, 0);
	q->id = own;
	OK(ksem_cq_destroy(slow));
	OK(ksem_destroy(f.proc, f.id));
}

/* The queue needs memory for each, though none had to look at what was ahead of it when it was submitted. */
static void many_moved_behind_ones_go_on_after_their_deadlines(void **state)
{
	enum { SEMS = 200 };
	struct queue *q = *state;
	static struct feature f[SEMS];
	static struct ksem_cq *slow[SEMS];
	unsigned through = 0;

	for (unsigned i = 0; i < SEMS; i++) {
		slow[i] = stand_behind(q, &f[i]);
		OK(ksem_cq_submit(q->cq, f[i].id, 3, CLOCK_MONOTONIC, NULL, i));
	}
	for (unsigned i = 0; i < SEMS; i++)
		OK(ksem_set_limit(q->proc, f[i].id, 9));
	for (unsigned i = 0; i < SEMS; i++)
		OK(ksem_post_many(q->proc, f[i].id, 6));
	while (through < SEMS) {
		struct ksem_completion c[SEMS];

		assert_true(readable(q, 10000));
		through += reap(q, c, SEMS);
	}
	for (unsigned i = 0; i < SEMS; i++) {
		OK(ksem_cq_destroy(slow[i]));
		OK(ksem_destroy(q->proc, f[i].id));
	}
}

/* ---- Cancel. ---- */

static void cancel_ends_all_with_that_data_and_no_others(void **state)
{
	struct queue *q = *state;

	OK(submit(q, 1, 5));
	OK(submit(q, 1, 6));
	OK(submit(q, 2, 5));
	OK(ksem_cq_cancel(q->cq, 5));
	assert_int_equal(waiting(q), 1);
	comes(q, 5, ECANCELED);
	comes(q, 5, ECANCELED);
	nothing_comes(q);
	FAILS(ENOENT, ksem_cq_cancel(q->cq, 5));
	FAILS(ENOENT, ksem_cq_cancel(q->cq, 7));
	OK(ksem_post(q->proc, q->id));
	FAILS(ENOENT, ksem_cq_cancel(q->cq, 6)); /* granted */
	comes(q, 6, 0);
}

static void cancel_lets_those_behind_go_on(void **state)
{
	struct queue *q = *state;
	struct feature f = {.proc = q->proc, .id = q->id};
	struct waiting thread;

	OK(ksem_post_many(q->proc, q->id, 2));
	OK(submit(q, 3, 1));
	OK(submit(q, 1, 2));
	queue_up(&thread, &f, 1);
	OK(ksem_cq_cancel(q->cq, 1));
	OK(ended(&thread));
	comes(q, 1, ECANCELED);
	comes(q, 2, 0);
	f.id = 0;
}

/* One behind which the other one waits; then both are canceled, whatever else waits. */
static void cancel_grants_none_that_it_cancels(void **state)
{
	struct queue *q = *state;

	OK(ksem_post_many(q->proc, q->id, 2));
	for (unsigned others = 0; others < 40; others++) {
		OK(submit(q, 3, 7));
		OK(submit(q, 1, 7));
		for (unsigned i = 0; i < others; i++)
			OK(submit(q, 3, 100 + i));
		OK(ksem_cq_cancel(q->cq, 7));
		comes(q, 7, ECANCELED);
		comes(q, 7, ECANCELED);
		for (unsigned i = 0; i < others; i++) {
			OK(ksem_cq_cancel(q->cq, 100 + i));
			comes(q, 100 + i, ECANCELED);
		}
	}
}

/* ---- Shutdown, destroy, ends of others. ---- */

static void shutdown_completes_all(void **state)
{
	struct queue *q = *state;

	OK(submit(q, 1, 1));
	OK(ksem_shutdown(q->proc, q->id));
	comes(q, 1, ESHUTDOWN);
	OK(submit(q, 1, 2));
	comes(q, 2, ESHUTDOWN);
	OK(ksem_post(q->proc, q->id));
	OK(submit(q, 1, 3));
	comes(q, 3, 0);
}

static void destroy_cancels_and_posts_what_was_not_reaped(void **state)
{
	struct queue *q = *state;

	OK(ksem_post(q->proc, q->id));
	OK(submit(q, 1, 0));
	OK(submit(q, 1, 1));
	OK(submit(q, 1, 2));
	OK(submit(q, 3, 3));
	OK(ksem_post_many(q->proc, q->id, 2)); /* the first two are granted, by whatever order */
	OK(ksem_cq_destroy(q->cq));
	q->cq = NULL;
	assert_int_equal(value_of(q->proc, q->id), 3);
	assert_int_equal(waiting(q), 0);
}

static void destroy_posts_as_many_as_there_is_room_for(void **state)
{
	struct queue *q = *state;
	struct ksem_cq *cq;
	unsigned limit;
	ksem_id_t id;

	OK(ksem_init_attr(q->proc, OF_ORDER(q, .limit = 5), 5, &id));
	limit = info_of(q->proc, id).limit;
	OK(ksem_cq_create(q->proc, &cq));
	OK(ksem_cq_submit(cq, id, 5, CLOCK_MONOTONIC, NULL, 1));
	OK(ksem_post_many(q->proc, id, limit - 3)); /* others post what nobody took */
	OK(ksem_cq_destroy(cq));
	assert_int_equal(value_of(q->proc, id), limit);
	OK(ksem_destroy(q->proc, id));
}

static void a_pending_wait_is_a_waiter(void **state)
{
	struct queue *q = *state;

	OK(submit(q, 1, 1));
	FAILS(EBUSY, ksem_destroy(q->proc, q->id));
	FAILS(EBUSY, ksem_proc_exec(q->proc));
	OK(ksem_cq_cancel(q->cq, 1));
	FAILS(EBUSY, ksem_proc_exit(q->proc)); /* it has a queue */
	FAILS(EBUSY, ksem_proc_exec(q->proc));
	assert_int_equal(waiting(q), 0);
}

static void what_was_granted_is_reaped_though_the_reference_is_gone(void **state)
{
	struct queue *q = *state;
	struct ksem_completion c;
	ksem_id_t id;

	OK(ksem_open_attr(q->proc, "/gone", O_CREAT, 0600, OF_ORDER(q, .limit = 5), 1, &id));
	OK(ksem_cq_submit(q->cq, id, 1, CLOCK_MONOTONIC, NULL, 9));
	OK(ksem_unlink(q->proc, "/gone"));
	OK(ksem_close(q->proc, id));
	assert_true(readable(q, 10000));
	assert_int_equal(reap(q, &c, 1), 1);
	assert_true(c.user_data == 9 && c.id == id && c.error == 0);
}

/* ---- The descriptor. ---- */

static void the_descriptor_is_closed_by_exec(void **state)
{
	struct queue *q = *state;

	assert_true(fcntl(ksem_cq_fd(q->cq), F_GETFD) & FD_CLOEXEC);
	assert_int_equal(ksem_cq_fd(q->cq), ksem_cq_fd(q->cq));
}

static void after_a_reap_that_left_nothing_the_next_is_an_edge(void **state)
{
	struct queue *q = *state;
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	struct ksem_completion c;
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	assert_true(epoll >= 0);
	OK(epoll_ctl(epoll, EPOLL_CTL_ADD, ksem_cq_fd(q->cq), &event));
	for (unsigned i = 0; i < 1000; i++) {
		unsigned n;

		OK(submit(q, 1, i));
		OK(ksem_post(q->proc, q->id));
		do {
			assert_int_equal(epoll_wait(epoll, &event, 1, 10000), 1);
			n = reap(q, &c, 1);
		} while (n == 0); /* it may be readable for a moment with nothing to reap */
		assert_true(c.user_data == i);
		nothing_comes(q);
	}
	close(epoll);
}

struct poster {
	struct queue *q;
	unsigned posts;
};

static void *post_all(void *arg)
{
	struct poster *poster = arg;

	for (unsigned i = 0; i < poster->posts; i++)
		MUST(ksem_post(poster->q->proc, poster->q->id) == 0);
	return NULL;
}

/* No edge is lost between a post and a loop that is about to sleep. */
static void a_loop_that_sleeps_gets_all_that_another_thread_posts(void **state)
{
	enum { PERMITS = 20000 };
	struct queue *q = *state;
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	struct poster poster = {q, ROUNDS(PERMITS)};
	struct ksem_completion c[16];
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	unsigned got = 0;
	pthread_t thread;

	OK(epoll_ctl(epoll, EPOLL_CTL_ADD, ksem_cq_fd(q->cq), &event));
	for (unsigned i = 0; i < 16; i++)
		OK(submit(q, 1, i));
	thread = start(post_all, &poster);
	while (got < poster.posts) {
		unsigned n;

		assert_int_equal(epoll_wait(epoll, &event, 1, 10000), 1);
		while ((n = reap(q, c, 16)) > 0) {
			for (unsigned i = 0; i < n; i++) {
				assert_int_equal(c[i].error, 0);
				OK(submit(q, 1, c[i].user_data));
			}
			got += n;
		}
	}
	finish(thread);
	assert_int_equal(got, poster.posts);
	assert_int_equal(waiting(q), 16);
	close(epoll);
}

struct canceller {
	struct queue *q;
	atomic_bool over;
};

static void *cancel_all_the_time(void *arg)
{
	struct canceller *canceller = arg;

	for (uint64_t i = 0; !atomic_load(&canceller->over); i++) {
		int error = ksem_cq_cancel(canceller->q->cq, i % 64);

		MUST(error == 0 || error == ENOENT);
	}
	return NULL;
}

/* For each wait exactly one completion comes, and of the permits none is lost. */
static void threads_may_post_cancel_and_reap_at_once(void **state)
{
	struct queue *q = *state;
	struct poster poster = {q, (unsigned)ROUNDS(20000)};
	struct canceller canceller = {.q = q};
	pthread_t poster_thread = start(post_all, &poster), cancel_thread = start(cancel_all_the_time, &canceller);
	bool pending[64] = {false};
	unsigned got = 0;

	while (got < poster.posts) {
		struct ksem_completion c[8];
		unsigned n;

		for (unsigned i = 0; i < 64; i++) {
			if (!pending[i])
				OK(submit(q, 1, i));
			pending[i] = true;
		}
		assert_true(readable(q, 10000));
		n = reap(q, c, 8);
		for (unsigned i = 0; i < n; i++) {
			assert_true(c[i].user_data < 64 && pending[c[i].user_data]);
			assert_true(c[i].error == 0 || c[i].error == ECANCELED);
			pending[c[i].user_data] = false;
			got += c[i].error == 0;
		}
	}
	atomic_store(&canceller.over, true);
	finish(poster_thread);
	finish(cancel_thread);
	assert_int_equal(got, poster.posts);
	assert_int_equal(value_of(q->proc, q->id), 0);
}

/* ---- Handlers, metrics. ---- */

static struct queue *subject;

static void post_in_handler(int signal)
{
	(void)signal;
	MUST(ksem_post(subject->proc, subject->id) == 0);
}

static void a_handler_may_grant_to_it(void **state)
{
	struct queue *q = *state;

	subject = q;
	handle(post_in_handler, 0);
	OK(submit(q, 1, 5));
	OK(raise(SIGUSR1));
	comes(q, 5, 0);
	handle(SIG_DFL, 0);
}

/* The queue has let go of it: it ends, and a place under the limit is free again. */
static void a_reaped_wait_keeps_nothing(void **state)
{
	struct queue *q = *state;
	struct ksem_ns *ns;
	struct ksem_proc *proc;
	struct ksem_cq *cq;
	struct ksem_completion c;
	unsigned n;
	ksem_id_t id;

	OK(ksem_ns_create(&(struct ksem_ns_options){.size = sizeof(struct ksem_ns_options), .max_sems = 1}, &ns));
	OK(ksem_proc_create(ns, NULL, &proc));
	OK(ksem_cq_create(proc, &cq));
	for (unsigned i = 0; i < 3; i++) {
		OK(ksem_open_attr(proc, "/one", O_CREAT | O_EXCL, 0600, OF_ORDER(q, .limit = 5), 1, &id));
		OK(ksem_cq_submit(cq, id, 1, CLOCK_MONOTONIC, NULL, i));
		OK(ksem_unlink(proc, "/one"));
		OK(ksem_close(proc, id));
		OK(ksem_cq_reap(cq, &c, 1, &n));
		assert_int_equal(n, 1);
	}
	FAILS(EBUSY, ksem_proc_exit(proc));
	OK(ksem_cq_destroy(cq));
	OK(ksem_proc_exit(proc));
	OK(ksem_ns_destroy(ns));
}

/* More sources than one group, and than one span, of them. */
static void a_queue_waits_on_thousands_of_semaphores(void **state)
{
	enum { SEMS = THREAD_SANITIZED ? 1000 : 5000 };
	struct queue *q = *state;
	static ksem_id_t ids[SEMS];
	struct ksem_completion c;

	SKIP_FOR_ANSWERS();
	for (unsigned i = 0; i < SEMS; i++) {
		MUST(ksem_init_attr(q->proc, OF_ORDER(q, .limit = 1), 0, &ids[i]) == 0);
		MUST(ksem_cq_submit(q->cq, ids[i], 1, CLOCK_MONOTONIC, NULL, i) == 0);
	}
	for (unsigned i = 0; i < SEMS; i += 7) {
		MUST(ksem_post(q->proc, ids[i]) == 0);
		assert_int_equal(reap(q, &c, 1), 1);
		assert_true(c.user_data == i && c.id == ids[i]);
		nothing_comes(q);
	}
	for (unsigned i = 1; i < SEMS; i += 7)
		MUST(ksem_cq_cancel(q->cq, i) == 0);
	for (unsigned i = 1; i < SEMS; i += 7)
		assert_int_equal(reap(q, &c, 1), 1);
	nothing_comes(q);
	OK(ksem_cq_destroy(q->cq));
	OK(ksem_cq_create(q->proc, &q->cq));
	for (unsigned i = 0; i < SEMS; i++)
		MUST(ksem_destroy(q->proc, ids[i]) == 0);
}

static void its_waits_are_measured(void **state)
{
	struct queue *q = *state;
	struct ksem_metrics m = {.size = sizeof(m)};
	struct ksem_completion c;
	ksem_id_t id;

	OK(ksem_init_attr(q->proc, ATTR(.order = q->order, .flags = KSEM_METRICS), 0, &id));
	OK(ksem_cq_submit(q->cq, id, 1, CLOCK_MONOTONIC, NULL, 1));
	OK(ksem_cq_submit(q->cq, id, 1, CLOCK_MONOTONIC, NULL, 2));
	OK(ksem_cq_cancel(q->cq, 1));
	OK(ksem_post(q->proc, id));
	while (reap(q, &c, 1) == 1)
		;
	OK(ksem_metrics(q->proc, id, &m));
	assert_int_equal(m.waits, 2);
	assert_int_equal(m.cancels, 1);
	assert_int_equal(m.waiters_max, 2);
	OK(ksem_destroy(q->proc, id));
}

/* ---- A fork's child. ---- */

/* The child's descriptors are closed, so the parent's epoll doesn't see a queue that the parent has destroyed. */
static void a_forks_child_keeps_no_descriptor(void **state)
{
	struct queue *q = *state;
	int fd = ksem_cq_fd(q->cq), status;
	pid_t child = fork();

	if (child == 0) {
		MUST(fcntl(fd, F_GETFD) < 0 && errno == EBADF);
		MUST(ksem_cq_destroy(q->cq) == 0);
		MUST(ksem_proc_exec(q->proc) == 0); /* a dead queue isn't one of the process's */
		MUST(ksem_cq_create(q->proc, &q->cq) == 0);
		MUST(ksem_cq_destroy(q->cq) == 0);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(ksem_cq_fd(q->cq), fd);
}

/* A daemon closes all that it hasn't opened itself, and then ends the queue. */
static void destroy_closes_no_descriptor_of_the_program(void **state)
{
	struct queue *q = *state;
	int first = ksem_cq_fd(q->cq), files[8];
	unsigned n = 0;

	for (int fd = first; fd < first + 8; fd++) /* its own four are among these */
		close(fd);
	while (n < 8)
		MUST((files[n++] = open("/dev/null", O_RDONLY)) >= 0);
	OK(ksem_cq_destroy(q->cq));
	for (unsigned i = 0; i < 8; i++)
		n -= close(files[i]) == 0;
	OK(ksem_cq_create(q->proc, &q->cq));
	assert_int_equal(n, 0);
}

static void a_forks_copy_is_dead_and_touches_nothing_of_the_parents(void **state)
{
	struct queue *q = *state;
	int status;
	pid_t child;

	OK(submit(q, 1, 1));
	child = fork();
	if (child == 0) {
		struct ksem_completion c;
		unsigned n;

		MUST(ksem_cq_fd(q->cq) == -1);
		MUST(ksem_cq_submit(q->cq, q->id, 1, CLOCK_MONOTONIC, NULL, 2) == EINVAL);
		MUST(ksem_cq_cancel(q->cq, 1) == EINVAL);
		MUST(ksem_cq_reap(q->cq, &c, 1, &n) == EINVAL);
		MUST(ksem_cq_destroy(q->cq) == 0);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(waiting(q), 1);
	OK(ksem_post(q->proc, q->id));
	comes(q, 1, 0);
}

/* ---- Too much. ---- */

static void without_descriptors_there_is_no_queue(void **state)
{
	struct queue *q = *state;
	struct rlimit before, none;
	struct ksem_cq *more = q->cq;

	getrlimit(RLIMIT_NOFILE, &before);
	for (unsigned i = 0; i < 4; i++) { /* queues take four */
		int lowest = dup(0);

		close(lowest);
		none = (struct rlimit){(rlim_t)lowest + i, before.rlim_max};
		setrlimit(RLIMIT_NOFILE, &none);
		FAILS(EMFILE, ksem_cq_create(q->proc, &more));
		setrlimit(RLIMIT_NOFILE, &before);
		assert_ptr_equal(more, q->cq);
		assert_int_equal(dup(0), lowest); /* none was left open */
		close(lowest);
	}
}

/* ThreadSanitizer takes half a minute for 100,000 waits: one order must do, unless all is to be done. */
#define SKIP_UNLESS_WIDE(q)                                                                                 \
	do {                                                                                                \
		if (THREAD_SANITIZED && (q)->order != KSEM_FIFO && share_of(3) < 3)                         \
			SKIP("100,000 waits in this order, under ThreadSanitizer, without KSEM_TEST_WIDE"); \
	} while (0)

static void where_no_more_can_wait_submit_says_so(void **state)
{
	static struct ksem_completion c[1000];
	struct queue *q = *state;
	unsigned waits = 0;
	int error;

	SKIP_UNLESS_WIDE(q);
	while ((error = submit(q, 1, 1)) == 0)
		waits++;
	assert_int_equal(error, ENOMEM);
	assert_true(waits >= 100000);
	assert_int_equal(waiting(q), waits);
	OK(ksem_cq_cancel(q->cq, 1));
	assert_int_equal(waiting(q), 0);
	while (reap(q, c, 1000) > 0)
		;
	OK(submit(q, 1, 1)); /* there is room again */
}

/* ---- Many. ---- */

#define MANY 100000

static size_t resident(void)
{
	size_t pages = 0, all;
	FILE *file = fopen("/proc/self/statm", "r");

	MUST(file && fscanf(file, "%zu %zu", &all, &pages) == 2);
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void a_hundred_thousand_pend_in_200_bytes_each(void **state)
{
	struct queue *q = *state;
	static struct ksem_completion c[1000];
	size_t before = resident(), now;
	unsigned got = 0;

	SKIP_UNLESS_WIDE(q);
	for (unsigned i = 0; i < MANY; i++)
		MUST(submit(q, 1, i) == 0);
	now = resident();
	assert_int_equal(waiting(q), MANY);
	if (!SANITIZED)
		assert_true(now - before <= (size_t)MANY * 200);
	OK(ksem_post_many(q->proc, q->id, MANY));
	while (got < MANY) {
		unsigned n = reap(q, c, 1000);

		assert_true(n > 0);
		for (unsigned i = 0; i < n && q->order == KSEM_FIFO; i++)
			MUST(c[i].user_data == got + i);
		got += n;
	}
	assert_int_equal(value_of(q->proc, q->id), 0);
	assert_int_equal(waiting(q), 0);
}

/* The processor time that this thread has had, in nanoseconds. */
static int64_t own_time(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

/* What 1000 cancels cost with that many waits pending, in nanoseconds. */
static int64_t cost_of_cancels(struct queue *q, unsigned pending)
{
	static struct ksem_completion c[1000];
	int64_t cost;

	for (unsigned i = 0; i < pending; i++)
		MUST(submit(q, 1, i) == 0);
	cost = -own_time();
	for (unsigned i = 0; i < 1000; i++)
		MUST(ksem_cq_cancel(q->cq, i * (pending / 1000)) == 0);
	cost += own_time();
	for (unsigned i = 0; i < pending; i++)
		if (i % (pending / 1000) || i / (pending / 1000) >= 1000)
			MUST(ksem_cq_cancel(q->cq, i) == 0);
	while (reap(q, c, 1000) > 0)
		;
	return cost;
}

static void the_cost_of_a_cancel_does_not_grow_with_the_waits(void **state)
{
	struct queue *q = *state;
	int64_t few = cost_of_cancels(q, 1000), many;
	unsigned tries = 10; /* others may have the processor's caches meanwhile */

	do
		many = cost_of_cancels(q, ROUNDS(50000));
	while (many >= few * 20 + 1000000 && --tries > 0); /* fifty times as many waits; caches count too */
	assert_true(tries > 0);
}

/* What a shutdown costs which finds that many waits for that many permits, in nanoseconds. */
static int64_t cost_of_shutdown(struct queue *q, unsigned waits, unsigned need, unsigned value)
{
	struct feature f = {.proc = q->proc};
	static struct ksem_completion c[1000];
	int64_t cost;

	make(&f, (struct ksem_attr){.order = q->order, .limit = 10}, value);
	for (unsigned i = 0; i < waits; i++)
		MUST(ksem_cq_submit(q->cq, f.id, need, CLOCK_MONOTONIC, NULL, i) == 0);
	cost = -own_time();
	OK(ksem_shutdown(q->proc, f.id));
	cost += own_time();
	while (reap(q, c, 1000) > 0)
		;
	OK(ksem_destroy(q->proc, f.id));
	return cost;
}

static void the_cost_of_a_shutdown_grows_no_faster_than_the_waits(void **state)
{
	const unsigned cases[][2] = {{1, 0}, {8, 5}, {8, 0}};
	struct queue *q = *state;

	SKIP_FOR_ANSWERS();
	for (unsigned i = 0; i < 3; i++) {
		unsigned tries = 3; /* as above */
		int64_t few, many;

		do {
			few = cost_of_shutdown(q, ROUNDS(1000), cases[i][0], cases[i][1]);
			many = cost_of_shutdown(q, ROUNDS(20000), cases[i][0], cases[i][1]);
		} while (many >= few * 100 + 10000000 && --tries > 0); /* twenty times as many waits */
		assert_true(tries > 0);
	}
}

#define queue_test(f, order) \
	((struct CMUnitTest){#f " (" #order ")", f, queue_setup, queue_teardown, &(uint32_t){order}})
#define each_order(f) queue_test(f, KSEM_BARGING), queue_test(f, KSEM_FIFO), queue_test(f, KSEM_LIFO)
#define any_order(f)  each_order(f), queue_test(f, DEFAULT)

int main(void)
{
	const struct CMUnitTest tests[] = {
		any_order(permits_that_are_there_complete_it_as_well),
		any_order(a_post_completes_it),
		any_order(waits_complete_in_the_order_of_the_semaphore),
		any_order(completions_come_in_the_order_of_their_ends),
		any_order(so_they_do_if_others_end_during_a_submit),
		any_order(reap_gives_as_many_as_there_is_room_for),
		queue_test(threads_and_queues_stand_in_one_line, KSEM_FIFO),
		each_order(bad_arguments_are_refused),
		any_order(a_deadline_completes_it_in_time),
		queue_test(one_past_its_deadline_blocks_nobody, KSEM_FIFO),
		any_order(a_post_passes_over_one_past_its_deadline),
		queue_test(one_past_its_deadline_blocks_no_other_queue, KSEM_FIFO),
		queue_test(nor_if_others_with_deadlines_are_over, KSEM_FIFO),
		queue_test(nor_if_the_last_one_stands_aside, KSEM_FIFO),
		queue_test(nor_in_a_long_line, KSEM_FIFO),
		queue_test(nor_if_a_completion_came_with_it, KSEM_FIFO),
		queue_test(the_loop_sleeps_though_the_last_wait_is_over, KSEM_FIFO),
		queue_test(a_thread_moved_behind_one_goes_on_after_its_deadline, KSEM_FIFO),
		queue_test(a_queue_moved_behind_one_goes_on_after_its_deadline, KSEM_FIFO),
		queue_test(many_moved_behind_ones_go_on_after_their_deadlines, KSEM_FIFO),
		queue_test(one_past_its_deadline_blocks_no_wait_for_any, KSEM_FIFO),
		queue_test(one_past_its_deadline_does_not_stop_a_trywait, KSEM_FIFO),
		any_order(of_many_deadlines_each_comes_when_it_is_due),
		any_order(a_private_one_has_no_thread_a_shared_one_at_most_one),
		any_order(cancel_ends_all_with_that_data_and_no_others),
		queue_test(cancel_lets_those_behind_go_on, KSEM_FIFO),
		queue_test(cancel_grants_none_that_it_cancels, KSEM_FIFO),
		any_order(shutdown_completes_all),
		any_order(destroy_cancels_and_posts_what_was_not_reaped),
		any_order(destroy_posts_as_many_as_there_is_room_for),
		any_order(a_pending_wait_is_a_waiter),
		any_order(what_was_granted_is_reaped_though_the_reference_is_gone),
		any_order(the_descriptor_is_closed_by_exec),
		any_order(after_a_reap_that_left_nothing_the_next_is_an_edge),
		any_order(a_loop_that_sleeps_gets_all_that_another_thread_posts),
		any_order(threads_may_post_cancel_and_reap_at_once),
		any_order(a_handler_may_grant_to_it),
		each_order(its_waits_are_measured),
		any_order(a_reaped_wait_keeps_nothing),
		queue_test(a_queue_waits_on_thousands_of_semaphores, KSEM_FIFO),
		queue_test(a_queue_waits_on_thousands_of_semaphores, DEFAULT),
		any_order(a_forks_copy_is_dead_and_touches_nothing_of_the_parents),
		queue_test(a_forks_child_keeps_no_descriptor, KSEM_FIFO),
		queue_test(destroy_closes_no_descriptor_of_the_program, KSEM_FIFO),
		queue_test(without_descriptors_there_is_no_queue, KSEM_FIFO),
		any_order(where_no_more_can_wait_submit_says_so),
		any_order(a_hundred_thousand_pend_in_200_bytes_each),
		any_order(the_cost_of_a_cancel_does_not_grow_with_the_waits),
		each_order(the_cost_of_a_shutdown_grows_no_faster_than_the_waits),
	};

	return cmocka_run_group_tests_name("queues", tests, NULL, NULL);
}
