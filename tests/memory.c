/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory: every call that allocates meets the failure of each of its allocations, answers ENOMEM and has changed
 * nothing; the others succeed without any; use is bounded, whatever comes and goes; and in the end all is given back.
 */
#include "support.h"

#include <malloc.h>
#include <sys/syscall.h>

#include "base/memory.h"
#include "failing_call.h"
#include "failing_memory.h"

#define UNTOUCHED 77 /* what output arguments hold before a call; errno too */

static int counted_world(void **state)
{
	failing_memory_install();
	return world_setup(state);
}

static int all_given_back(void **state)
{
	int result = world_teardown(state);

	failing_memory_uninstall();
	return result;
}

/* ---- Each allocation of a call fails in turn. ---- */

/* What can be seen from outside, and what is in use: all that a call that failed must leave as it was. */
struct view {
	size_t bytes, blocks;
	uint64_t sems, sum;
};

static uint64_t mix(uint64_t sum, uint64_t more)
{
	return (sum ^ more) * UINT64_C(0x100000001B3);
}

static int add_to_view(const struct ksem_info *info, void *arg)
{
	struct view *view = arg;

	view->sems++;
	view->sum = mix(mix(mix(view->sum, info->id), info->value), info->refs);
	view->sum = mix(mix(mix(view->sum, info->waiters), info->uid), info->mode);
	for (const char *c = info->name; *c; c++)
		view->sum = mix(view->sum, (unsigned char)*c);
	return 0;
}

static struct view view_of(struct ksem_ns *ns)
{
	struct view view = {.bytes = failing_memory_bytes(), .blocks = failing_memory_blocks()};

	if (ns)
		OK(ksem_ns_foreach(ns, add_to_view, &view));
	return view;
}

static int make_open_existing(struct call *call)
{
	return ksem_open(call->proc, call->name, 0, 0, 0, &call->id);
}

static void outputs_are_untouched(const struct call *call)
{
	assert_true(call->id == UNTOUCHED);
	assert_ptr_equal(call->new_proc, (void *)UNTOUCHED);
	assert_ptr_equal(call->new_ns, (void *)UNTOUCHED);
}

/* How many times the call failed, one allocation after another, until none was left that could. */
static unsigned fail_each_allocation(struct call *call)
{
	for (unsigned n = 1;; n++) {
		struct view before = view_of(call->ns), after;
		int error;

		call->id = UNTOUCHED;
		call->new_proc = (void *)UNTOUCHED;
		call->new_ns = (void *)UNTOUCHED;
		failing_memory_fail_at(n);
		errno = UNTOUCHED;
		error = call->make(call);
		assert_int_equal(errno, UNTOUCHED);
		if (failing_memory_failures() == 0) {
			failing_memory_fail_at(0);
			assert_int_equal(error, 0);
			return n - 1;
		}
		assert_int_equal(error, ENOMEM);
		outputs_are_untouched(call);
		after = view_of(call->ns);
		assert_memory_equal(&before, &after, sizeof(before));
	}
}

static void ns_create_meets_failure(void **state)
{
	struct call call = {.make = make_ns};
	struct ksem_proc *proc;

	(void)state;
	assert_true(fail_each_allocation(&call) >= 1);
	OK(ksem_proc_create(call.new_ns, NULL, &proc));
	FAILS(EBUSY, ksem_ns_destroy(call.new_ns));
	OK(ksem_proc_exit(proc));
	OK(ksem_ns_destroy(call.new_ns));
}

static void proc_create_meets_failure(void **state)
{
	struct world *world = *state;
	struct call call = {.make = make_proc, .ns = world->ns};

	assert_true(fail_each_allocation(&call) >= 1);
	OK(ksem_proc_exit(call.new_proc));
}

static int compare(const void *a, const void *b)
{
	ksem_id_t x = *(const ksem_id_t *)a, y = *(const ksem_id_t *)b;

	return (x > y) - (x < y);
}

static void all_differ(ksem_id_t *ids, unsigned n)
{
	qsort(ids, n, sizeof(*ids), compare);
	for (unsigned i = 1; i < n; i++)
		assert_true(ids[i - 1] != ids[i]);
}

