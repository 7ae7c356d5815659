/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The line (lib/line/), call by call. Getting in line, being granted and leaving are calls of their own, so most of it
 * needs no second thread.
 */
#include "support.h"
#include "waiting.h"

#include <sys/mman.h>

#include "line/account.h"
#include "line/entries.h"
#include "line/help.h"
#include "line/ledger.h"
#include "line/line.h"
#include "line/order.h"
#include "line/prepare.h"
#include "os/clock.h"

struct fixture {
	struct line line;
	struct line_view view;
};

static bool dead[256];    /* holders */
static unsigned notified; /* calls of the hook */
static uint64_t notified_of;

static bool gone(void *context, uint32_t holder)
{
	(void)context;
	return holder < 256 && dead[holder];
}

static void notify(void *context, uint32_t holder, uint64_t user)
{
	(void)context;
	(void)holder;
	notified++;
	notified_of = user;
}

static const struct line_hooks hooks = {gone, notify};

static struct line_view *line_of(struct fixture *f, uint32_t value, uint32_t limit, uint32_t order)
{
	memset((void *)f, 0, sizeof(*f));
	memset(dead, 0, sizeof(dead));
	notified = 0;
	line_init(&f->line, value, limit, order);
	line_view_init(&f->view, &f->line, FUTEX_PRIVATE, &hooks, NULL);
	return &f->view;
}

static uint32_t value_now(const struct line_view *view)
{
	uint32_t value = 0;

	OK(line_value(view, &value));
	return value;
}

/* Each list leads round and back, and as many as wait stand in them. */
static void is_whole(const struct line_view *view)
{
	uint32_t members = 0;

	for (uint32_t list = 0; list < LINE_LISTS; list++) {
		uint32_t at = list, next;

		do {
			next = link_read(&node_at(view, at)->next);
			assert_int_equal(link_read(&node_at(view, next)->prev), at);
			at = next;
			members += next != list;
		} while (next != list);
	}
	assert_int_equal(members, line_waiters(view));
	assert_false(line_word(view->line).low & LINE_BUSY);
}

static uint32_t enter_as(struct line_view *view, uint32_t n, uint32_t holder)
{
	uint32_t slot = 0;
	bool full;

	FAILS(EAGAIN, enter_line(view, n, holder, &slot, &full));
	return slot;
}

static uint32_t enter(struct line_view *view, uint32_t n)
{
	return enter_as(view, n, 1);
}

/* For one that is the caller's own, and that the next operation after w would put in line. */
static void prepare(struct line_view *view, uint32_t slot, struct line_word w)
{
	uint64_t x = load_rlx(&entry_at(view, slot)->state); /* relaxed: one thread */

	assert_true(line_prepare(view, slot, w, 1, &x));
	assert_true(x == load_rlx(&entry_at(view, slot)->state)); /* relaxed: as above */
}

static void waits(struct line_view *view, uint32_t slot)
{
	FAILS(EAGAIN, line_leave(view, slot, false));
}

static void was_granted(struct line_view *view, uint32_t slot)
{
	OK(line_leave(view, slot, false));
}

static void gives_up(struct line_view *view, uint32_t slot)
{
	FAILS(ECANCELED, line_leave(view, slot, true));
}

static void ended(struct line_view *view)
{
	is_whole(view);
	assert_int_equal(line_waiters(view), 0);
	line_view_end(view);
}

static void a_pair_changes_the_value_by_one(void **state)
{
	struct fixture f;

	(void)state;
	for (uint32_t order = LINE_BARGING; order <= LINE_LIFO; order++) {
		struct line_view *view = line_of(&f, 2, 3, order);

		assert_true(line_take_now(view, 1));
		assert_int_equal(value_now(view), 1);
		OK(line_try(view, 1));
		assert_false(line_take_now(view, 1));
		FAILS(EAGAIN, line_try(view, 1));
		assert_true(line_post_now(view, 1));
		OK(line_post(view, 2));
		assert_int_equal(value_now(view), 3);
		assert_false(line_post_now(view, 1));
		FAILS(EOVERFLOW, line_post(view, 1));
		OK(line_post(view, 0));
		ended(view);
	}
}

static void several_permits_are_taken_at_once_or_none(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 5, 9, LINE_FIFO);
	uint32_t got = 77;

	(void)state;
	FAILS(EAGAIN, line_try(view, 6));
	assert_false(line_take_now(view, 6));
	assert_false(line_take_now(view, UINT32_MAX));
	assert_false(line_post_now(view, 5));
	assert_true(line_take_now(view, 1));
	assert_true(line_post_now(view, 2));
	assert_true(line_take_now(view, 4));
	FAILS(EAGAIN, line_try(view, 3));
	OK(line_try(view, 0));
	OK(line_try_upto(view, 7, &got));
	assert_int_equal(got, 2);
	FAILS(EAGAIN, line_try_upto(view, 7, &got));
	FAILS(EOVERFLOW, line_post(view, 10));
	OK(line_post(view, 9));
	assert_int_equal(value_now(view), 9);
	ended(view);
}

static void the_largest_limit_is_reached_and_not_passed(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, UINT32_MAX - 1, UINT32_MAX, LINE_BARGING);

	(void)state;
	FAILS(EOVERFLOW, line_post(view, 2));
	OK(line_post(view, 1));
	assert_int_equal(value_now(view), UINT32_MAX);
	OK(line_try(view, UINT32_MAX));
	FAILS(EAGAIN, line_try(view, 1));
	OK(line_post(view, UINT32_MAX));
	ended(view);
}

