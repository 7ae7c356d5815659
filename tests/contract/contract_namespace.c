/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Namespaces: their options, limits and end, the ids that they hand out, and what a visit of their semaphores shows.
 */
#include "../support.h"

#include <malloc.h>

/* A namespace with these limits and a process of the superuser in it. */
/* A valid name of so many bytes; in memory that the next call takes again. */
static const char *name_of(size_t bytes)
{
	static char name[512];

	memset(name, 'n', sizeof(name));
	name[0] = '/';
	name[bytes] = 0;
	return name;
}

/* ---- Options ---- */

static void create_fails(int error, struct ksem_ns_options options)
{
	struct ksem_ns *const untouched = (void *)&options;
	struct ksem_ns *ns = untouched;

	FAILS(error, ksem_ns_create(&options, &ns));
	assert_ptr_equal(ns, untouched);
}

/* Those between are in unit/base/sized.c. */
static void size_of_options_under_that_of_size_t_or_over_4096_is_EINVAL(void **state)
{
	(void)state;
	create_fails(EINVAL, (struct ksem_ns_options){.size = 0});
	create_fails(EINVAL, (struct ksem_ns_options){.size = 1});
	create_fails(EINVAL, (struct ksem_ns_options){.size = sizeof(size_t) - 1});
	create_fails(EINVAL, (struct ksem_ns_options){.size = 4097});
	create_fails(EINVAL, (struct ksem_ns_options){.size = SIZE_MAX});
}

/* As it may come from a program that knows more members, or fewer. */
static void options_may_be_longer_or_shorter_than_the_library_knows_them(void **state)
{
	struct {
		struct ksem_ns_options options;
		uint64_t more;
	} longer = {.options = {.size = sizeof(longer), .max_sems = 1}};
	struct {
		size_t size;
		const char *dir;
	} shorter = {.size = sizeof(shorter)};
	struct ksem_ns *ns;

	(void)state;
	OK(ksem_ns_create(&longer.options, &ns));
	OK(ksem_ns_destroy(ns));
	OK(ksem_ns_create((const void *)&shorter, &ns));
	OK(ksem_ns_destroy(ns));
	longer.more = 1;
	FAILS(EINVAL, ksem_ns_create(&longer.options, &ns));
}

static void max_name_under_2_or_over_KSEM_NAME_MAX_is_EINVAL(void **state)
{
	(void)state;
	create_fails(EINVAL, (struct ksem_ns_options){.size = sizeof(struct ksem_ns_options), .max_name = 1});
	create_fails(EINVAL, (struct ksem_ns_options){.size = sizeof(struct ksem_ns_options), .max_name = 256});
	create_fails(EINVAL, (struct ksem_ns_options){.size = sizeof(struct ksem_ns_options), .max_name = UINT32_MAX});
}

static void a_dir_that_is_none_is_what_the_kernel_says_after_the_checks_for_EINVAL(void **state)
{
	const size_t size = sizeof(struct ksem_ns_options);

	(void)state;
	create_fails(ENOENT, (struct ksem_ns_options){.size = size, .dir = ""});
	create_fails(ENOENT, (struct ksem_ns_options){.size = size, .dir = "/dev/shm/ksem-test-none"});
	create_fails(ENOTDIR, (struct ksem_ns_options){.size = size, .dir = "/dev/null"});
	if (geteuid() == 0) /* others are refused before, and may yet use what is there */
		create_fails(ENOTSUP, (struct ksem_ns_options){.size = size, .dir = "/proc"});
	create_fails(EINVAL, (struct ksem_ns_options){.size = 1, .dir = "/dev/null"});
	create_fails(EINVAL, (struct ksem_ns_options){.size = size, .dir = "/dev/null", .max_name = 1});
}

static void max_name_bounds_the_bytes_of_a_name(void **state)
{
	const uint32_t limits[] = {2, 3, 14, 254, KSEM_NAME_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		struct world world = world_limited(0, limits[i]);
		ksem_id_t id;

		OK(ksem_open(world.proc, name_of(limits[i]), O_CREAT, 0600, 0, &id));
		assert_string_equal(info_of(world.proc, id).name, name_of(limits[i]));
		FAILS(ENAMETOOLONG, ksem_open(world.proc, name_of(limits[i] + 1), O_CREAT, 0600, 0, &id));
		FAILS(ENAMETOOLONG, ksem_unlink(world.proc, name_of(limits[i] + 1)));
		OK(ksem_unlink(world.proc, name_of(limits[i])));
		world_end(&world);
	}
}

