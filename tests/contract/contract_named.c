/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Named semaphores: open, close and unlink; which error comes first; who may do what; what becomes of the name
 * and of the semaphore.
 */
#include "../support.h"

#include <sys/stat.h>

static ksem_id_t opened(struct ksem_proc *proc, const char *name, int oflag, mode_t mode, unsigned value)
{
	ksem_id_t id;

	OK(ksem_open(proc, name, oflag, mode, value, &id));
	return id;
}

/* An open that fails, and leaves no id. */
static void open_fails(int error, struct ksem_proc *proc, const char *name, int oflag)
{
	ksem_id_t id = 77;

	FAILS(error, ksem_open(proc, name, oflag, 0666, 1, &id));
	assert_true(id == 77);
}

/* ---- open: errors, in their order ---- */

static void errors_of_open_come_in_order(void **state)
{
	static const char too_long[] = "/nine-byte", too_long_too[] = "not//valid either";
	struct world world = world_limited(3, 9);
	struct ksem_proc *user = world_user(&world, 1, 1);

	(void)state;
	opened(world.proc, "/mine", O_CREAT, 0600, 0);
	opened(world.proc, "/full", O_CREAT, 0600, 0);
	opened(user, "/theirs", O_CREAT, 0200, 0); /* now at max_sems */
	for (int flags = 0; flags < 4; flags++) {
		int oflag = (flags & 1 ? O_CREAT : 0) | (flags & 2 ? O_EXCL : 0);

		/* Too long: before all else. */
		open_fails(ENAMETOOLONG, user, too_long, oflag);
		open_fails(ENAMETOOLONG, user, too_long_too, oflag);
		/* Exists: EEXIST before EPERM; max_sems doesn't matter. */
		open_fails(oflag & O_EXCL ? EEXIST : EPERM, user, "/mine", oflag);
		if (oflag & O_EXCL)
			open_fails(EEXIST, user, "/theirs", oflag);
		else
			opened(user, "/theirs", oflag, 0, 0);
		/* Absent: ENOENT before EINVAL before ENFILE. */
		open_fails(oflag & O_CREAT ? EINVAL : ENOENT, user, "invalid", oflag);
		open_fails(oflag & O_CREAT ? ENFILE : ENOENT, user, "/valid", oflag);
	}
	/* With room again there is no ENFILE, and only that has changed. */
	OK(ksem_unlink(world.proc, "/full"));
	OK(ksem_proc_exec(world.proc));
	open_fails(ENAMETOOLONG, user, too_long, O_CREAT);
	open_fails(EPERM, user, "/mine", O_CREAT);
	open_fails(EINVAL, user, "invalid", O_CREAT);
	opened(user, "/valid", O_CREAT | O_EXCL, 0600, 0);
	OK(ksem_proc_exit(user));
	world_end(&world);
}

static void flags_other_than_O_CREAT_and_O_EXCL_are_passed_over(void **state)
{
	const int others = ~(O_CREAT | O_EXCL);
	struct world *world = *state;
	ksem_id_t id;

	open_fails(ENOENT, world->proc, "/name", others);
	id = opened(world->proc, "/name", O_CREAT | O_EXCL | others, 0600, 5);
	open_fails(EEXIST, world->proc, "/name", O_CREAT | O_EXCL | others);
	assert_true(opened(world->proc, "/name", others, 0, 0) == id);
	assert_true(opened(world->proc, "/name", O_CREAT | O_TRUNC, 0, 0) == id);
	assert_true(opened(world->proc, "/name", O_RDONLY, 0, 0) == id);
	assert_true(opened(world->proc, "/name", O_WRONLY | O_APPEND | O_NONBLOCK, 0, 0) == id);
	assert_int_equal(value_of(world->proc, id), 5);
}

