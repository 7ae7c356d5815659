/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The numbers of a namespace (private/numbers.h): the limit; ids that lead to where their semaphores stand, are dense
 * in their low bits, never 0 and never given out twice, also where a number's uses are nearly up; growth; visiting;
 * processes' numbers; where no range of addresses can be had, or no memory; and that all is given back.
 */
#include "support.h"

#include <sys/resource.h>

#include "base/memory.h"
#include "failing_memory.h"
#include "object/namespace.h"
#include "private/numbers.h"

static const struct namespace_ops no_ops;
static struct ksem_ns ns = {.ops = &no_ops};

static struct numbers *numbers_for(uint32_t max)
{
	struct numbers *numbers = numbers_new(&ns, max);

	assert_non_null(numbers);
	return numbers;
}

/* The same where the kernel gives no range. */
static struct numbers *numbers_without_range(uint32_t max)
{
	struct rlimit limit, tight;
	struct numbers *numbers;

	if (SANITIZED)
		SKIP("the sanitizer's memory is over every limit");
	if (EMULATED)
		SKIP("qemu-user keeps no limit of addresses");
	OK(getrlimit(RLIMIT_AS, &limit));
	tight = limit;
	tight.rlim_cur = 16 << 20;
	OK(setrlimit(RLIMIT_AS, &tight));
	numbers = numbers_for(max);
	OK(setrlimit(RLIMIT_AS, &limit));
	assert_null(numbers->range);
	assert_true(numbers->reserved == 0);
	return numbers;
}

static uint64_t number_of(const struct numbers *numbers, ksem_id_t id)
{
	return (id & ((UINT64_C(1) << numbers->bits) - 1)) >> IDS_NUMBER_SHIFT;
}

static struct ksem *take(struct numbers *numbers)
{
	struct ksem *ksem = NULL;
	ksem_id_t id = 0;

	OK(numbers_take(numbers, &ksem, &id));
	assert_true(id != 0 && id == object_id(ksem));
	store_rlx(&object_cold(ksem)->sem.owners_byte, 0);
	numbers_list(ksem);
	return ksem;
}

static void free_again(struct ksem *ksem)
{
	object_home(ksem)->give_back(ksem);
}

static void give(struct numbers *numbers, struct ksem *ksem)
{
	numbers_unlist(numbers, ksem);
	free_again(ksem);
}

static void at_the_limit_one_must_be_given_back_first(void **state)
{
	static const uint32_t limits[] = {1, 2, 3, 30, 63, 64, 65, 1000};
	static struct ksem *sems[1000];

	(void)state;
	for (size_t l = 0; l < sizeof(limits) / sizeof(*limits); l++) {
		uint32_t max = limits[l];
		struct numbers *numbers = numbers_for(max);
		struct ksem *none = NULL;
		ksem_id_t id = 77;

		for (uint32_t i = 0; i < max; i++)
			sems[i] = take(numbers);
		for (unsigned again = 0; again < 3; again++) {
			FAILS(ENFILE, numbers_take(numbers, &none, &id));
			assert_true(!none && id == 77);
			numbers_unlist(numbers, sems[max / 2]);
			numbers_unlist(numbers, sems[max / 2]); /* counts once only */
			free_again(sems[max / 2]);
			sems[max / 2] = take(numbers);
		}
		failing_memory_fail_all(true);
		FAILS(ENFILE, numbers_take(numbers, &none, &id)); /* and not ENOMEM */
		failing_memory_fail_all(false);
		for (uint32_t i = 0; i < max; i++)
			give(numbers, sems[i]);
		numbers_drop(numbers);
	}
}

/* As when a pin keeps the memory of semaphores that were destroyed. */
static void what_counts_no_more_keeps_its_number(void **state)
{
	enum { KEPT = 1000 };
	struct numbers *numbers = numbers_for(1);
	static struct ksem *sems[KEPT];

	(void)state;
	for (unsigned i = 0; i < KEPT; i++) {
		sems[i] = take(numbers);
		assert_true(i == 0 || sems[i] != sems[i - 1]);
		numbers_unlist(numbers, sems[i]);
	}
	for (unsigned i = 0; i < KEPT; i++)
		free_again(sems[i]);
	numbers_drop(numbers);
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
	struct ksem *held[MAX];
	unsigned count = 0, holding = 0;
	struct random random = random_new();
	struct numbers *numbers = numbers_for(MAX);

	(void)state;
	while (count < takes) {
		unsigned most = random_below(&random, 20) ? MAX / 4 : MAX; /* seldom full, often the same few numbers */

		if (holding < most && random_below(&random, 2)) {
			held[holding] = take(numbers);
			all[count++] = object_id(held[holding++]);
		} else if (holding > 0) {
			unsigned i = random_below(&random, holding);

			give(numbers, held[i]);
			held[i] = held[--holding];
		}
		assert_int_equal(numbers->live, holding);
	}
	qsort(all, takes, sizeof(*all), compare);
	for (unsigned i = 1; i < takes; i++)
		assert_true(all[i - 1] != all[i]);
	while (holding > 0)
		give(numbers, held[--holding]);
	numbers_drop(numbers);
	free(all);
}

