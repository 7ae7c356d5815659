/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The id table of a process (object/ids.h) on its own: random changes against a model, for ids that are dense,
 * random, or all meant for one home; removal and reuse in spill; growth and shrinking; copies; memory that fails;
 * readers during rebuilds.
 */
#include "support.h"

#include "base/rcu.h"
#include "failing_memory.h"
#include "lone.h"
#include "object/ids.h"

/* A table with what it needs around it: the semaphores that may be in it, and how many references to each should be. */
#define SEMS_MAX 6000

/* A semaphore in a block of its own. */
struct object {
	struct lone lone;
};

struct bench {
	struct ids ids;
	struct reclaim old;
	struct object *objects;
	struct ksem *sems[SEMS_MAX];
	uint32_t refs[SEMS_MAX];
	unsigned made;
	size_t entries;
};

typedef ksem_id_t (*pattern_fn)(unsigned i, struct random *random);

/* As numbers give them: low bits dense, above them how often the number was used. */
static ksem_id_t dense(unsigned i, struct random *random)
{
	return (random_next(random) | 1) << 24 | i << IDS_NUMBER_SHIFT;
}

static ksem_id_t scattered(unsigned i, struct random *random)
{
	return random_next(random) << 17 | i << IDS_NUMBER_SHIFT; /* distinct */
}

/* One home for all, whatever the size of the table. */
static ksem_id_t one_home(unsigned i, struct random *random)
{
	(void)random;
	return (ksem_id_t)(i + 1) << 36 | 5 << IDS_NUMBER_SHIFT;
}

static ksem_id_t few_homes(unsigned i, struct random *random)
{
	return (ksem_id_t)(i + 1) << 28 | random_below(random, 16) << IDS_NUMBER_SHIFT;
}

static void set_id(struct ksem *ksem, ksem_id_t id)
{
	object_cold(ksem)->id = id;
	store_rlx(object_tag(ksem), id);
}

static struct bench *bench_new(unsigned sems, pattern_fn pattern)
{
	const struct ksem_cred nobody = {0, 0};
	struct random random = random_new();
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	ids_init(&bench->ids);
	bench->objects = aligned_alloc(_Alignof(struct object), sems * sizeof(*bench->objects));
	assert_non_null(bench->objects);
	for (unsigned i = 0; i < sems; i++) {
		bench->sems[i] = (struct ksem *)lone_semaphore(&bench->objects[i].lone);
		object_init(bench->sems[i], &nobody, false, 0, 0);
		set_id(bench->sems[i], pattern(i, &random));
	}
	bench->made = sems;
	return bench;
}

static void bench_free(struct bench *bench)
{
	ids_retire(ids_take_all(&bench->ids), &bench->old);
	reclaim_free(bench->old);
	free(bench->objects);
	free(bench);
}

static struct ksem *find(const struct bench *bench, ksem_id_t id)
{
	struct ksem *ksem;

	rcu_enter();
	ksem = ids_find_listed(&bench->ids, id);
	rcu_leave();
	return ksem;
}

static const struct ids_table *table_of(const struct bench *bench)
{
	return load_rlx(&bench->ids.table);
}

static size_t homes_of(const struct ids_table *table)
{
	return (table->mask >> IDS_NUMBER_SHIFT) + 1;
}

static void add(struct bench *bench, unsigned i)
{
	if (bench->refs[i] == 0)
		OK(ids_reserve(&bench->ids, &bench->old));
	ids_add(&bench->ids, bench->sems[i]);
	bench->entries += bench->refs[i]++ == 0;
}

static void remove_one(struct bench *bench, unsigned i)
{
	ids_remove(&bench->ids, bench->sems[i], &bench->old);
	bench->entries -= --bench->refs[i] == 0;
	reclaim_when_full(&bench->old);
}

static void check_sizes(const struct bench *bench)
{
	const struct ids_table *table = table_of(bench);
	size_t homes = homes_of(table);

	assert_int_equal(bench->ids.count, bench->entries);
	assert_true(homes >= bench->entries || bench->entries == 0);
	assert_true(homes <= 8 || homes <= 8 * bench->entries);
	assert_true(load_rlx(&table->spilled) == 0 || 2 * load_rlx(&table->spilled) <= table->spill_mask + 1);
}

static int by_address(const void *a, const void *b)
{
	uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;

	return (x > y) - (x < y);
}