/* Through the growth of every table, many times over. */
static void init_meets_failure(void **state)
{
	enum { SEMS = 1200 };
	static ksem_id_t ids[SEMS];
	struct world *world = *state;
	struct call call = {.make = make_init, .ns = world->ns, .proc = world->proc};
	unsigned most = 0;

	for (unsigned i = 0; i < SEMS; i++) {
		unsigned failed = fail_each_allocation(&call);

		most = failed > most ? failed : most;
		ids[i] = call.id;
		assert_int_equal(value_of(world->proc, ids[i]), 3);
	}
	assert_true(most >= 2); /* numbers in both halves, or a table with what counts its collisions */
	for (unsigned i = 0; i < SEMS; i++)
		assert_int_equal(info_of(world->proc, ids[i]).refs, 1);
	all_differ(ids, SEMS);
}

static int make_init_attr(struct call *call)
{
	const struct ksem_attr attr = {.size = sizeof(attr), .order = KSEM_FIFO, .flags = KSEM_METRICS};

	return ksem_init_attr(call->proc, &attr, 3, &call->id);
}

static void init_attr_meets_failure(void **state)
{
	struct world *world = *state;
	struct call call = {.make = make_init_attr, .ns = world->ns, .proc = world->proc};

	OK(make_init(&call));                             /* so that there are numbers */
	assert_int_equal(fail_each_allocation(&call), 2); /* its line, and what measures */
	assert_int_equal(value_of(world->proc, call.id), 3);
}

static void *wait_in_line(void *arg)
{
	struct call *call = arg;

	MUST(ksem_wait(call->proc, call->id) == 0);
	return NULL;
}

/* Not: a thread for which there is no place to wait, and which nobody wakes. */
static void a_wait_that_finds_no_memory_ends_with_a_post(void **state)
{
	static const struct timespec past = {0, 0};
	struct world *world = *state;
	struct call call = {.proc = world->proc};
	pthread_t thread;
	unsigned failures;

	OK(make_init_attr(&call));
	OK(ksem_trywait_many(call.proc, call.id, 3));
	failing_memory_fail_all(true);
	FAILS(ETIMEDOUT, ksem_clockwait(call.proc, call.id, CLOCK_MONOTONIC, &past));
	failures = failing_memory_failures();
	assert_true(failures > 0);
	thread = start(wait_in_line, &call);
	while (failing_memory_failures() == failures)
		sched_yield();
	OK(ksem_post(call.proc, call.id));
	finish(thread);
	failing_memory_fail_all(false);
	assert_int_equal(value_of(call.proc, call.id), 0);
}

static struct memory_ops counted;
static atomic_bool holds, is_held;

/* Any thread is held here, but the test's own. */
static void *alloc_that_holds(size_t size, size_t align)
{
	while (atomic_load(&holds) && getpid() != syscall(SYS_gettid)) {
		atomic_store(&is_held, true);
		sched_yield();
	}
	return counted.alloc(size, align);
}

static ksem_id_t ended;

static void *wait_for_ended(void *proc)
{
	MUST(ksem_wait(proc, ended) == EINVAL);
	return NULL;
}

/* The thread is to wait, and isn't in line yet. */
static void a_forks_child_ends_what_was_destroyed_beside_a_wait(void **state)
{
	const struct ksem_attr attr = {.size = sizeof(attr), .order = KSEM_FIFO};
	struct world *world = *state;
	pthread_t waiter;
	pid_t child;

	counted = memory_ops;
	memory_ops.alloc = alloc_that_holds;
	OK(ksem_init_attr(world->proc, &attr, 0, &ended));
	atomic_store(&holds, true);
	waiter = start(wait_for_ended, world->proc);
	while (!atomic_load(&is_held))
		sched_yield();
	OK(ksem_destroy(world->proc, ended));
	child = fork();
	if (child == 0) {
		MUST(ksem_proc_exit(world->proc) == 0);
		MUST(ksem_ns_destroy(world->ns) == 0);
		MUST(failing_memory_bytes() == 0);
		_exit(0);
	}
	must_end_well(child);
	atomic_store(&holds, false);
	finish(waiter);
	memory_ops = counted;
}

