/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A signal handler interrupts a call on a semaphore in a shared namespace at each instruction, one after another, and
 * forks. The child returns from the handler, and goes on in the call, as the parent does: first the child, and then the
 * parent, or the other way round, or the child while the parent sleeps in the call. With KSEM_UNDO the child must hold
 * nothing, and change nothing of what the parent holds. No place in line may suffer, whatever the flags.
 */
#include "../support.h"

#include <sys/mman.h>
#include <sys/prctl.h>

#include "base/atomic.h"
#include "code_path.h"

#define LIMIT 4
#define TRIES 200000 /* of 100 microseconds */

static struct world world; /* of the process that makes all others */
static ksem_id_t id;       /* of the one that is tried */

/* The process that is interrupted, and its child. */
static struct world own;
static ksem_id_t own_id;
static volatile bool is_child, is_through; /* with the call */
static volatile int result;                /* of the call */
static unsigned got;

static const struct scene {
	const char *name;
	unsigned stride; /* of the instructions at which it is interrupted */
	bool sleeps;
	uint32_t flags;
	unsigned others, holds; /* permits that others hold, and that the parent does before the call */
	int (*act)(void);
	int error, child_error; /* what the call says; the child's may also be the same */
	int gains;              /* permits that the parent has more after it */
} * scene;

/* What parent, child and judge see of each other. */
struct board {
	atomic(unsigned) forked, parent_is_through, child_is_through;
};

static struct board *board;
enum { CHILD_FIRST, PARENT_FIRST, PARENT_SLEEPS };
static int order;

/* ---- The calls. ---- */

static int take(void)
{
	return ksem_trywait(own.proc, own_id);
}

static int take_two(void)
{
	return ksem_trywait_many(own.proc, own_id, 2);
}

static int take_up_to_three(void)
{
	return ksem_trywait_upto(own.proc, own_id, 3, &got);
}

static int give(void)
{
	return ksem_post(own.proc, own_id);
}

static int give_two(void)
{
	return ksem_post_many(own.proc, own_id, 2);
}

static int wait_for_one(void)
{
	return ksem_wait(own.proc, own_id);
}

static int wait_in_vain(void)
{
	struct timespec until = in_ms(CLOCK_MONOTONIC, 4);

	return ksem_wait_many(own.proc, own_id, 2, CLOCK_MONOTONIC, &until);
}

static int wait_for_any_in_vain(void)
{
	struct timespec until = in_ms(CLOCK_MONOTONIC, 4);
	unsigned which;

	return ksem_wait_any(own.proc, &own_id, 1, CLOCK_MONOTONIC, &until, &which);
}

static const struct scene scenes[] = {
	{"take", 1, false, KSEM_UNDO, 0, 1, take, 0, EAGAIN, 1},
	{"take, none is there", 7, false, KSEM_UNDO, 3, 1, take, EAGAIN, EAGAIN, 0},
	{"take two", 1, false, KSEM_UNDO, 0, 1, take_two, 0, EAGAIN, 2},
	{"take up to three", 1, false, KSEM_UNDO, 2, 0, take_up_to_three, 0, EAGAIN, 2},
	{"give", 1, false, KSEM_UNDO, 1, 3, give, 0, EPERM, -1},
	{"give two", 1, false, KSEM_UNDO, 1, 3, give_two, 0, EPERM, -2},
	{"wait", 1, false, KSEM_UNDO, 0, 1, wait_for_one, 0, 0, 1},
	{"wait for two, in vain", 23, true, KSEM_UNDO, 3, 0, wait_in_vain, ETIMEDOUT, ETIMEDOUT, 0},
	{"wait for any, in vain", 23, true, KSEM_UNDO, 4, 0, wait_for_any_in_vain, ETIMEDOUT, ETIMEDOUT, 0},
	{"wait for two, in vain, without a ledger", 23, true, 0, 3, 0, wait_in_vain, ETIMEDOUT, ETIMEDOUT, 0},
};

/* ---- Parent and child. ---- */

static void until_set(atomic(unsigned) *flag)
{
	unsigned tries = 0;

	while (load_seq(flag) == 0) {
		MUST(tries++ < TRIES); /* the other has failed */
		usleep(100);
	}
}

static void fork_here(int signal)
{
	int saved = errno;
	pid_t parent = getpid(), child;

	(void)signal;
	if (is_through)
		return;
	child = fork();
	MUST(child >= 0);
	is_child = child == 0;
	if (is_child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (order == PARENT_FIRST)
			until_set(&board->parent_is_through);
		while (order == PARENT_SLEEPS && stepper_state_of(parent, parent) != 'S')
			sched_yield();
	} else {
		store_seq(&board->forked, 1);
		if (order == CHILD_FIRST)
			until_set(&board->child_is_through);
	}
	errno = saved;
}

static void begin(void)
{
	const struct ksem_ns_options options = {.size = sizeof(options), .dir = world.dir};
	struct sigaction action = {.sa_handler = fork_here, .sa_flags = SA_RESTART};

	own = (struct world){.dir = NULL};
	MUST(ksem_ns_create(&options, &own.ns) == 0 && ksem_proc_create(own.ns, NULL, &own.proc) == 0);
	MUST(ksem_proc_exit(world.proc) == 0); /* that is the first process's */
	MUST(ksem_open(own.proc, "/doubled", 0, 0, 0, &own_id) == 0);
	if (ksem_trywait_many(own.proc, own_id, 2) == 0) /* and has memory for entries from then on */
		MUST(ksem_post_many(own.proc, own_id, 2) == 0);
	MUST(ksem_trywait_many(own.proc, own_id, scene->holds) == 0);
	MUST(sigaction(SIGUSR1, &action, NULL) == 0);
}

