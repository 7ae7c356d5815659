/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attributes: what ksem_init_attr and ksem_open_attr check, in which order, and what ksem_info shows of them.
 */
#include "../support.h"

static int init_attr(struct world *world, const struct ksem_attr *attr, unsigned value)
{
	ksem_id_t id = 12345;
	int error = ksem_init_attr(world->proc, attr, value, &id);

	if (error)
		assert_int_equal(id, 12345);
	else
		OK(ksem_destroy(world->proc, id));
	return error;
}

static int open_attr(struct world *world, const struct ksem_attr *attr, unsigned value)
{
	ksem_id_t id = 12345;
	int error = ksem_open_attr(world->proc, "/attributes", O_CREAT, 0600, attr, value, &id);

	if (error) {
		assert_int_equal(id, 12345);
		FAILS(ENOENT, ksem_unlink(world->proc, "/attributes"));
	} else {
		OK(ksem_unlink(world->proc, "/attributes"));
		OK(ksem_close(world->proc, id));
	}
	return error;
}

static void both_answer(int error, struct world *world, const struct ksem_attr *attr, unsigned value)
{
	FAILS(error, init_attr(world, attr, value));
	FAILS(error, open_attr(world, attr, value));
}

static void default_attributes_make_what_init_and_open_make(void **state)
{
	const unsigned values[] = {0, 1, INT32_MAX, KSEM_VALUE_MAX};
	struct world *world = *state;
	struct ksem_info info;
	ksem_id_t id;

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		both_answer(0, world, NULL, values[i]);
		both_answer(0, world, ATTR(0), values[i]);
	}
	OK(ksem_init_attr(world->proc, ATTR(0), 7, &id));
	info = info_of(world->proc, id);
	assert_int_equal(info.value, 7);
	assert_int_equal(info.limit, KSEM_VALUE_MAX);
	assert_int_equal(info.order, KSEM_BARGING);
	assert_int_equal(info.flags, 0);
	assert_int_equal(info.held, 0);
	OK(ksem_wait(world->proc, id));
	OK(ksem_post_many(world->proc, id, KSEM_VALUE_MAX - 6));
	FAILS(EOVERFLOW, ksem_post(world->proc, id));
	OK(ksem_destroy(world->proc, id));
}

static void foreach_shows_the_attributes(const struct ksem_info *info)
{
	assert_int_equal(info->limit, KSEM_VALUE_MAX);
	assert_int_equal(info->order, KSEM_BARGING);
	assert_int_equal(info->flags, 0);
	assert_int_equal(info->held, 0);
}

static int visit(const struct ksem_info *info, void *arg)
{
	++*(unsigned *)arg;
	foreach_shows_the_attributes(info);
	return 0;
}

static void foreach_shows_attributes_too(void **state)
{
	struct world *world = *state;
	ksem_id_t named, nameless;
	unsigned visited = 0;

	OK(ksem_open_attr(world->proc, "/shown", O_CREAT, 0600, ATTR(0), 3, &named));
	OK(ksem_init_attr(world->proc, NULL, 3, &nameless));
	OK(ksem_ns_foreach(world->ns, visit, &visited));
	assert_int_equal(visited, 2);
	OK(ksem_close(world->proc, named)); /* in a directory, its file is left, which the process hasn't open */
	visited = 0;
	OK(ksem_ns_foreach(world->ns, visit, &visited));
	assert_int_equal(visited, 2);
	OK(ksem_unlink(world->proc, "/shown"));
	OK(ksem_destroy(world->proc, nameless));
}

static void a_wrong_size_is_EINVAL(void **state)
{
	const size_t sizes[] = {0, 1, sizeof(size_t) - 1, 4097, SIZE_MAX};
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		both_answer(EINVAL, world, &(const struct ksem_attr){.size = sizes[i]}, 0);
}

/* A program of an earlier release has fewer members; what isn't wholly there is the default. */
static void members_beyond_the_size_are_default(void **state)
{
	struct world *world = *state;
	struct ksem_attr attr = {.limit = 77, .order = 77, .flags = 77, .reserved = 77};

	attr.size = sizeof(size_t);
	both_answer(0, world, &attr, 100);
	attr.size = offsetof(struct ksem_attr, limit) + 3;
	both_answer(0, world, &attr, 100);
	attr.limit = 0;
	attr.size = offsetof(struct ksem_attr, order);
	both_answer(0, world, &attr, 100);
	attr.size = offsetof(struct ksem_attr, order) + 4;
	both_answer(EINVAL, world, &attr, 100);
}