/* Every semaphore is found or not, as it should be, and visited once with its references. */
static void check_all(const struct bench *bench)
{
	static uintptr_t visited[SEMS_MAX], expected[SEMS_MAX];
	size_t cursor = 0, visits = 0, entries = 0;
	uint64_t refs_visited = 0, refs_expected = 0;
	struct ksem *ksem;
	uint32_t refs;

	for (unsigned i = 0; i < bench->made; i++) {
		assert_ptr_equal(find(bench, object_id(bench->sems[i])), bench->refs[i] ? bench->sems[i] : NULL);
		refs_expected += bench->refs[i] * object_id(bench->sems[i]);
		if (bench->refs[i])
			expected[entries++] = (uintptr_t)bench->sems[i];
	}
	while ((ksem = ids_next(table_of(bench), &cursor, &refs))) {
		assert_true(visits < entries);
		visited[visits++] = (uintptr_t)ksem;
		refs_visited += refs * object_id(ksem);
	}
	assert_int_equal(visits, entries);
	qsort(visited, visits, sizeof(*visited), by_address);
	qsort(expected, entries, sizeof(*expected), by_address);
	assert_memory_equal(visited, expected, visits * sizeof(*visited));
	assert_true(refs_visited == refs_expected);
	assert_null(find(bench, 0));
	assert_null(find(bench, UINT64_MAX));
	check_sizes(bench);
}

/* ---- Against the model. ---- */

static void change_at_random(pattern_fn pattern)
{
	enum { SEMS = 500 };
	struct bench *bench = bench_new(SEMS, pattern);
	struct random random = random_new();
	unsigned rounds = ROUNDS(60000);

	for (unsigned round = 0; round < rounds; round++) {
		unsigned i = random_below(&random, SEMS);
		unsigned wave = round / (rounds / 10) % 2; /* mostly adds, then mostly removals, five times */

		if (bench->refs[i] < 4 && random_below(&random, 10) < (wave ? 2 : 8))
			add(bench, i);
		else if (bench->refs[i] > 0)
			remove_one(bench, i);
		check_sizes(bench);
		assert_ptr_equal(find(bench, object_id(bench->sems[i])), bench->refs[i] ? bench->sems[i] : NULL);
		if (round % 250 == 0)
			check_all(bench);
	}
	check_all(bench);
	bench_free(bench);
}

static void dense_ids_do_as_the_model_does(void **state)
{
	(void)state;
	change_at_random(dense);
}

static void scattered_ids_do_as_the_model_does(void **state)
{
	(void)state;
	change_at_random(scattered);
}

static void ids_of_one_home_do_as_the_model_does(void **state)
{
	(void)state;
	change_at_random(one_home);
}

static void ids_of_few_homes_do_as_the_model_does(void **state)
{
	(void)state;
	change_at_random(few_homes);
}

/* ---- What is where. ---- */

static void dense_ids_all_stand_in_their_homes(void **state)
{
	struct bench *bench = bench_new(1000, dense);

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		add(bench, i);
		assert_int_equal(load_rlx(&table_of(bench)->spilled), 0);
	}
	check_all(bench);
	bench_free(bench);
}

static void what_is_not_there_is_not_found(void **state)
{
	static const pattern_fn patterns[] = {dense, scattered, one_home, few_homes};

	(void)state;
	for (unsigned p = 0; p < 4; p++) {
		struct bench *bench = bench_new(200, patterns[p]);

		for (unsigned i = 0; i < 200; i += 2)
			add(bench, i);
		for (unsigned i = 0; i < 200; i++) {
			ksem_id_t id = object_id(bench->sems[i]);

			assert_null(find(bench, object_id(bench->sems[i | 1])));
			assert_null(find(bench, id ^ UINT64_C(1) << 63)); /* the same home */
			assert_null(find(bench, id ^ UINT64_C(1) << 62));
		}
		bench_free(bench);
	}
}

static void zero_is_never_found(void **state)
{
	struct bench *bench = bench_new(40, one_home);

	(void)state;
	assert_null(find(bench, 0)); /* in an empty table */
	for (unsigned i = 0; i < 40; i++)
		set_id(bench->sems[i],
		       object_id(bench->sems[i]) &
			       ~UINT64_C(0xFF)); /* the home of 0, which in spill stands for what was removed */
	for (unsigned i = 0; i < 40; i++) {
		add(bench, i);
		assert_null(find(bench, 0));
	}
	for (unsigned i = 1; i < 40; i++) {
		remove_one(bench, i);
		assert_null(find(bench, 0));
	}
	bench_free(bench);
}

