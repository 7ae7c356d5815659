/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A signal handler interrupts a wait just before it sleeps, and forks. The child returns from the handler, and waits,
 * too. It must do that for itself: in a place of its own, while its parent's is the parent's. With KSEM_UNDO, the first
 * sleeper of a process starts a thread.
 */
#include <stddef.h>
#include <sys/stat.h>

#include "os/fork.h"
#include "shared/deaths.h"
#include "shared/lined.h"

#include "holding.h"

struct board {
	struct turns first;
	atomic(unsigned) child_has;
};

#define board ((struct board *)board_page)

static bool forks, is_child;
static struct shared_lined *lined; /* on which the thread waits */

bool __real_line_next_look(struct line_view *view, uint32_t slot, struct deadline *look);
bool __wrap_line_next_look(struct line_view *view, uint32_t slot, struct deadline *look);

void __real_deaths_before_sleep(struct shared_lined *on);
void __wrap_deaths_before_sleep(struct shared_lined *on);

/* The last that a thread in line asks before it sleeps. */
bool __wrap_line_next_look(struct line_view *view, uint32_t slot, struct deadline *look)
{
	if (forks) {
		forks = false;
		lined = (struct shared_lined *)((char *)view - offsetof(struct shared_lined, lined.view));
		raise(SIGUSR1);
	}
	return __real_line_next_look(view, slot, look);
}

/* A new child has no place of its own yet, so it doesn't go to sleep. */
void __wrap_deaths_before_sleep(struct shared_lined *on)
{
	MUST(!fork_is_new_child());
	__real_deaths_before_sleep(on);
}

static unsigned threads(void)
{
	struct stat tasks;

	MUST(stat("/proc/self/task", &tasks) == 0);
	return (unsigned)tasks.st_nlink - 2;
}

/* The thread of a new child is the one that knows that it waits. So no other must come before it has its place. */
static void fork_here(int signal)
{
	pid_t child = fork();

	(void)signal;
	MUST(child >= 0);
	is_child = child == 0;
	if (!is_child) {
		until_go();
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	__real_deaths_before_sleep(lined);
	MUST(threads() == 1);
}

/* Both have one permit each, in turn, and then none. */
static void wait_doubled(void)
{
	const struct sigaction action = {.sa_handler = fork_here, .sa_flags = SA_RESTART};
	int status;

	come_in();
	MUST(sigaction(SIGUSR1, &action, NULL) == 0);
	forks = true;
	MUST(wait_patiently(world.proc, id) == 0);
	if (is_child)
		store_seq(&board->child_has, 1);
	else
		MUST(load_seq(&board->child_has) == 0);
	MUST(ksem_post_many(world.proc, id, 2) == EPERM);
	MUST(ksem_post(world.proc, id) == 0);
	MUST(ksem_post(world.proc, id) == EPERM);
	if (!is_child)
		MUST(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void a_child_waits_in_a_place_of_its_own(void **state)
{
	pid_t parent;
	int status;

	(void)state;
	make(UNDO(.order = KSEM_FIFO, .limit = 1), 1);
	OK(ksem_trywait(world.proc, id));
	parent = start_process(wait_doubled);
	for (unsigned ms = 0; info_of(world.proc, id).waiters < 2 && ms < PATIENCE; ms++)
		usleep(1000);
	assert_int_equal(info_of(world.proc, id).waiters, 2);
	OK(ksem_post(world.proc, id));
	store_seq(&turn->go, 1);
	MUST(waitpid(parent, &status, 0) == parent && WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(load_seq(&board->child_has), 1);
	assert_int_equal(value_of(world.proc, id), 1);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		board_test(a_child_waits_in_a_place_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