static void max_sems_bounds_the_semaphores(void **state)
{
	const uint32_t limits[] = {1, 2, 3, 30, 63, 64, 65, 1000};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		struct world world = world_limited(limits[i], 0);
		ksem_id_t id;

		for (uint32_t n = 0; n < limits[i]; n++)
			OK(ksem_init(world.proc, 0, &id));
		FAILS(ENFILE, ksem_init(world.proc, 0, &id));
		FAILS(ENFILE, ksem_open(world.proc, "/one-more", O_CREAT, 0600, 0, &id));
		assert_int_equal(semaphores_in(world.ns), limits[i]);
		world_end(&world);
	}
}

static void max_sems_may_be_as_high_as_its_type(void **state)
{
	struct world world = world_limited(UINT32_MAX, 0);
	ksem_id_t id, other;

	(void)state;
	OK(ksem_init(world.proc, 3, &id));
	OK(ksem_init(world.proc, 4, &other));
	assert_int_equal(value_of(world.proc, id), 3);
	assert_int_equal(value_of(world.proc, other), 4);
	world_end(&world);
}

static void default_limits(struct world *world)
{
	bool many = !SANITIZED && !world->dir; /* one mapping each, of which Linux allows 65530, if it's shared */
	ksem_id_t id;

	OK(ksem_open(world->proc, name_of(KSEM_NAME_MAX), O_CREAT, 0600, 0, &id));
	FAILS(ENAMETOOLONG, ksem_open(world->proc, name_of(KSEM_NAME_MAX + 1), O_CREAT, 0600, 0, &id));
	for (uint32_t n = 1; many && n < 1048576; n++)
		if (ksem_init(world->proc, 0, &id))
			fail_msg("ENFILE at %u semaphores", n);
	if (many)
		FAILS(ENFILE, ksem_init(world->proc, 0, &id));
}

static void limits_of_0_are_the_defaults_1048576_and_255(void **state)
{
	struct world world = world_limited(0, 0);

	(void)state;
	default_limits(&world);
	world_end(&world);
}

static void options_NULL_are_the_defaults(void **state)
{
	default_limits(*state);
}

/* ---- The limit, and ids ---- */

static void max_sems_counts_anonymous_named_unlinked_and_unreferenced(void **state)
{
	struct world world = world_limited(4, 0);
	ksem_id_t anonymous, held, unlinked, left, id;

	(void)state;
	OK(ksem_init(world.proc, 0, &anonymous));
	OK(ksem_open(world.proc, "/held", O_CREAT, 0600, 0, &held));
	OK(ksem_open(world.proc, "/unlinked", O_CREAT, 0600, 0, &unlinked));
	OK(ksem_unlink(world.proc, "/unlinked"));
	OK(ksem_open(world.proc, "/left", O_CREAT, 0600, 0, &left));
	OK(ksem_close(world.proc, left));
	FAILS(ENFILE, ksem_init(world.proc, 0, &id));
	FAILS(ENFILE, ksem_open(world.proc, "/more", O_CREAT, 0600, 0, &id));
	world_end(&world);
}

static void a_place_is_free_as_soon_as_its_semaphore_is(void **state)
{
	struct world world = world_limited(1, 0);
	ksem_id_t id;

	(void)state;
	for (int i = 0; i < ROUNDS(500); i++) {
		struct ksem_proc *proc = world_user(&world, 0, 0);

		OK(ksem_init(proc, 0, &id));
		FAILS(ENFILE, ksem_init(proc, 0, &id));
		OK(ksem_destroy(proc, id));
		OK(ksem_open(proc, "/unlinked-first", O_CREAT, 0600, 0, &id));
		OK(ksem_unlink(proc, "/unlinked-first"));
		OK(ksem_close(proc, id));
		OK(ksem_open(proc, "/closed-first", O_CREAT, 0600, 0, &id));
		OK(ksem_close(proc, id));
		OK(ksem_unlink(proc, "/closed-first"));
		OK(ksem_init(proc, 0, &id));
		OK(ksem_proc_exec(proc));
		OK(ksem_init(proc, 0, &id));
		OK(ksem_proc_exit(proc));
	}
	assert_int_equal(semaphores_in(world.ns), 0);
	world_end(&world);
}