static void places_in_spill_are_used_again(void **state)
{
	enum { STAY = 40 };
	struct bench *bench = bench_new(STAY + 1000, one_home);
	const struct ids_table *table;
	size_t spilled, spill_mask;

	(void)state;
	for (unsigned i = 0; i < STAY; i++)
		add(bench, i);
	table = table_of(bench);
	spill_mask = table->spill_mask;
	spilled = load_rlx(&table->spilled);
	assert_int_equal(spilled, STAY - 1);
	for (unsigned i = 1; i < STAY; i += 2) /* in the middle of probes: the rest is still found */
		remove_one(bench, i);
	check_all(bench);
	for (unsigned i = 1; i < STAY; i += 2)
		add(bench, i);
	check_all(bench);
	assert_ptr_equal(table_of(bench), table);
	assert_int_equal(load_rlx(&table->spilled), spilled);

	for (unsigned i = STAY; i < STAY + 1000; i++) { /* comes and goes: the table neither fills nor grows */
		add(bench, i);
		remove_one(bench, i);
		check_sizes(bench);
	}
	check_all(bench);
	assert_true(table_of(bench)->spill_mask <= 2 * spill_mask + 1);
	bench_free(bench);
}

static void a_home_that_is_free_again_is_used_beside_spill(void **state)
{
	struct bench *bench = bench_new(4, one_home);

	(void)state;
	add(bench, 0); /* at home */
	add(bench, 1); /* in spill */
	remove_one(bench, 0);
	check_all(bench);
	add(bench, 1); /* where it stands, not at home too */
	assert_int_equal(bench->ids.count, 1);
	add(bench, 2); /* at home */
	check_all(bench);
	remove_one(bench, 1);
	remove_one(bench, 1);
	check_all(bench);
	bench_free(bench);
}

static void tables_grow_and_shrink_with_their_entries(void **state)
{
	static const pattern_fn patterns[] = {dense, scattered, one_home};

	(void)state;
	for (unsigned p = 0; p < 3; p++) {
		unsigned sems = p == 2 ? 1000 : SEMS_MAX;
		struct bench *bench = bench_new(sems, patterns[p]);
		size_t largest;

		for (unsigned i = 0; i < sems; i++) {
			add(bench, i);
			check_sizes(bench);
			reclaim_when_full(&bench->old);
		}
		check_all(bench);
		largest = table_of(bench)->bytes;
		for (unsigned i = 0; i < sems; i++) {
			remove_one(bench, i);
			check_sizes(bench);
		}
		check_all(bench);
		assert_int_equal(homes_of(table_of(bench)), 8);
		assert_true(table_of(bench)->bytes < largest / 50);
		bench_free(bench);
	}
}

static void references_are_counted_for_each(void **state)
{
	struct bench *bench = bench_new(3, one_home);

	(void)state;
	for (unsigned n = 0; n < 1000; n++) {
		for (unsigned i = 0; i < 3; i++)
			add(bench, i);
	}
	assert_int_equal(bench->ids.count, 3);
	check_all(bench);
	for (unsigned n = 0; n < 999; n++)
		remove_one(bench, 1);
	check_all(bench);
	remove_one(bench, 1);
	check_all(bench);
	bench_free(bench);
}

/* ---- Copies, and all at once. ---- */

static void check_lives(const struct bench *bench, unsigned times)
{
	for (unsigned i = 0; i < bench->made; i++)
		assert_true(load_rlx(&object_cold(bench->sems[i])->life) == life_refs(1 + times * bench->refs[i]));
}

static void check_same_entries(const struct bench *bench, const struct ids *copy)
{
	for (unsigned i = 0; i < bench->made; i++)
		assert_ptr_equal(ids_find_listed(copy, object_id(bench->sems[i])),
				 bench->refs[i] ? bench->sems[i] : NULL);
	assert_int_equal(copy->count, bench->ids.count);
}

