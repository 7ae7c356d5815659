/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The places of a namespace (private/numbers.h): the limit, ids that are dense in their low bits, never 0 and never
 * given out twice, also where a slot's use count is nearly full; growth; visiting; and that a slot that wasn't needed
 * leaves no memory.
 */
#include "support.h"

#include "base/memory.h"
#include "failing_memory.h"
#include "private/numbers.h"

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

static uint64_t number_of(const struct numbers *numbers, ksem_id_t id)
{
	return id & ((UINT64_C(1) << numbers->bits) - 1);
}

/* What stands in numbers here is never looked at: distinct even addresses do. */
static struct ksem *semaphore(uint64_t i)
{
	return (struct ksem *)(uintptr_t)(64 * (i + 1));
}

static ksem_id_t take(struct numbers *numbers)
{
	ksem_id_t id = 0;

	OK(numbers_take(numbers, &id));
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
		struct numbers numbers;
		ksem_id_t none = 77;

		numbers_init(&numbers, max);
		for (uint32_t i = 0; i < max; i++)
			ids[i] = take(&numbers);
		for (unsigned again = 0; again < 3; again++) {
			FAILS(ENFILE, numbers_take(&numbers, &none));
			assert_int_equal(none, 77);
			assert_true(numbers_give(&numbers, ids[max / 2]));
			assert_false(numbers_give(&numbers, ids[max / 2])); /* once only */
			ids[max / 2] = take(&numbers);
		}
		failing_memory_fail_all(true);
		FAILS(ENFILE, numbers_take(&numbers, &none)); /* and not ENOMEM */
		failing_memory_fail_all(false);
		numbers_fini(&numbers);
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
	struct numbers numbers;

	(void)state;
	numbers_init(&numbers, MAX);
	while (count < takes) {
		unsigned most = random_below(&random, 20) ? MAX / 4 : MAX; /* seldom full, often the same few numbers */

		if (holding < most && random_below(&random, 2)) {
			held[holding++] = all[count++] = take(&numbers);
		} else if (holding > 0) {
			unsigned i = random_below(&random, holding);

			assert_true(numbers_give(&numbers, held[i]));
			held[i] = held[--holding];
		}
		assert_int_equal(numbers.live, holding);
	}
	qsort(all, takes, sizeof(*all), compare);
	for (unsigned i = 1; i < takes; i++)
		assert_true(all[i - 1] != all[i]);
	numbers_fini(&numbers);
	free(all);
}

static void an_old_id_gives_nothing_back(void **state)
{
	struct numbers numbers;
	ksem_id_t old, new;

	(void)state;
	numbers_init(&numbers, 4);
	old = take(&numbers);
	assert_true(numbers_give(&numbers, old));
	new = take(&numbers);
	assert_int_equal(number_of(&numbers, new), number_of(&numbers, old));
	assert_true(new != old);
	assert_false(numbers_give(&numbers, old));
	assert_int_equal(numbers.live, 1);
	assert_true(numbers_give(&numbers, new));
	numbers_fini(&numbers);
}

static void ids_of_those_that_live_are_dense_in_their_low_bits(void **state)
{
	static bool used[1000];
	static ksem_id_t ids[1000];
	struct numbers numbers;

	(void)state;
	numbers_init(&numbers, 1 << 20);
	for (unsigned round = 0; round < 5; round++) {
		memset(used, 0, sizeof(used));
		for (unsigned i = 0; i < 1000; i++) {
			uint64_t number;

			ids[i] = take(&numbers);
			number = number_of(&numbers, ids[i]);
			assert_true(number < 1000);
			assert_false(used[number]);
			used[number] = true;
		}
		for (unsigned i = 0; i < 1000; i++)
			assert_true(numbers_give(&numbers, ids[(i * 7 + round) % 1000]));
	}
	assert_int_equal(numbers.made, 1000);
	numbers_fini(&numbers);
}