static void only_a_slash_and_then_bytes_other_than_slash_can_be_made(void **state)
{
	static const char *const invalid[] = {"",    "/",   "//",   "a",   "name", "a/",
					      "a/b", "/a/", "/a/b", "//a", "///",  " /a"};
	static const char *const valid[] = {"/a",    "/.",        "/..",      "/ ",  "/\t\n",
					    "/\x01", "/\xff\xfe", "/a.b-c_d", "/\\", "/%s%n"};
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(invalid) / sizeof(*invalid); i++) {
		open_fails(EINVAL, world->proc, invalid[i], O_CREAT);
		open_fails(EINVAL, world->proc, invalid[i], O_CREAT | O_EXCL);
		open_fails(ENOENT, world->proc, invalid[i], 0);
		open_fails(ENOENT, world->proc, invalid[i], O_EXCL);
		FAILS(ENOENT, ksem_unlink(world->proc, invalid[i]));
	}
	for (size_t i = 0; i < sizeof(valid) / sizeof(*valid); i++) {
		ksem_id_t id = opened(world->proc, valid[i], O_CREAT | O_EXCL, 0600, 0);

		assert_string_equal(info_of(world->proc, id).name, valid[i]);
	}
	assert_int_equal(semaphores_in(world->ns), sizeof(valid) / sizeof(*valid));
}

static void names_differ_by_any_byte_and_by_length(void **state)
{
	static const char *const names[] = {"/a",  "/A",        "/b",        "/aa",       "/ab",
					    "/a ", "/aaaaaaaa", "/aaaaaaab", "/aaaaaaaaa"};
	enum { NAMES = sizeof(names) / sizeof(*names) };
	struct world *world = *state;
	ksem_id_t ids[NAMES];

	for (unsigned i = 0; i < NAMES; i++)
		ids[i] = opened(world->proc, names[i], O_CREAT | O_EXCL, 0600, i);
	for (unsigned i = 0; i < NAMES; i++) {
		char copy[16]; /* a name is its bytes, not its address */

		strcpy(copy, names[i]);
		assert_true(opened(world->proc, copy, 0, 0, 0) == ids[i]);
		assert_int_equal(value_of(world->proc, ids[i]), i);
	}
}

static void an_open_that_fails_leaves_nothing(void **state)
{
	struct world world = world_limited(2, 9);
	struct ksem_proc *user = world_user(&world, 1, 1);
	ksem_id_t id = opened(world.proc, "/mine", O_CREAT, 0600, 5);

	(void)state;
	for (int i = 0; i < ROUNDS(1000); i++) {
		open_fails(EPERM, user, "/mine", O_CREAT);
		open_fails(EEXIST, user, "/mine", O_CREAT | O_EXCL);
		open_fails(ENOENT, user, "/other", 0);
		open_fails(EINVAL, user, "other", O_CREAT);
		open_fails(ENAMETOOLONG, user, "/too-long-", O_CREAT);
	}
	assert_int_equal(info_of(world.proc, id).refs, 1);
	assert_int_equal(value_of(world.proc, id), 5);
	assert_int_equal(semaphores_in(world.ns), 1);
	opened(user, "/other", O_CREAT, 0600, 0); /* there was a place yet */
	for (int i = 0; i < ROUNDS(1000); i++)
		open_fails(ENFILE, user, "/third", O_CREAT);
	open_fails(ENOENT, user, "/third", 0);
	assert_int_equal(semaphores_in(world.ns), 2);
	OK(ksem_unlink(user, "/other"));
	OK(ksem_proc_exit(user));
	opened(world.proc, "/third", O_CREAT, 0600, 0);
	world_end(&world);
}

static void an_existing_name_can_be_opened_at_max_sems(void **state)
{
	struct world world = world_limited(1, 0);
	ksem_id_t id = opened(world.proc, "/name", O_CREAT, 0600, 0);

	(void)state;
	assert_true(opened(world.proc, "/name", O_CREAT, 0600, 0) == id);
	assert_true(opened(world.proc, "/name", 0, 0, 0) == id);
	open_fails(EEXIST, world.proc, "/name", O_CREAT | O_EXCL);
	assert_int_equal(info_of(world.proc, id).refs, 3);
	world_end(&world);
}

/* ---- Permission ---- */

enum { OWNER_UID = 100, OWNER_GID = 200 };

/* Which bits of a mode let whom in; ~0: every mode does. */
static const struct {
	uid_t uid;
	gid_t gid;
	mode_t let_in_by;
} users[] = {
	{OWNER_UID, 299, S_IWUSR | S_IWOTH},
	{OWNER_UID, OWNER_GID, S_IWUSR | S_IWGRP | S_IWOTH},
	{199, OWNER_GID, S_IWGRP | S_IWOTH},
	{199, 299, S_IWOTH},
	{199, OWNER_UID, S_IWOTH},
	{OWNER_GID, 299, S_IWOTH},
	{199, 0, S_IWOTH},
	{0, 299, ~(mode_t)0},
	{0, OWNER_GID, ~(mode_t)0},
};