static int compare_ids(const void *a, const void *b)
{
	const ksem_id_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void no_id_is_0_or_comes_twice(void **state)
{
	enum { MOST = 12000 };
	static ksem_id_t ids[MOST];
	const size_t rounds = ROUNDS(MOST) / 3;
	struct world world = world_limited(2, 0);
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < rounds; i++) {
		OK(ksem_init(world.proc, 0, &ids[n]));
		OK(ksem_open(world.proc, "/name", O_CREAT, 0600, 0, &ids[n + 1]));
		OK(ksem_destroy(world.proc, ids[n]));
		OK(ksem_init(world.proc, 0, &ids[n + 2]));
		OK(ksem_unlink(world.proc, "/name"));
		OK(ksem_proc_exec(world.proc));
		n += 3;
	}
	qsort(ids, n, sizeof(*ids), compare_ids);
	assert_true(ids[0] != 0);
	for (size_t i = 1; i < n; i++)
		assert_true(ids[i - 1] < ids[i]);
	world_end(&world);
}

/* ---- One namespace and another; the end ---- */

static void namespaces_share_neither_names_nor_limits(void **state)
{
	struct world a = world_limited(1, 0), b = world_limited(1, 0);
	ksem_id_t in_a, in_b;

	(void)state;
	OK(ksem_open(a.proc, "/name", O_CREAT, 0600, 1, &in_a));
	FAILS(ENOENT, ksem_open(b.proc, "/name", 0, 0, 0, &in_b));
	OK(ksem_open(b.proc, "/name", O_CREAT | O_EXCL, 0600, 2, &in_b));
	OK(ksem_unlink(a.proc, "/name"));
	assert_int_equal(value_of(a.proc, in_a), 1);
	assert_string_equal(info_of(b.proc, in_b).name, "/name");
	world_end(&a);
	OK(ksem_open(b.proc, "/name", 0, 0, 0, &in_b));
	assert_int_equal(value_of(b.proc, in_b), 2);
	world_end(&b);
}

static void destroy_is_EBUSY_while_a_process_is_in_it_and_changes_nothing(void **state)
{
	struct world world = world_limited(0, 0);
	struct ksem_proc *other = world_user(&world, 1, 1), *child;
	ksem_id_t id, again;

	(void)state;
	OK(ksem_open(world.proc, "/name", O_CREAT, 0666, 5, &id));
	OK(ksem_proc_fork(world.proc, &child));
	FAILS(EBUSY, ksem_ns_destroy(world.ns));
	OK(ksem_proc_exit(other));
	FAILS(EBUSY, ksem_ns_destroy(world.ns));
	OK(ksem_proc_exit(world.proc));
	FAILS(EBUSY, ksem_ns_destroy(world.ns));
	OK(ksem_open(child, "/name", 0, 0, 0, &again));
	assert_true(again == id);
	assert_int_equal(value_of(child, id), 5);
	OK(ksem_proc_exit(child));
	OK(ksem_ns_destroy(world.ns));
}