static void chunks_grow_to_a_hundred_thousand(void **state)
{
	enum { MANY = 100000 };
	struct numbers numbers;
	uint64_t cursor = 0;
	ksem_id_t id = 0;

	(void)state;
	numbers_init(&numbers, MANY);
	for (uint64_t i = 0; i < MANY; i++) {
		id = take(&numbers);
		assert_int_equal(number_of(&numbers, id), i);
		numbers_fill(&numbers, id, semaphore(i));
	}
	FAILS(ENFILE, numbers_take(&numbers, &id));
	for (uint64_t i = 0; i < MANY; i++)
		assert_ptr_equal(numbers_next(&numbers, &cursor), semaphore(i));
	assert_null(numbers_next(&numbers, &cursor));
	/* Twice as many as needed at most, and a few chunks. */
	assert_true(failing_memory_bytes() <= 2 * MANY * sizeof(struct number) + NUMBERS_FIRST * sizeof(struct number));
	assert_true(failing_memory_blocks() <= 12);
	numbers_fini(&numbers);
}

static void visits_go_to_filled_slots_only(void **state)
{
	ksem_id_t ids[6];
	struct numbers numbers;
	uint64_t cursor = 0;

	(void)state;
	numbers_init(&numbers, 10);
	assert_null(numbers_next(&numbers, &cursor));
	for (unsigned i = 0; i < 6; i++)
		ids[i] = take(&numbers);
	assert_null(numbers_next(&numbers, &cursor)); /* taken, not filled */
	cursor = 0;
	for (unsigned i = 0; i < 5; i++) /* all but the last */
		numbers_fill(&numbers, ids[i], semaphore(i));
	assert_true(numbers_give(&numbers, ids[0]));
	assert_true(numbers_give(&numbers, ids[3]));
	assert_ptr_equal(numbers_next(&numbers, &cursor), semaphore(1));
	assert_ptr_equal(numbers_next(&numbers, &cursor), semaphore(2));
	assert_ptr_equal(numbers_next(&numbers, &cursor), semaphore(4));
	assert_null(numbers_next(&numbers, &cursor));
	ids[3] = take(&numbers);
	cursor = 0;
	for (unsigned i = 0; i < 3; i++) /* a slot that was given back is seen only when it's filled anew */
		assert_non_null(numbers_next(&numbers, &cursor));
	assert_null(numbers_next(&numbers, &cursor));
	numbers_fill(&numbers, ids[3], semaphore(9));
	cursor = number_of(&numbers, ids[3]);
	assert_ptr_equal(numbers_next(&numbers, &cursor), semaphore(9));
	numbers_fini(&numbers);
}

static void a_slot_that_was_not_needed_leaves_no_memory(void **state)
{
	ksem_id_t ids[4 * NUMBERS_FIRST];
	struct numbers numbers;
	unsigned chunks = 0;

	(void)state;
	numbers_init(&numbers, 4 * NUMBERS_FIRST);
	for (unsigned i = 0; i < 4 * NUMBERS_FIRST; i++) {
		size_t before = failing_memory_bytes();
		ksem_id_t id = take(&numbers);

		chunks += failing_memory_bytes() != before;
		numbers_untake(&numbers, id);
		assert_int_equal(failing_memory_bytes(), before);
		assert_int_equal(numbers.live, i);
		ids[i] = take(&numbers);
		for (unsigned j = 0; j < i; j++)
			assert_true(ids[j] != ids[i]);
	}
	assert_int_equal(chunks, 3); /* of 64, 128 and 256 */
	numbers_fini(&numbers);
}

static void a_slot_used_before_keeps_its_count_when_it_is_not_needed(void **state)
{
	struct numbers numbers;
	ksem_id_t first, second, third;
	size_t before;

	(void)state;
	numbers_init(&numbers, 4);
	first = take(&numbers);
	assert_true(numbers_give(&numbers, first));
	before = failing_memory_bytes();
	second = take(&numbers);
	numbers_untake(&numbers, second);
	assert_int_equal(failing_memory_bytes(), before);
	third = take(&numbers);
	assert_true(third != first);
	numbers_fini(&numbers);
}