static void for_every_user_and_mode(struct world *world, void (*check)(struct ksem_proc *user, int expected))
{
	struct ksem_proc *owner = world_user(world, OWNER_UID, OWNER_GID);

	for (size_t u = 0; u < sizeof(users) / sizeof(*users); u++) {
		struct ksem_proc *user = world_user(world, users[u].uid, users[u].gid);

		for (mode_t bits = 0; bits < 16; bits++) {
			/* S_IWUSR, S_IWGRP and S_IWOTH on and off, without and with all the bits that don't matter. */
			mode_t mode = (bits & 4) << 5 | (bits & 2) << 3 | (bits & 1) << 1 | (bits & 8 ? 07555 : 0);
			bool let_in = users[u].uid == 0 || mode & users[u].let_in_by;
			ksem_id_t id = opened(owner, "/owned", O_CREAT | O_EXCL, mode, 3);

			assert_int_equal(info_of(owner, id).mode, mode);
			check(user, let_in ? 0 : EPERM);
			OK(ksem_proc_exec(user));
			assert_int_equal(info_of(owner, id).refs, 1);
			OK(ksem_proc_exec(owner));
			if (semaphores_in(world->ns)) /* it has its name still */
				OK(ksem_unlink(world->proc, "/owned"));
		}
		OK(ksem_proc_exit(user));
	}
	OK(ksem_proc_exit(owner));
}

static void check_open(struct ksem_proc *user, int expected)
{
	ksem_id_t id = 77;

	FAILS(expected, ksem_open(user, "/owned", 0, 0, 0, &id));
	FAILS(expected, ksem_open(user, "/owned", O_CREAT, 0777, 0, &id));
	FAILS(EEXIST, ksem_open(user, "/owned", O_CREAT | O_EXCL, 0777, 0, &id));
	assert_true((id == 77) == (expected != 0));
	FAILS(expected ? EINVAL : 0, ksem_post(user, id));
}

static void check_unlink(struct ksem_proc *user, int expected)
{
	FAILS(expected, ksem_unlink(user, "/owned"));
	open_fails(expected ? EEXIST : ENOENT, user, "/owned", O_EXCL);
}

static void open_needs_write_permission_of_owner_group_others_or_superuser(void **state)
{
	for_every_user_and_mode(*state, check_open);
}

static void unlink_needs_write_permission_of_owner_group_others_or_superuser(void **state)
{
	for_every_user_and_mode(*state, check_unlink);
}

static void the_maker_needs_no_permission_until_it_opens_again(void **state)
{
	struct world *world = *state;
	struct ksem_proc *user = world_user(world, 100, 200);
	ksem_id_t id = opened(user, "/name", O_CREAT, 0, 1);

	OK(ksem_post(user, id));
	OK(ksem_wait(user, id));
	open_fails(EPERM, user, "/name", 0);
	FAILS(EPERM, ksem_unlink(user, "/name"));
	OK(ksem_close(user, id));
	open_fails(EPERM, user, "/name", O_CREAT);
	OK(ksem_proc_exit(user));
}

static void who_holds_it_needs_no_permission_to_use_and_close(void **state)
{
	struct world *world = *state;
	struct ksem_proc *user = world_user(world, 100, 200), *child;
	ksem_id_t id = opened(user, "/name", O_CREAT, 0, 1);

	OK(ksem_proc_fork(user, &child));
	OK(ksem_post(child, id));
	OK(ksem_trywait(child, id));
	assert_int_equal(value_of(child, id), 1);
	OK(ksem_close(child, id));
	OK(ksem_proc_exit(child));
	OK(ksem_proc_exit(user));
}

static void the_mode_is_not_narrowed_by_the_umask(void **state)
{
	struct world *world = *state;
	mode_t before = umask(0777);
	ksem_id_t id = opened(world->proc, "/name", O_CREAT, 0666, 0);

	assert_int_equal(umask(before), 0777); /* nor is the umask changed */
	assert_int_equal(info_of(world->proc, id).mode, 0666);
}

/* ---- open: making and finding ---- */