static void first_in_is_first_out(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 0, 9, LINE_FIFO);
	uint32_t a = enter(view, 1), b = enter(view, 1), c = enter(view, 1);

	(void)state;
	assert_int_equal(line_waiters(view), 3);
	OK(line_post(view, 1));
	waits(view, b);
	waits(view, c);
	assert_int_equal(line_waiters(view), 2);
	was_granted(view, a);
	OK(line_post(view, 1));
	waits(view, c);
	was_granted(view, b);
	OK(line_post(view, 1));
	was_granted(view, c);
	assert_int_equal(value_now(view), 0);
	ended(view);
}

static void nobody_overtakes_the_first_whatever_it_wants(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 2, 9, LINE_FIFO);
	uint32_t a = enter(view, 3), b;
	uint32_t got;

	(void)state;
	FAILS(EAGAIN, line_try(view, 1));
	FAILS(EAGAIN, line_try_upto(view, 1, &got));
	assert_false(line_take_now(view, 1));
	b = enter(view, 1);
	assert_int_equal(value_now(view), 2); /* what the first still lacks stays in the value */
	waits(view, b);
	OK(line_post(view, 1));
	was_granted(view, a);
	waits(view, b);
	OK(line_post(view, 1));
	was_granted(view, b);
	OK(line_post(view, 1));
	OK(line_try(view, 1));
	ended(view);
}

static void who_gives_up_leaves_the_rest_to_those_behind(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 2, 9, LINE_FIFO);
	uint32_t a = enter(view, 3), b = enter(view, 1), c = enter(view, 1), d = enter(view, 1);

	(void)state;
	gives_up(view, a);
	was_granted(view, b);
	was_granted(view, c);
	waits(view, d);
	gives_up(view, d);
	ended(view);
}

static void one_in_the_middle_gives_up(void **state)
{
	struct fixture f;

	(void)state;
	for (uint32_t order = LINE_BARGING; order <= LINE_LIFO; order++) {
		struct line_view *view = line_of(&f, 0, 9, order);
		uint32_t a = enter(view, 1), b = enter(view, 1), c = enter(view, 1);

		gives_up(view, b);
		is_whole(view);
		OK(line_post(view, 2));
		was_granted(view, a);
		was_granted(view, c);
		ended(view);
	}
}

static void who_was_granted_cannot_give_up(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 0, 9, LINE_FIFO);
	uint32_t a = enter(view, 1);

	(void)state;
	OK(line_post(view, 1));
	OK(line_leave(view, a, true));
	assert_int_equal(value_now(view), 0);
	ended(view);
}

static void last_in_is_first_out_of_those_for_whom_it_suffices(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 0, 2000, LINE_LIFO);
	uint32_t a = enter(view, 1), b = enter(view, 2), c = enter(view, 1), d = enter(view, 1000);

	(void)state;
	OK(line_post(view, 1));
	waits(view, a);
	was_granted(view, c);
	OK(line_post(view, 1)); /* b and d don't suffice */
	was_granted(view, a);
	OK(line_post(view, 2));
	was_granted(view, b);
	OK(line_post(view, 999));
	waits(view, d);
	OK(line_try(view, 1)); /* who never waited may overtake */
	OK(line_post(view, 2));
	was_granted(view, d);
	ended(view);
}

static void barging_grants_the_oldest_for_whom_it_suffices(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 0, 2000, LINE_BARGING);
	uint32_t a = enter(view, 5), b = enter(view, 3), c = enter(view, 1), d = enter(view, 3), e = enter(view, 4);

	(void)state;
	OK(line_post(view, 1));
	was_granted(view, c);
	OK(line_post(view, 2));
	OK(line_try(view, 2));
	OK(line_post(view, 3));
	waits(view, a);
	waits(view, d);
	was_granted(view, b);
	OK(line_post(view, 4)); /* d came before e */
	waits(view, a);
	waits(view, e);
	was_granted(view, d);
	OK(line_post(view, 8));
	was_granted(view, a);
	was_granted(view, e);
	assert_int_equal(value_now(view), 0);
	ended(view);
}

/* Whatever the needs, the order is that of coming, or the other way round. */
static void needs_of_every_size_keep_the_order(void **state)
{
	static const uint32_t needs[] = {1, 2, 3, 4, 5, 8, 9, 16, 17, 64, 65, 1024, 1025, 100000};
	struct fixture f;

	(void)state;
	for (uint32_t order = LINE_BARGING; order <= LINE_LIFO; order++) {
		struct line_view *view = line_of(&f, 0, 1000000, order);
		struct line_handle handle;
		struct line_result result;
		uint32_t head, sum = 0;

		OK(line_open_ready(view, 1, 0, &head));
		for (uint32_t i = 0; i < 14; i++) {
			sum += needs[(i * 5) % 14];
			OK(line_submit(view, needs[(i * 5) % 14], head, (struct line_by){.holder = 1}, i, 0, &handle));
		}
		OK(line_post(view, 200000));
		for (uint32_t i = 0; i < 14; i++) {
			OK(line_reap_ready(view, head, &result));
			assert_int_equal(result.user, order == LINE_LIFO ? 13 - i : i);
		}
		assert_int_equal(value_now(view), 200000 - sum);
		line_close_ready(view, head, line_ready_round(view, head));
		ended(view);
	}
}

