/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An OS process is killed at each instruction of a call in a shared namespace, one after another: those who are left
 * find everything in order, and go on. One process runs the call in single steps, to record the path that it takes; the
 * others run to a breakpoint, inside of restartable sequences too, and die there.
 */
#include "../support.h"

#include <poll.h>
#include <sys/prctl.h>

#include "code_path.h"

#define SLEEPER_MS 10000 /* in which a sleeper has looked, some times */

static struct world world;
static ksem_id_t id; /* of "/one", which has ONE permits when a process begins */
#define ONE 3

/* The process that is killed. */
static struct world own;
static ksem_id_t own_id;

static struct world world_of_this_process(void)
{
	const struct ksem_ns_options options = {.size = sizeof(options), .dir = world.dir};
	struct world new = {.dir = NULL};

	MUST(ksem_ns_create(&options, &new.ns) == 0 && ksem_proc_create(new.ns, NULL, &new.proc) == 0);
	MUST(ksem_proc_exit(world.proc) == 0); /* that is the parent's */
	return new;
}

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

/* Another process, which sleeps in a wait for some permits. */
static pid_t sleeper;
static unsigned wanted;

static void start_sleeper(void (*before)(void), ksem_id_t of)
{
	sleeper = fork();
	MUST(sleeper >= 0);
	if (sleeper == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		own = world_of_this_process();
		before();
		_exit(ksem_wait_many(own.proc, own_id, wanted, CLOCK_MONOTONIC, NULL));
	}
	until_waiting(world.proc, of, 1);
}

static void somebody_sleeps(void)
{
	no_permits();
	wanted = 1;
	start_sleeper(open_own, id);
}

/* One permit is there. */
static void somebody_sleeps_who_wants_two(void)
{
	no_permits();
	OK(ksem_post(world.proc, id));
	wanted = 2;
	start_sleeper(open_own, id);
}

