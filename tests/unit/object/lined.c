/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Semaphores with a line (object/lined.h): what a call does with a line stands in a read section, as the end of a queue
 * waits for that. And what becomes of a permit that a wait for any was granted and doesn't want, with a ledger.
 */
#include "support.h"

#include "base/rcu.h"
#include "object/lined.h"
#include "object/namespace.h"
#include "os/several.h"

static const struct line_hooks *real;
static atomic_uint notified; /* how often a queue was notified */
static atomic_uint outside;  /* and of these by a thread that stood in no read section */

static void notify(void *context, uint32_t holder, uint64_t user)
{
	if (!rcu_reading())
		atomic_fetch_add(&outside, 1);
	real->notify(context, holder, user);
	atomic_fetch_add(&notified, 1);
}

static void watch_line(struct ksem_proc *proc, ksem_id_t id)
{
	static struct line_hooks watched;
	struct line_view *view;
	struct ksem *pin;
	uint32_t holder;

	OK(ksem_pin(proc, id, &pin));
	OK(semaphore_ops(pin)->line(pin, &view, &holder));
	real = view->hooks;
	watched = *real;
	watched.notify = notify;
	view->hooks = &watched;
	ksem_unpin(pin);
}

static struct sleeper {
	struct ksem_proc *proc;
	ksem_id_t id;
	bool any; /* it waits as one does that waits for several */
} sleeper;

static void *sleep_in_line(void *arg)
{
	unsigned which;

	(void)arg;
	MUST((sleeper.any ? ksem_wait_any(sleeper.proc, &sleeper.id, 1, CLOCK_MONOTONIC, NULL, &which) :
			    ksem_wait(sleeper.proc, sleeper.id)) == 0);
	return NULL;
}

/* The queue's owner doesn't reap. So the one behind it in line ends its wait, tells it, and takes the permit. */
static void a_sleeper_tells_a_queue_in_a_read_section(void **state)
{
	struct ksem_attr attr = {.size = sizeof(attr), .order = KSEM_FIFO, .limit = 10};
	struct timespec soon = ksem_deadline_after(20000000);
	struct world *world = *state;
	struct ksem_completion c;
	struct ksem_cq *cq;
	pthread_t thread;
	unsigned n = 0;

	sleeper.proc = world->proc;
	atomic_store(&notified, 0);
	atomic_store(&outside, 0);
	OK(ksem_init_attr(world->proc, &attr, 1, &sleeper.id));
	OK(ksem_cq_create(world->proc, &cq));
	watch_line(world->proc, sleeper.id);
	OK(ksem_cq_submit(cq, sleeper.id, 2, CLOCK_MONOTONIC, &soon, 7));
	thread = start(sleep_in_line, NULL);
	finish(thread);
	assert_true(atomic_load(&notified) > 0);
	OK(ksem_cq_reap(cq, &c, 1, &n));
	assert_int_equal(n, 1);
	assert_int_equal(c.error, ETIMEDOUT);
	OK(ksem_cq_destroy(cq));
	OK(ksem_destroy(world->proc, sleeper.id));
	assert_int_equal(atomic_load(&outside), 0);
}

static void a_sleeper_on_several_tells_a_queue_in_a_read_section(void **state)
{
	sleeper.any = true;
	a_sleeper_tells_a_queue_in_a_read_section(state);
	sleeper.any = false;
}

/* ---- A wait for any of two with a ledger. ---- */

static struct {
	struct ksem_proc *proc, *other;
	ksem_id_t ids[2];
} two;

/* Instead of the sleep: the thread's process is granted a permit of both, and gives that of the second back. */
static int grant_both(const struct futex_place *places, unsigned n, const struct deadline *deadline)
{
	(void)places, (void)deadline;
	MUST(n == 2);
	for (int i = 0; i < 2; i++)
		MUST(ksem_post(two.other, two.ids[i]) == 0);
	MUST(ksem_post(two.proc, two.ids[1]) == 0);
	return 0;
}

static void held_is(unsigned i, unsigned value, unsigned held)
{
	struct ksem_info info = info_of(two.proc, two.ids[i]);

	assert_int_equal(info.value, value);
	assert_int_equal(info.held, held);
}

static void a_wait_for_any_gives_back_no_more_than_is_held(void **state)
{
	int (*kernel)(const struct futex_place *places, unsigned n, const struct deadline *deadline) = futex_several;
	struct ksem_attr attr = {.size = sizeof(attr), .flags = KSEM_UNDO, .limit = 2};
	struct world *world = *state;
	unsigned which;

	two.proc = world->proc;
	for (int i = 0; i < 2; i++)
		OK(ksem_open_attr(two.proc, i ? "/second" : "/first", O_CREAT, 0600, &attr, 2, &two.ids[i]));
	OK(ksem_proc_fork(two.proc, &two.other));
	for (int i = 0; i < 2; i++)
		OK(ksem_trywait_many(two.other, two.ids[i], 2));
	futex_several = grant_both;
	OK(ksem_wait_any(two.proc, two.ids, 2, CLOCK_MONOTONIC, NULL, &which));
	futex_several = kernel;
	assert_int_equal(which, 0);
	held_is(0, 0, 2);
	held_is(1, 1, 1);
	OK(ksem_post(two.other, two.ids[1]));
	held_is(1, 2, 0);
	OK(ksem_proc_exit(two.other));
	OK(ksem_post(two.proc, two.ids[0]));
	for (int i = 0; i < 2; i++) {
		held_is((unsigned)i, 2, 0);
		OK(ksem_close(two.proc, two.ids[i]));
		OK(ksem_unlink(two.proc, i ? "/second" : "/first"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sleeper_tells_a_queue_in_a_read_section),
		cmocka_unit_test(a_sleeper_on_several_tells_a_queue_in_a_read_section),
		cmocka_unit_test(a_wait_for_any_gives_back_no_more_than_is_held),
	};

	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
