/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A queue's direct waits (queue/direct.h), on a semaphore that the test plays: who goes on, who is asked, when the
 * listener is called, and to whom a wake goes that no wait was for.
 */
#include "support.h"

#include <errno.h>

#include "line/due.h"
#include "queue/direct.h"

#define WAITS 4

/* The semaphore. */
static uint32_t value;
static bool shut;
static uint32_t record = 7;
static bool present;
static unsigned registered, asked, passed_on, counted_again;

static int enter(struct ksem *ksem, uint32_t n, uint32_t *counted)
{
	(void)ksem;
	*counted = record;
	if (value >= n) {
		value -= n;
		return 0;
	}
	registered += !shut;
	return shut ? ESHUTDOWN : EAGAIN;
}

static int leave(struct ksem *ksem, uint32_t n, uint32_t *counted)
{
	int error = value >= n ? 0 : shut ? ESHUTDOWN : EAGAIN;

	(void)ksem;
	(void)counted;
	asked++;
	if (error == 0)
		value -= n;
	if (error != EAGAIN)
		registered--;
	return error;
}

static void renounce(struct ksem *ksem, uint32_t n, uint32_t *counted)
{
	(void)ksem;
	(void)n;
	(void)counted;
	registered--;
}

static void look(struct ksem *ksem, struct direct_look *look)
{
	(void)ksem;
	*look = (struct direct_look){
		.place = {.expected = value}, .value = value, .ends = shut, .counted = present ? record : record + 1};
}

static bool count_again(struct ksem *ksem, uint32_t n, uint32_t *counted)
{
	(void)ksem;
	(void)n;
	*counted = record + 1;
	counted_again++;
	return true;
}

static void pass_on(struct ksem *ksem)
{
	(void)ksem;
	passed_on++;
}

static const struct direct_ops ops = {enter, leave, renounce, look, count_again, pass_on};

/* ---- A queue with one source. ---- */

static struct ksem_cq cq;
static struct span span;
static struct group group = {.span = &span, .bit = 1};
static struct source *const source = &group.sources[0];
static struct wait waits[WAITS];

static int begin(void **state)
{
	(void)state;
	memset(&cq, 0, sizeof(cq));
	memset(waits, 0, sizeof(waits));
	OK(notify_open(&cq.notify));
	*source = (struct source){.cq = &cq, .group = &group};
	direct_open(source, &ops);
	value = registered = asked = passed_on = counted_again = 0;
	shut = false;
	present = true;
	return 0;
}

static int end(void **state)
{
	(void)state;
	notify_close(&cq.notify);
	return 0;
}

static struct wait *wait_for(unsigned i, uint32_t count)
{
	waits[i].source = source;
	waits[i].count = count;
	FAILS(EAGAIN, direct_enter(&waits[i]));
	direct_add(&waits[i]);
	return &waits[i];
}

static bool serves(void)
{
	struct futex_place place = {.expected = 99};
	bool any = direct_serve(source, &place);

	assert_true(!source->direct.first || place.expected == value);
	return any;
}

static bool is_done(unsigned i, int error)
{
	return !waits[i].prev && waits[i].error == error;
}

static void those_go_on_for_which_it_suffices_the_oldest_first(void **state)
{
	(void)state;
	wait_for(0, 3);
	wait_for(1, 1);
	wait_for(2, 2);
	wait_for(3, 1);
	assert_false(serves());
	value = 2;
	assert_true(serves());
	assert_true(is_done(1, 0) && is_done(3, 0) && waits[0].prev && waits[2].prev);
	assert_int_equal(value, 0);
	assert_ptr_equal(source->done, &waits[1]);
	assert_ptr_equal(waits[1].next, &waits[3]);
	value = 5;
	assert_true(serves());
	assert_true(is_done(0, 0) && is_done(2, 0));
	assert_int_equal(registered, 0);
	assert_null(source->direct.first);
}

/* As long as there are too few for any, none is asked again, however many wait. */
static void none_is_asked_for_whom_it_is_known_not_to_suffice(void **state)
{
	(void)state;
	wait_for(0, 3);
	wait_for(1, 2);
	value = 2;
	assert_true(serves());
	assert_true(is_done(1, 0));
	value = 2;
	asked = 0;
	assert_false(serves());
	assert_false(serves());
	assert_int_equal(asked, 0);
	wait_for(2, 2 + 1);
	value = 3;
	assert_true(serves());
	assert_true(is_done(0, 0));
}

static void shutdown_ends_all(void **state)
{
	(void)state;
	value = 1;
	wait_for(0, 2);
	wait_for(1, 5);
	shut = true;
	value = 2;
	assert_true(serves());
	assert_true(is_done(0, 0) && is_done(1, ESHUTDOWN));
}

