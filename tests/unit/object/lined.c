/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Semaphores with a line (object/lined.h): what a call does with a line stands in a read section, as the end of a queue
 * waits for that.
 */
#include "../../support.h"

#include "base/rcu.h"
#include "object/lined.h"
#include "object/namespace.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sleeper_tells_a_queue_in_a_read_section),
		cmocka_unit_test(a_sleeper_on_several_tells_a_queue_in_a_read_section),
	};

	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