static void mode_value_and_owner_count_for_the_maker_only(void **state)
{
	const unsigned values[] = {0, 1, INT32_MAX, KSEM_VALUE_MAX};
	struct world *world = *state;
	struct ksem_proc *maker = world_user(world, 100, 200), *finder = world_user(world, 101, 201);

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		ksem_id_t id = opened(maker, "/name", O_CREAT, 0642, values[i]);

		assert_true(opened(finder, "/name", O_CREAT, 0777, 42) == id);
		assert_int_equal(value_of(finder, id), values[i]);
		assert_int_equal(info_of(finder, id).mode, 0642);
		assert_int_equal(info_of(finder, id).uid, 100);
		assert_int_equal(info_of(finder, id).gid, 200);
		OK(ksem_unlink(maker, "/name"));
	}
	OK(ksem_proc_exit(maker));
	OK(ksem_proc_exit(finder));
}

static void two_opens_are_the_same_id_and_two_references(void **state)
{
	struct world *world = *state;
	struct ksem_proc *other = world_user(world, 0, 0);
	ksem_id_t id = opened(world->proc, "/name", O_CREAT, 0600, 0);

	assert_int_equal(info_of(world->proc, id).refs, 1);
	assert_true(opened(world->proc, "/name", 0, 0, 0) == id);
	assert_int_equal(info_of(world->proc, id).refs, 2);
	assert_true(opened(other, "/name", 0, 0, 0) == id);
	assert_int_equal(info_of(world->proc, id).refs, 3);
	OK(ksem_close(world->proc, id));
	OK(ksem_post(world->proc, id)); /* closed once, held still */
	assert_int_equal(info_of(world->proc, id).refs, 2);
	OK(ksem_close(world->proc, id));
	FAILS(EINVAL, ksem_post(world->proc, id));
	assert_int_equal(value_of(other, id), 1);
	OK(ksem_proc_exit(other));
}

struct racer {
	struct ksem_proc *proc;
	pthread_barrier_t *line;
	int oflag, error;
	unsigned value;
	ksem_id_t id;
};

static void *race(void *arg)
{
	struct racer *r = arg;

	pthread_barrier_wait(r->line);
	r->error = ksem_open(r->proc, "/raced", r->oflag, 0600, r->value, &r->id);
	return NULL;
}

static void of_several_that_race_to_make_a_name_one_makes_it_and_the_others_find_it(void **state)
{
	enum { RACERS = 4 };
	struct world world = world_limited(1, 0);
	pthread_barrier_t line;

	(void)state;
	pthread_barrier_init(&line, NULL, RACERS);
	for (int round = 0; round < ROUNDS(600); round++) {
		int oflag = round % 2 ? O_CREAT | O_EXCL : O_CREAT;
		struct racer racers[RACERS];
		pthread_t threads[RACERS];
		unsigned value = 0, made = 0;

		for (unsigned i = 0; i < RACERS; i++) {
			racers[i] = (struct racer){world_user(&world, 0, 0), &line, oflag, 0, i + 1, 77};
			threads[i] = start(race, &racers[i]);
		}
		for (unsigned i = 0; i < RACERS; i++)
			finish(threads[i]);
		for (unsigned i = 0; i < RACERS; i++) {
			if (racers[i].error) {
				assert_int_equal(racers[i].error, oflag & O_EXCL ? EEXIST : 0);
				assert_true(racers[i].id == 77);
				continue;
			}
			made++;
			if (value == 0)
				value = value_of(racers[i].proc, racers[i].id);
			assert_int_equal(value_of(racers[i].proc, racers[i].id), value);
			assert_int_equal(info_of(racers[i].proc, racers[i].id).refs, oflag & O_EXCL ? 1 : RACERS);
		}
		assert_int_equal(made, oflag & O_EXCL ? 1 : RACERS);
		assert_in_range(value, 1, RACERS);
		if (oflag & O_EXCL)
			assert_int_equal(racers[value - 1].error, 0); /* the winner's value, not a loser's */
		for (unsigned i = 0; i < RACERS; i++)
			OK(ksem_proc_exit(racers[i].proc));
		OK(ksem_unlink(world.proc, "/raced"));
		assert_int_equal(semaphores_in(world.ns), 0);
	}
	pthread_barrier_destroy(&line);
	world_end(&world);
}

/* ---- close ---- */

static void close_is_EINVAL_where_the_process_does_not_hold_it(void **state)
{
	struct world *world = *state;
	struct ksem_proc *other = world_user(world, 0, 0);
	ksem_id_t id = opened(world->proc, "/name", O_CREAT, 0600, 0);

	FAILS(EINVAL, ksem_close(other, id));
	FAILS(EINVAL, ksem_close(world->proc, 0));
	FAILS(EINVAL, ksem_close(world->proc, id + 1));
	assert_int_equal(info_of(world->proc, id).refs, 1);
	OK(ksem_proc_exit(other));
}

