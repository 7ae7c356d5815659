/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The places of a namespace (registry/slots.h): the limit, ids that are dense in their low bits, never 0 and never
 * given out twice, also where a slot's use count is nearly full; growth; visiting; and that a slot that wasn't needed
 * leaves no memory.
 */
#include "support.h"

#include "base/memory.h"
#include "failing_memory.h"
#include "registry/slots.h"

static int counted(void **state)
{
	(void)state;
	failing_memory_install();
	return 0;
}

static int all_given_back(void **state)
{
	(void)state;
	failing_memory_uninstall();
	return 0;
}

static uint64_t number_of(const struct slots *slots, ksem_id_t id)
{
	return id & ((UINT64_C(1) << slots->bits) - 1);
}

/* What stands in slots here is never looked at: distinct even addresses do. */
static struct ksem *semaphore(uint64_t i)
{
	return (struct ksem *)(uintptr_t)(64 * (i + 1));
}

static ksem_id_t take(struct slots *slots)
{
	ksem_id_t id = 0;

	OK(slots_take(slots, &id));
	assert_true(id != 0);
	return id;
}

static void at_the_limit_a_slot_must_be_given_back_first(void **state)
{
	static const uint32_t limits[] = {1, 2, 3, 30, 63, 64, 65, 1000};
	static ksem_id_t ids[1000];

	(void)state;
	for (size_t l = 0; l < sizeof(limits) / sizeof(*limits); l++) {
		uint32_t max = limits[l];
		struct slots slots;
		ksem_id_t none = 77;

		slots_init(&slots, max);
		for (uint32_t i = 0; i < max; i++)
			ids[i] = take(&slots);
		for (unsigned again = 0; again < 3; again++) {
			FAILS(ENFILE, slots_take(&slots, &none));
			assert_int_equal(none, 77);
			assert_true(slots_give(&slots, ids[max / 2]));
			assert_false(slots_give(&slots, ids[max / 2])); /* once only */
			ids[max / 2] = take(&slots);
		}
		failing_memory_fail_all(true);
		FAILS(ENFILE, slots_take(&slots, &none)); /* and not ENOMEM */
		failing_memory_fail_all(false);
		slots_fini(&slots);
	}
}

static int compare(const void *a, const void *b)
{
	ksem_id_t x = *(const ksem_id_t *)a, y = *(const ksem_id_t *)b;

	return (x > y) - (x < y);
}

static void no_id_comes_twice_over_heavy_reuse(void **state)
{
	enum { MAX = 200 };
	const unsigned takes = ROUNDS(200000);
	ksem_id_t *all = calloc(takes, sizeof(*all));
	ksem_id_t held[MAX];
	unsigned count = 0, holding = 0;
	struct random random = random_new();
	struct slots slots;

	(void)state;
	slots_init(&slots, MAX);
	while (count < takes) {
		unsigned most = random_below(&random, 20) ? MAX / 4 : MAX; /* seldom full, often the same few slots */

		if (holding < most && random_below(&random, 2)) {
			held[holding++] = all[count++] = take(&slots);
		} else if (holding > 0) {
			unsigned i = random_below(&random, holding);

			assert_true(slots_give(&slots, held[i]));
			held[i] = held[--holding];
		}
		assert_int_equal(slots.live, holding);
	}
	qsort(all, takes, sizeof(*all), compare);
	for (unsigned i = 1; i < takes; i++)
		assert_true(all[i - 1] != all[i]);
	slots_fini(&slots);
	free(all);
}

static void an_old_id_gives_nothing_back(void **state)
{
	struct slots slots;
	ksem_id_t old, new;

	(void)state;
	slots_init(&slots, 4);
	old = take(&slots);
	assert_true(slots_give(&slots, old));
	new = take(&slots);
	assert_int_equal(number_of(&slots, new), number_of(&slots, old));
	assert_true(new != old);
	assert_false(slots_give(&slots, old));
	assert_int_equal(slots.live, 1);
	assert_true(slots_give(&slots, new));
	slots_fini(&slots);
}

static void ids_of_those_that_live_are_dense_in_their_low_bits(void **state)
{
	static bool used[1000];
	static ksem_id_t ids[1000];
	struct slots slots;

	(void)state;
	slots_init(&slots, 1 << 20);
	for (unsigned round = 0; round < 5; round++) {
		memset(used, 0, sizeof(used));
		for (unsigned i = 0; i < 1000; i++) {
			uint64_t number;

			ids[i] = take(&slots);
			number = number_of(&slots, ids[i]);
			assert_true(number < 1000);
			assert_false(used[number]);
			used[number] = true;
		}
		for (unsigned i = 0; i < 1000; i++)
			assert_true(slots_give(&slots, ids[(i * 7 + round) % 1000]));
	}
	assert_int_equal(slots.made, 1000);
	slots_fini(&slots);
}

