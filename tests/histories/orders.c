/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * As histories.c, of semaphores with attributes: waits and tries for several permits, limits that change, with debt,
 * and shutdowns, in each order. Waits on semaphores that are first in, first out are held to that order: threads look
 * how many are in line, so histories tell who surely is.
 */
#include "../support.h"

#include "judge.h"

#define HISTORIES ROUNDS(400) /* of a profile and an order */
#define MOST      3           /* permits that a wait wants */
#define LIMIT     6           /* with which they are made */

static void judge(void **state, struct profile profile, uint32_t order)
{
	const struct ksem_attr attr = {.size = sizeof(attr), .limit = LIMIT, .order = order};

	profile.attr = &attr;
	record_and_judge(state, &profile, HISTORIES);
}

#define IN_EACH_ORDER(name)                         \
	static void name##_barging(void **state)    \
	{                                           \
		judge(state, name, KSEM_BARGING);   \
	}                                           \
	static void name##_last_first(void **state) \
	{                                           \
		judge(state, name, KSEM_LIFO);      \
	}

#define FIRST_IN_FIRST_OUT(name)                     \
	static void name##_first_first(void **state) \
	{                                            \
		judge(state, name, KSEM_FIFO);       \
	}

/* clang-format off: one line for each, in the order of enum act */
static const struct profile several_permits = {
	5,
	20,
	0,
	LIMIT + 1,
	0,
	4,
	{[POST] = 8, [TRYWAIT] = 6, [CLOCKWAIT] = 3, [GETVALUE] = 4, [TRYUPTO] = 3, [WAITERS] = 1},
	.rest = 6,
	.wants = MOST};
static const struct profile sleepers = {
	5,
	12,
	0,
	3,
	0,
	4,
	{[POST] = 8, [WAIT] = 6, [TRYWAIT] = 2, [CLOCKWAIT] = 2, [GETVALUE] = 2, [TRYUPTO] = 1, [WAITERS] = 4},
	.rest = 4,
	.wants = MOST};
static const struct profile timeouts = {
	5,
	12,
	0,
	3,
	0,
	4,
	{[POST] = 6, [TRYWAIT] = 2, [CLOCKWAIT] = 8, [GETVALUE] = 2, [TRYUPTO] = 1, [WAITERS] = 4},
	.rest = 4,
	.wants = MOST};
static const struct profile limits = {
	5,
	12,
	0,
	LIMIT + 1,
	0,
	4,
	{[POST] = 8, [WAIT] = 3, [TRYWAIT] = 4, [CLOCKWAIT] = 4, [GETVALUE] = 4, [TRYUPTO] = 2, [SETLIMIT] = 4},
	.rest = 4,
	.wants = MOST,
	.limits = LIMIT + 3};
static const struct profile limits_that_suffice = {5,
						   12,
						   0,
						   LIMIT + 1,
						   0,
						   4,
						   {[POST] = 8,
						    [WAIT] = 3,
						    [TRYWAIT] = 4,
						    [CLOCKWAIT] = 4,
						    [GETVALUE] = 4,
						    [TRYUPTO] = 2,
						    [SETLIMIT] = 4,
						    [WAITERS] = 3},
						   .rest = 4,
						   .wants = MOST,
						   .lowest = MOST,
						   .limits = LIMIT};
static const struct profile shutdowns = {5,
					 12,
					 0,
					 LIMIT + 1,
					 0,
					 4,
					 {[POST] = 12,
					  [WAIT] = 12,
					  [TRYWAIT] = 6,
					  [CLOCKWAIT] = 8,
					  [GETVALUE] = 6,
					  [TRYUPTO] = 3,
					  [SHUTDOWN] = 1,
					  [WAITERS] = 6},
					 .rest = 4,
					 .wants = MOST};
/* clang-format on */

IN_EACH_ORDER(several_permits)
IN_EACH_ORDER(sleepers)
IN_EACH_ORDER(timeouts)
IN_EACH_ORDER(limits)
IN_EACH_ORDER(shutdowns)
FIRST_IN_FIRST_OUT(several_permits)
FIRST_IN_FIRST_OUT(sleepers)
FIRST_IN_FIRST_OUT(timeouts)
FIRST_IN_FIRST_OUT(limits_that_suffice)
FIRST_IN_FIRST_OUT(shutdowns)

/* ---- With the default attributes. ---- */

static void several_permits_by_default(void **state)
{
	record_and_judge(state, &several_permits, HISTORIES);
}

static void sleepers_by_default(void **state)
{
	record_and_judge(state, &sleepers, HISTORIES);
}

static void shutdowns_by_default(void **state)
{
	record_and_judge(state, &shutdowns, HISTORIES);
}

static void every_lie_was_told(void **state)
{
	(void)state;
	judge_report(LIES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(several_permits_by_default), world_test(several_permits_barging),
		world_test(several_permits_last_first), world_test(several_permits_first_first),
		world_test(sleepers_by_default),        world_test(sleepers_barging),
		world_test(sleepers_last_first),        world_test(sleepers_first_first),
		world_test(timeouts_barging),           world_test(timeouts_last_first),
		world_test(timeouts_first_first),       world_test(limits_barging),
		world_test(limits_last_first),          world_test(limits_that_suffice_first_first),
		world_test(shutdowns_by_default),       world_test(shutdowns_barging),
		world_test(shutdowns_last_first),       world_test(shutdowns_first_first),
		cmocka_unit_test(every_lie_was_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
