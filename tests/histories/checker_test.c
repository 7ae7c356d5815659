/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checker of histories: on histories written by hand, true and false ones, and beside a search through all orders
 * on thousands of small ones at random.
 */
#include "../support.h"

#include "checker.h"

/* A thread and its call: POSTED(2, 0, 5, 9): thread 2 posted 1, the answer was 0, between stamps 5 and 9. */
struct line {
	unsigned thread;
	struct call call;
};

#define LINE(t, kind, n, result, from, to)                                                             \
	{                                                                                              \
		t,                                                                                     \
		{                                                                                      \
			.act = (kind), .number = (n), .answer = (result), .begin = (from), .end = (to) \
		}                                                                                      \
	}
#define POSTED(t, n, result, from, to)      LINE(t, POST, n, result, from, to)
#define WAITED(t, from, to)                 LINE(t, WAIT, 1, 0, from, to)
#define WAITED_MANY(t, n, result, from, to) LINE(t, CLOCKWAIT, n, result, from, to)
#define TRIED(t, result, from, to)          LINE(t, TRYWAIT, 1, result, from, to)
#define TRIED_MANY(t, n, result, from, to)  LINE(t, TRYWAIT, n, result, from, to)
#define TIMED(t, result, from, to)          LINE(t, CLOCKWAIT, 1, result, from, to)
#define SAW(t, n, from, to)                 LINE(t, GETVALUE, n, 0, from, to)
#define SAW_WAITERS(t, n, from, to)         LINE(t, WAITERS, n, 0, from, to)
#define LIMITED(t, n, from, to)             LINE(t, SETLIMIT, n, 0, from, to)
#define SHUT(t, from, to)                   LINE(t, SHUTDOWN, 0, 0, from, to)
#define CHECK(expected, fifo, initial, limit, ...)                                                                     \
	do {                                                                                                           \
		static const struct line lines_[] = {__VA_ARGS__};                                                     \
		assert_int_equal(checked(fifo, initial, limit, lines_, sizeof(lines_) / sizeof(lines_[0])), expected); \
	} while (0)
#define LINEARIZABLE(initial, ...)     CHECK(true, false, initial, KSEM_VALUE_MAX, __VA_ARGS__)
#define NOT_LINEARIZABLE(initial, ...) CHECK(false, false, initial, KSEM_VALUE_MAX, __VA_ARGS__)
#define LIMIT                          5 /* of the semaphores below */
#define TRUE_OF_LIMITED(initial, ...)  CHECK(true, false, initial, LIMIT, __VA_ARGS__)
#define FALSE_OF_LIMITED(initial, ...) CHECK(false, false, initial, LIMIT, __VA_ARGS__)
#define TRUE_OF_FIFO(initial, ...)     CHECK(true, true, initial, LIMIT, __VA_ARGS__)
#define FALSE_OF_FIFO(initial, ...)    CHECK(false, true, initial, LIMIT, __VA_ARGS__)

static void add(struct history *history, unsigned t, struct call call)
{
	history->thread[t].calls[history->thread[t].length++] = call;
	if (history->threads <= t)
		history->threads = t + 1;
}

static bool checked(bool fifo, uint32_t initial, uint32_t limit, const struct line *lines, size_t n)
{
	static struct history history;

	memset(&history, 0, sizeof(history));
	history.fifo = fifo;
	history.initial = initial;
	history.limit = limit;
	for (size_t i = 0; i < n; i++)
		add(&history, lines[i].thread, lines[i].call);
	return history_is_linearizable(&history, NULL);
}

