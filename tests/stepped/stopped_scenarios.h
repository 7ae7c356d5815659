/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The calls in which stopped.c stops its victim, and what the semaphore is like then: calls that may stop nobody,
 * and those that may, but not posts, takes and looks.
 */
#ifndef KSEM_TESTS_STOPPED_SCENARIOS_H
#define KSEM_TESTS_STOPPED_SCENARIOS_H

#include "stopped.h"

#include "registry/process.h"

#define SPARE 1000 /* semaphores that a process holds whose table is to be copied, or dropped */
#define MUCH  (UINT32_C(1) << 31)
#define PAST  (&(const struct timespec){0, 0})

/* ---- By id, and pinned. ---- */

#define BY_ID(name, ...)                                                           \
	static int name##_by_id(void)                                              \
	{                                                                          \
		return ksem_##name(cast.proc, cast.id __VA_OPT__(, ) __VA_ARGS__); \
	}
#define PINNED(name, ...)                                                       \
	static int name##_pinned(void)                                          \
	{                                                                       \
		return ksem_pinned_##name(cast.pin __VA_OPT__(, ) __VA_ARGS__); \
	}
#define BOTH(name, ...)                        \
	BY_ID(name __VA_OPT__(, ) __VA_ARGS__) \
	PINNED(name __VA_OPT__(, ) __VA_ARGS__)

static unsigned value_seen;

BOTH(post)
BOTH(trywait)
BOTH(wait)
BOTH(post_many, 3)
BOTH(clockwait, CLOCK_MONOTONIC, PAST)
BOTH(getvalue, &value_seen)

static unsigned got;

BY_ID(trywait_many, 2)
BY_ID(trywait_upto, 2, &got)

static int post_much_by_id(void)
{
	return ksem_post_many(cast.proc, cast.id, MUCH);
}

/* Waits long enough for this test. */
static int clockwait_long(void)
{
	return ksem_clockwait(cast.proc, cast.id, CLOCK_REALTIME, &(const struct timespec){INT32_MAX, 0});
}

static int pin_call(void)
{
	return ksem_pin(cast.proc, cast.id, &cast.made_pin);
}

static void unpin_made(void)
{
	if (cast.made_pin)
		ksem_unpin(cast.made_pin);
	cast.made_pin = NULL;
}

/* ---- Twins: calls that must be caught. ---- */

static int locked_post(void)
{
	int error;

	pthread_mutex_lock(&cast.lock);
	error = ksem_post(cast.proc, cast.id);
	pthread_mutex_unlock(&cast.lock);
	return error;
}

/* Gives a permit that isn't noted anywhere. */
static int double_post(void)
{
	return ksem_post_many(cast.proc, cast.id, 2);
}

/* ---- Calls that may lock. ---- */

static int init_call(void)
{
	return ksem_init(cast.proc, 1, &cast.made);
}

static void destroy_made(void)
{
	MUST(ksem_destroy(cast.proc, cast.made) == 0);
}

static void init_made(void)
{
	MUST(init_call() == 0);
}

static int destroy_call(void)
{
	return ksem_destroy(cast.proc, cast.made);
}

/* The table of ids is full: the next semaphore makes it grow. */
static ksem_id_t many[SPARE];
static unsigned how_many;

static void fill_table(void)
{
	size_t homes = load_acq(&cast.proc->ids.table)->mask + 1;

	for (how_many = 0; cast.proc->ids.count < homes && how_many < SPARE; how_many++)
		MUST(ksem_init(cast.proc, 0, &many[how_many]) == 0);
}

static void empty_table(void)
{
	while (how_many > 0)
		MUST(ksem_destroy(cast.proc, many[--how_many]) == 0);
	destroy_made();
}

static int open_new(void)
{
	return ksem_open(cast.proc, "/new", O_CREAT, 0600, 0, &cast.made);
}

static void close_and_unlink_new(void)
{
	MUST(ksem_unlink(cast.proc, "/new") == 0);
	MUST(ksem_close(cast.proc, cast.made) == 0);
}

static int open_again(void)
{
	return ksem_open(cast.proc, "/stopped", 0, 0, 0, &cast.made);
}

static void open_it_again(void)
{
	MUST(open_again() == 0);
}

static void close_again(void)
{
	MUST(ksem_close(cast.proc, cast.id) == 0);
}