/* Others took the first for dead, and freed its list's head: a list of theirs may have it now. */
static void only_who_opened_a_list_closes_it(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 0, 9, LINE_FIFO);
	uint32_t first, second, round;

	(void)state;
	OK(line_open_ready(view, 1, 0, &first));
	round = line_ready_round(view, first);
	line_close_ready(view, first, round);
	OK(line_open_ready(view, 2, 0, &second));
	assert_int_equal(second, first);
	line_close_ready(view, first, round);
	OK(line_open_ready(view, 3, 0, &first));
	assert_int_not_equal(first, second);
	line_close_ready(view, first, line_ready_round(view, first));
	line_close_ready(view, second, line_ready_round(view, second));
	ended(view);
}

static void a_shut_line_turns_away_whom_it_does_not_suffice_for(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 2, 9, LINE_FIFO);
	uint32_t a = enter(view, 3), b = enter(view, 1), slot;
	bool full;

	(void)state;
	line_shutdown(view);
	line_shutdown(view);
	assert_true(line_is_shut(view));
	FAILS(ESHUTDOWN, line_leave(view, a, false));
	was_granted(view, b);
	OK(enter_line(view, 1, 1, &slot, &full)); /* what is there can be taken */
	FAILS(EAGAIN, line_try(view, 1));
	FAILS(ESHUTDOWN, enter_line(view, 1, 1, &slot, &full));
	FAILS(ESHUTDOWN, wait_on_line(view, 1, 1, NULL));
	OK(line_post(view, 1));
	OK(line_try(view, 1));
	line_set_limit(view, 10);
	assert_true(line_is_shut(view));
	ended(view);
}

static void a_shut_line_of_any_order_is_empty(void **state)
{
	struct fixture f;

	(void)state;
	for (uint32_t order = LINE_BARGING; order <= LINE_LIFO; order++) {
		struct line_view *view = line_of(&f, 1, 9, order);
		uint32_t slots[5];

		for (int i = 0; i < 5; i++)
			slots[i] = enter(view, 2 + (uint32_t)i);
		line_set_limit(view, 4);
		line_shutdown(view);
		for (int i = 0; i < 5; i++)
			FAILS(ESHUTDOWN, line_leave(view, slots[i], false));
		ended(view);
	}
}

static void a_lowered_limit_is_owed_and_paid(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 5, 5, LINE_FIFO);
	uint32_t a;

	(void)state;
	OK(line_try(view, 4));
	line_set_limit(view, 2); /* 4 taken of 2 */
	assert_int_equal(value_now(view), 0);
	assert_int_equal(line_limit(view), 2);
	FAILS(EAGAIN, line_try(view, 1));
	a = enter(view, 1);
	OK(line_post(view, 2)); /* pays */
	assert_int_equal(value_now(view), 0);
	waits(view, a);
	FAILS(EOVERFLOW, line_post(view, 3));
	OK(line_post(view, 1));
	was_granted(view, a);
	line_set_limit(view, 0);
	FAILS(EOVERFLOW, line_post(view, 3));
	OK(line_post(view, 2));
	line_set_limit(view, 7);
	assert_int_equal(value_now(view), 7);
	ended(view);
}

static void a_raised_limit_lets_waiters_go_on(void **state)
{
	struct fixture f;

	(void)state;
	for (uint32_t order = LINE_BARGING; order <= LINE_LIFO; order++) {
		struct line_view *view = line_of(&f, 0, 1, order);
		uint32_t a = enter(view, 1), b = enter(view, 1);

		line_set_limit(view, 3);
		was_granted(view, a);
		was_granted(view, b);
		assert_int_equal(value_now(view), 0);
		ended(view);
	}
}

static void a_wait_for_more_than_the_limit_gives_way(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 0, 3, LINE_FIFO);
	uint32_t a = enter(view, 3), b = enter(view, 1), c = enter(view, 3), d;

	(void)state;
	line_set_limit(view, 2); /* owes 1; a and c go aside */
	assert_int_equal(line_waiters(view), 4 - 1);
	OK(line_post(view, 2));
	was_granted(view, b);
	OK(line_post(view, 1));
	OK(line_try(view, 1)); /* nobody waits before it */
	d = enter(view, 2);
	line_set_limit(view, 3); /* a and c stand behind d now */
	waits(view, a);
	OK(line_post(view, 1));
	was_granted(view, d);
	waits(view, a);
	OK(line_post(view, 2));
	waits(view, a);
	OK(line_post(view, 1));
	was_granted(view, a);
	waits(view, c);
	gives_up(view, c);
	assert_false(line_never(view, 3));
	assert_true(line_never(view, 4));
	ended(view);
}

static double processor_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Those who want little stand before those who give way. If each that gives way cost a walk past them, it would take
 * some hundred times as long as they took to get in line. */
static void a_lowered_limit_takes_time_by_the_length_of_the_line(void **state)
{
	const uint32_t many = ROUNDS(20000);
	struct fixture f;
	struct line_view *view = line_of(&f, 0, 10, LINE_FIFO);
	struct line_handle handle;
	struct line_result result;
	double began = processor_time(), joined, lowered;
	uint32_t head;

	(void)state;
	OK(line_open_ready(view, 1, 0, &head));
	for (uint32_t i = 0; i < 2 * many; i++)
		OK(line_submit(view, i < many ? 1 : 10, head, (struct line_by){.holder = 1}, i, 0, &handle));
	joined = processor_time();
	line_set_limit(view, 9);
	lowered = processor_time();
	is_whole(view);
	assert_true(lowered - joined < 20 * (joined - began));
	line_shutdown(view);
	for (uint32_t i = 0; i < 2 * many; i++) {
		OK(line_reap_ready(view, head, &result));
		assert_int_equal(result.user, i);
	}
	line_close_ready(view, head, line_ready_round(view, head));
	ended(view);
}