static void one_thread_is_the_sequential_semaphore(void **state)
{
	(void)state;
	LINEARIZABLE(0, TRIED(0, EAGAIN, 1, 2), POSTED(0, 3, 0, 3, 4), WAITED(0, 5, 6), TIMED(0, 0, 7, 8),
		     TRIED(0, 0, 9, 10), TIMED(0, ETIMEDOUT, 11, 12), SAW(0, 0, 13, 14));
	LINEARIZABLE(KSEM_VALUE_MAX, POSTED(0, 1, EOVERFLOW, 1, 2), POSTED(0, 0, 0, 3, 4), TRIED(0, 0, 5, 6),
		     POSTED(0, 2, EOVERFLOW, 7, 8), POSTED(0, 1, 0, 9, 10), SAW(0, KSEM_VALUE_MAX, 11, 12));
	NOT_LINEARIZABLE(0, TRIED(0, 0, 1, 2));
	NOT_LINEARIZABLE(1, TRIED(0, EAGAIN, 1, 2));
	NOT_LINEARIZABLE(1, TIMED(0, ETIMEDOUT, 1, 2));
	NOT_LINEARIZABLE(0, WAITED(0, 1, 2));
	NOT_LINEARIZABLE(1, SAW(0, 0, 1, 2));
	NOT_LINEARIZABLE(KSEM_VALUE_MAX, POSTED(0, 1, 0, 1, 2));
	NOT_LINEARIZABLE(KSEM_VALUE_MAX - 1, POSTED(0, 1, EOVERFLOW, 1, 2));
	NOT_LINEARIZABLE(1, LINE(0, WAIT, 0, EAGAIN, 1, 2));
	NOT_LINEARIZABLE(0, LINE(0, WAIT, 0, EAGAIN, 1, 2));
	NOT_LINEARIZABLE(0, TRIED(0, ETIMEDOUT, 1, 2));
}

static void concurrent_calls_may_have_come_either_way(void **state)
{
	(void)state;
	LINEARIZABLE(0, POSTED(0, 1, 0, 1, 4), TRIED(1, 0, 2, 3));
	LINEARIZABLE(0, POSTED(0, 1, 0, 1, 4), TRIED(1, EAGAIN, 2, 3));
	LINEARIZABLE(0, POSTED(0, 1, 0, 1, 6), SAW(1, 0, 2, 3), SAW(1, 1, 4, 5));
	LINEARIZABLE(0, WAITED(0, 1, 8), TRIED(1, EAGAIN, 2, 3), POSTED(1, 1, 0, 4, 5), SAW(1, 1, 6, 7));
}

static void a_call_that_ended_comes_before_those_that_begin_later(void **state)
{
	(void)state;
	NOT_LINEARIZABLE(0, POSTED(0, 1, 0, 1, 2), TRIED(1, EAGAIN, 3, 4));
	NOT_LINEARIZABLE(0, TRIED(1, 0, 1, 2), POSTED(0, 1, 0, 3, 4));
	NOT_LINEARIZABLE(0, POSTED(0, 1, 0, 1, 6), SAW(1, 1, 2, 3), SAW(1, 0, 4, 5));
	NOT_LINEARIZABLE(0, POSTED(0, 1, 0, 1, 6), SAW(1, 1, 2, 3), SAW(2, 0, 4, 5));
	LINEARIZABLE(0, POSTED(0, 1, 0, 1, 6), SAW(1, 1, 2, 5), SAW(2, 0, 4, 7));
}

static void a_permit_is_taken_once(void **state)
{
	(void)state;
	NOT_LINEARIZABLE(1, TRIED(0, 0, 1, 3), TRIED(1, 0, 2, 4));
	NOT_LINEARIZABLE(0, WAITED(0, 1, 10), WAITED(1, 2, 11), POSTED(2, 1, 0, 3, 4));
	LINEARIZABLE(0, WAITED(0, 1, 10), WAITED(1, 2, 11), POSTED(2, 2, 0, 3, 4));
}

static void an_overflow_needs_the_permits_there_at_once(void **state)
{
	(void)state;
	NOT_LINEARIZABLE(KSEM_VALUE_MAX - 1, TRIED(0, 0, 1, 2), POSTED(1, 2, EOVERFLOW, 3, 6), TRIED(0, 0, 7, 8),
			 POSTED(0, 1, EOVERFLOW, 4, 5));
	LINEARIZABLE(KSEM_VALUE_MAX - 1, POSTED(0, 1, 0, 1, 4), POSTED(1, 1, EOVERFLOW, 2, 3));
	NOT_LINEARIZABLE(KSEM_VALUE_MAX - 1, POSTED(0, 1, 0, 1, 4), POSTED(1, 1, 0, 2, 3));
}

/* Two threads post and then look, and neither sees the other's post: each alone may, both can't. */
static void the_order_of_each_thread_is_kept_where_all_else_is_concurrent(void **state)
{
	(void)state;
	NOT_LINEARIZABLE(0, POSTED(0, 1, 0, 1, 2), SAW(0, 1, 1, 2), POSTED(1, 1, 0, 1, 2), SAW(1, 1, 1, 2));
	LINEARIZABLE(0, POSTED(0, 1, 0, 1, 2), SAW(0, 1, 1, 2), POSTED(1, 1, 0, 1, 2), SAW(1, 2, 1, 2));
}