static void open_that_makes_meets_failure(void **state)
{
	enum { SEMS = 600 };
	static ksem_id_t ids[SEMS];
	struct world *world = *state;
	struct call call = {.make = make_open, .ns = world->ns, .proc = world->proc};

	for (unsigned i = 0; i < SEMS; i++) {
		ksem_id_t id = UNTOUCHED;

		snprintf(call.name, sizeof(call.name), "/%u", i);
		assert_true(fail_each_allocation(&call) >= 1); /* name */
		ids[i] = call.id;
		assert_string_equal(info_of(world->proc, ids[i]).name, call.name);

		snprintf(call.name, sizeof(call.name), "/other %u", i); /* a failure leaves no name */
		failing_memory_fail_at(1);
		FAILS(ENOMEM, ksem_open(world->proc, call.name, O_CREAT, 0600, 3, &id));
		FAILS(ENOENT, ksem_open(world->proc, call.name, 0, 0600, 3, &id));
		assert_true(id == UNTOUCHED);
	}
	all_differ(ids, SEMS);
	for (unsigned i = 0; i < SEMS; i++)
		OK(ksem_close(world->proc, ids[i]));
}

/* What was ended before lies retired: a call that finds no memory frees that, and tries once more. */
static void what_lies_retired_serves_who_finds_no_memory(void **state)
{
	struct world *world = *state;
	ksem_id_t id, other = UNTOUCHED;

	for (unsigned n = 0; n < 2; n++) {
		size_t frees;

		OK(ksem_open(world->proc, "/old", O_CREAT, 0600, 0, &id));
		OK(ksem_close(world->proc, id));
		OK(ksem_unlink(world->proc, "/old"));
		frees = failing_memory_frees();
		failing_memory_fail_at(1);
		OK(ksem_open(world->proc, "/new", O_CREAT, 0600, 0, &id));
		assert_int_equal(failing_memory_failures(), 1);
		assert_true(failing_memory_frees() > frees);
		failing_memory_fail_at(0);
		OK(ksem_close(world->proc, id));
		OK(ksem_unlink(world->proc, "/new"));
		failing_memory_fail_all(true);
		FAILS(ENOMEM, ksem_open(world->proc, "/new", O_CREAT, 0600, 0, &other));
		assert_int_equal(failing_memory_failures(), 2); /* and no more */
		FAILS(ENOMEM, ksem_open(world->proc, "/new", O_CREAT, 0600, 0, &other));
		assert_int_equal(failing_memory_failures(), 3); /* nothing is retired any more */
		failing_memory_fail_all(false);
		assert_true(other == UNTOUCHED);
	}
}

static void open_that_finds_meets_failure(void **state)
{
	enum { SEMS = 600 };
	struct world *world = *state;
	struct call call = {.ns = world->ns, .proc = world_user(world, 0, 0)};
	unsigned failed = 0;

	for (unsigned i = 0; i < SEMS; i++) {
		ksem_id_t id;

		snprintf(call.name, sizeof(call.name), "/%u", i);
		OK(ksem_open(world->proc, call.name, O_CREAT, 0600, 3, &id));
		call.make = i % 2 ? make_open : make_open_existing;
		failed += fail_each_allocation(&call);
		assert_true(call.id == id);
		assert_int_equal(info_of(call.proc, id).refs, 2);

		failing_memory_fail_all(true); /* what it holds already it can open again */
		OK(call.make(&call));
		failing_memory_fail_all(false);
		assert_int_equal(info_of(call.proc, id).refs, 3);
	}
	assert_true(failed >= 7); /* its table has doubled as often, from 8 */
	OK(ksem_proc_exit(call.proc));
}

static void fork_meets_failure(void **state)
{
	static const unsigned sizes[] = {0, 1, 5, 100, 4000};
	struct world *world = *state;

	for (unsigned s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
		struct call call = {.make = make_fork, .ns = world->ns, .proc = world_user(world, 7, 8)};
		ksem_id_t id = 0;

		for (unsigned i = 0; i < sizes[s]; i++)
			OK(ksem_init(call.proc, i, &id));
		for (unsigned i = 0; i < sizes[s]; i++) /* of one, many references */
			OK(ksem_open(call.proc, "/many", O_CREAT, 0600, 0, &id));
		assert_int_equal(fail_each_allocation(&call), sizes[s] ? 2 : 1);
		if (sizes[s]) {
			assert_int_equal(info_of(call.new_proc, id).refs, 2 * sizes[s]);
			assert_int_equal(info_of(call.new_proc, id).uid, 7);
			OK(ksem_unlink(call.proc, "/many"));
		}
		OK(ksem_proc_exit(call.proc));
		OK(ksem_proc_exit(call.new_proc));
	}
}