static void ids_of_those_that_live_are_dense_in_their_low_bits(void **state)
{
	enum { SEMS = 1000, NUMBERS = SEMS + SEMS / (BLOCK_UNITS - 1) + BLOCK_UNITS };
	static bool used[NUMBERS];
	static struct ksem *sems[SEMS];
	struct numbers *numbers = numbers_for(1 << 20);

	(void)state;
	for (unsigned round = 0; round < 5; round++) {
		memset(used, 0, sizeof(used));
		for (unsigned i = 0; i < SEMS; i++) {
			uint64_t number;

			sems[i] = take(numbers);
			number = number_of(numbers, object_id(sems[i]));
			assert_true(number < NUMBERS && number % BLOCK_UNITS != 0);
			assert_false(used[number]);
			used[number] = true;
		}
		for (unsigned i = 0; i < SEMS; i++)
			give(numbers, sems[(i * 7 + round) % SEMS]);
	}
	assert_int_equal(numbers->made, SEMS);
	numbers_drop(numbers);
}

static void an_id_leads_to_where_its_semaphore_stands(void **state)
{
	enum { MANY = 100000 };
	struct numbers *numbers = numbers_for(MANY);
	char *first = (char *)&numbers->range[0].sem;
	uint64_t cursor = 0;

	(void)state;
	assert_non_null(numbers->range);
	for (unsigned i = 0; i < MANY; i++) {
		struct ksem *ksem = take(numbers);

		assert_ptr_equal(first + (object_id(ksem) & ((numbers->reserved - 1) << IDS_NUMBER_SHIFT)), ksem);
		assert_true(object_is_private(ksem));
		assert_ptr_equal(object_ns(ksem), &ns);
	}
	/* All of it can be read, and beyond what is used there is nothing. */
	assert_true(load_rlx(&numbers->range[numbers->reserved - 1].tag) == 0);
	assert_true(failing_memory_committed() <= (sizeof(struct semaphore_unit) + COLD_BYTES) * (MANY * 4 / 3));
	for (struct ksem *ksem; (ksem = numbers_next(numbers, &cursor));)
		give(numbers, ksem);
	numbers_drop(numbers);
}

static void the_first_stand_in_cache_lines_of_their_own(void **state)
{
	struct numbers *numbers = numbers_for(100);
	struct ksem *sems[12];

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		sems[i] = take(numbers);
		for (unsigned j = 0; j < i; j++)
			assert_true((uintptr_t)sems[i] / KSEM_CACHE_LINE != (uintptr_t)sems[j] / KSEM_CACHE_LINE);
	}
	for (unsigned i = 0; i < 12; i++)
		give(numbers, sems[i]);
	numbers_drop(numbers);
}

/* So each has a place of its own in a table of 8. */
static void eight_in_turn_differ_in_their_low_bits(void **state)
{
	struct numbers *numbers = numbers_for(100);
	struct ksem *sems[56];

	(void)state;
	for (unsigned i = 0; i < 56; i++) {
		sems[i] = take(numbers);
		for (unsigned j = i < 7 ? 0 : i - 7; j < i; j++)
			assert_true((number_of(numbers, object_id(sems[i])) ^ number_of(numbers, object_id(sems[j]))) %
					    8 !=
				    0);
	}
	for (unsigned i = 0; i < 56; i++)
		give(numbers, sems[i]);
	numbers_drop(numbers);
}

