/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of namespaces that OS processes share: a directory for each test, and other processes.
 */
#ifndef KSEM_TESTS_SHARING_H
#define KSEM_TESTS_SHARING_H

#include "support.h"

#include <sys/mman.h>
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

/* Another OS process, which does `act` and exits. */
static inline pid_t start_process(void (*act)(void))
{
	pid_t child = fork();

	MUST(child >= 0);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(120);
		act();
		_exit(0);
	}
	return child;
}

static inline void ends_well(pid_t child)
{
	int status;

	MUST(waitpid(child, &status, 0) == child);
	MUST(WIFEXITED(status) && WEXITSTATUS(status) == 0);
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

/* How many pages of files in the directory are mapped here. */
static inline unsigned pages_mapped(void)
{
	char line[512];
	unsigned count = 0;
	FILE *maps = fopen("/proc/self/maps", "r");

	MUST(maps);
	while (fgets(line, sizeof(line), maps))
		count += strstr(line, dir) != NULL;
	fclose(maps);
	return count;
}

#endif