static void a_failed_call_takes_no_place_under_the_limit(void **state)
{
	const struct ksem_ns_options few = {.size = sizeof(few), .max_sems = 70};
	struct call call = {.make = make_init};
	ksem_id_t id = UNTOUCHED;

	(void)state;
	OK(ksem_ns_create(&few, &call.ns));
	OK(ksem_proc_create(call.ns, NULL, &call.proc));
	for (unsigned i = 0; i < 70; i++) {
		call.make = i % 2 ? make_init : make_open;
		snprintf(call.name, sizeof(call.name), "/%u", i);
		fail_each_allocation(&call);
	}
	/* Full: that comes first, however little memory there is. */
	for (int fail = 0; fail < 2; fail++) {
		failing_memory_fail_all(fail);
		FAILS(ENFILE, ksem_init(call.proc, 0, &id));
		FAILS(ENFILE, ksem_open(call.proc, "/one more", O_CREAT, 0600, 0, &id));
		assert_int_equal(failing_memory_failures(), 0);
	}
	failing_memory_fail_all(false);
	assert_true(id == UNTOUCHED);
	OK(ksem_proc_exit(call.proc));
	OK(ksem_ns_destroy(call.ns));
}

static void every_other_refusal_comes_before_ENOMEM(void **state)
{
	struct world *world = *state;
	const struct ksem_ns_options wrong = {.size = 1};
	struct ksem_proc *user = world_user(world, 7, 7);
	char long_name[KSEM_NAME_MAX + 2] = "/";
	struct ksem_ns *ns;
	ksem_id_t id, other = UNTOUCHED;

	memset(long_name + 1, 'x', sizeof(long_name) - 2);
	OK(ksem_open(world->proc, "/name", O_CREAT, 0600, 0, &id));
	failing_memory_fail_all(true);
	FAILS(EINVAL, ksem_ns_create(&wrong, &ns));
	FAILS(ENAMETOOLONG, ksem_open(user, long_name, O_CREAT, 0600, 0, &other));
	FAILS(EEXIST, ksem_open(user, "/name", O_CREAT | O_EXCL, 0600, 0, &other));
	FAILS(EPERM, ksem_open(user, "/name", O_CREAT, 0600, 0, &other));
	FAILS(ENOENT, ksem_open(user, "/other", 0, 0600, 0, &other));
	FAILS(EINVAL, ksem_open(user, "other", O_CREAT, 0600, 0, &other));
	FAILS(ENOMEM, ksem_open(user, "/other", O_CREAT, 0600, 0, &other));
	FAILS(EPERM, ksem_unlink(user, "/name"));
	failing_memory_fail_all(false);
	assert_true(other == UNTOUCHED);
	OK(ksem_proc_exit(user));
}

/* ---- Calls that need no memory. ---- */

struct wait {
	struct ksem_proc *proc;
	ksem_id_t id;
	struct ksem *pin;
};

/* A new thread, so that what it does first is done without memory too. */
static void *wait_without_memory(void *arg)
{
	struct wait *wait = arg;
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 5);

	errno = UNTOUCHED;
	MUST(ksem_wait(wait->proc, wait->id) == 0);
	MUST(ksem_pinned_wait(wait->pin) == 0);
	MUST(ksem_clockwait(wait->proc, wait->id, CLOCK_MONOTONIC, &soon) == ETIMEDOUT);
	MUST(ksem_pinned_clockwait(wait->pin, CLOCK_MONOTONIC, &soon) == ETIMEDOUT);
	MUST(ksem_trywait(wait->proc, wait->id) == EAGAIN);
	MUST(errno == UNTOUCHED);
	return NULL;
}