static void visits_go_to_listed_ones_only(void **state)
{
	struct numbers *numbers = numbers_for(10);
	struct ksem *sems[6], *ksem;
	ksem_id_t id;
	uint64_t cursor = 0;
	unsigned visits = 0;

	(void)state;
	assert_null(numbers_next(numbers, &cursor));
	for (unsigned i = 0; i < 5; i++)
		sems[i] = take(numbers);
	OK(numbers_take(numbers, &sems[5], &id)); /* taken, not listed */
	store_rlx(&object_cold(sems[5])->sem.owners_byte, OBJECT_NAMED);
	numbers_unlist(numbers, sems[0]);
	numbers_unlist(numbers, sems[3]);
	cursor = 0;
	while ((ksem = numbers_next(numbers, &cursor))) {
		assert_true(ksem == sems[1] || ksem == sems[2] || ksem == sems[4]);
		visits++;
	}
	assert_int_equal(visits, 3);
	assert_null(numbers_next(numbers, &cursor));
	numbers_list(sems[5]);
	assert_true(object_is_named(sems[5])); /* still */
	cursor = number_of(numbers, object_id(sems[5]));
	assert_ptr_equal(numbers_next(numbers, &cursor), sems[5]);
	for (unsigned i = 0; i < 6; i++)
		give(numbers, sems[i]);
	numbers_drop(numbers);
}

/* ---- Processes' numbers. ---- */

static void a_holder_is_found_by_no_id_and_finds_nothing_where_it_stands(void **state)
{
	enum { HOLDERS = 300 };
	static struct ksem *taken[HOLDERS];
	static struct ids ids[HOLDERS];
	struct numbers *numbers = numbers_for(1);

	(void)state;
	for (unsigned i = 0; i < HOLDERS; i++) {
		ids_init(&ids[i]);
		OK(numbers_take_holder(numbers, &ids[i], &taken[i]));
		assert_non_null(taken[i]);
		assert_true(word_is_dead(semaphore_word(&taken[i]->sem)));
		/* A tag that is 0 is expected at its own number alone. */
		assert_ptr_equal(ids[i].base + (-ids[i].holder & ids[i].mask), taken[i]);
		/* No two of them expect the same tag at one place, nor would an entry of a small table mislead one. */
		assert_true((ids[i].holder >> IDS_NUMBER_SHIFT) % IDS_HOMES_LEAST != 0);
		for (unsigned j = 0; j < i; j++)
			assert_true(((ids[i].holder ^ ids[j].holder) & ids[i].mask) != 0);
	}
	assert_int_equal(numbers->live, 0);
	for (unsigned i = 0; i < HOLDERS; i++)
		free_again(taken[i]);
	numbers_drop(numbers);
}

/* They are looked at once each, however many processes come. */
static void numbers_that_no_process_fits_go_to_semaphores(void **state)
{
	enum { HOLDERS = 300 };
	static struct ksem *taken[HOLDERS];
	struct numbers *numbers = numbers_for(HOLDERS);
	uint64_t made;

	(void)state;
	for (unsigned i = 0; i < HOLDERS; i++) {
		struct ids ids;

		ids_init(&ids);
		OK(numbers_take_holder(numbers, &ids, &taken[i]));
	}
	made = numbers->made;
	assert_true(made > HOLDERS + 2);
	for (uint64_t i = HOLDERS; i < made - 2; i++) { /* two are left when the namespace ends */
		struct ksem *ksem = take(numbers);

		assert_int_equal(number_of(numbers, object_id(ksem)) % IDS_HOMES_LEAST, 0);
		give(numbers, ksem);
	}
	assert_int_equal(numbers->made, made);
	for (unsigned i = 0; i < HOLDERS; i++)
		free_again(taken[i]);
	numbers_drop(numbers);
}

static void a_process_s_own_tag_finds_a_semaphore_until_it_is_disowned(void **state)
{
	struct numbers *numbers = numbers_for(10);
	struct ksem *ksem, *holder, *other_holder;
	struct ids ids, other;
	ksem_id_t id;

	(void)state;
	ids_init(&ids);
	ids_init(&other);
	OK(numbers_take_holder(numbers, &ids, &holder));
	OK(numbers_take_holder(numbers, &other, &other_holder));
	ksem = take(numbers);
	id = object_id(ksem);
	ids_own(&ids, ksem, id);
	assert_ptr_equal(ids_find(&ids, id), ksem);
	assert_null(ids_find(&other, id));
	assert_null(ids_find(&ids, id + ids.holder));
	assert_null(ids_find(&ids, id + (UINT64_C(1) << numbers->bits)));
	assert_null(ids_find(&other, id + ids.holder - other.holder)); /* who guesses the tag guesses another place */
	ids_disown(ksem);
	assert_null(ids_find(&ids, id)); /* it is in no table */
	give(numbers, ksem);
	free_again(holder);
	free_again(other_holder);
	numbers_drop(numbers);
}

