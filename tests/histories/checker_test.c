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
#define POSTED(t, n, result, from, to) LINE(t, POST, n, result, from, to)
#define WAITED(t, from, to)            LINE(t, WAIT, 0, 0, from, to)
#define TRIED(t, result, from, to)     LINE(t, TRYWAIT, 0, result, from, to)
#define TIMED(t, result, from, to)     LINE(t, CLOCKWAIT, 0, result, from, to)
#define SAW(t, n, from, to)            LINE(t, GETVALUE, n, 0, from, to)
#define CHECK(expected, initial, ...)                                                                     \
	do {                                                                                              \
		static const struct line lines_[] = {__VA_ARGS__};                                        \
		assert_int_equal(checked(initial, lines_, sizeof(lines_) / sizeof(lines_[0])), expected); \
	} while (0)
#define LINEARIZABLE(initial, ...)     CHECK(true, initial, __VA_ARGS__)
#define NOT_LINEARIZABLE(initial, ...) CHECK(false, initial, __VA_ARGS__)

static void add(struct history *history, unsigned t, struct call call)
{
	history->thread[t].calls[history->thread[t].length++] = call;
	if (history->threads <= t)
		history->threads = t + 1;
}

static bool checked(uint32_t initial, const struct line *lines, size_t n)
{
	static struct history history;

	memset(&history, 0, sizeof(history));
	history.initial = initial;
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

static void what_there_was_an_order_for_is_told(void **state)
{
	static struct history history;
	struct furthest furthest;

	(void)state;
	memset(&history, 0, sizeof(history));
	add(&history, 0, (struct call){.act = POST, .number = 2, .begin = 1, .end = 2});
	add(&history, 1, (struct call){.act = TRYWAIT, .begin = 3, .end = 4});
	add(&history, 0, (struct call){.act = GETVALUE, .number = 7, .begin = 5, .end = 6});
	assert_false(history_is_linearizable(&history, &furthest));
	assert_int_equal(furthest.calls, 2);
	assert_int_equal(furthest.position[0], 1);
	assert_int_equal(furthest.position[1], 1);
	assert_int_equal(furthest.value, 1);
}

/* ---- Beside a search through all orders. ---- */

#define SMALL 6 /* calls */

static bool may_be_next(const struct line *lines, unsigned n, unsigned used, unsigned i)
{
	for (unsigned j = 0; j < n; j++) {
		bool left = !(used & 1u << j) && j != i;

		if (left && lines[j].thread == lines[i].thread && j < i)
			return false;
		if (left && lines[j].call.end < lines[i].call.begin)
			return false;
	}
	return true;
}

static bool any_order(const struct line *lines, unsigned n, unsigned used, uint32_t value)
{
	if (used == (1u << n) - 1)
		return true;
	for (unsigned i = 0; i < n; i++) {
		uint32_t after = value;

		if (!(used & 1u << i) && may_be_next(lines, n, used, i) &&
		    semaphore_would_answer(&after, &lines[i].call) && any_order(lines, n, used | 1u << i, after))
			return true;
	}
	return false;
}

static struct call any_call(struct random *random)
{
	static const int refusals[ACTS] = {EOVERFLOW, 0, EAGAIN, ETIMEDOUT, 0};
	struct call call = {.act = (enum act)random_below(random, ACTS)};

	if (random_below(random, 3) == 0)
		call.answer = refusals[call.act];
	if (call.act == POST || call.act == GETVALUE)
		call.number = random_below(random, 3) + (call.answer ? KSEM_VALUE_MAX - 2 : 0);
	return call;
}

/* A thread's calls follow each other; stamps are drawn from few, so that many overlap. */
static unsigned any_lines(struct random *random, struct line *lines)
{
	uint64_t now[3] = {0};
	unsigned n = 1 + random_below(random, SMALL);

	for (unsigned i = 0; i < n; i++) {
		unsigned t = random_below(random, 3);

		lines[i] = (struct line){t, any_call(random)};
		lines[i].call.begin = now[t] + 1 + random_below(random, 4);
		now[t] = lines[i].call.end = lines[i].call.begin + random_below(random, 8);
	}
	return n;
}

static void it_agrees_with_a_search_through_all_orders(void **state)
{
	struct random random = random_new();
	unsigned answers[2] = {0};

	(void)state;
	for (unsigned i = 0; i < ROUNDS(300000); i++) {
		struct line lines[SMALL];
		unsigned n = any_lines(&random, lines);
		uint32_t initial = random_below(&random, 3);
		bool expected = any_order(lines, n, 0, initial);

		answers[expected]++;
		assert_int_equal(checked(initial, lines, n), expected);
	}
	printf("%u linearizable, %u not\n", answers[true], answers[false]);
	assert_true(answers[true] > 0 && answers[false] > 0);
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
		cmocka_unit_test(what_there_was_an_order_for_is_told),
		cmocka_unit_test(it_agrees_with_a_search_through_all_orders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