static void posts_and_waits_need_no_memory(void **state)
{
	struct world *world = *state;
	struct wait wait = {.proc = world->proc};
	size_t bytes;
	pthread_t thread;
	unsigned value;

	OK(ksem_init(world->proc, 0, &wait.id));
	bytes = failing_memory_bytes();
	failing_memory_fail_all(true);
	OK(ksem_pin(world->proc, wait.id, &wait.pin));
	thread = start(wait_without_memory, &wait);
	until_waiting(world->proc, wait.id, 1);
	errno = UNTOUCHED;
	OK(ksem_post(world->proc, wait.id));
	OK(ksem_pinned_post(wait.pin));
	finish(thread);
	OK(ksem_post_many(world->proc, wait.id, 5));
	OK(ksem_pinned_post_many(wait.pin, 5));
	OK(ksem_trywait(world->proc, wait.id));
	OK(ksem_pinned_trywait(wait.pin));
	OK(ksem_getvalue(world->proc, wait.id, &value));
	assert_int_equal(value, 8);
	OK(ksem_pinned_getvalue(wait.pin, &value));
	assert_int_equal(value, 8);
	assert_int_equal(errno, UNTOUCHED);
	ksem_unpin(wait.pin);
	assert_int_equal(failing_memory_failures(), 0);
	failing_memory_fail_all(false);
	assert_int_equal(failing_memory_bytes(), bytes);
}

/* Threads that all look at a semaphore first, and then end together. */
struct crowd {
	struct ksem_proc *proc;
	ksem_id_t id;
	atomic_uint changed; /* threads whose errno was */
	pthread_barrier_t line;
};

static void *look_first(void *arg)
{
	struct crowd *crowd = arg;
	unsigned value;

	errno = UNTOUCHED;
	MUST(ksem_getvalue(crowd->proc, crowd->id, &value) == 0);
	if (errno != UNTOUCHED)
		atomic_fetch_add(&crowd->changed, 1);
	pthread_barrier_wait(&crowd->line);
	return NULL;
}

/* By which a thread becomes known to liburcu, which now and then maps memory for that. */
static void first_calls_of_threads_leave_errno_alone(void **state)
{
	enum { THREADS = 100 };
	struct world *world = *state;
	struct crowd crowd = {.proc = world->proc};
	pthread_t threads[THREADS];

	OK(ksem_init(world->proc, 0, &crowd.id));
	OK(pthread_barrier_init(&crowd.line, NULL, THREADS));
	for (unsigned i = 0; i < THREADS; i++)
		threads[i] = start(look_first, &crowd);
	for (unsigned i = 0; i < THREADS; i++)
		finish(threads[i]);
	pthread_barrier_destroy(&crowd.line);
	assert_int_equal(atomic_load(&crowd.changed), 0);
}

/* References of a process, half of them by name. */
static void fill(struct ksem_proc *proc, ksem_id_t *ids, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char name[16];

		snprintf(name, sizeof(name), "/%u", i);
		OK(i % 2 ? ksem_init(proc, 0, &ids[i]) : ksem_open(proc, name, O_CREAT, 0600, 0, &ids[i]));
	}
}

static void letting_go_needs_no_memory(void **state)
{
	enum { SEMS = 3000 };
	static ksem_id_t ids[SEMS];
	struct ksem_proc *proc, *child, *again;
	struct ksem_ns *ns;

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		OK(ksem_ns_create(NULL, &ns));
		OK(ksem_proc_create(ns, NULL, &proc));
		fill(proc, ids, SEMS);
		OK(ksem_proc_fork(proc, &child));
		OK(ksem_proc_fork(proc, &again));
		failing_memory_fail_all(true);
		errno = UNTOUCHED;
		for (unsigned i = 0; i < SEMS; i++) {
			char name[16];

			snprintf(name, sizeof(name), "/%u", i);
			if (i % 2 == 0 && i < SEMS / 2) /* the others are left to ns_destroy */
				OK(ksem_unlink(proc, name));
			OK(i % 2 ? ksem_destroy(proc, ids[i]) : ksem_close(proc, ids[i]));
			OK(i % 2 ? ksem_destroy(child, ids[i]) : ksem_close(child, ids[i]));
		}
		assert_true(failing_memory_failures() > 0); /* tables that would have shrunk */
		OK(ksem_proc_exec(again));
		OK(ksem_proc_exit(again));
		OK(ksem_proc_exit(child));
		FAILS(EBUSY, ksem_ns_destroy(ns));
		OK(ksem_proc_exit(proc));
		OK(ksem_ns_destroy(ns));
		assert_int_equal(errno, UNTOUCHED);
		failing_memory_fail_all(false);
	}
}

