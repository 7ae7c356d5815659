/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plugin with restartable sequences is unloaded, while threads whose last sequence was one of its own sleep, or run.
 * Arguments: the plugins. The kernel kills a process of which it can't read a thread's sequence.
 */
#include "support.h"

#include <dlfcn.h>

#include "plugin.h"

#define THREADS   4
#define UNLOADING ROUNDS(100)

static const char *plugin_file, *containing_file;
static struct world world;
static struct ksem *pin;

static struct {
	int (*post_and_wait)(struct ksem *sem);
	int sleepers[2];    /* a pipe: a byte lets one of them go */
	atomic_uint asleep; /* or about to be */
	atomic_bool unloaded;
} test;

/* Sleeps in the kernel without having been put on a processor since its last sequence, if it is let. */
static void *use_and_sleep(void *arg)
{
	char byte;

	(void)arg;
	MUST(test.post_and_wait(pin) == 0);
	atomic_fetch_add(&test.asleep, 1);
	MUST(read(test.sleepers[0], &byte, 1) == 1);
	return NULL;
}

static void *use_and_run(void *arg)
{
	(void)arg;
	MUST(test.post_and_wait(pin) == 0);
	atomic_fetch_add(&test.asleep, 1);
	while (!atomic_load(&test.unloaded))
		;
	sched_yield();
	return NULL;
}

static void unload_once(const char *file)
{
	pthread_t threads[THREADS];
	void *plugin = dlopen(file, RTLD_NOW | RTLD_LOCAL);

	MUST(plugin != NULL);
	*(void **)&test.post_and_wait = dlsym(plugin, "plugin_post_and_wait");
	MUST(test.post_and_wait != NULL);
	atomic_store(&test.asleep, 0);
	atomic_store(&test.unloaded, false);
	for (int i = 0; i < THREADS; i++)
		threads[i] = start(i == 0 ? use_and_run : use_and_sleep, NULL);
	while (atomic_load(&test.asleep) < THREADS)
		sched_yield();
	OK(dlclose(plugin));
	atomic_store(&test.unloaded, true);
	MUST(write(test.sleepers[1], "...", THREADS - 1) == THREADS - 1);
	for (int i = 0; i < THREADS; i++)
		finish(threads[i]);
}

static void unload_often(const char *file)
{
	ksem_id_t id;

	world = world_limited(0, 0);
	OK(ksem_init(world.proc, 0, &id));
	OK(ksem_pin(world.proc, id, &pin));
	OK(pipe(test.sleepers));
	for (int i = 0; i < UNLOADING; i++)
		unload_once(file);
	close(test.sleepers[0]);
	close(test.sleepers[1]);
	ksem_unpin(pin);
	OK(ksem_destroy(world.proc, id));
	world_end(&world);
}

static void a_plugin_with_the_calls_inline_can_be_closed(void **state)
{
	(void)state;
	unload_often(plugin_file);
}

static void a_plugin_with_the_library_in_it_can_be_closed(void **state)
{
	(void)state;
	if (!containing_file)
		SKIP("there is no static library here");
	unload_often(containing_file);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plugin_with_the_calls_inline_can_be_closed),
		cmocka_unit_test(a_plugin_with_the_library_in_it_can_be_closed),
	};

	MUST(argc >= 2);
	plugin_file = argv[1];
	containing_file = argc > 2 ? argv[2] : NULL;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
