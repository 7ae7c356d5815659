/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An OS process is killed at each instruction of a call in a shared namespace, one after another: those who are left
 * find everything in order, and go on. The process is led from instruction to instruction by ptrace.
 *
 * Long calls are sampled, beginning at a place that changes from run to run (KSEM_SEED takes it back); with
 * KSEM_TEST_EVERY=1 in the environment it is every instruction.
 */
#include "support.h"

#include <sys/ptrace.h>

#define SAMPLES 20 /* places in a call where it is killed, about */

static struct world world;
static ksem_id_t id; /* of "/one", which has ONE permits when a process begins */
#define ONE 3

/* The process that is killed. */
static struct world own;
static ksem_id_t own_id;

static void open_own(void)
{
	MUST(ksem_open(own.proc, "/one", 0, 0, 0, &own_id) == 0);
}

static void nothing_before(void)
{
}

/* ---- Calls. ---- */

static void open_and_close(void)
{
	open_own();
	ksem_close(own.proc, own_id);
}

static void make(void)
{
	ksem_open(own.proc, "/new", O_CREAT | O_EXCL, 0600, 5, &own_id);
}

static void take_name(void)
{
	ksem_unlink(own.proc, "/old");
}

static void post(void)
{
	ksem_post(own.proc, own_id);
}

static void take(void)
{
	ksem_wait(own.proc, own_id);
}

static void try_in_vain(void)
{
	struct timespec until = in_ms(CLOCK_MONOTONIC, 1);

	ksem_clockwait(own.proc, own_id, CLOCK_MONOTONIC, &until);
}

static void leave(void)
{
	ksem_proc_exit(own.proc);
}

/* ---- What others find. ---- */

static void one_has(unsigned least, unsigned most)
{
	struct ksem_info info = info_of(world.proc, id);

	MUST(info.value >= least && info.value <= most);
	MUST(info.refs == 1);
	MUST(info.waiters == 0);
	while (info.value > 0 && ksem_trywait(world.proc, id) == 0)
		info.value--;
	MUST(info.value == 0);
	OK(ksem_post_many(world.proc, id, ONE));
}

static void unchanged(void)
{
	one_has(ONE, ONE);
}

static void one_more_or_not(void)
{
	one_has(ONE, ONE + 1);
}

static void one_less_or_not(void)
{
	one_has(ONE - 1, ONE);
}

static void no_permits(void)
{
	while (ksem_trywait(world.proc, id) == 0)
		;
}

static void none(void)
{
	one_has(0, 0);
}

static void whole_or_not_there(void)
{
	ksem_id_t new;
	int error = ksem_open(world.proc, "/new", 0, 0, 0, &new);

	MUST(error == 0 || error == ENOENT);
	if (!error) {
		MUST(value_of(world.proc, new) == 5);
		OK(ksem_close(world.proc, new));
		OK(ksem_unlink(world.proc, "/new"));
	}
	unchanged();
}

static void old_is_there(void)
{
	ksem_id_t old;

	OK(ksem_open(world.proc, "/old", O_CREAT, 0600, 7, &old));
	OK(ksem_close(world.proc, old));
}

static void gone_or_there(void)
{
	ksem_id_t old;
	int error = ksem_open(world.proc, "/old", 0, 0, 0, &old);

	MUST(error == 0 || error == ENOENT);
	if (!error) {
		MUST(value_of(world.proc, old) == 7);
		OK(ksem_close(world.proc, old));
	}
	unchanged();
}

static const struct victim {
	const char *name;
	void (*prepare)(void); /* by who is left */
	void (*before)(void);  /* by who will be killed, as is `act` */
	void (*act)(void);
	void (*check)(void); /* by who is left */
} victims[] = {
	{"open and close", nothing_before, nothing_before, open_and_close, unchanged},
	{"open: new", nothing_before, nothing_before, make, whole_or_not_there},
	{"unlink", old_is_there, nothing_before, take_name, gone_or_there},
	{"post", nothing_before, open_own, post, one_more_or_not},
	{"wait", nothing_before, open_own, take, one_less_or_not},
	{"clockwait, in vain", no_permits, open_own, try_in_vain, none},
	{"exit", nothing_before, open_own, leave, unchanged},
};

/* ---- Step by step. ---- */

/* A process that is stopped before its first instruction of the call. */
static pid_t start_victim(const struct victim *victim)
{
	const struct ksem_ns_options options = {.size = sizeof(options), .dir = world.dir};
	pid_t child = fork();
	int status;

	MUST(child >= 0);
	if (child == 0) {
		MUST(ksem_ns_create(&options, &own.ns) == 0 && ksem_proc_create(own.ns, NULL, &own.proc) == 0);
		OK(ksem_proc_exit(world.proc)); /* that is the parent's */
		victim->before();
		MUST(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
		raise(SIGSTOP);
		victim->act();
		_exit(0);
	}
	MUST(waitpid(child, &status, 0) == child && WIFSTOPPED(status));
	return child;
}

/* So many instructions further. False: it has ended before. */
static bool step(pid_t child, unsigned n)
{
	int status;

	for (unsigned i = 0; i < n; i++) {
		MUST(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) == 0);
		MUST(waitpid(child, &status, 0) == child);
		if (!WIFSTOPPED(status))
			return false;
	}
	return true;
}

/* How long the call is. */
static unsigned instructions_of(const struct victim *victim)
{
	unsigned n = 0;
	pid_t child;

	victim->prepare();
	child = start_victim(victim);
	while (step(child, 1))
		n++;
	return n;
}

static void kill_after(const struct victim *victim, unsigned n)
{
	pid_t child;
	int status;

	victim->prepare();
	child = start_victim(victim);
	if (step(child, n)) {
		MUST(kill(child, SIGKILL) == 0);
		MUST(waitpid(child, &status, 0) == child);
	}
	victim->check();
}

/* After those in which nothing is left to be changed, it is put right for the next. */
static void restore(void)
{
	no_permits();
	OK(ksem_post_many(world.proc, id, ONE));
}

static void killed_at_each_instruction(void **state)
{
	struct random random = random_new();

	(void)state;
	setenv("KSEM_TEST_SHARED", "1", 1);
	world = world_limited(0, 0);
	OK(ksem_open(world.proc, "/one", O_CREAT, 0600, ONE, &id));
	for (size_t i = 0; i < sizeof(victims) / sizeof(*victims); i++) {
		unsigned total = instructions_of(&victims[i]), kills = 0;
		unsigned stride = getenv("KSEM_TEST_EVERY") || total < SAMPLES ? 1 : total / SAMPLES;

		restore();
		for (unsigned n = random_below(&random, stride); n <= total; n += stride, kills++) {
			kill_after(&victims[i], n);
			restore();
		}
		printf("%s: %u instructions, killed at %u of them\n", victims[i].name, total, kills);
		assert_true(kills >= 10);
	}
	world_end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_at_each_instruction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