static void a_pin_outlives_all_else_without_memory(void **state)
{
	struct ksem_proc *proc;
	struct ksem_ns *ns;
	struct ksem *pin;
	ksem_id_t id;
	size_t bytes = failing_memory_bytes();

	(void)state;
	OK(ksem_ns_create(NULL, &ns));
	OK(ksem_proc_create(ns, NULL, &proc));
	OK(ksem_open(proc, "/name", O_CREAT, 0600, 1, &id));
	failing_memory_fail_all(true);
	OK(ksem_pin(proc, id, &pin));
	OK(ksem_proc_exit(proc));
	OK(ksem_ns_destroy(ns));
	OK(ksem_pinned_wait(pin));
	ksem_unpin(pin);
	failing_memory_fail_all(false);
	assert_int_equal(failing_memory_bytes(), bytes);
}

/* ---- Bounds. ---- */

#define BOUND (4 * 1024 * 1024)

static atomic_uint churners, namespaces; /* namespaces: made and destroyed */

static void *churn_anonymous(void *arg)
{
	struct ksem_proc *proc = arg;
	ksem_id_t id;

	for (unsigned i = 0; i < ROUNDS(40000); i++) {
		MUST(ksem_init(proc, i, &id) == 0);
		MUST(ksem_destroy(proc, id) == 0);
	}
	return NULL;
}

static void *churn_named(void *arg)
{
	struct ksem_proc *proc = arg;
	char name[KSEM_NAME_MAX + 1];
	ksem_id_t id;

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = 0;
	name[snprintf(name, sizeof(name), "/%u", atomic_fetch_add(&churners, 1))] = 'n';
	for (unsigned i = 0; i < ROUNDS(20000); i++) {
		MUST(ksem_open(proc, name, O_CREAT | O_EXCL, 0600, i, &id) == 0);
		MUST(ksem_unlink(proc, name) == 0);
		MUST(ksem_close(proc, id) == 0);
	}
	return NULL;
}

static void churn_namespace(void)
{
	struct ksem_proc *proc;
	struct ksem_ns *ns;
	ksem_id_t id;

	MUST(ksem_ns_create(NULL, &ns) == 0);
	MUST(ksem_proc_create(ns, NULL, &proc) == 0);
	MUST(ksem_open(proc, "/name", O_CREAT, 0600, 0, &id) == 0);
	MUST(ksem_proc_exit(proc) == 0);
	MUST(ksem_ns_destroy(ns) == 0);
	atomic_fetch_add(&namespaces, 1);
}

static void *churn_processes(void *arg)
{
	struct ksem_proc *parent = arg, *child;
	ksem_id_t id;

	for (unsigned i = 0; i < ROUNDS(5000); i++) {
		MUST(ksem_proc_fork(parent, &child) == 0);
		MUST(ksem_init(child, 0, &id) == 0);
		if (i % 2)
			MUST(ksem_proc_exec(child) == 0);
		MUST(ksem_proc_exit(child) == 0);
		if (i % 16 == 0)
			churn_namespace();
	}
	return NULL;
}

/* What the world's namespace has committed: all but what the namespaces that are gone had, each as much as `one`. */
static size_t committed_still(size_t one)
{
	return failing_memory_committed() - atomic_load(&namespaces) * one;
}

static void churn_is_bounded(void **state)
{
	static void *(*const kinds[])(void *) = {churn_anonymous, churn_named, churn_processes};
	struct world *world = *state;
	size_t one = failing_memory_committed(), most;

	churn_namespace();
	one = failing_memory_committed() - one;
	for (unsigned kind = 0; kind <= 3; kind++) { /* four threads of each kind, then of all */
		pthread_t threads[4];

		failing_memory_reset_peak();
		for (unsigned i = 0; i < 4; i++)
			threads[i] = start(kinds[kind < 3 ? kind : i % 3], world->proc);
		for (unsigned i = 0; i < 4; i++)
			finish(threads[i]);
		most = failing_memory_peak() + committed_still(one);
		printf("churn %u: %zu kB at most, %zu of them committed\n", kind, most / 1024,
		       committed_still(one) / 1024);
		assert_true(most < BOUND);
	}
}