static void no_memory_for_a_chunk_is_ENOMEM_and_passes(void **state)
{
	struct numbers numbers;
	ksem_id_t id = 77;
	unsigned next_chunk = 0;

	(void)state;
	numbers_init(&numbers, 1000);
	for (unsigned i = 0; i < 1000; i++) {
		failing_memory_fail_all(true);
		if (i == next_chunk) {
			next_chunk = 2 * next_chunk + NUMBERS_FIRST;
			id = 77;
			FAILS(ENOMEM, numbers_take(&numbers, &id));
			assert_int_equal(id, 77);
			assert_int_equal(numbers.live, i);
			failing_memory_fail_all(false);
		}
		OK(numbers_take(&numbers, &id));
	}
	failing_memory_fail_all(false);
	numbers_fini(&numbers);
}

/* A slot of which all but `left` uses are gone; it's the next to be taken. */
static void wear(struct numbers *numbers, uint64_t number, uint64_t left)
{
	numbers->chunks[0][number].uses = (UINT64_MAX >> numbers->bits) - left;
}

static void a_slot_whose_uses_are_up_is_never_used_again(void **state)
{
	struct numbers numbers;
	ksem_id_t id, last;

	(void)state;
	numbers_init(&numbers, 3); /* two bits: four numbers */
	id = take(&numbers);
	assert_int_equal(number_of(&numbers, id), 0);
	assert_true(numbers_give(&numbers, id));
	wear(&numbers, 0, 2);
	last = id;
	for (unsigned left = 2; left > 0; left--) {
		id = take(&numbers);
		assert_int_equal(number_of(&numbers, id), 0);
		assert_true(id > last); /* it hasn't wrapped */
		numbers_fill(&numbers, id, semaphore(0));
		assert_true(numbers_give(&numbers, id));
		assert_false(numbers_give(&numbers, id));
		last = id;
	}
	assert_true(id >> numbers.bits == UINT64_MAX >> numbers.bits);
	for (unsigned i = 0; i < 100; i++) {
		uint64_t cursor = 0;

		id = take(&numbers);
		assert_int_equal(number_of(&numbers, id), 1);
		assert_true(id != last);
		numbers_fill(&numbers, id, semaphore(i));
		assert_ptr_equal(numbers_next(&numbers, &cursor), semaphore(i));
		assert_null(numbers_next(&numbers, &cursor));
		assert_true(numbers_give(&numbers, id));
	}
	numbers_fini(&numbers);
}

static void when_every_id_was_used_there_is_none(void **state)
{
	struct numbers numbers;
	ksem_id_t id, none = 77;

	(void)state;
	numbers_init(&numbers, 3);
	for (unsigned number = 0; number < 4; number++) {
		id = take(&numbers);
		assert_int_equal(number_of(&numbers, id), number);
		assert_true(numbers_give(&numbers, id));
		wear(&numbers, number, 1);
		id = take(&numbers);
		assert_int_equal(number_of(&numbers, id), number);
		assert_true(numbers_give(&numbers, id));
	}
	FAILS(ENFILE, numbers_take(&numbers, &none));
	assert_int_equal(none, 77);
	assert_int_equal(numbers.live, 0);
	numbers_fini(&numbers);
}

static void the_highest_limit_leaves_uses_and_numbers_apart(void **state)
{
	struct numbers numbers;
	ksem_id_t id;

	(void)state;
	numbers_init(&numbers, UINT32_MAX);
	assert_int_equal(numbers.bits, 32);
	id = take(&numbers);
	assert_true(numbers_give(&numbers, id));
	wear(&numbers, 0, 1);
	id = take(&numbers);
	assert_true(id == UINT64_C(0xFFFFFFFF00000000));
	assert_true(numbers_give(&numbers, id));
	assert_int_equal(number_of(&numbers, take(&numbers)), 1);
	numbers_fini(&numbers);
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