/* ---- What runs out. ---- */

/* Of which all but `left` uses are gone. */
static void wear(const struct numbers *numbers, struct ksem *ksem, uint64_t left)
{
	ksem_id_t low = object_id(ksem) & ((UINT64_C(1) << numbers->bits) - 1);

	object_cold(ksem)->id = ((UINT64_MAX >> numbers->bits) - left) << numbers->bits | low;
}

static void a_number_whose_uses_are_up_is_never_used_again(void **state)
{
	struct numbers *numbers = numbers_for(3);
	struct ksem *ksem = take(numbers), *worn = ksem;
	ksem_id_t last = 0;

	(void)state;
	wear(numbers, ksem, 2);
	give(numbers, ksem);
	for (unsigned left = 2; left > 0; left--) {
		ksem = take(numbers);
		assert_ptr_equal(ksem, worn);
		assert_true(object_id(ksem) > last); /* it hasn't wrapped */
		last = object_id(ksem);
		give(numbers, ksem);
	}
	assert_true(last >> numbers->bits == UINT64_MAX >> numbers->bits);
	for (unsigned i = 0; i < 100; i++) {
		ksem = take(numbers);
		assert_ptr_not_equal(ksem, worn);
		give(numbers, ksem);
	}
	numbers_drop(numbers);
}

static void when_every_id_was_used_there_is_none(void **state)
{
	struct numbers *numbers = numbers_for(1000);
	struct ksem *ksem;
	ksem_id_t none = 77;

	(void)state;
	numbers->bits = IDS_NUMBER_SHIFT + 6; /* 64 numbers, of which one is no number */
	for (unsigned i = 0; i < BLOCK_UNITS - 1; i++) {
		ksem = take(numbers);
		wear(numbers, ksem, 0);
		give(numbers, ksem);
	}
	FAILS(ENFILE, numbers_take(numbers, &ksem, &none));
	assert_int_equal(none, 77);
	assert_int_equal(numbers->live, 0);
	numbers_drop(numbers);
}

static void the_highest_limit_leaves_uses_and_numbers_apart(void **state)
{
	struct numbers *numbers = numbers_for(UINT32_MAX);
	struct ksem *ksem = take(numbers);

	(void)state;
	assert_int_equal(numbers->bits, 33 + IDS_NUMBER_SHIFT);
	assert_true(number_of(numbers, object_id(ksem)) >= 1);
	assert_true(object_id(ksem) >> numbers->bits == 1);
	give(numbers, ksem);
	numbers_drop(numbers);
}

/* ---- Memory. ---- */

static void memory_stays_until_the_last_number_is_given_back(void **state)
{
	struct numbers *numbers = numbers_for(100);
	struct ksem *first = take(numbers), *second = take(numbers);

	(void)state;
	numbers_unlist(numbers, first);
	numbers_drop(numbers);
	assert_true(failing_memory_blocks() > 0);
	free_again(first);
	assert_true(object_id(second) != 0);
	free_again(second);
	assert_int_equal(failing_memory_blocks(), 0);
}

static void no_memory_for_a_chunk_is_ENOMEM_and_passes(void **state)
{
	enum { SEMS = 1000 };

	(void)state;
	for (unsigned range = 0; range < 2; range++) {
		struct numbers *numbers = range ? numbers_for(SEMS) : numbers_without_range(SEMS);
		unsigned refused = 0;
		uint64_t cursor = 0;

		for (unsigned i = 0; i < SEMS; i++) {
			struct ksem *ksem = NULL;
			ksem_id_t id = 77;
			int error;

			failing_memory_fail_all(true);
			error = numbers_take(numbers, &ksem, &id);
			if (error) {
				assert_int_equal(error, ENOMEM);
				assert_true(!ksem && id == 77);
				assert_int_equal(numbers->live, i);
				refused++;
			}
			failing_memory_fail_all(false);
			if (error)
				take(numbers);
			else
				numbers_list(ksem);
		}
		assert_int_equal(refused, 5); /* chunks of 64, 64, 128, 256 and 512 */
		for (struct ksem *ksem; (ksem = numbers_next(numbers, &cursor));)
			give(numbers, ksem);
		numbers_drop(numbers);
	}
}

