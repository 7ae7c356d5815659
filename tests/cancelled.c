/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cancellation: no call is a cancellation point, and a thread that is cancelled in one leaves the library usable: no
 * lock held, no descriptor lost, fork and exit as before. A process that hangs is ended by its own alarm.
 */
#include "support.h"

#include <dirent.h>

#define PROCESSES ROUNDS(10)
#define THREADS   4
#define CANCELS   ROUNDS(60) /* of a process */
#define SECONDS   120        /* before a process is taken to hang */

static int open_descriptors(void)
{
	DIR *all = opendir("/proc/self/fd");
	int count = 0;

	MUST(all != NULL);
	while (readdir(all))
		count++;
	closedir(all);
	return count;
}

/* ---- Each call, by a thread that has a request pending. ---- */

static int visit_all(const struct ksem_info *info, void *arg)
{
	(void)info;
	++*(unsigned *)arg;
	return 0;
}

static void use_semaphore(struct ksem_proc *proc, ksem_id_t id)
{
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 5);
	struct ksem_info info;
	struct ksem *pin;
	unsigned value;

	MUST(ksem_post(proc, id) == 0 && ksem_wait(proc, id) == 0);
	MUST(ksem_post_many(proc, id, 2) == 0 && ksem_trywait(proc, id) == 0 && ksem_trywait(proc, id) == 0);
	MUST(ksem_clockwait(proc, id, CLOCK_MONOTONIC, &soon) == ETIMEDOUT);
	MUST(ksem_getvalue(proc, id, &value) == 0 && value == 0);
	MUST(ksem_stat(proc, id, &info) == 0);
	MUST(ksem_pin(proc, id, &pin) == 0);
	MUST(ksem_pinned_post_many(pin, 2) == 0 && ksem_pinned_wait(pin) == 0 && ksem_pinned_trywait(pin) == 0);
	soon = in_ms(CLOCK_MONOTONIC, 5);
	MUST(ksem_pinned_clockwait(pin, CLOCK_MONOTONIC, &soon) == ETIMEDOUT);
	ksem_unpin(pin);
}

static void use_process(struct ksem_ns *ns, struct ksem_proc *proc)
{
	struct ksem_proc *child;
	ksem_id_t id, named;
	unsigned seen = 0;

	MUST(ksem_init(proc, 0, &id) == 0);
	MUST(ksem_open(proc, "/pending", O_CREAT, 0600, 0, &named) == 0);
	use_semaphore(proc, id);
	use_semaphore(proc, named);
	if (ns)
		MUST(ksem_ns_foreach(ns, visit_all, &seen) == 0 && seen >= 2);
	MUST(ksem_proc_fork(proc, &child) == 0);
	MUST(ksem_proc_exec(child) == 0 && ksem_proc_exit(child) == 0);
	MUST(ksem_unlink(proc, "/pending") == 0);
	MUST(ksem_close(proc, named) == 0 && ksem_destroy(proc, id) == 0);
}

static void *call_everything(void *arg)
{
	struct ksem_ns_options options = {.size = sizeof(options), .dir = arg};
	struct ksem_proc *proc;
	struct ksem_ns *ns;

	pthread_cancel(pthread_self()); /* pending, from this thread's first call on */
	MUST(ksem_ns_create(&options, &ns) == 0);
	MUST(ksem_proc_create(ns, NULL, &proc) == 0);
	use_process(ns, proc);
	MUST(ksem_proc_exit(proc) == 0 && ksem_ns_destroy(ns) == 0);
	if (arg) {
		proc = ksem_self();
		MUST(proc != NULL);
		use_process(NULL, proc);
	}
	return &open_descriptors;
}

static void no_call_is_a_cancellation_point(void **state)
{
	char *dir = getenv("KSEM_TEST_SHARED") ? shared_directory_new() : NULL;

	(void)state;
	if (dir)
		OK(setenv("KSEM_DIR", dir, 1));
	assert_ptr_equal(finish(start(call_everything, dir)), &open_descriptors);
	if (dir)
		OK(ksem_proc_exec(ksem_self()));
	shared_directory_free(dir);
}

/* ---- Threads that are cancelled anywhere. ---- */

/* What a thread has, so that others can clear up after it. */
struct own {
	struct world *world;
	struct ksem_ns *ns;
	struct ksem_proc *proc;
	struct random random;
};

/*
 * Only calls that change tables: the others may not be left at any place. Each fails where a cancelled one before it
 * went another way.
 */
static void change_tables(struct own *own, unsigned what)
{
	struct ksem_ns_options options = {.size = sizeof(options), .dir = own->world->dir};
	char name[] = "/name-0";
	ksem_id_t id;

	name[6] = (char)('0' + what / 8 % 4);
	switch (what % 8) {
	case 0:
		if (!own->ns)
			ksem_ns_create(&options, &own->ns);
		else if (ksem_ns_destroy(own->ns) == 0)
			own->ns = NULL;
		break;
	case 1:
		ksem_unlink(own->proc, name);
		break;
	case 2:
		ksem_proc_exec(own->proc);
		break;
	case 3:
		if (ksem_init(own->proc, 1, &id) == 0)
			ksem_destroy(own->proc, id);
		break;
	default:
		if (ksem_open(own->proc, name, O_CREAT, 0600, 1, &id) == 0)
			ksem_close(own->proc, id);
	}
}