static void destroy_is_refused_while_somebody_waits(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 0, 3, LINE_FIFO);
	uint32_t a = enter(view, 1), value, slot;
	bool full;

	(void)state;
	FAILS(EBUSY, line_kill(view));
	gives_up(view, a);
	a = enter(view, 1);
	line_set_limit(view, 0);
	FAILS(EBUSY, line_kill(view)); /* aside, too */
	gives_up(view, a);
	OK(line_kill(view));
	FAILS(EINVAL, line_post(view, 1));
	FAILS(EINVAL, line_post(view, 0));
	FAILS(EINVAL, line_try(view, 1));
	FAILS(EINVAL, line_value(view, &value));
	FAILS(EINVAL, enter_line(view, 1, 1, &slot, &full));
	FAILS(EINVAL, wait_on_line(view, 1, 1, NULL));
	ended(view);
}

static void a_hundred_thousand_wait_in_any_order(void **state)
{
	const uint32_t many = ROUNDS(100000);
	uint32_t *slots = malloc(many * sizeof(*slots));
	struct fixture f;

	(void)state;
	for (uint32_t order = LINE_BARGING; order <= LINE_LIFO; order++) {
		struct line_view *view = line_of(&f, 0, 4000000, order);

		for (uint32_t i = 0; i < many; i++)
			slots[i] = enter(view, 1);
		assert_int_equal(line_waiters(view), many);
		for (uint32_t i = 0; i < many; i++) {
			OK(line_post(view, 1));
			was_granted(view, slots[order == LINE_LIFO ? many - 1 - i : i]);
		}
		for (uint32_t i = 0; i < many; i++)
			slots[i] = enter(view, 1);
		for (uint32_t i = 0; i < many; i += 2)
			gives_up(view, slots[i]);
		OK(line_post(view, many / 2));
		for (uint32_t i = 1; i < many; i += 2)
			was_granted(view, slots[i]);
		assert_int_equal(value_now(view), 0);
		ended(view);
	}
	free(slots);
}

/* Who gets nothing keeps its place; those who come, and go without, leave none behind. */
static void entries_come_back_behind_one_that_waits_for_ever(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 1, 9, LINE_FIFO);
	uint32_t first = enter(view, 2);

	(void)state;
	for (uint32_t i = 0; i < 3 * LINE_ENTRIES / (SANITIZED ? 20 : 1); i++)
		gives_up(view, enter(view, 1));
	assert_true(load_rlx(&f.line.used) < 100);
	gives_up(view, first);
	ended(view);
}

static void a_line_with_no_entry_left_says_so(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 0, 9, LINE_FIFO);
	uint32_t *slots = malloc(LINE_ENTRIES * sizeof(*slots)), slot;
	struct deadline past = {CLOCK_MONOTONIC, {0, 0}};
	bool full = false;

	(void)state;
	for (uint32_t i = 0; i < LINE_ENTRIES; i++)
		slots[i] = enter(view, 1);
	FAILS(ENOMEM, enter_line(view, 1, 1, &slot, &full));
	assert_true(full);
	FAILS(ETIMEDOUT, sleep_at_door(view, 1, &past));
	FAILS(ETIMEDOUT, wait_on_line(view, 1, 1, &past));
	gives_up(view, slots[1000]);
	OK(sleep_at_door(view, 1, &past));
	slots[1000] = enter(view, 1);
	for (uint32_t i = 0; i < LINE_ENTRIES; i++)
		gives_up(view, slots[i]);
	free(slots);
	ended(view);
}

/* ---- Queues. ---- */

static void what_a_queue_waited_for_stands_ready_in_order(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 1, 9, LINE_FIFO);
	struct line_handle handles[4];
	struct line_result result;
	uint32_t head;

	(void)state;
	OK(line_open_ready(view, 1, 4711, &head));
	FAILS(EAGAIN, line_reap_ready(view, head, &result));
	OK(line_submit(view, 1, head, (struct line_by){.holder = 1}, 10, 0, &handles[0])); /* is there */
	assert_int_equal(notified, 1);
	assert_int_equal(notified_of, 4711);
	OK(line_submit(view, 2, head, (struct line_by){.holder = 1}, 11, 0, &handles[1]));
	OK(line_submit(view, 1, head, (struct line_by){.holder = 1}, 12, 0, &handles[2]));
	OK(line_submit(view, 1, head, (struct line_by){.holder = 1}, 13, 0, &handles[3]));
	assert_int_equal(line_waiters(view), 3);
	assert_true(line_give_up(view, handles[2], ETIMEDOUT));
	assert_false(line_give_up(view, handles[2], ECANCELED));
	assert_int_equal(line_waiters(view), 3);
	line_drop(view, handles[2]);
	assert_int_equal(line_waiters(view), 2);
	assert_false(line_give_up(view, handles[0], ECANCELED));
	line_drop(view, handles[0]);
	OK(line_post(view, 2));
	line_shutdown(view);
	for (int i = 0; i < 4; i++) {
		static const struct line_result want[] = {
			{10, 1, 0}, {12, 0, ETIMEDOUT}, {11, 2, 0}, {13, 0, ESHUTDOWN}};

		OK(line_reap_ready(view, head, &result));
		assert_int_equal(result.user, want[i].user);
		assert_int_equal(result.need, want[i].need);
		assert_int_equal(result.error, want[i].error);
	}
	FAILS(EAGAIN, line_reap_ready(view, head, &result));
	FAILS(ESHUTDOWN, line_submit(view, 1, head, (struct line_by){.holder = 1}, 14, 0, &handles[0]));
	line_close_ready(view, head, line_ready_round(view, head));
	ended(view);
}