/* Bytes that the program has from the C library's allocator; a sanitizer's says 0, and looks for leaks itself. */
static size_t memory_in_use(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* A new namespace may well stand where the last one stood, and must not find its names. */
static void destroy_frees_the_named_semaphores_left(void **state)
{
	enum { ROUND = 100, NAMES = 50 };
	size_t at_first = 0;

	(void)state;
	for (int i = 0; i < ROUND; i++) {
		struct world world = world_limited(0, 0);
		ksem_id_t id;
		char name[24];

		for (int n = 0; n < NAMES; n++) {
			snprintf(name, sizeof(name), "/left-%d", n);
			FAILS(ENOENT, ksem_open(world.proc, name, 0, 0, 0, &id));
			OK(ksem_open(world.proc, name, O_CREAT, 0600, 0, &id));
		}
		assert_int_equal(semaphores_in(world.ns), NAMES);
		world_end(&world);
		if (i == ROUND / 2)
			at_first = memory_in_use();
	}
	assert_in_range(memory_in_use(), 0, at_first + 64 * 1024); /* less than if a tenth had been left */
}

/* ---- What is known of a semaphore ---- */

static void *wait_for_one(void *arg)
{
	return (void *)(intptr_t)ksem_pinned_wait(arg);
}

static void info_says_what_is_known(void **state)
{
	struct world *world = *state;
	struct ksem_proc *user = world_user(world, 100, 200);
	struct ksem *pin;
	struct ksem_info info;
	ksem_id_t anonymous, named;
	pthread_t waiter;

	OK(ksem_init(user, 7, &anonymous));
	info = info_of(user, anonymous);
	assert_true(info.id == anonymous);
	assert_string_equal(info.name, "");
	assert_int_equal(info.value, 7);
	assert_int_equal(info.waiters, 0);
	assert_int_equal(info.refs, 1);

	OK(ksem_open(user, name_of(KSEM_NAME_MAX), O_CREAT, 0642, 0, &named));
	OK(ksem_open(user, name_of(KSEM_NAME_MAX), 0, 0, 0, &named));
	OK(ksem_pin(user, named, &pin));
	waiter = start(wait_for_one, pin);
	until_waiting(user, named, 1);
	info = info_of(user, named);
	assert_true(info.id == named);
	assert_string_equal(info.name, name_of(KSEM_NAME_MAX));
	assert_int_equal(info.value, 0);
	assert_int_equal(info.waiters, 1);
	assert_int_equal(info.refs, 2);
	assert_int_equal(info.uid, 100);
	assert_int_equal(info.gid, 200);
	assert_int_equal(info.mode, 0642);

	OK(ksem_unlink(user, name_of(KSEM_NAME_MAX)));
	OK(ksem_pinned_post(pin));
	assert_null(finish(waiter));
	info = info_of(user, named);
	assert_string_equal(info.name, "");
	assert_int_equal(info.waiters, 0);
	assert_int_equal(info.refs, 2);
	ksem_unpin(pin);
	OK(ksem_proc_exit(user));
}

static void stat_is_EINVAL_where_the_id_is_not_held(void **state)
{
	struct world *world = *state;
	struct ksem_proc *user = world_user(world, 0, 0);
	struct ksem_info info = {.value = 77};
	ksem_id_t id;

	OK(ksem_init(user, 0, &id));
	FAILS(EINVAL, ksem_stat(world->proc, id, &info));
	FAILS(EINVAL, ksem_stat(user, 0, &info));
	FAILS(EINVAL, ksem_stat(user, id + 1, &info));
	FAILS(EINVAL, ksem_stat(user, UINT64_MAX, &info));
	OK(ksem_destroy(user, id));
	FAILS(EINVAL, ksem_stat(user, id, &info));
	assert_int_equal(info.value, 77);
	OK(ksem_proc_exit(user));
}

/* ---- Visits. The semaphores of these tests have the values 0 to 99, each once. ---- */

enum { SEMAPHORES = 100 };

struct visits {
	struct world *world;
	ksem_id_t ids[SEMAPHORES]; /* by value */
	unsigned seen[SEMAPHORES]; /* visits, by value */
	unsigned stop_at;          /* the visit that returns non-zero; 0: none */
	unsigned total;
};

/* A third of them is anonymous, a third named and held, a third named, made by another process, and held by nobody. */
static struct visits *visits_new(struct world *world)
{
	struct visits *visits = calloc(1, sizeof(*visits));
	struct ksem_proc *other = world_user(world, 1, 2);
	char name[16];

	visits->world = world;
	for (unsigned i = 0; i < SEMAPHORES; i++) {
		snprintf(name, sizeof(name), "/%u", i);
		if (i % 3 == 0)
			OK(ksem_init(world->proc, i, &visits->ids[i]));
		else
			OK(ksem_open(i % 3 == 1 ? world->proc : other, name, O_CREAT, 0600, i, &visits->ids[i]));
	}
	OK(ksem_proc_exit(other));
	return visits;
}

static int visit_and_check(const struct ksem_info *info, void *arg)
{
	struct visits *visits = arg;
	char name[16] = "";

	assert_in_range(info->value, 0, SEMAPHORES - 1);
	visits->seen[info->value]++;
	visits->total++;
	if (info->value % 3 != 0)
		snprintf(name, sizeof(name), "/%u", info->value);
	assert_true(info->id == visits->ids[info->value]);
	assert_string_equal(info->name, name);
	assert_int_equal(info->waiters, 0);
	assert_int_equal(info->refs, info->value % 3 != 2);
	if (info->value % 3 != 0) {
		assert_int_equal(info->uid, info->value % 3 == 2 ? 1 : 0);
		assert_int_equal(info->gid, info->value % 3 == 2 ? 2 : 0);
		assert_int_equal(info->mode, 0600);
	}
	return visits->total == visits->stop_at ? -42 : 0;
}

static void foreach_visits_every_semaphore_once(void **state)
{
	struct world *world = *state;
	struct visits *visits;

	FAILS(0, ksem_ns_foreach(world->ns, visit_and_check, NULL)); /* none: visit isn't called */
	visits = visits_new(world);
	FAILS(0, ksem_ns_foreach(world->ns, visit_and_check, visits));
	assert_int_equal(visits->total, SEMAPHORES);
	for (unsigned i = 0; i < SEMAPHORES; i++)
		assert_int_equal(visits->seen[i], 1);
	free(visits);
}

static void foreach_stops_at_and_returns_the_first_result_that_is_not_0(void **state)
{
	struct world *world = *state;
	struct visits *visits = visits_new(world);

	for (unsigned at = 1; at <= SEMAPHORES; at += 33) {
		visits->stop_at = at;
		visits->total = 0;
		FAILS(-42, ksem_ns_foreach(world->ns, visit_and_check, visits));
		assert_int_equal(visits->total, at);
	}
	free(visits);
}

/* Frees all the others, by every call that frees. */
static int visit_and_free(const struct ksem_info *info, void *arg)
{
	struct visits *visits = arg;
	struct ksem_proc *proc = visits->world->proc;
	char name[16];

	visits->total++;
	for (unsigned i = 0; i < SEMAPHORES; i++) {
		snprintf(name, sizeof(name), "/%u", i);
		if (i == info->value)
			continue;
		if (i % 3 == 0)
			OK(ksem_destroy(proc, visits->ids[i]));
		if (i % 3 == 1)
			OK(ksem_close(proc, visits->ids[i]));
		if (i % 3 != 0)
			OK(ksem_unlink(proc, name));
	}
	return 0;
}

static void foreach_skips_what_a_visit_has_freed(void **state)
{
	struct world *world = *state;
	struct visits *visits = visits_new(world);

	FAILS(0, ksem_ns_foreach(world->ns, visit_and_free, visits));
	assert_int_equal(visits->total, 1);
	assert_int_equal(semaphores_in(world->ns), 1);
	free(visits);
}

/* Makes calls of every kind; the semaphore that it visits goes too. */
static int visit_and_call(const struct ksem_info *info, void *arg)
{
	struct visits *visits = arg;
	struct ksem_proc *child, *proc = visits->world->proc;
	struct ksem *pin;
	ksem_id_t id, made;
	struct ksem_info now;
	struct ksem_ns *ns;
	unsigned before = visits->total;

	OK(ksem_ns_create(NULL, &ns));
	OK(ksem_ns_destroy(ns));
	OK(ksem_proc_fork(proc, &child));
	OK(ksem_init(child, 0, &made));
	OK(ksem_destroy(child, made));
	FAILS(0, ksem_ns_foreach(visits->world->ns, visit_and_count, &visits->total));
	assert_true(visits->total > before);
	if (info->value % 3 == 0) {
		OK(ksem_destroy(proc, info->id));
	} else {
		OK(ksem_open(child, info->name, 0, 0, 0, &id));
		OK(ksem_pin(child, id, &pin));
		OK(ksem_post(child, id));
		OK(ksem_pinned_wait(pin));
		OK(ksem_stat(child, id, &now));
		assert_int_equal(now.value, info->value);
		OK(ksem_unlink(child, info->name));
		ksem_unpin(pin);
		OK(ksem_close(child, id));
	}
	OK(ksem_proc_exit(child));
	return 0;
}

static void foreach_lets_visit_make_any_call(void **state)
{
	struct world *world = *state;
	struct visits *visits = visits_new(world);

	FAILS(0, ksem_ns_foreach(world->ns, visit_and_call, visits));
	OK(ksem_proc_exec(world->proc));
	assert_int_equal(semaphores_in(world->ns), 0);
	free(visits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(size_of_options_under_that_of_size_t_or_over_4096_is_EINVAL),
		cmocka_unit_test(options_may_be_longer_or_shorter_than_the_library_knows_them),
		cmocka_unit_test(max_name_under_2_or_over_KSEM_NAME_MAX_is_EINVAL),
		cmocka_unit_test(a_dir_that_is_none_is_what_the_kernel_says_after_the_checks_for_EINVAL),
		cmocka_unit_test(max_name_bounds_the_bytes_of_a_name),
		cmocka_unit_test(max_sems_bounds_the_semaphores),
		cmocka_unit_test(max_sems_may_be_as_high_as_its_type),
		cmocka_unit_test(limits_of_0_are_the_defaults_1048576_and_255),
		world_test(options_NULL_are_the_defaults),
		cmocka_unit_test(max_sems_counts_anonymous_named_unlinked_and_unreferenced),
		cmocka_unit_test(a_place_is_free_as_soon_as_its_semaphore_is),
		cmocka_unit_test(no_id_is_0_or_comes_twice),
		cmocka_unit_test(namespaces_share_neither_names_nor_limits),
		cmocka_unit_test(destroy_is_EBUSY_while_a_process_is_in_it_and_changes_nothing),
		cmocka_unit_test(destroy_frees_the_named_semaphores_left),
		world_test(info_says_what_is_known),
		world_test(stat_is_EINVAL_where_the_id_is_not_held),
		world_test(foreach_visits_every_semaphore_once),
		world_test(foreach_stops_at_and_returns_the_first_result_that_is_not_0),
		world_test(foreach_skips_what_a_visit_has_freed),
		world_test(foreach_lets_visit_make_any_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
