/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs that were built for an earlier release: the versions of symbols that they are bound to write no more than
 * their structs hold.
 */
#include "support.h"

#include <dlfcn.h>

/* struct ksem_info as 0.1 had it. */
struct info_0_1 {
	ksem_id_t id;
	char name[KSEM_NAME_MAX + 1];
	unsigned int value, waiters, refs;
	uid_t uid;
	gid_t gid;
	mode_t mode;
};

/* dlsym may not be cast to a function. */
static void find(void *function, const char *symbol, const char *version)
{
	*(void **)function = dlvsym(RTLD_DEFAULT, symbol, version);
	assert_non_null(*(void **)function);
}

static void stat_of_0_1_writes_no_more_than_its_struct(void **state)
{
	struct world *world = *state;
	int (*stat_0_1)(struct ksem_proc * proc, ksem_id_t id, void *info);
	struct {
		struct info_0_1 info;
		unsigned char beyond[64];
	} old;
	ksem_id_t id;

	find(&stat_0_1, "ksem_stat", "KSEM_0.1");
	OK(ksem_init(world->proc, 3, &id));
	memset(&old, 0xA5, sizeof(old));
	OK(stat_0_1(world->proc, id, &old));
	assert_true(old.info.id == id);
	assert_int_equal(old.info.value, 3);
	assert_int_equal(old.info.refs, 1);
	assert_string_equal(old.info.name, "");
	for (size_t i = 0; i < sizeof(old.beyond); i++)
		assert_int_equal(old.beyond[i], 0xA5);
	FAILS(EINVAL, stat_0_1(NULL, id, NULL));
	FAILS(EFAULT, stat_0_1(world->proc, 0, NULL));
	FAILS(EINVAL, stat_0_1(world->proc, 0, &old));
	OK(ksem_destroy(world->proc, id));
}

static int visit_0_1(const struct ksem_info *info, void *arg)
{
	struct info_0_1 copy;

	memcpy(&copy, info, sizeof(copy));
	*(unsigned *)arg += copy.value;
	return 0;
}

static void foreach_of_0_1_visits_what_begins_as_its_struct(void **state)
{
	struct world *world = *state;
	__typeof__(ksem_ns_foreach) *foreach_0_1;
	unsigned sum = 0;
	ksem_id_t id;

	find(&foreach_0_1, "ksem_ns_foreach", "KSEM_0.1");
	OK(ksem_init(world->proc, 3, &id));
	OK(foreach_0_1(world->ns, visit_0_1, &sum));
	assert_int_equal(sum, 3);
	OK(ksem_destroy(world->proc, id));
}

static void programs_built_today_get_todays_version(void **state)
{
	int (*stat_0_2)(struct ksem_proc * proc, ksem_id_t id, struct ksem_info * info);
	__typeof__(ksem_ns_foreach) *foreach_0_2;

	(void)state;
	find(&stat_0_2, "ksem_stat", "KSEM_0.2");
	find(&foreach_0_2, "ksem_ns_foreach", "KSEM_0.2");
	assert_true(stat_0_2 == ksem_stat);
	assert_true(foreach_0_2 == ksem_ns_foreach);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(stat_of_0_1_writes_no_more_than_its_struct),
		world_test(foreach_of_0_1_visits_what_begins_as_its_struct),
		cmocka_unit_test(programs_built_today_get_todays_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