static void threads_and_queues_wait_in_one_order(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 0, 9, LINE_FIFO);
	struct line_handle handle;
	struct line_result result;
	uint32_t head, a, b;

	(void)state;
	OK(line_open_ready(view, 1, 0, &head));
	a = enter(view, 1);
	OK(line_submit(view, 1, head, (struct line_by){.holder = 1}, 1, 0, &handle));
	b = enter(view, 1);
	OK(line_post(view, 1));
	was_granted(view, a);
	FAILS(EAGAIN, line_reap_ready(view, head, &result));
	OK(line_post(view, 1));
	OK(line_reap_ready(view, head, &result));
	waits(view, b);
	OK(line_post(view, 1));
	was_granted(view, b);
	line_close_ready(view, head, line_ready_round(view, head));
	ended(view);
}

/* ---- The dead. ---- */

static void what_the_dead_waited_for_goes_to_others(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 0, 9, LINE_FIFO);
	uint32_t a = enter_as(view, 3, 7), b = enter_as(view, 1, 8), c = enter_as(view, 1, 7);

	(void)state;
	(void)a;
	(void)c;
	OK(line_post(view, 2));
	dead[7] = true;
	line_reap(view);
	was_granted(view, b);
	assert_int_equal(line_waiters(view), 0);
	assert_int_equal(value_now(view), 1);
	ended(view);
}

static void permits_that_were_granted_to_the_dead_come_back_once(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 0, 9, LINE_FIFO);
	uint32_t a = enter_as(view, 2, 7);

	(void)state;
	(void)a;
	OK(line_post(view, 2));
	assert_int_equal(value_now(view), 0);
	dead[7] = true;
	line_reap(view);
	line_reap(view);
	assert_int_equal(value_now(view), 2);
	ended(view);
}

/* Others may have posted the permits of a dead process before it was noticed. The value never passes the limit. */
static void permits_that_came_back_already_are_not_made(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 3, 3, LINE_FIFO);

	(void)state;
	OK(line_try(view, 3));
	enter_as(view, 2, 7);
	OK(line_post(view, 2));
	OK(line_post(view, 2));
	assert_int_equal(value_now(view), 2);
	dead[7] = true;
	line_reap(view);
	assert_int_equal(value_now(view), 3);
	FAILS(EOVERFLOW, line_post(view, 1));
	OK(line_try(view, 3));
	ended(view);
}

static void one_that_died_before_it_was_in_line_is_let_go(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 0, 9, LINE_FIFO);
	uint32_t a = enter_as(view, 1, 8), slot, again;
	bool no_memory;

	(void)state;
	slot = entry_claim(view, 7, &no_memory);
	store_rlx(&entry_at(view, slot)->holder, 7); /* relaxed: one thread */
	prepare(view, slot, line_word(view->line));
	again = entry_claim(view, 7, &no_memory); /* and one that it had but claimed */
	assert_true(again != slot);
	dead[7] = true;
	line_reap(view);
	is_whole(view);
	assert_int_equal(state_of(load_rlx(&entry_at(view, slot)->state)), ENTRY_FREE);  /* relaxed: as above */
	assert_int_equal(state_of(load_rlx(&entry_at(view, again)->state)), ENTRY_FREE); /* relaxed: as above */
	gives_up(view, a);
	ended(view);
}

/* The entry before one that was only prepared becomes an account, with as many permits as that has for a number. */
static void what_an_account_has_is_no_link(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 100, 100, LINE_FIFO);
	struct account all, other;
	uint32_t before, prepared;
	bool full;

	(void)state;
	assert_true(account_open(view, 1, &all));
	OK(account_take(view, all, 100));
	FAILS(EAGAIN, line_enter(view, 1, (struct line_by){1, all}, &before, &full));
	prepared = entry_claim(view, 9, &full);
	store_rlx(&entry_at(view, prepared)->holder, 9); /* relaxed: one thread */
	prepare(view, prepared, line_word(view->line));
	gives_up(view, before);
	OK(account_give(view, all, prepared));
	assert_true(account_open(view, 1, &other));
	assert_int_equal(other.slot, before);
	OK(account_take(view, other, prepared));
	dead[9] = true;
	line_reap(view);
	assert_int_equal(account_has(view, other), prepared);
	account_close(view, other);
	account_close(view, all);
	assert_int_equal(value_now(view), 100);
	ended(view);
}

/* The account is written when another one is named, whoever was to be named under that number before. */
static void a_number_that_an_account_has_from_long_ago_passes(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 9, 9, LINE_BARGING);
	struct account one, other;
	uint64_t next;

	(void)state;
	assert_true(account_open(view, 1, &one));
	assert_true(account_open(view, 2, &other));
	next = word_number(line_word(view->line)) + 1;
	store_rlx(&entry_at(view, one.slot)->account.high, ACCOUNT_MARK | next); /* relaxed: one thread */
	OK(account_take(view, one, 2));
	OK(account_take(view, other, 3));
	assert_int_equal(account_has(view, one), 2);
	assert_int_equal(account_has(view, other), 3);
	account_close(view, one);
	account_close(view, other);
	assert_int_equal(value_now(view), 9);
	ended(view);
}