/* ---- Many. ---- */

#define MANY    (SANITIZED ? 125000u : 1000000u) /* an eighth: places come in powers of two, and as many stay free */
#define A_SEM   90                               /* bytes for each at most, all tables included */
#define RETIRED (512 * 1024)                     /* what may wait to be freed */

static void a_million_take_at_most_90_bytes_each(void **state)
{
	struct ksem_proc *proc;
	struct ksem_ns *ns;
	size_t before = failing_memory_bytes(), all;
	ksem_id_t id;

	(void)state;
	OK(ksem_ns_create(NULL, &ns));
	OK(ksem_proc_create(ns, NULL, &proc));
	failing_memory_reset_peak();
	for (unsigned i = 0; i < MANY; i++)
		OK(ksem_init(proc, i, &id));
	all = failing_memory_bytes() - before + failing_memory_committed();
	printf("%u semaphores: %.1f bytes each, %.1f at most\n", MANY, (double)all / MANY,
	       (double)(failing_memory_peak() - before + failing_memory_committed()) / MANY);
	assert_true(all <= (size_t)A_SEM * MANY);
	OK(ksem_proc_exit(proc));
	assert_true(failing_memory_bytes() - before <= RETIRED); /* the numbers stay, for they know old ids */
	OK(ksem_ns_destroy(ns));
	assert_int_equal(failing_memory_bytes(), before);
}

#if defined(__GLIBC__) && !SANITIZED && !defined(KSEM_ALLOCATOR_JEMALLOC)

static size_t in_use(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static size_t taken_from_system(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.arena + info.hblkhd;
}

/* With the allocator's own share, of which libc takes the most. The first test: then nothing lies free yet. */
static void a_million_take_at_most_90_bytes_each_of_libc(void **state)
{
	struct ksem_proc *proc;
	struct ksem_ns *ns;
	size_t used = in_use(), taken = taken_from_system();
	ksem_id_t id;

	(void)state;
	OK(ksem_ns_create(NULL, &ns));
	OK(ksem_proc_create(ns, NULL, &proc));
	for (unsigned i = 0; i < MANY; i++)
		OK(ksem_init(proc, i, &id));
	printf("libc: %.1f bytes each in use, %.1f taken\n", (double)(in_use() - used) / MANY,
	       (double)(taken_from_system() - taken) / MANY);
	assert_true(in_use() - used <= (size_t)A_SEM * MANY);
	assert_true(taken_from_system() - taken <= (size_t)A_SEM * MANY);
	OK(ksem_proc_exit(proc));
	OK(ksem_ns_destroy(ns));
	assert_true(in_use() <= used + 64 * 1024); /* its caches, and printf's buffer */
}

#else

static void a_million_take_at_most_90_bytes_each_of_libc(void **state)
{
	(void)state;
	skip(); /* the sanitizer's allocator serves, or jemalloc */
}

#endif

#define counted_test(f) cmocka_unit_test_setup_teardown(f, counted_world, all_given_back)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_million_take_at_most_90_bytes_each_of_libc),
		counted_test(ns_create_meets_failure),
		counted_test(proc_create_meets_failure),
		counted_test(init_meets_failure),
		counted_test(init_attr_meets_failure),
		counted_test(a_wait_that_finds_no_memory_ends_with_a_post),
		counted_test(open_that_makes_meets_failure),
		counted_test(what_lies_retired_serves_who_finds_no_memory),
		counted_test(open_that_finds_meets_failure),
		counted_test(fork_meets_failure),
		counted_test(a_forks_child_ends_what_was_destroyed_beside_a_wait),
		counted_test(a_failed_call_takes_no_place_under_the_limit),
		counted_test(every_other_refusal_comes_before_ENOMEM),
		counted_test(posts_and_waits_need_no_memory),
		counted_test(first_calls_of_threads_leave_errno_alone),
		counted_test(letting_go_needs_no_memory),
		counted_test(a_pin_outlives_all_else_without_memory),
		counted_test(churn_is_bounded),
		counted_test(a_million_take_at_most_90_bytes_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