static int close_call(void)
{
	return ksem_close(cast.proc, cast.id);
}

static int unlink_call(void)
{
	return ksem_unlink(cast.proc, "/stopped");
}

static void link_another(void)
{
	MUST(ksem_open(cast.proc, "/stopped", O_CREAT | O_EXCL, 0600, 0, &cast.made) == 0);
	MUST(ksem_close(cast.proc, cast.made) == 0);
}

static struct ksem_info info_seen;

static int stat_call(void)
{
	return ksem_stat(cast.proc, cast.id, &info_seen);
}

static int foreach_call(void)
{
	unsigned n = 0;

	return ksem_ns_foreach(cast.ns, visit_and_count, &n);
}

static int visit_holder(const struct ksem_holder *holder, void *arg)
{
	(void)arg;
	return holder->refs == 0;
}

static int holders_call(void)
{
	return ksem_holders(cast.proc, cast.id, visit_holder, NULL);
}

static int unpin_call(void)
{
	ksem_unpin(cast.made_pin);
	cast.made_pin = NULL;
	return 0;
}

static void pin_made(void)
{
	MUST(pin_call() == 0);
}

static int proc_create_call(void)
{
	return ksem_proc_create(cast.ns, NULL, &cast.made_proc);
}

static int proc_fork_call(void)
{
	return ksem_proc_fork(cast.proc, &cast.made_proc);
}

static void exit_made(void)
{
	MUST(ksem_proc_exit(cast.made_proc) == 0);
}

static int proc_exec_call(void)
{
	return ksem_proc_exec(cast.other);
}

static int proc_exit_call(void)
{
	struct ksem_proc *other = cast.other;

	cast.other = NULL;
	return ksem_proc_exit(other);
}

static int ns_create_call(void)
{
	return ksem_ns_create(NULL, &cast.made_ns);
}

static void ns_destroy_made(void)
{
	MUST(ksem_ns_destroy(cast.made_ns) == 0);
}

/* With something to free, for which it waits for an epoch. */
static void ns_make(void)
{
	ksem_id_t id;

	MUST(ns_create_call() == 0);
	MUST(ksem_proc_create(cast.made_ns, NULL, &cast.made_proc) == 0);
	MUST(ksem_open(cast.made_proc, "/left", O_CREAT, 0600, 0, &id) == 0);
	MUST(ksem_proc_exit(cast.made_proc) == 0);
}

static int ns_destroy_call(void)
{
	return ksem_ns_destroy(cast.made_ns);
}

/* The host's own. */
static int fork_call(void)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	while (waitpid(child, &status, 0) != child)
		;
	return status;
}

/* ---- Scenarios. ---- */