/* Up to seven permits go by the word, more by an entry; what is too much is refused in both ways. */
static void accounts_take_and_give_any_number(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 40, 40, LINE_FIFO);
	struct account one, other;
	uint32_t value, got;

	(void)state;
	assert_true(account_open(view, 1, &one));
	assert_true(account_open(view, 2, &other));
	for (uint32_t n = 1; n < 20; n++) {
		OK(account_take(view, one, n));
		FAILS(EPERM, account_give(view, other, 1));
		FAILS(EPERM, account_give(view, one, n + 1));
		OK(account_take(view, other, 20 - n));
		FAILS(EAGAIN, account_take(view, one, 21));
		assert_int_equal(account_sum(view, UINT32_MAX, &value), 20);
		assert_int_equal(value, 20);
		assert_int_equal(account_sum(view, 1, &value), n);
		OK(account_give(view, one, n));
		OK(account_give(view, other, 20 - n));
	}
	OK(account_take_upto(view, one, 50, &got));
	assert_int_equal(got, 40);
	assert_int_equal(account_has(view, one), 40);
	account_close(view, one);
	FAILS(EINVAL, account_give(view, one, 1));
	account_close(view, other);
	assert_int_equal(value_now(view), 40);
	ended(view);
}

static void a_queue_that_died_leaves_nothing(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 1, 9, LINE_FIFO);
	struct line_handle handle;
	uint32_t head, b;

	(void)state;
	OK(line_open_ready(view, 7, 0, &head));
	OK(line_submit(view, 1, head, (struct line_by){.holder = 7}, 1, 0, &handle));
	OK(line_submit(view, 1, head, (struct line_by){.holder = 7}, 2, 0, &handle));
	assert_true(line_give_up(view, handle, ECANCELED));
	line_drop(view, handle);
	OK(line_submit(view, 2, head, (struct line_by){.holder = 7}, 3, 0, &handle));
	b = enter_as(view, 1, 8);
	dead[7] = true;
	line_reap(view);
	was_granted(view, b); /* by the permit that the queue had */
	assert_int_equal(value_now(view), 0);
	for (uint32_t slot = LINE_LISTS; slot < LINE_LISTS + 6; slot++)
		assert_int_equal(state_of(load_rlx(&entry_at(view, slot)->state)), ENTRY_FREE); /* relaxed: as above */
	ended(view);
}

/* Its entry says that it may sleep, and nobody does. */
static void a_post_goes_on_to_the_next_if_the_first_is_dead(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 0, 9, LINE_FIFO);
	uint32_t a = enter_as(view, 1, 7), b = enter_as(view, 1, 8);
	atomic(uint64_t) *state_of_a = &entry_at(view, a)->state;

	(void)state;
	store_rlx(state_of_a, load_rlx(state_of_a) | ENTRY_SLEEPS); /* relaxed: one thread */
	dead[7] = true;
	OK(line_post(view, 1));
	was_granted(view, b);
	assert_int_equal(value_now(view), 0);
	line_reap(view);
	assert_int_equal(value_now(view), 0);
	ended(view);
}

static void a_fork_s_child_has_only_its_own_waiter(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 0, 9, LINE_FIFO);
	uint32_t a = enter(view, 2), b = enter(view, 1), c = enter(view, 1);

	(void)state;
	(void)c;
	gives_up(view, a);
	a = enter(view, 5);
	OK(line_post(view, 1)); /* b's, which is gone with its thread */
	(void)b;
	line_after_fork(view, a);
	assert_int_equal(line_waiters(view), 1);
	assert_int_equal(value_now(view), 0);
	OK(line_post(view, 5));
	was_granted(view, a);
	ended(view);
}

/* Not even for a moment is a permit granted to a thread that the child hasn't got. */
static void a_fork_s_child_keeps_what_was_there(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 2, 9, LINE_FIFO);
	uint32_t a = enter(view, 3), b = enter(view, 1), own = enter(view, 4);

	(void)state;
	(void)a;
	(void)b;
	line_after_fork(view, own);
	assert_int_equal(value_now(view), 2);
	assert_int_equal(line_waiters(view), 1);
	OK(line_post(view, 2));
	was_granted(view, own);
	ended(view);
}

/* ---- Whoever comes finishes what is under way. ---- */

/* An operation of each kind, begun by somebody who then stopped; a post, or a try, or another's wait finishes it. */
static void whoever_comes_finishes_an_operation(void **state)
{
	struct fixture f;

	(void)state;
	for (int way = 0; way < 3; way++) {
		struct line_view *view = line_of(&f, 0, 9, LINE_FIFO);
		uint32_t slot, b = 0, got;
		struct line_word w;
		struct line_op op;
		bool no_memory;

		slot = entry_claim(view, 1, &no_memory);
		w = line_word(view->line);
		prepare(view, slot, w);
		assert_true(line_announce(view, w, LINE_JOIN, slot, &op));
		if (way == 0)
			OK(line_post(view, 1));
		else if (way == 1)
			FAILS(EAGAIN, line_try_upto(view, 1, &got));
		else
			b = enter(view, 1);
		assert_false(line_help(view, &op)); /* late: does nothing */
		is_whole(view);
		if (way != 0)
			OK(line_post(view, 1));
		was_granted(view, slot);
		assert_false(line_help(view, &op));
		if (b != 0)
			gives_up(view, b);
		ended(view);
	}
}