static void close_of_an_anonymous_semaphore_is_EINVAL(void **state)
{
	struct world *world = *state;
	ksem_id_t id;

	OK(ksem_init(world->proc, 3, &id));
	FAILS(EINVAL, ksem_close(world->proc, id));
	assert_int_equal(value_of(world->proc, id), 3);
	assert_int_equal(info_of(world->proc, id).refs, 1);
}

static void more_closes_than_opens_are_EINVAL(void **state)
{
	struct world *world = *state;
	struct ksem_proc *other = world_user(world, 0, 0);
	ksem_id_t id;

	for (unsigned opens = 1; opens < 6; opens++) {
		id = opened(other, "/name", O_CREAT, 0600, 0);
		for (unsigned i = 0; i < opens; i++)
			opened(world->proc, "/name", 0, 0, 0);
		for (unsigned i = 0; i < opens; i++)
			OK(ksem_close(world->proc, id));
		FAILS(EINVAL, ksem_close(world->proc, id));
		FAILS(EINVAL, ksem_close(world->proc, id));
		assert_int_equal(info_of(other, id).refs, opens); /* other's, one a round */
	}
	OK(ksem_proc_exit(other));
}

static void name_and_value_are_kept_when_the_last_reference_is_dropped(void **state)
{
	struct world *world = *state;
	ksem_id_t id = opened(world->proc, "/name", O_CREAT, 0600, 5);

	for (unsigned i = 0; i < 5; i++) {
		OK(ksem_post(world->proc, id));
		OK(ksem_close(world->proc, id));
		FAILS(EINVAL, ksem_post(world->proc, id));
		assert_int_equal(semaphores_in(world->ns), 1);
		open_fails(EEXIST, world->proc, "/name", O_CREAT | O_EXCL);
		assert_true(opened(world->proc, "/name", O_CREAT, 0, 99) == id);
		assert_int_equal(value_of(world->proc, id), 6 + i);
		assert_int_equal(info_of(world->proc, id).refs, 1);
		assert_int_equal(info_of(world->proc, id).mode, 0600);
	}
	OK(ksem_proc_exec(world->proc));
	assert_true(opened(world->proc, "/name", 0, 0, 0) == id);
	assert_int_equal(value_of(world->proc, id), 10);
}

/* ---- unlink ---- */

static void errors_of_unlink_come_in_order(void **state)
{
	struct world world = world_limited(0, 9);
	struct ksem_proc *user = world_user(&world, 1, 1);
	ksem_id_t id = opened(world.proc, "/mine", O_CREAT, 0600, 0);

	(void)state;
	FAILS(ENAMETOOLONG, ksem_unlink(user, "/nine-byte"));
	FAILS(ENAMETOOLONG, ksem_unlink(user, "not//valid either"));
	FAILS(ENOENT, ksem_unlink(user, "/absent"));
	FAILS(ENOENT, ksem_unlink(user, "invalid"));
	FAILS(ENOENT, ksem_unlink(user, ""));
	FAILS(EPERM, ksem_unlink(user, "/mine"));
	assert_string_equal(info_of(world.proc, id).name, "/mine");
	OK(ksem_unlink(world.proc, "/mine"));
	FAILS(ENOENT, ksem_unlink(user, "/mine"));
	FAILS(ENOENT, ksem_unlink(world.proc, "/mine"));
	OK(ksem_proc_exit(user));
	world_end(&world);
}

static void unlink_frees_the_name_at_once_and_a_new_one_of_the_name_is_another(void **state)
{
	struct world *world = *state;
	ksem_id_t ids[5];

	for (unsigned i = 0; i < 5; i++) {
		ids[i] = opened(world->proc, "/name", O_CREAT | O_EXCL, 0600, i);
		OK(ksem_unlink(world->proc, "/name"));
		open_fails(ENOENT, world->proc, "/name", 0);
	}
	for (unsigned i = 0; i < 5; i++) {
		for (unsigned j = 0; j < i; j++)
			assert_true(ids[i] != ids[j]);
		assert_int_equal(value_of(world->proc, ids[i]), i);
		assert_int_equal(info_of(world->proc, ids[i]).refs, 1);
		assert_string_equal(info_of(world->proc, ids[i]).name, "");
	}
	assert_int_equal(semaphores_in(world->ns), 5);
}