/* ---- Semaphores with attributes. ---- */

static void several_are_taken_at_one_instant_or_none(void **state)
{
	(void)state;
	TRUE_OF_LIMITED(2, TRIED_MANY(0, 3, EAGAIN, 1, 2), TRIED_MANY(0, 2, 0, 3, 4), TRIED_MANY(0, 0, 0, 5, 6));
	FALSE_OF_LIMITED(2, TRIED_MANY(0, 3, 0, 1, 2));
	FALSE_OF_LIMITED(2, TRIED_MANY(0, 2, EAGAIN, 1, 2));
	FALSE_OF_LIMITED(0, WAITED_MANY(0, 2, 0, 1, 20), POSTED(1, 1, 0, 2, 3), TRIED(1, 0, 4, 5),
			 POSTED(1, 1, 0, 6, 7), TRIED(2, 0, 8, 9));
	TRUE_OF_LIMITED(0, WAITED_MANY(0, 2, ETIMEDOUT, 1, 20), POSTED(1, 5, 0, 2, 3));
	FALSE_OF_LIMITED(0, POSTED(1, 5, 0, 2, 3), WAITED_MANY(0, 2, ETIMEDOUT, 4, 20));
}

static void as_many_are_taken_as_there_are(void **state)
{
	(void)state;
	CHECK(true, false, 2, LIMIT, {0, {TRYUPTO, .number = 3, .got = 2, .begin = 1, .end = 2}});
	CHECK(true, false, 4, LIMIT, {0, {TRYUPTO, .number = 3, .got = 3, .begin = 1, .end = 2}});
	CHECK(true, false, 0, LIMIT, {0, {TRYUPTO, .number = 3, .answer = EAGAIN, .begin = 1, .end = 2}});
	CHECK(false, false, 2, LIMIT, {0, {TRYUPTO, .number = 3, .got = 1, .begin = 1, .end = 2}});
	CHECK(false, false, 2, LIMIT, {0, {TRYUPTO, .number = 3, .got = 3, .begin = 1, .end = 2}});
	CHECK(false, false, 0, LIMIT, {0, {TRYUPTO, .number = 3, .got = 0, .begin = 1, .end = 2}});
	CHECK(false, false, 2, LIMIT, {0, {TRYUPTO, .number = 3, .answer = EAGAIN, .begin = 1, .end = 2}});
}

static void the_value_moves_with_the_limit_and_debt_is_paid_first(void **state)
{
	(void)state;
	TRUE_OF_LIMITED(1, LIMITED(0, 7, 1, 2), SAW(0, 3, 3, 4), LIMITED(0, 2, 5, 6), SAW(0, 0, 7, 8),
			POSTED(0, 2, 0, 9, 10), SAW(0, 0, 11, 12), POSTED(0, 1, 0, 13, 14), SAW(0, 1, 15, 16));
	FALSE_OF_LIMITED(1, LIMITED(0, 7, 1, 2), SAW(0, 1, 3, 4));
	FALSE_OF_LIMITED(1, LIMITED(0, 2, 1, 2), POSTED(0, 1, 0, 3, 4), SAW(0, 1, 5, 6));
	FALSE_OF_LIMITED(1, POSTED(0, 5, 0, 1, 2));
	TRUE_OF_LIMITED(1, POSTED(0, 5, EOVERFLOW, 1, 2), LIMITED(0, 0, 3, 4), POSTED(0, 4, 0, 5, 6),
			POSTED(0, 1, EOVERFLOW, 7, 8));
	/* Of two at once the last counts, and both may have been it. */
	TRUE_OF_LIMITED(5, LIMITED(0, 2, 1, 9), LIMITED(1, 3, 1, 9), SAW(0, 2, 10, 11));
	TRUE_OF_LIMITED(5, LIMITED(0, 2, 1, 9), LIMITED(1, 3, 1, 9), SAW(0, 3, 10, 11));
	FALSE_OF_LIMITED(5, LIMITED(0, 2, 1, 9), LIMITED(1, 3, 1, 9), SAW(0, 3, 10, 11), SAW(1, 2, 12, 13));
}