/* Whoever is late with one of an operation's steps does nothing. */
static void a_late_step_changes_no_link(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 0, 9, LINE_FIFO);
	uint32_t slot, head;
	struct line_word w;
	struct line_op op;
	bool no_memory;

	(void)state;
	OK(line_open_ready(view, 1, 0, &head));
	slot = entry_claim(view, 1, &no_memory);
	w = line_word(view->line);
	prepare(view, slot, w);
	assert_true(line_announce(view, w, LINE_JOIN, slot, &op));
	line_help(view, &op);
	assert_false(relink(view, &op, &entry_at(view, head)->node.next, slot, op_first(&op)));
	assert_int_equal(link_read(&entry_at(view, head)->node.next), head);
	assert_false(take_out(view, &op));
	assert_false(append(view, &op, head));
	is_whole(view);
	gives_up(view, slot);
	line_close_ready(view, head, line_ready_round(view, head));
	ended(view);
}

/* A GRANT that was begun for one who gives up meanwhile takes no permit. */
static void a_grant_of_one_that_gave_up_takes_nothing(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 0, 9, LINE_LIFO);
	uint32_t a = enter(view, 1);
	struct line_word w;
	struct line_op op;

	(void)state;
	store_rlx(&f.line.word.low, load_rlx(&f.line.word.low) - 1); /* relaxed: one thread; a post that stopped */
	w = line_word(view->line);
	assert_true(line_announce(view, w, LINE_GRANT, a, &op));
	gives_up(view, a);
	assert_int_equal(value_now(view), 1);
	ended(view);
}

/* One that gives up while it is moved is dropped from where it was moved to, wherever helpers saw it wait. */
static void one_that_gave_up_while_it_was_moved_is_out(void **state)
{
	for (unsigned begun = 0; begun < 2; begun++) {
		struct fixture f;
		struct line_view *view = line_of(&f, 0, 9, LINE_FIFO);
		uint32_t a = enter(view, 3), b = enter(view, 1);
		struct line_word w = line_word(view->line);
		struct line_op op;

		(void)state;
		assert_true(line_announce(view, w, LINE_AWAY, a, &op));
		if (begun) { /* a helper, which saw it wait, is stopped on the way */
			assert_true(take_out(view, &op));
			assert_true(relink(view, &op, &entry_at(view, a)->node.next, LINE_ASIDE, op_second(&op)));
		}
		gives_up(view, a);
		is_whole(view);
		OK(line_post(view, 1));
		was_granted(view, b);
		ended(view);
	}
}

/* ---- Threads. ---- */

struct sleeper {
	struct line_view *view;
	uint32_t need;
	const struct deadline *deadline;
	int error;
	pthread_t thread;
};

static void *sleep_in_thread(void *arg)
{
	struct sleeper *sleeper = arg;

	sleeper->error = wait_on_line(sleeper->view, sleeper->need, 1, sleeper->deadline);
	return NULL;
}

static void wait_for_waiters(struct line_view *view, uint32_t n)
{
	while (line_waiters(view) != n)
		sched_yield();
}

static void sleepers_are_woken_in_order(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 0, 100, LINE_FIFO);
	struct sleeper sleepers[10];

	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		sleepers[i] = (struct sleeper){.view = view, .need = 1 + i % 3, .error = -1};
		pthread_create(&sleepers[i].thread, NULL, sleep_in_thread, &sleepers[i]);
		wait_for_waiters(view, i + 1);
	}
	for (uint32_t i = 0; i < 10; i++) {
		OK(line_post(view, 1 + i % 3));
		pthread_join(sleepers[i].thread, NULL);
		OK(sleepers[i].error);
		assert_int_equal(line_waiters(view), 9 - i);
	}
	ended(view);
}

static void a_sleeper_times_out_or_is_turned_away(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 0, 100, LINE_FIFO);
	struct timespec now = clock_now(CLOCK_MONOTONIC);
	struct deadline soon = {CLOCK_MONOTONIC, clock_after(&now, 20 * 1000 * 1000)};
	struct sleeper sleeper = {.view = view, .need = 1, .error = -1};

	(void)state;
	FAILS(ETIMEDOUT, wait_on_line(view, 1, 1, &soon));
	assert_int_equal(line_waiters(view), 0);
	pthread_create(&sleeper.thread, NULL, sleep_in_thread, &sleeper);
	wait_for_waiters(view, 1);
	line_shutdown(view);
	pthread_join(sleeper.thread, NULL);
	FAILS(ESHUTDOWN, sleeper.error);
	ended(view);
}

static void wait_for_the_door(struct line_view *view)
{
	while ((line_word(view->line).low & LINE_DOOR) == 0)
		sched_yield();
}

/* Others wrote its links: it can't be taken out of its list. */
static void link_to_itself(struct line_view *view, uint32_t slot)
{
	struct line_entry *entry = entry_at(view, slot);

	store_rlx(&entry->node.next, link_make(slot, 0)); /* relaxed: the test has one thread, as is the next */
	store_rlx(&entry->node.prev, link_make(slot, 0)); /* relaxed: as above */
}

static void nonsense_in_a_list_keeps_nobody(void **state)
{
	(void)state;
	for (uint32_t order = LINE_BARGING; order <= LINE_LIFO; order++) {
		struct fixture f;
		struct line_view *view = line_of(&f, 0, 9, order);

		link_to_itself(view, enter(view, 5));
		line_set_limit(view, 2); /* first in, first out: to the list of those who want more */
		line_set_limit(view, 9); /* and back */
		OK(line_post(view, 0));
		line_shutdown(view);
		OK(line_post(view, 0));
		assert_true(line_is_shut(view));
		line_view_end(view);
	}
}