static void one_that_gives_up_leaves_the_others(void **state)
{
	(void)state;
	wait_for(0, 1);
	wait_for(1, 1);
	wait_for(2, 1);
	assert_true(direct_cancel(&waits[1], ECANCELED));
	assert_true(direct_cancel(&waits[2], ETIMEDOUT));
	assert_true(is_done(1, ECANCELED) && is_done(2, ETIMEDOUT));
	assert_false(direct_cancel(&waits[1], ETIMEDOUT));
	assert_true(is_done(1, ECANCELED));
	wait_for(3, 1);
	value = 2;
	assert_true(serves());
	assert_true(is_done(0, 0) && is_done(3, 0));
	assert_int_equal(registered, 0);
}

/* It isn't cancelled in favour of one that came later, and a permit that is there is not left. */
static void permits_that_are_there_go_to_the_oldest_before_one_gives_up(void **state)
{
	(void)state;
	wait_for(0, 1);
	wait_for(1, 1);
	value = 1;
	assert_true(direct_cancel(&waits[1], ECANCELED));
	assert_true(is_done(0, 0) && is_done(1, ECANCELED));
	wait_for(2, 1);
	value = 1;
	assert_false(direct_cancel(&waits[2], ECANCELED));
	assert_true(is_done(2, 0));
}

/* Those behind it get what is there. */
static void one_past_its_deadline_takes_nothing(void **state)
{
	struct deadline past = {CLOCK_MONOTONIC, {0, 1}};

	(void)state;
	wait_for(0, 1)->timed.due = due_of(&past);
	wait_for(1, 1);
	value = 1;
	assert_true(serves());
	assert_true(is_done(0, ETIMEDOUT) && is_done(1, 0));
	wait_for(2, 1)->timed.due = due_of(&past);
	shut = true;
	assert_true(serves());
	assert_true(is_done(2, ESHUTDOWN));
	assert_int_equal(registered, 0);
}

static void the_listener_is_called_unless_it_sleeps_while_too_few_are_there(void **state)
{
	struct wait *wait;

	(void)state;
	value = 2;
	wait = wait_for(0, 4);
	assert_true(direct_needs_call(wait));
	direct_arm(source, &(struct futex_place){.expected = 2});
	assert_false(direct_needs_call(wait_for(1, 3)));
	value = 1;
	assert_true(direct_needs_call(wait_for(2, 2))); /* two would suffice, and it sleeps while there are two */
}

/* Also if another wait has come meanwhile: the post may not have seen it. */
static void a_wake_is_passed_on_if_no_wait_was_left(void **state)
{
	(void)state;
	wait_for(0, 2);
	value = 1;
	direct_arm(source, &(struct futex_place){.expected = 0});
	assert_false(direct_woke(source, true)); /* the post woke all */
	direct_arm(source, &(struct futex_place){.expected = 1});
	value = 2;
	assert_true(direct_woke(source, true));  /* that was for it */
	assert_false(direct_woke(source, true)); /* it didn't sleep there */
	direct_arm(source, &(struct futex_place){.expected = 0});
	assert_false(direct_woke(source, false)); /* nobody woke it */
	assert_int_equal(passed_on, 0);
	wait_for(0, 1);
	direct_arm(source, &(struct futex_place){.expected = 0});
	direct_cancel(&waits[0], ECANCELED);
	assert_false(direct_woke(source, true));
	assert_int_equal(passed_on, 1);
	wait_for(0, 1);
	direct_arm(source, &(struct futex_place){.expected = 0});
	direct_cancel(&waits[0], ECANCELED);
	value = 1;
	wait_for(1, 2);
	assert_false(direct_woke(source, true));
	assert_int_equal(passed_on, 2);
}

static void in_another_record_all_are_counted_again(void **state)
{
	(void)state;
	wait_for(0, 1);
	wait_for(1, 1);
	present = false;
	assert_false(serves());
	assert_int_equal(counted_again, 2);
	assert_false(serves());
	assert_int_equal(counted_again, 2);
}

int main(void)
{
#define direct_test(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		direct_test(those_go_on_for_which_it_suffices_the_oldest_first),
		direct_test(none_is_asked_for_whom_it_is_known_not_to_suffice),
		direct_test(shutdown_ends_all),
		direct_test(one_that_gives_up_leaves_the_others),
		direct_test(permits_that_are_there_go_to_the_oldest_before_one_gives_up),
		direct_test(one_past_its_deadline_takes_nothing),
		direct_test(the_listener_is_called_unless_it_sleeps_while_too_few_are_there),
		direct_test(a_wake_is_passed_on_if_no_wait_was_left),
		direct_test(in_another_record_all_are_counted_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