static void a_shutdown_ends_waits_that_find_too_few_permits(void **state)
{
	(void)state;
	TRUE_OF_LIMITED(1, SHUT(0, 1, 2), WAITED_MANY(0, 2, ESHUTDOWN, 3, 4), WAITED(0, 5, 6), TRIED(0, EAGAIN, 7, 8),
			SHUT(0, 9, 10), POSTED(0, 1, 0, 11, 12), TRIED(0, 0, 13, 14));
	TRUE_OF_LIMITED(0, WAITED_MANY(0, 1, ESHUTDOWN, 1, 4), SHUT(1, 2, 3));
	FALSE_OF_LIMITED(0, WAITED_MANY(0, 1, ESHUTDOWN, 1, 2), SHUT(1, 3, 4));
	FALSE_OF_LIMITED(1, SHUT(0, 1, 2), WAITED_MANY(0, 1, ESHUTDOWN, 3, 4));
	FALSE_OF_LIMITED(0, SHUT(0, 1, 2), WAITED_MANY(0, 1, ETIMEDOUT, 3, 4));
	FALSE_OF_LIMITED(0, SHUT(0, 1, 2), TRIED(0, ESHUTDOWN, 3, 4));
	TRUE_OF_FIFO(2, WAITED_MANY(0, 3, ESHUTDOWN, 1, 20), WAITED_MANY(1, 1, 0, 2, 20), SAW_WAITERS(2, 2, 3, 4),
		     SHUT(2, 5, 6), SAW(2, 1, 7, 8));
	FALSE_OF_FIFO(0, SHUT(0, 1, 2), WAITED_MANY(0, 1, ETIMEDOUT, 3, 4));
	FALSE_OF_FIFO(2, SHUT(0, 1, 2), WAITED_MANY(0, 1, ESHUTDOWN, 3, 4));
}

static void who_is_in_line_first_is_served_first(void **state)
{
	(void)state;
	/* Whether thread 0 was in line before thread 1 isn't known; then it is. */
	TRUE_OF_FIFO(0, WAITED_MANY(0, 1, 0, 1, 30), WAITED_MANY(1, 1, 0, 4, 7), POSTED(2, 1, 0, 5, 6),
		     POSTED(2, 1, 0, 8, 9));
	FALSE_OF_FIFO(0, WAITED_MANY(0, 1, 0, 1, 30), SAW_WAITERS(2, 1, 2, 3), WAITED_MANY(1, 1, 0, 4, 7),
		      POSTED(2, 1, 0, 5, 6), POSTED(2, 1, 0, 8, 9));
	TRUE_OF_LIMITED(0, WAITED_MANY(0, 1, 0, 1, 30), SAW_WAITERS(2, 1, 2, 3), WAITED_MANY(1, 1, 0, 4, 7),
			POSTED(2, 1, 0, 5, 6), POSTED(2, 1, 0, 8, 9));
	FALSE_OF_FIFO(1, WAITED_MANY(0, 2, 0, 1, 30), SAW_WAITERS(2, 1, 2, 3), TRIED(1, 0, 4, 5),
		      POSTED(2, 2, 0, 6, 7));
	TRUE_OF_FIFO(1, WAITED_MANY(0, 2, 0, 1, 30), SAW_WAITERS(2, 1, 2, 3), TRIED(1, EAGAIN, 4, 5),
		     POSTED(2, 2, 0, 6, 7), SAW(2, 1, 31, 32));
	FALSE_OF_FIFO(1, TRIED(1, EAGAIN, 4, 5));
	FALSE_OF_FIFO(1, TRIED(1, EAGAIN, 4, 5), WAITED_MANY(0, 1, 0, 6, 7));
	/* One that gives up leaves its place. */
	TRUE_OF_FIFO(1, WAITED_MANY(0, 2, ETIMEDOUT, 1, 9), SAW_WAITERS(2, 1, 2, 3), WAITED_MANY(1, 1, 0, 4, 11));
	FALSE_OF_FIFO(1, WAITED_MANY(0, 2, ETIMEDOUT, 1, 9), SAW_WAITERS(2, 1, 2, 3), WAITED_MANY(1, 1, 0, 4, 5),
		      SAW_WAITERS(2, 1, 6, 7));
	FALSE_OF_FIFO(0, WAITED_MANY(0, 1, ETIMEDOUT, 1, 4), SAW_WAITERS(1, 2, 2, 3));
}