/* Whatever the call said: it has no permits; it can take, and give back. */
static void child_holds_nothing(void)
{
	MUST(result == scene->error || result == scene->child_error);
	if (!(scene->flags & KSEM_UNDO))
		return;
	if (result == 0 && scene->gains > 0) { /* its own, unless the parent had taken them before the fork */
		int error = ksem_post_many(own.proc, own_id, (unsigned)scene->gains);

		MUST(error == 0 || error == EPERM);
	}
	MUST(ksem_post(own.proc, own_id) == EPERM);
	if (ksem_trywait(own.proc, own_id) == 0)
		MUST(ksem_post(own.proc, own_id) == 0);
	MUST(ksem_post(own.proc, own_id) == EPERM);
}

static int add_waiting(const struct ksem_holder *holder, void *arg)
{
	*(unsigned *)arg += holder->waiting;
	return 0;
}

/* An entry may stay, but isn't one that waits. */
static void nobody_seems_to_wait(void)
{
	unsigned waiting = 0;

	MUST(ksem_holders(own.proc, own_id, add_waiting, &waiting) == 0);
	MUST(waiting == 0);
}

static void parent_has_what_it_took(void)
{
	unsigned has = (unsigned)((int)scene->holds + scene->gains);

	MUST(result == scene->error);
	MUST(scene->act != take_up_to_three || got == 2);
	nobody_seems_to_wait();
	if (!(scene->flags & KSEM_UNDO))
		return;
	MUST(info_of(own.proc, own_id).held == has + scene->others);
	MUST(value_of(own.proc, own_id) == LIMIT - has - scene->others);
	MUST(ksem_post_many(own.proc, own_id, has + 1) == EPERM);
	MUST(ksem_post_many(own.proc, own_id, has) == 0);
	MUST(ksem_trywait_many(own.proc, own_id, has) == 0);
}

static void act(void)
{
	result = scene->act();
	is_through = true;
	if (is_child) {
		child_holds_nothing();
		store_seq(&board->child_is_through, 1);
		_exit(0);
	}
	if (load_seq(&board->forked) && order != CHILD_FIRST) {
		store_seq(&board->parent_is_through, 1);
		until_set(&board->child_is_through);
	}
	if (load_seq(&board->forked)) {
		int status;

		MUST(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
		parent_has_what_it_took();
	}
	raise(SIGKILL);
}

/* ---- One after another. ---- */

/* The parent is dead, and its permits are back. The line is as if there had been no wait. */
static void all_is_well(void)
{
	struct ksem_info info = info_of(world.proc, id);
	unsigned all = LIMIT - scene->others;

	MUST(info.waiters == 0 && info.refs == 1);
	MUST(info.value == all && info.held == (scene->flags & KSEM_UNDO ? scene->others : 0));
	MUST(ksem_trywait_many(world.proc, id, all) == 0 && ksem_trywait(world.proc, id) == EAGAIN);
	MUST(ksem_post_many(world.proc, id, all) == 0);
}

static void clear_board(void)
{
	store_seq(&board->forked, 0);
	store_seq(&board->parent_is_through, 0);
	store_seq(&board->child_is_through, 0);
}

static void interrupted_at(const struct code_path *path, unsigned n)
{
	struct stepper stepper;

	clear_board();
	MUST(code_path_start(&stepper, begin, act));
	if (code_path_run_to(path, &stepper, n))
		stepper_signal(&stepper, SIGUSR1);
	if (!stepper.ended || !WIFSIGNALED(stepper.status) || WTERMSIG(stepper.status) != SIGKILL)
		fail_msg("%s: at instruction %u, order %d: status %x", scene->name, n, order, (unsigned)stepper.status);
	all_is_well();
}

static void play(void)
{
	static struct code_path path;
	struct ksem_attr attr = {.size = sizeof(attr), .limit = LIMIT, .order = KSEM_FIFO, .flags = scene->flags};

	OK(ksem_open_attr(world.proc, "/doubled", O_CREAT, 0600, &attr, LIMIT, &id));
	OK(ksem_trywait_many(world.proc, id, scene->others));
	clear_board();
	for (int times = 0; times < 2; times++) { /* the allocators of those to come are as after the first */
		if (!code_path_record(&path, begin, act, scene->stride))
			SKIP("ptrace is forbidden here");
	}
	for (unsigned n = 0; n < path.steps; n++) {
		if (!path.stops[n])
			continue;
		for (order = CHILD_FIRST; order <= (scene->sleeps ? PARENT_SLEEPS : PARENT_FIRST); order++)
			interrupted_at(&path, n);
	}
	printf("%s: %u instructions\n", scene->name, path.steps);
	fflush(stdout);
	if (scene->others > 0)
		OK(ksem_post_many(world.proc, id, scene->others));
	OK(ksem_close(world.proc, id));
	OK(ksem_unlink(world.proc, "/doubled"));
}

static void doubled_at_each_instruction(void **state)
{
	(void)state;
	if (!stepper_works)
		SKIP("the stepper knows x86-64 alone");
	setenv("KSEM_TEST_SHARED", "1", 1);
	world = world_limited(0, 0);
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MUST(board != MAP_FAILED);
	for (scene = scenes; scene < scenes + sizeof(scenes) / sizeof(*scenes); scene++)
		play();
	munmap(board, sizeof(*board));
	world_end(&world);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(doubled_at_each_instruction),
	};

	(void)argc;
	code_path_begin(argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