/* It gets the permits, if they are there, though nobody may wake it, and with the next in any case. */
static void the_sleeper_goes(void)
{
	pid_t gone;
	int status;

	for (int ms = 0; (gone = waitpid(sleeper, &status, WNOHANG)) == 0 && value_of(world.proc, id) >= wanted; ms++) {
		MUST(ms < SLEEPER_MS);
		sleep_ms(1);
	}
	if (gone == 0)
		OK(ksem_post(world.proc, id));
	MUST(gone == sleeper || waitpid(sleeper, &status, 0) == sleeper);
	MUST(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	no_permits(); /* one that came while it went by itself */
	none();
}

/* ---- Shut down: whoever sees it finds it whole. ---- */

static ksem_id_t shut_id; /* of "/shut" */

static void open_shut(void)
{
	MUST(ksem_open(own.proc, "/shut", 0, 0, 0, &own_id) == 0);
}

static void somebody_sleeps_on_another(void)
{
	OK(ksem_open(world.proc, "/shut", O_CREAT | O_EXCL, 0600, 0, &shut_id));
	wanted = 1;
	start_sleeper(open_shut, shut_id);
}

static void shut_down(void)
{
	ksem_shutdown(own.proc, own_id);
}

/* If a look says that it is shut, the sleeper is woken by then: it doesn't look by itself. */
static void the_sleeper_ends(void)
{
	int status;

	if (!(info_of(world.proc, shut_id).flags & KSEM_SHUTDOWN))
		OK(ksem_shutdown(world.proc, shut_id));
	for (int ms = 0; waitpid(sleeper, &status, WNOHANG) == 0; ms++) {
		MUST(ms < SLEEPER_MS);
		sleep_ms(1);
	}
	MUST(WIFEXITED(status) && WEXITSTATUS(status) == ESHUTDOWN);
	MUST(ksem_wait(world.proc, shut_id) == ESHUTDOWN);
	MUST(info_of(world.proc, shut_id).waiters == 0);
	OK(ksem_close(world.proc, shut_id));
	OK(ksem_unlink(world.proc, "/shut"));
	unchanged();
}

/* ---- With KSEM_UNDO: whatever it did, its permits come back. ---- */

static ksem_id_t undo_id; /* of "/undo", which has ONE permits */

static void open_undo(void)
{
	MUST(ksem_open(own.proc, "/undo", 0, 0, 0, &own_id) == 0);
}

static void open_undo_and_take(void)
{
	open_undo();
	MUST(ksem_trywait_many(own.proc, own_id, 2) == 0);
}

static void take_and_give(void)
{
	if (ksem_wait(own.proc, own_id) == 0)
		ksem_post(own.proc, own_id);
}

static void take_and_give_two(void)
{
	if (ksem_trywait_many(own.proc, own_id, 2) == 0)
		ksem_post_many(own.proc, own_id, 2);
}

static void take_all(void)
{
	OK(ksem_trywait_many(world.proc, undo_id, ONE));
}

/* Two others are dead, which had a permit each. */
static void some_died(void)
{
	for (int i = 0; i < 2; i++) {
		pid_t dead = fork();

		MUST(dead >= 0);
		if (dead == 0) {
			own = world_of_this_process();
			open_undo();
			MUST(ksem_trywait(own.proc, own_id) == 0);
			raise(SIGKILL);
		}
		MUST(waitpid(dead, NULL, 0) == dead);
	}
}

static void undo_is_whole(void)
{
	struct ksem_info info = info_of(world.proc, undo_id);

	MUST(info.value == ONE && info.held == 0 && info.waiters == 0 && info.refs == 1);
	MUST(ksem_trywait_many(world.proc, undo_id, ONE) == 0);
	MUST(ksem_trywait(world.proc, undo_id) == EAGAIN);
	MUST(ksem_post_many(world.proc, undo_id, ONE) == 0);
	MUST(ksem_post(world.proc, undo_id) == EPERM);
}

static void give_all(void)
{
	struct ksem_info info = info_of(world.proc, undo_id);

	MUST(info.value == 0 && info.held == ONE && info.waiters == 0);
	OK(ksem_post_many(world.proc, undo_id, ONE));
	undo_is_whole();
}

/* ---- Completion queues. ---- */

static struct ksem_cq *cq;  /* of this process */
static ksem_id_t queue_id;  /* of "/queue", which has no permits */
static ksem_id_t direct_id; /* the same of "/direct", which has the default attributes */

static bool reaps_one(void)
{
	struct ksem_completion done;
	unsigned n;

	MUST(ksem_cq_reap(cq, &done, 1, &n) == 0);
	return n == 1;
}

/* A wait was begun and ended: whatever the queue makes with its first one is there. */
static void make_queue(void)
{
	MUST(ksem_cq_create(own.proc, &cq) == 0);
	MUST(ksem_cq_submit(cq, own_id, 1, CLOCK_MONOTONIC, NULL, 1) == 0);
	ksem_cq_cancel(cq, 1);
	MUST(reaps_one());
}

static void open_for_queue(void)
{
	MUST(ksem_open(own.proc, "/queue", 0, 0, 0, &own_id) == 0);
}

static void open_with_queue(void)
{
	open_for_queue();
	make_queue();
}

static void open_direct(void)
{
	MUST(ksem_open(own.proc, "/direct", 0, 0, 0, &own_id) == 0);
}

static void open_direct_with_queue(void)
{
	open_direct();
	make_queue();
}

/* The queue's thread sleeps, while only others can decide its waits. */
static void open_undo_with_queue(void)
{
	open_with_queue();
	code_path_allow_no_more_threads();
	open_undo();
}

static void submit(void)
{
	MUST(ksem_cq_submit(cq, own_id, 1, CLOCK_MONOTONIC, NULL, 1) == 0);
}

/* Another is dead, whose queue was granted all permits, and waits for more. */
static void a_queue_died(void)
{
	pid_t dead = fork();

	MUST(dead >= 0);
	if (dead == 0) {
		own = world_of_this_process();
		open_undo();
		MUST(ksem_cq_create(own.proc, &cq) == 0);
		for (unsigned count = 1; count <= ONE; count++)
			MUST(ksem_cq_submit(cq, own_id, count, CLOCK_MONOTONIC, NULL, count) == 0);
		raise(SIGKILL);
	}
	MUST(waitpid(dead, NULL, 0) == dead);
}

static void nobody_waits_for(ksem_id_t which)
{
	struct ksem_info info = info_of(world.proc, which);

	MUST(info.waiters == 0 && info.value == 0 && info.refs == 1);
	OK(ksem_post(world.proc, which));
	OK(ksem_trywait(world.proc, which));
}

static void nobody_waits(void)
{
	nobody_waits_for(queue_id);
}

static void nobody_waits_directly(void)
{
	nobody_waits_for(direct_id);
}

static void a_wait_for(ksem_id_t which)
{
	MUST(ksem_cq_create(world.proc, &cq) == 0);
	MUST(ksem_cq_submit(cq, which, 1, CLOCK_MONOTONIC, NULL, 1) == 0);
}

static void a_wait_pends(void)
{
	a_wait_for(queue_id);
}

static void a_direct_wait_pends(void)
{
	a_wait_for(direct_id);
}

static bool is_readable(int ms)
{
	struct pollfd fd = {.fd = ksem_cq_fd(cq), .events = POLLIN};

	return poll(&fd, 1, ms) == 1;
}

/* It gets the permit, if there is one, though nobody may have told it, and the next in any case. */
static void the_wait_completes_for(ksem_id_t which)
{
	for (int ms = 0; !is_readable(1) && value_of(world.proc, which) > 0; ms++)
		MUST(ms < SLEEPER_MS);
	if (!is_readable(20))
		OK(ksem_post(world.proc, which));
	do
		MUST(is_readable(SLEEPER_MS));
	while (!reaps_one());
	MUST(!reaps_one());
	OK(ksem_cq_destroy(cq));
	while (ksem_trywait(world.proc, which) == 0) /* one that came while the queue was told */
		;
	nobody_waits_for(which);
}

static void the_wait_completes(void)
{
	the_wait_completes_for(queue_id);
}

static void the_direct_wait_completes(void)
{
	the_wait_completes_for(direct_id);
}

/* The queue's thread sleeps by then. */
static void open_direct_and_wait(void)
{
	open_direct_with_queue();
	submit();
	usleep(20000);
}

static void cancel_and_reap(void)
{
	MUST(ksem_cq_cancel(cq, 1) == 0);
	MUST(reaps_one());
}

static const struct victim {
	const char *name;
	unsigned stride;       /* of the instructions at which one is killed */
	void (*prepare)(void); /* by who is left */
	void (*before)(void);  /* by who will be killed, as is `act` */
	void (*act)(void);
	void (*check)(void); /* by who is left */
} victims[] = {
	{"open and close", 1, nothing_before, nothing_before, open_and_close, unchanged},
	{"open: new", 1, nothing_before, nothing_before, make, whole_or_not_there},
	{"unlink", 1, old_is_there, nothing_before, take_name, gone_or_there},
	{"post", 1, nothing_before, open_own, post, one_more_or_not},
	{"post: one sleeps", 3, somebody_sleeps, open_own, post, the_sleeper_goes},
	{"post: one sleeps who wants two", 3, somebody_sleeps_who_wants_two, open_own, post, the_sleeper_goes},
	{"shutdown: one sleeps", 1, somebody_sleeps_on_another, open_shut, shut_down, the_sleeper_ends},
	{"wait", 1, nothing_before, open_own, take, one_less_or_not},
	{"clockwait, in vain", 1, no_permits, open_own, try_in_vain, none},
	{"exit", 1, nothing_before, open_own, leave, unchanged},
	{"undo: open", 17, nothing_before, nothing_before, open_undo, undo_is_whole},
	{"undo: take and give back", 1, nothing_before, open_undo, take_and_give, undo_is_whole},
	{"undo: two at once", 1, nothing_before, open_undo, take_and_give_two, undo_is_whole},
	{"undo: clockwait, in vain", 3, take_all, open_undo, try_in_vain, give_all},
	{"undo: give back for the dead", 3, some_died, open_undo, take_and_give_two, undo_is_whole},
	{"undo: exit", 1, nothing_before, open_undo_and_take, leave, undo_is_whole},
	{"queue: submit", 7, nothing_before, open_with_queue, submit, nobody_waits},
	{"queue: submit, undo", 7, take_all, open_undo_with_queue, submit, give_all},
	{"queue: give back for the dead", 23, a_queue_died, open_undo, take_and_give_two, undo_is_whole},
	{"queue: post", 31, a_wait_pends, open_for_queue, post, the_wait_completes},
	{"queue, direct: submit", 1, nothing_before, open_direct_with_queue, submit, nobody_waits_directly},
	{"queue, direct: cancel", 3, nothing_before, open_direct_and_wait, cancel_and_reap, nobody_waits_directly},
	{"queue, direct: post", 1, a_direct_wait_pends, open_direct, post, the_direct_wait_completes},
	{"queue, direct: cancel beside another", 7, a_direct_wait_pends, open_direct_and_wait, cancel_and_reap,
	 the_direct_wait_completes},
};

/* ---- One after another. ---- */

static const struct victim *now;
static struct code_path path;

static void begin(void)
{
	own = world_of_this_process();
	now->before();
}

static void act(void)
{
	now->act();
	raise(SIGKILL); /* at once: what exit does is another matter */
}

/* False: ptrace is forbidden here. */
static bool record_the_path(const struct victim *victim)
{
	now = victim;
	victim->prepare();
	return code_path_record(&path, begin, act, victim->stride);
}

/* False: it took another path, and wasn't. */
static bool kill_at(const struct victim *victim, unsigned n)
{
	struct stepper stepper;
	bool killed;

	victim->prepare();
	MUST(code_path_start(&stepper, begin, act));
	killed = code_path_run_to(&path, &stepper, n);
	if (killed) {
		MUST(kill(stepper.process, SIGKILL) == 0);
		MUST(waitpid(stepper.process, NULL, 0) == stepper.process);
	}
	victim->check();
	return killed;
}

/* After those in which nothing is left to be changed, it is put right for the next. */
static void restore(void)
{
	no_permits();
	OK(ksem_post_many(world.proc, id, ONE));
}

static void killed_at_each_instruction(void **state)
{
	const struct ksem_attr undo = {.size = sizeof(undo), .limit = ONE, .order = KSEM_FIFO, .flags = KSEM_UNDO};
	const struct ksem_attr fifo = {.size = sizeof(fifo), .order = KSEM_FIFO};

	(void)state;
	if (!stepper_works)
		SKIP("the stepper knows x86-64 alone");
	setenv("KSEM_TEST_SHARED", "1", 1);
	world = world_limited(0, 0);
	OK(ksem_open(world.proc, "/one", O_CREAT, 0600, ONE, &id));
	OK(ksem_open_attr(world.proc, "/undo", O_CREAT, 0600, &undo, ONE, &undo_id));
	OK(ksem_open_attr(world.proc, "/queue", O_CREAT, 0600, &fifo, 0, &queue_id));
	OK(ksem_open(world.proc, "/direct", O_CREAT, 0600, 0, &direct_id));
	for (size_t i = 0; i < sizeof(victims) / sizeof(*victims); i++) {
		unsigned kills = 0, escaped = 0;

		for (int times = 0; times < 2; times++) { /* the allocators of those to come are as after the first */
			if (!record_the_path(&victims[i]))
				SKIP("ptrace is forbidden here");
			victims[i].check();
			restore();
		}
		for (unsigned n = 0; n < path.steps; n++) {
			if (!path.stops[n])
				continue;
			if (kill_at(&victims[i], n))
				kills++;
			else
				escaped++;
			restore();
		}
		printf("%s: %u instructions, killed at %u of them, %u took another path\n", victims[i].name, path.steps,
		       kills, escaped);
		fflush(stdout); /* or children print it again, where tools/verify coverage lets them end by exit */
		assert_true(kills > 20 && escaped < kills / 5);
	}
	world_end(&world);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_at_each_instruction),
	};

	(void)argc;
	code_path_begin(argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