static void nobody_stays_in_line_beside_permits(void **state)
{
	(void)state;
	TRUE_OF_FIFO(0, WAITED_MANY(0, 1, ETIMEDOUT, 1, 9), POSTED(1, 1, 0, 2, 3), SAW(1, 1, 4, 5));
	FALSE_OF_FIFO(0, WAITED_MANY(0, 1, ETIMEDOUT, 1, 9), POSTED(1, 1, 0, 2, 3), SAW_WAITERS(1, 1, 4, 5));
	TRUE_OF_FIFO(0, WAITED_MANY(0, 1, ETIMEDOUT, 1, 9), POSTED(1, 1, 0, 2, 6), SAW(2, 1, 3, 4),
		     SAW_WAITERS(2, 1, 5, 8)); /* the post has yet to grant */
	FALSE_OF_FIFO(1, WAITED_MANY(0, 1, ETIMEDOUT, 1, 2));
	FALSE_OF_FIFO(5, LIMITED(1, 0, 1, 2), WAITED_MANY(0, 1, 0, 3, 30), SAW_WAITERS(1, 1, 4, 5), LIMITED(1, 1, 6, 7),
		      SAW_WAITERS(1, 1, 8, 9));
}

static void what_there_was_an_order_for_is_told(void **state)
{
	static struct history history;
	struct furthest furthest;

	(void)state;
	memset(&history, 0, sizeof(history));
	history.limit = KSEM_VALUE_MAX;
	add(&history, 0, (struct call){.act = POST, .number = 2, .begin = 1, .end = 2});
	add(&history, 1, (struct call){.act = TRYWAIT, .number = 1, .begin = 3, .end = 4});
	add(&history, 0, (struct call){.act = GETVALUE, .number = 7, .begin = 5, .end = 6});
	assert_false(history_is_linearizable(&history, &furthest));
	assert_int_equal(furthest.calls, 2);
	assert_int_equal(furthest.position[0], 1);
	assert_int_equal(furthest.position[1], 1);
	assert_int_equal(furthest.value, 1);
}

/* ---- Beside a search through all orders. ---- */

#define SMALL 6 /* calls */

struct tried {
	const struct line *lines;
	unsigned n;
};

static bool is_left(unsigned used, unsigned i)
{
	return !(used & 1u << i);
}

static bool may_be_next(const struct tried *tried, unsigned used, unsigned i)
{
	const struct line *lines = tried->lines;

	for (unsigned j = 0; j < tried->n; j++) {
		bool left = is_left(used, j) && j != i;

		if (left && lines[j].thread == lines[i].thread && j < i)
			return false;
		if (left && lines[j].call.end < lines[i].call.begin)
			return false;
	}
	return is_left(used, i);
}

/* As the checker says it: a call of those that serve the line is used, and may end after all that has begun. */
static bool is_unfinished(const struct tried *tried, unsigned begun, unsigned used)
{
	uint64_t now = 0;
	bool unfinished = false;

	for (unsigned i = 0; i < tried->n; i++) {
		const struct call *call = &tried->lines[i].call;

		if (!is_left(begun, i) && call->begin > now)
			now = call->begin;
	}
	for (unsigned i = 0; i < tried->n; i++) {
		const struct call *call = &tried->lines[i].call;
		bool wait = call->act == WAIT || call->act == CLOCKWAIT;
		bool serves = (call->act == POST && call->number > 0) || call->act == SETLIMIT || call->act == SHUTDOWN;

		unfinished |= !is_left(used, i) && call->end > now && (wait ? call->answer != 0 : serves);
	}
	return unfinished;
}