/* The state that the entry of a call has in a fork's child. Its owner gets in line again, and meets its deadline. */
static void nonsense_in_an_entry_keeps_nobody(void **state)
{
	struct fixture f;
	struct line_view *view = line_of(&f, 0, 9, LINE_FIFO);
	uint32_t slot = enter(view, 1);
	atomic(uint64_t) *own = &entry_at(view, slot)->state;

	(void)state;
	store_rlx(own, state_with(load_rlx(own), ENTRY_HELD)); /* relaxed: one thread */
	FAILS(ENOENT, line_leave(view, slot, false));
	line_view_end(view);
}

/* A thread that found no free entry goes on with permits, is turned away, and gets in line if an entry becomes free. */
static void a_sleeper_at_the_door_is_woken(void **state)
{
	enum { POST, LIMIT, SHUT, ENTRY, WAYS };

	(void)state;
	for (unsigned way = 0; way < WAYS; way++) {
		struct fixture f;
		struct line_view *view = line_of(&f, 0, 9, LINE_FIFO);
		struct sleeper sleeper = {.view = view, .need = 1, .error = -1};
		bool no_memory;

		for (uint32_t i = 0; i < LINE_ENTRIES; i++)
			assert_true(entry_claim(view, 1, &no_memory) != 0);
		pthread_create(&sleeper.thread, NULL, sleep_in_thread, &sleeper);
		wait_for_the_door(view);
		if (way == POST) {
			OK(line_post(view, 1));
		} else if (way == LIMIT) {
			line_set_limit(view, 10);
		} else if (way == SHUT) {
			line_shutdown(view);
		} else {
			entry_free(view, 5000, load_rlx(&entry_at(view, 5000)->state)); /* relaxed: one thread */
			wait_for_waiters(view, 1);
			OK(line_post(view, 1));
		}
		pthread_join(sleeper.thread, NULL);
		FAILS(way == SHUT ? ESHUTDOWN : 0, sleeper.error);
		assert_int_equal(value_now(view), 0);
		ended(view);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pair_changes_the_value_by_one),
		cmocka_unit_test(several_permits_are_taken_at_once_or_none),
		cmocka_unit_test(the_largest_limit_is_reached_and_not_passed),
		cmocka_unit_test(first_in_is_first_out),
		cmocka_unit_test(nobody_overtakes_the_first_whatever_it_wants),
		cmocka_unit_test(who_gives_up_leaves_the_rest_to_those_behind),
		cmocka_unit_test(one_in_the_middle_gives_up),
		cmocka_unit_test(who_was_granted_cannot_give_up),
		cmocka_unit_test(last_in_is_first_out_of_those_for_whom_it_suffices),
		cmocka_unit_test(barging_grants_the_oldest_for_whom_it_suffices),
		cmocka_unit_test(needs_of_every_size_keep_the_order),
		cmocka_unit_test(a_shut_line_turns_away_whom_it_does_not_suffice_for),
		cmocka_unit_test(a_shut_line_of_any_order_is_empty),
		cmocka_unit_test(a_lowered_limit_is_owed_and_paid),
		cmocka_unit_test(a_raised_limit_lets_waiters_go_on),
		cmocka_unit_test(a_wait_for_more_than_the_limit_gives_way),
		cmocka_unit_test(a_lowered_limit_takes_time_by_the_length_of_the_line),
		cmocka_unit_test(destroy_is_refused_while_somebody_waits),
		cmocka_unit_test(a_hundred_thousand_wait_in_any_order),
		cmocka_unit_test(entries_come_back_behind_one_that_waits_for_ever),
		cmocka_unit_test(a_line_with_no_entry_left_says_so),
		cmocka_unit_test(what_a_queue_waited_for_stands_ready_in_order),
		cmocka_unit_test(only_who_opened_a_list_closes_it),
		cmocka_unit_test(threads_and_queues_wait_in_one_order),
		cmocka_unit_test(what_the_dead_waited_for_goes_to_others),
		cmocka_unit_test(permits_that_were_granted_to_the_dead_come_back_once),
		cmocka_unit_test(permits_that_came_back_already_are_not_made),
		cmocka_unit_test(one_that_died_before_it_was_in_line_is_let_go),
		cmocka_unit_test(what_an_account_has_is_no_link),
		cmocka_unit_test(a_number_that_an_account_has_from_long_ago_passes),
		cmocka_unit_test(accounts_take_and_give_any_number),
		cmocka_unit_test(a_queue_that_died_leaves_nothing),
		cmocka_unit_test(a_post_goes_on_to_the_next_if_the_first_is_dead),
		cmocka_unit_test(a_fork_s_child_has_only_its_own_waiter),
		cmocka_unit_test(a_fork_s_child_keeps_what_was_there),
		cmocka_unit_test(whoever_comes_finishes_an_operation),
		cmocka_unit_test(a_late_step_changes_no_link),
		cmocka_unit_test(a_grant_of_one_that_gave_up_takes_nothing),
		cmocka_unit_test(one_that_gave_up_while_it_was_moved_is_out),
		cmocka_unit_test(sleepers_are_woken_in_order),
		cmocka_unit_test(a_sleeper_times_out_or_is_turned_away),
		cmocka_unit_test(a_sleeper_at_the_door_is_woken),
		cmocka_unit_test(nonsense_in_a_list_keeps_nobody),
		cmocka_unit_test(nonsense_in_an_entry_keeps_nobody),
	};

	if (!line_works()) {
		printf("skipped: this processor swaps no two words at once\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