static void what_lies_beyond_the_known_members_must_be_0(void **state)
{
	struct world *world = *state;
	struct {
		struct ksem_attr attr;
		char more[4096 - sizeof(struct ksem_attr)];
	} long_one = {{.size = sizeof(long_one)}, {0}};

	both_answer(0, world, &long_one.attr, 1);
	long_one.more[sizeof(long_one.more) - 1] = 1;
	both_answer(EINVAL, world, &long_one.attr, 1);
	long_one.attr.size--;
	both_answer(0, world, &long_one.attr, 1);
	long_one.more[0] = 1;
	both_answer(EINVAL, world, &long_one.attr, 1);
}

static void unknown_orders_and_flags_are_EINVAL(void **state)
{
	const unsigned flags[] = {4, 8, KSEM_SHUTDOWN, KSEM_METRICS | 4, 1u << 31, UINT32_MAX};
	const unsigned orders[] = {3, 4, 255, UINT32_MAX};
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++)
		both_answer(EINVAL, world, ATTR(.order = orders[i]), 1);
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		both_answer(EINVAL, world, ATTR(.flags = flags[i]), 1);
	both_answer(EINVAL, world, ATTR(.reserved = 1), 1);
}

static void limits_and_values_that_cannot_be_are_EINVAL(void **state)
{
	struct world *world = *state;

	both_answer(EINVAL, world, ATTR(.limit = 3), 4);
	both_answer(EINVAL, world, ATTR(.limit = 1), KSEM_VALUE_MAX);
	both_answer(EINVAL, world, ATTR(.order = KSEM_FIFO, .limit = KSEM_VALUE_MAX), 1);
	both_answer(EINVAL, world, ATTR(.order = KSEM_LIFO), KSEM_VALUE_MAX);
	both_answer(EINVAL, world, ATTR(.flags = KSEM_UNDO), 0);
	both_answer(EINVAL, world, ATTR(.flags = KSEM_UNDO, .limit = 3), 2);
	both_answer(EINVAL, world, ATTR(.flags = KSEM_UNDO, .limit = 3), 4);
}

static void null_comes_before_attributes_and_these_before_all_else(void **state)
{
	struct world *world = *state;
	const struct ksem_attr wrong = {.size = 0};
	char long_name[KSEM_NAME_MAX + 2];
	ksem_id_t id;

	memset(long_name, 'a', sizeof(long_name));
	long_name[0] = '/';
	long_name[sizeof(long_name) - 1] = '\0';
	FAILS(EINVAL, ksem_init_attr(NULL, &wrong, 0, NULL));
	FAILS(EFAULT, ksem_init_attr(world->proc, &wrong, 0, NULL));
	FAILS(EINVAL, ksem_open_attr(NULL, NULL, 0, 0, &wrong, 0, NULL));
	FAILS(EFAULT, ksem_open_attr(world->proc, NULL, 0, 0, &wrong, 0, &id));
	FAILS(EFAULT, ksem_open_attr(world->proc, "/name", 0, 0, &wrong, 0, NULL));
	FAILS(EINVAL, ksem_open_attr(world->proc, long_name, 0, 0, &wrong, 0, &id));
	FAILS(EINVAL, ksem_open_attr(world->proc, "/absent", 0, 0, &wrong, 0, &id));
	FAILS(ENAMETOOLONG, ksem_open_attr(world->proc, long_name, 0, 0, ATTR(0), 0, &id));
	FAILS(ENOENT, ksem_open_attr(world->proc, "/absent", 0, 0, ATTR(0), 0, &id));
}