static void without_a_range_all_works_by_tables(void **state)
{
	enum { SEMS = 5000 };
	struct numbers *numbers = numbers_without_range(SEMS);
	struct ksem *holder, *ksem;
	struct reclaim old = RECLAIM_NONE;
	struct ids ids;
	uint64_t cursor = 0;

	(void)state;
	ids_init(&ids);
	OK(numbers_take_holder(numbers, &ids, &holder));
	assert_null(holder);
	for (unsigned i = 0; i < SEMS; i++) {
		ksem = take(numbers);
		assert_true(object_is_private(ksem));
		OK(ids_reserve(&ids, &old));
		ids_own(&ids, ksem, object_id(ksem));
		assert_null(ids_find(&ids, object_id(ksem)));
		ids_add(&ids, ksem);
		assert_ptr_equal(ids_find(&ids, object_id(ksem)), ksem);
	}
	assert_null(ids_find(&ids, 0));
	assert_null(ids_find(&ids, UINT64_MAX)); /* the id that would be expected where nothing is */
	while ((ksem = numbers_next(numbers, &cursor))) {
		ids_remove(&ids, ksem, &old);
		assert_null(ids_find(&ids, object_id(ksem)));
		give(numbers, ksem);
	}
	ids_retire(ids_take_all(&ids), &old);
	reclaim_free(old);
	numbers_drop(numbers);
}

static void a_number_that_was_not_needed_leaves_no_memory(void **state)
{
	enum { SEMS = 4 * BLOCK_UNITS };
	static struct ksem *sems[SEMS];
	struct numbers *numbers = numbers_without_range(SEMS);
	unsigned chunks = 0;

	(void)state;
	for (unsigned i = 0; i < SEMS; i++) {
		size_t before = failing_memory_bytes();
		struct ksem *ksem;
		ksem_id_t id;

		OK(numbers_take(numbers, &ksem, &id));
		chunks += failing_memory_bytes() != before;
		numbers_untake(numbers, ksem);
		assert_int_equal(failing_memory_bytes(), before);
		assert_int_equal(numbers->live, i);
		sems[i] = take(numbers);
		for (unsigned j = 0; j < i; j++)
			assert_true(object_id(sems[j]) != object_id(sems[i]));
	}
	assert_int_equal(chunks, 4); /* of 64, 64, 128 and 256 */
	for (unsigned i = 0; i < SEMS; i++)
		give(numbers, sems[i]);
	numbers_drop(numbers);
}

static void a_number_used_before_keeps_its_count_when_it_is_not_needed(void **state)
{
	struct numbers *numbers = numbers_for(4);
	struct ksem *ksem = take(numbers), *again;
	ksem_id_t first = object_id(ksem), second;

	(void)state;
	give(numbers, ksem);
	OK(numbers_take(numbers, &again, &second));
	numbers_untake(numbers, again);
	again = take(numbers);
	assert_true(object_id(again) != first && object_id(again) != second);
	give(numbers, again);
	numbers_drop(numbers);
}

#define counted_test(f) cmocka_unit_test_setup_teardown(f, failing_memory_setup, failing_memory_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		counted_test(at_the_limit_one_must_be_given_back_first),
		counted_test(what_counts_no_more_keeps_its_number),
		counted_test(no_id_comes_twice_over_heavy_reuse),
		counted_test(ids_of_those_that_live_are_dense_in_their_low_bits),
		counted_test(an_id_leads_to_where_its_semaphore_stands),
		counted_test(the_first_stand_in_cache_lines_of_their_own),
		counted_test(eight_in_turn_differ_in_their_low_bits),
		counted_test(visits_go_to_listed_ones_only),
		counted_test(a_holder_is_found_by_no_id_and_finds_nothing_where_it_stands),
		counted_test(numbers_that_no_process_fits_go_to_semaphores),
		counted_test(a_process_s_own_tag_finds_a_semaphore_until_it_is_disowned),
		counted_test(a_number_whose_uses_are_up_is_never_used_again),
		counted_test(when_every_id_was_used_there_is_none),
		counted_test(the_highest_limit_leaves_uses_and_numbers_apart),
		counted_test(memory_stays_until_the_last_number_is_given_back),
		counted_test(no_memory_for_a_chunk_is_ENOMEM_and_passes),
		counted_test(without_a_range_all_works_by_tables),
		counted_test(a_number_that_was_not_needed_leaves_no_memory),
		counted_test(a_number_used_before_keeps_its_count_when_it_is_not_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