#define HOT(name, gives)                                                                            \
	{"ksem_" #name ", permits in the word", name##_by_id, WORD, PLENTY, gives},                 \
		{"ksem_" #name ", permits in slots", name##_by_id, CELLS, PLENTY, gives},           \
		{"ksem_" #name ", shared", name##_by_id, SHARED, PLENTY, gives},                    \
		{"ksem_pinned_" #name ", permits in the word", name##_pinned, WORD, PLENTY, gives}, \
		{"ksem_pinned_" #name ", shared", name##_pinned, SHARED, PLENTY, gives},            \
	{                                                                                           \
		"ksem_pinned_" #name ", permits in slots", name##_pinned, CELLS, PLENTY, gives      \
	}

static const struct scenario scenarios_hot[] = {
	HOT(post, 1),
	HOT(post_many, 3),
	HOT(trywait, -1),
	HOT(getvalue, 0),
	HOT(wait, -1),
	HOT(clockwait, -1),
	{"ksem_trywait, no permit", trywait_by_id, EMPTY, SCARCE, -1},
	{"ksem_pin", pin_call, CELLS, PLENTY, 0, .after = unpin_made},
	{"ksem_post, others sleep", post_by_id, SLEPT_ON, SCARCE, 1},
	{"ksem_post_many, others sleep", post_many_by_id, SLEPT_ON, SCARCE, 3},
	{"ksem_pinned_post, others sleep", post_pinned, SLEPT_ON, SCARCE, 1},
};

static const struct scenario scenarios_change[] = {
	{"ksem_trywait, permit in another's slot", trywait_by_id, FAR, PLENTY, -1},
	{"ksem_pinned_wait, permit in another's slot", wait_pinned, FAR, PLENTY, -1},
	{"ksem_trywait, revoking", trywait_by_id, REVOKING, PLENTY, -1},
	{"ksem_getvalue, revoking", getvalue_by_id, REVOKING, PLENTY, 0},
	{"ksem_post, revoking", post_by_id, REVOKING, PLENTY, 1},
	{"ksem_trywait, emptying", trywait_by_id, EMPTYING, PLENTY, -1},
	{"ksem_getvalue, emptying", getvalue_by_id, EMPTYING, PLENTY, 0},
	{"ksem_trywait_many, revoking", trywait_many_by_id, REVOKING, PLENTY, -2},
	{"ksem_trywait_upto, permit in another's slot", trywait_upto_by_id, FAR, PLENTY, -1},
	{"ksem_trywait_upto, permits in the slot", trywait_upto_by_id, CELLS, PLENTY, -2},
	{"ksem_post_many, slots count for the limit", post_much_by_id, CELLS, PLENTY, MUCH},
	{"ksem_trywait, on the way to slots", trywait_by_id, EARNS, PLENTY, -1},
	{"ksem_trywait, gets slots", trywait_by_id, GETS, PLENTY, -1},
	{"ksem_trywait, becomes percpu", trywait_by_id, PREPARES, PLENTY, -1},
	{"ksem_trywait, loses its slots", trywait_by_id, LOSES, PLENTY, -1},
	{"ksem_trywait, becomes percpu, others find none", trywait_by_id, PREPARES, DRY, -1},
	{"ksem_trywait, gets slots, others find none", trywait_by_id, GETS, DRY, -1},
	{"ksem_trywait, revoking, others find none", trywait_by_id, REVOKING, DRY, -1},
	{"ksem_trywait, emptying, others find none", trywait_by_id, EMPTYING, DRY, -1},
	{"ksem_trywait_many, slots, others find none", trywait_many_by_id, CELLS, DRY, -2},
	{"ksem_post, permits in slots, others find none", post_by_id, CELLS, DRY, 1},
};

static const struct scenario scenarios_sleep[] = {
	{"ksem_wait, goes to sleep", wait_by_id, EMPTY, SCARCE, -1},
	{"ksem_pinned_wait, goes to sleep", wait_pinned, EMPTY, SCARCE, -1},
	{"ksem_clockwait, goes to sleep", clockwait_long, EMPTY, SCARCE, -1},
};

static const struct scenario scenarios_spin[] = {
	{"ksem_wait, spins before it sleeps", wait_by_id, EMPTY, PLENTY, -1, .spins = true},
};

static const struct scenario scenarios_lock[] = {
	{"ksem_init", init_call, CELLS, PLENTY, 0, .after = destroy_made},
	{"ksem_init, the table grows", init_call, CELLS, PLENTY, 0, false, fill_table, empty_table},
	{"ksem_destroy", destroy_call, CELLS, PLENTY, 0, .before = init_made},
	{"ksem_open, new", open_new, CELLS, PLENTY, 0, .after = close_and_unlink_new},
	{"ksem_open, existing", open_again, CELLS, PLENTY, 0, .after = close_again},
	{"ksem_close", close_call, CELLS, PLENTY, 0, .before = open_it_again},
	{"ksem_unlink", unlink_call, CELLS, PLENTY, 0, .after = link_another},
	{"ksem_stat", stat_call, CELLS, PLENTY, 0},
	{"ksem_ns_foreach", foreach_call, CELLS, PLENTY, 0},
	{"ksem_holders", holders_call, CELLS, PLENTY, 0},
	{"ksem_unpin", unpin_call, CELLS, PLENTY, 0, .before = pin_made},
	{"ksem_proc_create", proc_create_call, CELLS, PLENTY, 0, .after = exit_made},
	{"ksem_proc_fork", proc_fork_call, CELLS, PLENTY, 0, .after = exit_made},
	{"ksem_proc_exec", proc_exec_call, CELLS, PLENTY, 0},
	{"ksem_proc_exit", proc_exit_call, CELLS, PLENTY, 0},
	{"ksem_ns_create", ns_create_call, CELLS, PLENTY, 0, .after = ns_destroy_made},
	{"ksem_ns_destroy", ns_destroy_call, CELLS, PLENTY, 0, .before = ns_make},
	{"fork", fork_call, CELLS, PLENTY, 0},
};

#endif