static void attributes_count_for_the_maker_but_are_checked_for_all(void **state)
{
	struct world *world = *state;
	ksem_id_t id, same;

	OK(ksem_open(world->proc, "/made", O_CREAT, 0600, 5, &id));
	OK(ksem_open_attr(world->proc, "/made", O_CREAT, 0600, ATTR(.limit = 9, .order = KSEM_FIFO), 1, &same));
	assert_true(same == id);
	assert_int_equal(value_of(world->proc, id), 5);
	assert_int_equal(info_of(world->proc, id).limit, KSEM_VALUE_MAX);
	assert_int_equal(info_of(world->proc, id).order, KSEM_BARGING);
	OK(ksem_close(world->proc, id));
	FAILS(EINVAL, ksem_open_attr(world->proc, "/made", O_CREAT, 0600, ATTR(.order = 3), 1, &same));
	FAILS(EINVAL, ksem_open_attr(world->proc, "/made", 0, 0, ATTR(.limit = 3), 4, &same));
	FAILS(EEXIST, ksem_open_attr(world->proc, "/made", O_CREAT | O_EXCL, 0600, ATTR(.limit = 3), 2, &same));
	OK(ksem_close(world->proc, id));
	OK(ksem_unlink(world->proc, "/made"));
}

static void each_can_be_made(void **state)
{
	struct world *world = *state;

	both_answer(0, world, ATTR(.flags = KSEM_UNDO, .limit = 3), 3);
	both_answer(0, world, ATTR(.limit = 3), 3);
	both_answer(0, world, ATTR(.limit = KSEM_VALUE_MAX), 3);
	both_answer(0, world, ATTR(.order = KSEM_FIFO), 4000000);
	both_answer(0, world, ATTR(.order = KSEM_LIFO, .limit = 4000000), 4000000);
	both_answer(0, world, ATTR(.flags = KSEM_METRICS), 3);
	assert_int_equal(semaphores_in(world->ns), 0);
}

/* Calls on semaphores with default attributes. Metrics and limits are for those that were made with them. */
static void default_attributes_have_no_metrics_and_no_limit(void **state)
{
	const struct timespec past = {0, 0};
	struct world *world = *state;
	struct ksem_metrics metrics = {.size = sizeof(metrics)};
	struct ksem *pin;
	ksem_id_t id;

	OK(ksem_init(world->proc, 5, &id));
	OK(ksem_pin(world->proc, id, &pin));
	OK(ksem_wait_many(world->proc, id, 2, CLOCK_MONOTONIC, NULL));
	OK(ksem_pinned_wait_many(pin, 2, CLOCK_MONOTONIC, &past));
	FAILS(ETIMEDOUT, ksem_wait_many(world->proc, id, 2, CLOCK_MONOTONIC, &past));
	FAILS(ETIMEDOUT, ksem_pinned_wait_many(pin, 2, CLOCK_MONOTONIC, &past));
	assert_int_equal(value_of(world->proc, id), 1);
	OK(ksem_wait_many(world->proc, id, 1, CLOCK_MONOTONIC, NULL));
	FAILS(ETIMEDOUT, ksem_wait_many(world->proc, id, 1, CLOCK_MONOTONIC, &past));
	FAILS(ETIMEDOUT, ksem_pinned_wait_many(pin, 1, CLOCK_MONOTONIC, &past));
	OK(ksem_wait_many(world->proc, id, 0, CLOCK_MONOTONIC, NULL));
	OK(ksem_shutdown(world->proc, id));
	OK(ksem_pinned_shutdown(pin));
	FAILS(ENOTSUP, ksem_metrics(world->proc, id, &metrics));
	FAILS(EINVAL, ksem_set_limit(world->proc, id, 5)); /* made without a limit */
	FAILS(EINVAL, ksem_pinned_set_limit(pin, 5));
	ksem_unpin(pin);
	OK(ksem_destroy(world->proc, id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(default_attributes_make_what_init_and_open_make),
		world_test(foreach_shows_attributes_too),
		world_test(a_wrong_size_is_EINVAL),
		world_test(members_beyond_the_size_are_default),
		world_test(what_lies_beyond_the_known_members_must_be_0),
		world_test(unknown_orders_and_flags_are_EINVAL),
		world_test(limits_and_values_that_cannot_be_are_EINVAL),
		world_test(null_comes_before_attributes_and_these_before_all_else),
		world_test(attributes_count_for_the_maker_but_are_checked_for_all),
		world_test(each_can_be_made),
		world_test(default_attributes_have_no_metrics_and_no_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
