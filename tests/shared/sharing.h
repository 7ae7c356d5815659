/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of namespaces that OS processes share: a directory for each test, and other processes.
 */
#ifndef KSEM_TESTS_SHARING_H
#define KSEM_TESTS_SHARING_H

#include "../support.h"

#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#include "shared/page.h"

static char *dir;

static inline int setup(void **state)
{
	(void)state;
	dir = shared_directory_new();
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	shared_directory_free(dir);
	return 0;
}

#define shared_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* What parent and children see of each other, outside of the library: a page of zeros, of tests that begin so. */
static void *board_page;

static inline int setup_board(void **state)
{
	board_page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return board_page == MAP_FAILED || setup(state);
}

static inline int teardown_board(void **state)
{
	munmap(board_page, PAGE_BYTES);
	return teardown(state);
}

#define board_test(f) cmocka_unit_test_setup_teardown(f, setup_board, teardown_board)

/* A namespace in the directory, and a process in it. */
static inline struct world enter_limited(uint32_t max_sems)
{
	const struct ksem_ns_options options = {.size = sizeof(options), .dir = dir, .max_sems = max_sems};
	struct world world = {.dir = NULL};

	MUST(ksem_ns_create(&options, &world.ns) == 0);
	MUST(ksem_proc_create(world.ns, NULL, &world.proc) == 0);
	return world;
}

static inline struct world enter(void)
{
	return enter_limited(0);
}

/* Lets this process mount what no other sees. False: it can't be. */
static inline bool begin_mounting(void)
{
	return become_root() && unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

#define FORBIDDEN 99 /* what a process exits with that may not mount */

/* In a process of its own: a file system is mounted on the directory, with these options. */
static inline void mount_on_directory(const char *options)
{
	if (!begin_mounting() || mount("none", dir, "tmpfs", 0, options) != 0)
		_exit(FORBIDDEN);
}

/* In the parent: the child. In the child: does `act`, and exits. */
static inline pid_t play_child(pid_t child, void (*act)(void))
{
	MUST(child >= 0);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(600); /* for one that hangs; a test may take minutes beside others */
		act();
		_exit(0);
	}
	return child;
}

/* Another OS process, which does `act` and exits. */
static inline pid_t start_process(void (*act)(void))
{
	return play_child(fork(), act);
}

/* As must_end_well, of a process that mounts something. False: it may not. */
static inline bool may_mount_and_ends_well(pid_t child)
{
	int status;

	MUST(waitpid(child, &status, 0) == child && WIFEXITED(status));
	MUST(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == FORBIDDEN);
	return WEXITSTATUS(status) == 0;
}

static inline void kill_and_reap(pid_t child)
{
	MUST(kill(child, SIGKILL) == 0);
	MUST(waitpid(child, NULL, 0) == child);
}

#define PATIENCE 20000 /* ms, for what must come */

static inline int wait_patiently(struct ksem_proc *proc, ksem_id_t id)
{
	struct timespec until = in_ms(CLOCK_MONOTONIC, PATIENCE);

	return ksem_clockwait(proc, id, CLOCK_MONOTONIC, &until);
}

static inline char *path_of(const char *name)
{
	static char path[100];

	snprintf(path, sizeof(path), "%s%s", dir, name);
	return path;
}

/* The page of a name. */
static inline struct page *map_page(const char *name)
{
	int fd = open(path_of(name), O_RDWR);
	struct page *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	MUST(fd >= 0 && page != MAP_FAILED);
	close(fd);
	return page;
}

#endif