static void chunks_grow_to_a_hundred_thousand(void **state)
{
	enum { MANY = 100000 };
	struct slots slots;
	uint64_t cursor = 0;
	ksem_id_t id = 0;

	(void)state;
	slots_init(&slots, MANY);
	for (uint64_t i = 0; i < MANY; i++) {
		id = take(&slots);
		assert_int_equal(number_of(&slots, id), i);
		slots_fill(&slots, id, semaphore(i));
	}
	FAILS(ENFILE, slots_take(&slots, &id));
	for (uint64_t i = 0; i < MANY; i++)
		assert_ptr_equal(slots_next(&slots, &cursor), semaphore(i));
	assert_null(slots_next(&slots, &cursor));
	/* Twice as many as needed at most, and a few chunks. */
	assert_true(failing_memory_bytes() <= 2 * MANY * sizeof(struct slot) + SLOTS_FIRST * sizeof(struct slot));
	assert_true(failing_memory_blocks() <= 12);
	slots_fini(&slots);
}

static void visits_go_to_filled_slots_only(void **state)
{
	ksem_id_t ids[6];
	struct slots slots;
	uint64_t cursor = 0;

	(void)state;
	slots_init(&slots, 10);
	assert_null(slots_next(&slots, &cursor));
	for (unsigned i = 0; i < 6; i++)
		ids[i] = take(&slots);
	assert_null(slots_next(&slots, &cursor)); /* taken, not filled */
	cursor = 0;
	for (unsigned i = 0; i < 5; i++) /* all but the last */
		slots_fill(&slots, ids[i], semaphore(i));
	assert_true(slots_give(&slots, ids[0]));
	assert_true(slots_give(&slots, ids[3]));
	assert_ptr_equal(slots_next(&slots, &cursor), semaphore(1));
	assert_ptr_equal(slots_next(&slots, &cursor), semaphore(2));
	assert_ptr_equal(slots_next(&slots, &cursor), semaphore(4));
	assert_null(slots_next(&slots, &cursor));
	ids[3] = take(&slots);
	cursor = 0;
	for (unsigned i = 0; i < 3; i++) /* a slot that was given back is seen only when it's filled anew */
		assert_non_null(slots_next(&slots, &cursor));
	assert_null(slots_next(&slots, &cursor));
	slots_fill(&slots, ids[3], semaphore(9));
	cursor = number_of(&slots, ids[3]);
	assert_ptr_equal(slots_next(&slots, &cursor), semaphore(9));
	slots_fini(&slots);
}

static void a_slot_that_was_not_needed_leaves_no_memory(void **state)
{
	ksem_id_t ids[4 * SLOTS_FIRST];
	struct slots slots;
	unsigned chunks = 0;

	(void)state;
	slots_init(&slots, 4 * SLOTS_FIRST);
	for (unsigned i = 0; i < 4 * SLOTS_FIRST; i++) {
		size_t before = failing_memory_bytes();
		ksem_id_t id = take(&slots);

		chunks += failing_memory_bytes() != before;
		slots_untake(&slots, id);
		assert_int_equal(failing_memory_bytes(), before);
		assert_int_equal(slots.live, i);
		ids[i] = take(&slots);
		for (unsigned j = 0; j < i; j++)
			assert_true(ids[j] != ids[i]);
	}
	assert_int_equal(chunks, 3); /* of 64, 128 and 256 */
	slots_fini(&slots);
}

static void a_slot_used_before_keeps_its_count_when_it_is_not_needed(void **state)
{
	struct slots slots;
	ksem_id_t first, second, third;
	size_t before;

	(void)state;
	slots_init(&slots, 4);
	first = take(&slots);
	assert_true(slots_give(&slots, first));
	before = failing_memory_bytes();
	second = take(&slots);
	slots_untake(&slots, second);
	assert_int_equal(failing_memory_bytes(), before);
	third = take(&slots);
	assert_true(third != first);
	slots_fini(&slots);
}

