/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of a process: destructors and exit handlers of the host, and threads that still run, may use the library,
 * which this program contains, until nothing is left of it. And a child that may not use it must still be able to end.
 */
#include "support.h"

#include <malloc.h>
#include <sys/prctl.h>

#include "base/memory.h"

#define SECONDS 60 /* before a process is taken to hang */
#define ENDS    ROUNDS(30)

static bool at_exit, in_destructor; /* who uses it as the process ends */

static void use_everything(void)
{
	struct ksem_proc *proc;
	struct ksem_ns *ns;
	ksem_id_t id, named;

	MUST(ksem_ns_create(NULL, &ns) == 0 && ksem_proc_create(ns, NULL, &proc) == 0);
	MUST(ksem_init(proc, 1, &id) == 0 && ksem_open(proc, "/last", O_CREAT, 0600, 0, &named) == 0);
	MUST(ksem_wait(proc, id) == 0 && ksem_post(proc, named) == 0);
	MUST(ksem_unlink(proc, "/last") == 0 && ksem_close(proc, named) == 0 && ksem_destroy(proc, id) == 0);
	MUST(ksem_proc_exit(proc) == 0 && ksem_ns_destroy(ns) == 0);
}

static void exit_handler(void)
{
	if (at_exit)
		use_everything();
}

__attribute__((destructor)) static void destructor(void)
{
	if (in_destructor)
		use_everything();
}

/* A child that hangs is ended by its alarm, or with its parent if it hangs with signals blocked. */
static void be_bounded(void)
{
	alarm(SECONDS);
	MUST(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
}

static void *use_it_for_ever(void *arg)
{
	(void)arg;
	for (;;)
		use_everything();
	return NULL;
}

/* Ends a child with these users, of which the library has let go of everything before. */
static void end_a_child(bool handler, bool dtor, int threads)
{
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		be_bounded();
		use_everything();
		at_exit = handler;
		in_destructor = dtor;
		for (int i = 0; i < threads; i++)
			start(use_it_for_ever, NULL);
		if (threads)
			sleep_ms(1);
		exit(0);
	}
	must_end_well(child);
}

static void exit_handlers_may_use_it(void **state)
{
	(void)state;
	end_a_child(true, false, 0);
}

static void destructors_may_use_it(void **state)
{
	(void)state;
	end_a_child(false, true, 0);
	end_a_child(true, true, 0);
}

static void threads_may_use_it_until_nothing_is_left(void **state)
{
	(void)state;
	for (int i = 0; i < ENDS; i++)
		end_a_child(false, false, 2);
}

/* ---- A fork inside the gate, as by a signal handler that interrupted a thread there. ---- */

static struct memory_ops before;
static pid_t forked;

static void *fork_and_alloc(size_t size, size_t align)
{
	memory_ops = before;
	forked = fork();
	if (forked == 0) {
		be_bounded();
		exit(0);
	}
	return before.alloc(size, align);
}

static void fork_in(bool init)
{
	struct world world = world_limited(0, 0);
	ksem_id_t id;

	fflush(stdout);
	forked = -1;
	before = memory_ops;
	memory_ops.alloc = fork_and_alloc;
	if (init)
		OK(ksem_init(world.proc, 0, &id));
	else
		OK(ksem_open(world.proc, "/forked", O_CREAT, 0600, 0, &id));
	must_end_well(forked);
	OK(init ? ksem_destroy(world.proc, id) : ksem_close(world.proc, id));
	world_end(&world);
}

static void a_child_of_a_fork_inside_the_gate_can_end(void **state)
{
	pid_t child;

	(void)state;
	fork_in(true);
	fork_in(false);
	use_everything();
	fflush(stdout);
	child = fork();
	if (child == 0) {
		be_bounded();
		use_everything();
		_exit(0);
	}
	must_end_well(child);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_handlers_may_use_it),
		cmocka_unit_test(destructors_may_use_it),
		cmocka_unit_test(threads_may_use_it_until_nothing_is_left),
		cmocka_unit_test(a_child_of_a_fork_inside_the_gate_can_end),
	};

	mallopt(M_PERTURB, 77); /* what was freed is found to be */
	atexit(exit_handler);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
