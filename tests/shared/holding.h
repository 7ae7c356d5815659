/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of what OS processes hold of a semaphore that they share: one that the test's process makes, and that its
 * children open by its name. They tell each other how far they are, outside of the library.
 */
#ifndef KSEM_TESTS_HOLDING_H
#define KSEM_TESTS_HOLDING_H

#include "sharing.h"

#define NAME      "/held"
#define UNDO(...) ATTR(.flags = KSEM_UNDO, __VA_ARGS__)

/* The board begins with it. */
struct turns {
	atomic(unsigned) ready, go;
};

#define turn ((struct turns *)board_page)

static struct world world;
static ksem_id_t id;

static inline void make(const struct ksem_attr *attr, unsigned value)
{
	world = enter();
	OK(ksem_open_attr(world.proc, NAME, O_CREAT | O_EXCL, 0600, attr, value, &id));
}

static inline void end(void)
{
	OK(ksem_unlink(world.proc, NAME));
	world_end(&world);
}

/* In a child: another namespace object, and another process. What it inherited stays, too. */
static inline void come_in(void)
{
	world = enter();
	MUST(ksem_open(world.proc, NAME, 0, 0, 0, &id) == 0);
}

static inline void say_ready(void)
{
	fetch_add_seq(&turn->ready, 1);
}

static inline void say_ready_and_stay(void)
{
	say_ready();
	for (;;)
		pause();
}

/* That many have said so. */
static inline void until_ready(unsigned n)
{
	while (load_seq(&turn->ready) < n)
		usleep(200);
}

static inline void until_go(void)
{
	while (load_seq(&turn->go) == 0)
		usleep(200);
}

static inline void become_another_program(void)
{
	execl("/bin/sleep", "sleep", "60", (char *)NULL);
	_exit(1);
}

static inline void *wait_in_thread(void *arg)
{
	(void)arg;
	MUST(wait_patiently(world.proc, id) == 0);
	return NULL;
}

#endif