static void no_memory_for_a_chunk_is_ENOMEM_and_passes(void **state)
{
	struct slots slots;
	ksem_id_t id = 77;
	unsigned next_chunk = 0;

	(void)state;
	slots_init(&slots, 1000);
	for (unsigned i = 0; i < 1000; i++) {
		failing_memory_fail_all(true);
		if (i == next_chunk) {
			next_chunk = 2 * next_chunk + SLOTS_FIRST;
			id = 77;
			FAILS(ENOMEM, slots_take(&slots, &id));
			assert_int_equal(id, 77);
			assert_int_equal(slots.live, i);
			failing_memory_fail_all(false);
		}
		OK(slots_take(&slots, &id));
	}
	failing_memory_fail_all(false);
	slots_fini(&slots);
}

/* A slot of which all but `left` uses are gone; it's the next to be taken. */
static void wear(struct slots *slots, uint64_t number, uint64_t left)
{
	slots->chunks[0][number].uses = (UINT64_MAX >> slots->bits) - left;
}

static void a_slot_whose_uses_are_up_is_never_used_again(void **state)
{
	struct slots slots;
	ksem_id_t id, last;

	(void)state;
	slots_init(&slots, 3); /* two bits: four numbers */
	id = take(&slots);
	assert_int_equal(number_of(&slots, id), 0);
	assert_true(slots_give(&slots, id));
	wear(&slots, 0, 2);
	last = id;
	for (unsigned left = 2; left > 0; left--) {
		id = take(&slots);
		assert_int_equal(number_of(&slots, id), 0);
		assert_true(id > last); /* it hasn't wrapped */
		slots_fill(&slots, id, semaphore(0));
		assert_true(slots_give(&slots, id));
		assert_false(slots_give(&slots, id));
		last = id;
	}
	assert_true(id >> slots.bits == UINT64_MAX >> slots.bits);
	for (unsigned i = 0; i < 100; i++) {
		uint64_t cursor = 0;

		id = take(&slots);
		assert_int_equal(number_of(&slots, id), 1);
		assert_true(id != last);
		slots_fill(&slots, id, semaphore(i));
		assert_ptr_equal(slots_next(&slots, &cursor), semaphore(i));
		assert_null(slots_next(&slots, &cursor));
		assert_true(slots_give(&slots, id));
	}
	slots_fini(&slots);
}

static void when_every_id_was_used_there_is_none(void **state)
{
	struct slots slots;
	ksem_id_t id, none = 77;

	(void)state;
	slots_init(&slots, 3);
	for (unsigned number = 0; number < 4; number++) {
		id = take(&slots);
		assert_int_equal(number_of(&slots, id), number);
		assert_true(slots_give(&slots, id));
		wear(&slots, number, 1);
		id = take(&slots);
		assert_int_equal(number_of(&slots, id), number);
		assert_true(slots_give(&slots, id));
	}
	FAILS(ENFILE, slots_take(&slots, &none));
	assert_int_equal(none, 77);
	assert_int_equal(slots.live, 0);
	slots_fini(&slots);
}

static void the_highest_limit_leaves_uses_and_numbers_apart(void **state)
{
	struct slots slots;
	ksem_id_t id;

	(void)state;
	slots_init(&slots, UINT32_MAX);
	assert_int_equal(slots.bits, 32);
	id = take(&slots);
	assert_true(slots_give(&slots, id));
	wear(&slots, 0, 1);
	id = take(&slots);
	assert_true(id == UINT64_C(0xFFFFFFFF00000000));
	assert_true(slots_give(&slots, id));
	assert_int_equal(number_of(&slots, take(&slots)), 1);
	slots_fini(&slots);
}

#define counted_test(f) cmocka_unit_test_setup_teardown(f, counted, all_given_back)

int main(void)
{
	const struct CMUnitTest tests[] = {
		counted_test(at_the_limit_a_slot_must_be_given_back_first),
		counted_test(no_id_comes_twice_over_heavy_reuse),
		counted_test(an_old_id_gives_nothing_back),
		counted_test(ids_of_those_that_live_are_dense_in_their_low_bits),
		counted_test(chunks_grow_to_a_hundred_thousand),
		counted_test(visits_go_to_filled_slots_only),
		counted_test(a_slot_that_was_not_needed_leaves_no_memory),
		counted_test(a_slot_used_before_keeps_its_count_when_it_is_not_needed),
		counted_test(no_memory_for_a_chunk_is_ENOMEM_and_passes),
		counted_test(a_slot_whose_uses_are_up_is_never_used_again),
		counted_test(when_every_id_was_used_there_is_none),
		counted_test(the_highest_limit_leaves_uses_and_numbers_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
