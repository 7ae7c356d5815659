/* SPDX-License-Identifier: BSD-2-Clause */
#include "support.h"

int world_setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	const struct ksem_cred root = {0, 0};

	OK(ksem_ns_create(NULL, &world->ns));
	OK(ksem_proc_create(world->ns, &root, &world->proc));
	*state = world;
	return 0;
}

int world_teardown(void **state)
{
	struct world *world = *state;

	OK(ksem_proc_exit(world->proc));
	OK(ksem_ns_destroy(world->ns));
	free(world);
	return 0;
}

struct ksem_proc *world_user(struct world *world, uid_t uid, gid_t gid)
{
	const struct ksem_cred cred = {uid, gid};
	struct ksem_proc *proc;

	OK(ksem_proc_create(world->ns, &cred, &proc));
	return proc;
}

struct world world_limited(uint32_t max_sems, uint32_t max_name)
{
	const struct ksem_ns_options options = {.size = sizeof(options), .max_sems = max_sems, .max_name = max_name};
	struct world world;

	OK(ksem_ns_create(&options, &world.ns));
	world.proc = world_user(&world, 0, 0);
	return world;
}

void world_end(struct world *world)
{
	OK(ksem_proc_exit(world->proc));
	OK(ksem_ns_destroy(world->ns));
}

int visit_and_count(const struct ksem_info *info, void *arg)
{
	(void)info;
	++*(unsigned *)arg;
	return 0;
}

unsigned semaphores_in(struct ksem_ns *ns)
{
	unsigned n = 0;

	MUST(ksem_ns_foreach(ns, visit_and_count, &n) == 0);
	return n;
}

unsigned value_of(struct ksem_proc *proc, ksem_id_t id)
{
	unsigned value;

	MUST(ksem_getvalue(proc, id, &value) == 0);
	return value;
}

struct ksem_info info_of(struct ksem_proc *proc, ksem_id_t id)
{
	struct ksem_info info;

	MUST(ksem_stat(proc, id, &info) == 0);
	return info;
}

void until_waiting(struct ksem_proc *proc, ksem_id_t id, unsigned waiters)
{
	while (info_of(proc, id).waiters != waiters)
		sched_yield();
}

pthread_t start(void *(*body)(void *), void *arg)
{
	pthread_t thread;

	MUST(pthread_create(&thread, NULL, body, arg) == 0);
	return thread;
}

void *finish(pthread_t thread)
{
	void *result;

	MUST(pthread_join(thread, &result) == 0);
	return result;
}

void sleep_ms(long ms)
{
	struct timespec left = {ms / 1000, ms % 1000 * 1000000};

	while (nanosleep(&left, &left) != 0)
		;
}

struct timespec in_ms(clockid_t clock, long ms)
{
	struct timespec t;
	int64_t ns;

	clock_gettime(clock, &t);
	ns = t.tv_sec * INT64_C(1000000000) + t.tv_nsec + ms * INT64_C(1000000);
	return (struct timespec){ns / 1000000000, ns % 1000000000};
}

struct random random_new(void)
{
	static uint64_t seed;
	const char *given = getenv("KSEM_SEED");

	if (!seed) {
		struct timespec now;

		clock_gettime(CLOCK_REALTIME, &now);
		seed = given ? strtoull(given, NULL, 0) : (uint64_t)now.tv_sec * 1000000007 ^ (uint64_t)now.tv_nsec;
		printf("KSEM_SEED=%llu\n", (unsigned long long)seed);
	}
	return (struct random){seed};
}

/* splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
uint64_t random_next(struct random *random)
{
	uint64_t z = random->state += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

unsigned random_below(struct random *random, unsigned n)
{
	return (unsigned)(random_next(random) % n);
}