static void *change_until_cancelled(void *arg)
{
	struct own *own = arg;

	for (;;) {
		struct timespec soon = in_ms(CLOCK_MONOTONIC, 0);
		ksem_id_t id;

		change_tables(own, random_below(&own->random, 1024));
		pthread_testcancel();
		if (ksem_open(own->proc, "/waited-for", O_CREAT, 0600, 0, &id) != 0)
			continue;
		MUST(ksem_clockwait(own->proc, id, CLOCK_MONOTONIC, &soon) == ETIMEDOUT);
		MUST(ksem_close(own->proc, id) == 0);
	}
	return NULL;
}

static void cancel_one(pthread_t thread)
{
	MUST(pthread_cancel(thread) == 0);
	MUST(pthread_join(thread, NULL) == 0);
}

/* What every process must still be able to do, whoever was cancelled in it. */
static void be_usable(struct world *world)
{
	ksem_id_t id;
	pid_t child;

	MUST(ksem_init(world->proc, 0, &id) == 0 && ksem_destroy(world->proc, id) == 0);
	MUST(ksem_open(world->proc, "/usable", O_CREAT, 0600, 0, &id) == 0);
	MUST(ksem_unlink(world->proc, "/usable") == 0 && ksem_close(world->proc, id) == 0);
	child = fork();
	if (child == 0) {
		alarm(SECONDS);
		MUST(ksem_init(world->proc, 0, &id) == 0 && ksem_destroy(world->proc, id) == 0);
		_exit(0);
	}
	must_end_well(child);
}

static void storm(struct world *world, struct random random)
{
	struct own own[THREADS];
	pthread_t threads[THREADS];
	int before;

	be_usable(world);
	MUST(ksem_proc_exec(world->proc) == 0);
	before = open_descriptors();
	for (unsigned i = 0; i < THREADS; i++) {
		own[i] = (struct own){.world = world, .random = random};
		random_next(&random);
		MUST(ksem_proc_create(world->ns, NULL, &own[i].proc) == 0);
		threads[i] = start(change_until_cancelled, &own[i]);
	}
	for (unsigned n = 0; n < CANCELS; n++) {
		unsigned which = n % THREADS;

		for (unsigned spin = random_below(&random, 2000); spin > 0; spin--)
			atomic_signal_fence(memory_order_seq_cst);
		cancel_one(threads[which]);
		threads[which] = start(change_until_cancelled, &own[which]);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		cancel_one(threads[i]);
		MUST(ksem_proc_exit(own[i].proc) == 0);
		if (own[i].ns)
			MUST(ksem_ns_destroy(own[i].ns) == 0);
	}
	be_usable(world);
	MUST(open_descriptors() <= before);
}

static void cancelled_threads_leave_the_process_usable(void **state)
{
	struct random random = random_new();

	(void)state;
	for (int i = 0; i < PROCESSES; i++) {
		struct world world;
		pid_t child;

		fflush(stdout);
		child = fork();

		if (child == 0) {
			alarm(SECONDS);
			world = world_limited(0, 0);
			storm(&world, random);
			world_end(&world);
			exit(0);
		}
		must_end_well(child);
		random_next(&random);
	}
}

/* ---- A visit. ---- */

static int be_cancelled(const struct ksem_info *info, void *arg)
{
	int state, type;

	(void)info, (void)arg;
	MUST(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state) == 0 && state == PTHREAD_CANCEL_ENABLE);
	MUST(pthread_setcancelstate(state, NULL) == 0);
	MUST(pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &type) == 0 && type == PTHREAD_CANCEL_DEFERRED);
	pthread_cancel(pthread_self());
	pthread_testcancel();
	return 0;
}

static void *look_and_be_cancelled(void *arg)
{
	struct world *world = arg;

	ksem_ns_foreach(world->ns, be_cancelled, NULL);
	return NULL;
}

static void a_visit_has_the_state_of_its_caller(void **state)
{
	struct world *world = *state;
	ksem_id_t id, named;

	OK(ksem_init(world->proc, 0, &id));
	OK(ksem_open(world->proc, "/visited", O_CREAT, 0600, 0, &named));
	assert_ptr_equal(finish(start(look_and_be_cancelled, world)), PTHREAD_CANCELED);
	be_usable(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_call_is_a_cancellation_point),
		cmocka_unit_test(cancelled_threads_leave_the_process_usable),
		world_test(a_visit_has_the_state_of_its_caller),
	};

	if (getenv("KSEM_TEST_SHARED"))
		needs_root_to_share();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