/* Of `begun` calls some are waits in line; all of `used` are in order. */
static bool any_order(const struct tried *tried, unsigned begun, unsigned used, const struct sequential *sem)
{
	if (used == (1u << tried->n) - 1)
		return true;
	for (unsigned i = 0; i < tried->n; i++) {
		const struct line *line = &tried->lines[i];
		struct sequential after = *sem;
		unsigned then = begun | 1u << i;
		bool enters = sequential_lines_up(sem, &line->call) && is_left(begun, i);
		bool unfinished = is_unfinished(tried, then, used), is_next = may_be_next(tried, used, i);

		if (is_next && enters && (unfinished || !sequential_owes_a_grant(sem))) {
			bool takes;

			sequential_enter(&after, line->thread, &line->call);
			takes = sem->waiting == 0 && sequential_owes_a_grant(&after);
			if (takes && (line->call.answer ||
				      !sequential_would_answer(&after, line->thread, &line->call, unfinished)))
				continue;
			if (any_order(tried, then, takes ? used | 1u << i : used, &after))
				return true;
		} else if (is_next && !enters &&
			   sequential_would_answer(&after, line->thread, &line->call, unfinished) &&
			   any_order(tried, then, used | 1u << i, &after)) {
			return true;
		}
	}
	return false;
}

static struct call any_call(struct random *random, bool near_the_maximum)
{
	static const int refusals[ACTS] = {EOVERFLOW, ESHUTDOWN, EAGAIN, ETIMEDOUT, 0, EAGAIN};
	struct call call = {.act = (enum act)random_below(random, ACTS)};

	if (random_below(random, 3) == 0)
		call.answer = refusals[call.act];
	if (call.act == CLOCKWAIT && call.answer && random_below(random, 2))
		call.answer = ESHUTDOWN;
	call.number = random_below(random, 3);
	if (near_the_maximum && call.act == POST && call.answer)
		call.number += KSEM_VALUE_MAX - 2;
	if (call.act == TRYUPTO && !call.answer)
		call.got = random_below(random, call.number + 1);
	return call;
}

/* A thread's calls follow each other; stamps are drawn from few, so that many overlap. */
static unsigned any_lines(struct random *random, bool near_the_maximum, struct line *lines)
{
	uint64_t now[3] = {0};
	unsigned n = 1 + random_below(random, SMALL);

	for (unsigned i = 0; i < n; i++) {
		unsigned t = random_below(random, 3);

		lines[i] = (struct line){t, any_call(random, near_the_maximum)};
		lines[i].call.begin = now[t] + 1 + random_below(random, 4);
		now[t] = lines[i].call.end = lines[i].call.begin + random_below(random, 8);
	}
	return n;
}

static void agrees_with_a_search(bool fifo, uint32_t limit)
{
	struct random random = random_new();
	unsigned answers[2] = {0};

	for (unsigned i = 0; i < ROUNDS(200000); i++) {
		struct line lines[SMALL];
		uint32_t initial = random_below(&random, 3);
		const struct tried tried = {lines, any_lines(&random, limit == KSEM_VALUE_MAX, lines)};
		const struct sequential sem = {.fifo = fifo, .limit = limit, .taken = limit - initial};
		bool expected = any_order(&tried, 0, 0, &sem);

		answers[expected]++;
		assert_int_equal(checked(fifo, initial, limit, lines, tried.n), expected);
	}
	printf("%u linearizable, %u not\n", answers[true], answers[false]);
	assert_true(answers[true] > 0 && answers[false] > 0);
}

static void it_agrees_with_a_search_through_all_orders(void **state)
{
	(void)state;
	agrees_with_a_search(false, KSEM_VALUE_MAX);
	agrees_with_a_search(false, 3);
	agrees_with_a_search(true, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_thread_is_the_sequential_semaphore),
		cmocka_unit_test(concurrent_calls_may_have_come_either_way),
		cmocka_unit_test(a_call_that_ended_comes_before_those_that_begin_later),
		cmocka_unit_test(a_permit_is_taken_once),
		cmocka_unit_test(an_overflow_needs_the_permits_there_at_once),
		cmocka_unit_test(the_order_of_each_thread_is_kept_where_all_else_is_concurrent),
		cmocka_unit_test(several_are_taken_at_one_instant_or_none),
		cmocka_unit_test(as_many_are_taken_as_there_are),
		cmocka_unit_test(the_value_moves_with_the_limit_and_debt_is_paid_first),
		cmocka_unit_test(a_shutdown_ends_waits_that_find_too_few_permits),
		cmocka_unit_test(who_is_in_line_first_is_served_first),
		cmocka_unit_test(nobody_stays_in_line_beside_permits),
		cmocka_unit_test(what_there_was_an_order_for_is_told),
		cmocka_unit_test(it_agrees_with_a_search_through_all_orders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