static void a_copy_has_the_same_entries_and_takes_references(void **state)
{
	static const pattern_fn patterns[] = {dense, scattered, one_home, few_homes};

	(void)state;
	for (unsigned p = 0; p < 4; p++) {
		struct bench *bench = bench_new(300, patterns[p]);
		struct bench copy = {.made = 0};

		ids_init(&copy.ids);
		OK(ids_copy(&copy.ids, &bench->ids)); /* of an empty one */
		check_same_entries(bench, &copy.ids);
		for (unsigned i = 0; i < 300; i++) {
			for (unsigned n = 0; n < i % 5 + 1; n++)
				add(bench, i);
		}
		for (unsigned i = 0; i < 300; i += 3) {
			while (bench->refs[i] > 0)
				remove_one(bench, i);
		}
		OK(ids_copy(&copy.ids, &bench->ids));
		check_same_entries(bench, &copy.ids);
		check_lives(bench, 1);
		check_all(bench);

		/* Each goes its own way. */
		memcpy(copy.sems, bench->sems, sizeof(copy.sems));
		memcpy(copy.refs, bench->refs, sizeof(copy.refs));
		copy.made = bench->made;
		copy.entries = bench->entries;
		for (unsigned i = 0; i < 300; i++) {
			if (i % 2 && copy.refs[i])
				remove_one(&copy, i);
			if (i % 7 == 0)
				add(&copy, i);
		}
		check_all(&copy);
		check_all(bench);
		ids_retire(ids_take_all(&copy.ids), &copy.old);
		reclaim_free(copy.old);
		bench_free(bench);
	}
}

static void a_copy_that_fails_takes_nothing(void **state)
{
	struct bench *bench = bench_new(100, few_homes);
	struct ids copy;
	size_t bytes;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		add(bench, i);
		add(bench, i);
	}
	ids_init(&copy);
	bytes = failing_memory_bytes();

	failing_memory_fail_all(true);
	FAILS(ENOMEM, ids_copy(&copy, &bench->ids));
	failing_memory_fail_all(false);
	assert_int_equal(copy.count, 0);
	check_lives(bench, 0);

	for (unsigned i = 0; i < 100; i++) { /* each in turn has no room for two references more */
		store_rlx(&object_cold(bench->sems[i])->life, life_refs(LIFE_HALF_MAX - 1));
		FAILS(ENOMEM, ids_copy(&copy, &bench->ids));
		assert_true(load_rlx(&object_cold(bench->sems[i])->life) == life_refs(LIFE_HALF_MAX - 1));
		store_rlx(&object_cold(bench->sems[i])->life, life_refs(1));
		check_lives(bench, 0);
		assert_int_equal(copy.count, 0);
		assert_null(ids_find_listed(&copy, object_id(bench->sems[0])));
		assert_int_equal(failing_memory_bytes(), bytes);
	}
	OK(ids_copy(&copy, &bench->ids));
	check_lives(bench, 1);
	ids_retire(ids_take_all(&copy), &bench->old);
	bench_free(bench);
}

static void taking_all_leaves_an_empty_table_of_no_memory(void **state)
{
	struct bench *bench = bench_new(200, few_homes);
	size_t empty = failing_memory_bytes();

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		struct ids_table *table;
		struct ksem *ksem;
		size_t cursor = 0, entries = 0;
		uint32_t refs;

		for (unsigned i = 0; i < 200; i++)
			add(bench, i);
		table = ids_take_all(&bench->ids);
		assert_int_equal(bench->ids.count, 0);
		for (unsigned i = 0; i < 200; i++)
			assert_null(find(bench, object_id(bench->sems[i])));
		while ((ksem = ids_next(table, &cursor, &refs))) {
			assert_int_equal(refs, 1);
			entries++;
		}
		assert_int_equal(entries, 200);
		ids_retire(table, &bench->old);
		ids_retire(ids_take_all(&bench->ids), &bench->old); /* there's nothing more */
		reclaim_free(reclaim_take(&bench->old));
		assert_int_equal(failing_memory_bytes(), empty);
		memset(bench->refs, 0, sizeof(bench->refs));
		bench->entries = 0;
	}
	bench_free(bench);
}

/* ---- Memory that fails. ---- */

static void room_that_cannot_be_made_changes_nothing(void **state)
{
	struct bench *bench = bench_new(600, few_homes);
	unsigned refused = 0;

	(void)state;
	for (unsigned i = 0; i < 600; i++) {
		for (unsigned n = 1;; n++) { /* the first, then the second allocation of a rebuild */
			size_t bytes = failing_memory_bytes();
			const struct ids_table *table = table_of(bench);
			int error;

			failing_memory_fail_at(n);
			error = ids_reserve(&bench->ids, &bench->old);
			if (failing_memory_failures() == 0) {
				assert_int_equal(error, 0);
				break;
			}
			assert_int_equal(error, ENOMEM);
			assert_int_equal(failing_memory_bytes(), bytes);
			assert_ptr_equal(table_of(bench), table);
			refused++;
		}
		failing_memory_fail_at(0);
		add(bench, i);
	}
	assert_true(refused >= 2 * 7); /* it has doubled as often, from 8 */
	check_all(bench);
	bench_free(bench);
}