static void an_unlinked_semaphore_lives_on_for_those_who_hold_it(void **state)
{
	struct world *world = *state;
	struct ksem_proc *child, *other = world_user(world, 0, 0);
	ksem_id_t id = opened(world->proc, "/name", O_CREAT, 0600, 1);

	opened(other, "/name", 0, 0, 0);
	OK(ksem_unlink(world->proc, "/name"));
	OK(ksem_proc_fork(world->proc, &child));
	OK(ksem_post(other, id));
	OK(ksem_wait(child, id));
	OK(ksem_close(world->proc, id));
	OK(ksem_proc_exit(child));
	assert_int_equal(value_of(other, id), 1);
	assert_int_equal(info_of(other, id).refs, 1);
	assert_int_equal(semaphores_in(world->ns), 1);
	OK(ksem_close(other, id));
	assert_int_equal(semaphores_in(world->ns), 0);
	OK(ksem_proc_exit(other));
}

static void unlink_without_references_frees_the_semaphore(void **state)
{
	struct world *world = *state;

	OK(ksem_close(world->proc, opened(world->proc, "/name", O_CREAT, 0600, 1)));
	assert_int_equal(semaphores_in(world->ns), 1);
	OK(ksem_unlink(world->proc, "/name"));
	assert_int_equal(semaphores_in(world->ns), 0);
}

static void close_of_an_unlinked_semaphore_works(void **state)
{
	struct world *world = *state;
	ksem_id_t id = opened(world->proc, "/name", O_CREAT, 0600, 1);

	opened(world->proc, "/name", 0, 0, 0);
	OK(ksem_unlink(world->proc, "/name"));
	OK(ksem_close(world->proc, id));
	OK(ksem_close(world->proc, id));
	FAILS(EINVAL, ksem_close(world->proc, id));
	assert_int_equal(semaphores_in(world->ns), 0);
}

static void a_mode_is_kept_as_it_was_given_all_its_bits(void **state)
{
	static const mode_t modes[] = {0, 0600, 0107777, 0x80000180, UINT32_MAX};
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		ksem_id_t id;

		OK(ksem_open(world->proc, "/mode", O_CREAT | O_EXCL, modes[i], 0, &id));
		assert_true(info_of(world->proc, id).mode == modes[i]);
		OK(ksem_unlink(world->proc, "/mode"));
		assert_true(info_of(world->proc, id).mode == modes[i]);
		OK(ksem_close(world->proc, id));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(a_mode_is_kept_as_it_was_given_all_its_bits),
		cmocka_unit_test(errors_of_open_come_in_order),
		world_test(flags_other_than_O_CREAT_and_O_EXCL_are_passed_over),
		world_test(only_a_slash_and_then_bytes_other_than_slash_can_be_made),
		world_test(names_differ_by_any_byte_and_by_length),
		cmocka_unit_test(an_open_that_fails_leaves_nothing),
		cmocka_unit_test(an_existing_name_can_be_opened_at_max_sems),
		world_test(open_needs_write_permission_of_owner_group_others_or_superuser),
		world_test(unlink_needs_write_permission_of_owner_group_others_or_superuser),
		world_test(the_maker_needs_no_permission_until_it_opens_again),
		world_test(who_holds_it_needs_no_permission_to_use_and_close),
		world_test(the_mode_is_not_narrowed_by_the_umask),
		world_test(mode_value_and_owner_count_for_the_maker_only),
		world_test(two_opens_are_the_same_id_and_two_references),
		cmocka_unit_test(of_several_that_race_to_make_a_name_one_makes_it_and_the_others_find_it),
		world_test(close_is_EINVAL_where_the_process_does_not_hold_it),
		world_test(close_of_an_anonymous_semaphore_is_EINVAL),
		world_test(more_closes_than_opens_are_EINVAL),
		world_test(name_and_value_are_kept_when_the_last_reference_is_dropped),
		world_test(errors_of_unlink_come_in_order),
		world_test(unlink_frees_the_name_at_once_and_a_new_one_of_the_name_is_another),
		world_test(an_unlinked_semaphore_lives_on_for_those_who_hold_it),
		world_test(unlink_without_references_frees_the_semaphore),
		world_test(close_of_an_unlinked_semaphore_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