static void removal_needs_no_memory(void **state)
{
	struct bench *bench = bench_new(1000, few_homes);
	size_t large;

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		add(bench, i);
	large = table_of(bench)->mask;
	failing_memory_fail_all(true);
	for (unsigned i = 0; i < 990; i++)
		remove_one(bench, i);
	assert_true(failing_memory_failures() > 0);
	failing_memory_fail_all(false);
	assert_int_equal(table_of(bench)->mask, large); /* it served on */
	for (unsigned i = 0; i < 1000; i++)
		assert_ptr_equal(find(bench, object_id(bench->sems[i])), i < 990 ? NULL : bench->sems[i]);
	remove_one(bench, 999); /* with memory again: it shrinks */
	check_all(bench);
	bench_free(bench);
}

/* ---- Readers. ---- */

#define KEYS 512

/* Each key's state: odd while it's changed; else half of it is even where the key is absent, odd where it's present. */
static struct readers {
	struct bench *bench;
	atomic_uint state[KEYS];
	atomic_bool stop;
} readers;

static void *read_ids(void *arg)
{
	struct random random = {(uintptr_t)arg};
	unsigned certain = 0; /* look-ups whose answer was known */

	while (!atomic_load(&readers.stop) || certain == 0) {
		unsigned i = random_below(&random, KEYS);
		const struct ksem *sem = readers.bench->sems[i]; /* never freed while readers run */
		unsigned before = atomic_load(&readers.state[i]), after;
		const struct ksem *found;

		rcu_enter();
		found = ids_find_listed(&readers.bench->ids, object_id(sem));
		MUST(!ids_find_listed(&readers.bench->ids, 0));
		rcu_leave();
		after = atomic_load(&readers.state[i]);
		MUST(!found || found == sem);
		if (before == after && before % 2 == 0) {
			MUST((found != NULL) == (before / 2 % 2 == 1));
			certain++;
		}
	}
	return NULL;
}

static ksem_id_t mixed(unsigned i, struct random *random)
{
	return i % 4 ? dense(i, random) : few_homes(i, random) | UINT64_C(1) << 63;
}

static void readers_see_every_entry_through_rebuilds(void **state)
{
	enum { THREADS = 3 };
	struct bench *bench = bench_new(KEYS, mixed);
	struct random random = random_new();
	pthread_t threads[THREADS];
	const struct ids_table *last = NULL;
	unsigned rounds = ROUNDS(200000), rebuilds = 0;

	(void)state;
	memset(&readers, 0, sizeof(readers));
	readers.bench = bench;
	for (uintptr_t i = 0; i < THREADS; i++)
		threads[i] = start(read_ids, (void *)(i + 1));
	for (unsigned round = 0; round < rounds; round++) {
		unsigned i = random_below(&random, KEYS);
		unsigned wave = round / 2000 % 2;

		if (bench->refs[i] == (wave ? 0 : 1) && random_below(&random, 16))
			continue;
		atomic_fetch_add(&readers.state[i], 1);
		if (bench->refs[i])
			remove_one(bench, i);
		else
			add(bench, i);
		atomic_fetch_add(&readers.state[i], 1);
		rebuilds += table_of(bench) != last;
		last = table_of(bench);
	}
	atomic_store(&readers.stop, true);
	for (unsigned i = 0; i < THREADS; i++)
		finish(threads[i]);
	assert_true(rebuilds > rounds / 4000);
	check_all(bench);
	bench_free(bench);
}

#define counted_test(f) cmocka_unit_test_setup_teardown(f, failing_memory_setup, failing_memory_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		counted_test(dense_ids_do_as_the_model_does),
		counted_test(scattered_ids_do_as_the_model_does),
		counted_test(ids_of_one_home_do_as_the_model_does),
		counted_test(ids_of_few_homes_do_as_the_model_does),
		counted_test(dense_ids_all_stand_in_their_homes),
		counted_test(what_is_not_there_is_not_found),
		counted_test(zero_is_never_found),
		counted_test(places_in_spill_are_used_again),
		counted_test(a_home_that_is_free_again_is_used_beside_spill),
		counted_test(tables_grow_and_shrink_with_their_entries),
		counted_test(references_are_counted_for_each),
		counted_test(a_copy_has_the_same_entries_and_takes_references),
		counted_test(a_copy_that_fails_takes_nothing),
		counted_test(taking_all_leaves_an_empty_table_of_no_memory),
		counted_test(room_that_cannot_be_made_changes_nothing),
		counted_test(removal_needs_no_memory),
		counted_test(readers_see_every_entry_through_rebuilds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
