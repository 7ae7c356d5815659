/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names and ids of semaphores that OS processes share, as far as others may spoil them: pages that lie, files that are
 * no semaphores, unlinkers that stop.
 */
#include "sharing.h"

/* ---- What a page says confuses its own semaphore only. ---- */

static void copy_page(const char *from, const char *to)
{
	struct page *source = map_page(from), *target = map_page(to);

	memcpy(target, source, sizeof(*target));
	munmap(source, PAGE_BYTES);
	munmap(target, PAGE_BYTES);
}

/* Whatever of one page is written into another: it gets no id of another semaphore. */
static void no_page_gives_a_semaphore_the_id_of_another(void **state)
{
	struct world one = enter(), other;
	ksem_id_t victim, liar, id;

	(void)state;
	OK(ksem_open(one.proc, "/victim", O_CREAT, 0600, 1, &victim));
	OK(ksem_open(one.proc, "/liar", O_CREAT, 0600, 2, &liar));
	copy_page("/victim", "/liar");
	other = enter();
	OK(ksem_open(other.proc, "/liar", 0, 0, 0, &id));
	assert_true(id == liar);
	FAILS(EINVAL, ksem_trywait(other.proc, victim));
	OK(ksem_open(other.proc, "/victim", 0, 0, 0, &id));
	assert_true(id == victim);
	OK(ksem_post(other.proc, victim));
	assert_int_equal(value_of(one.proc, victim), 2);
	assert_int_equal(value_of(one.proc, liar), 1);
	assert_int_equal(semaphores_in(other.ns), 2);
	world_end(&other);
	world_end(&one);
}

static void rewrite(void)
{
	struct page *page = map_page("/scribbled");
	struct page good = *page;
	unsigned seed = (unsigned)getpid();

	for (;;) {
		for (size_t at = 0; at < sizeof(*page); at += sizeof(int))
			*(volatile int *)((char *)page + at) = rand_r(&seed);
		memcpy(page, &good, offsetof(struct page, sem)); /* a semaphore, for a while */
		for (size_t at = offsetof(struct page, sem); at < sizeof(*page); at += sizeof(int))
			*(volatile int *)((char *)page + at) = rand_r(&seed);
	}
}

/* The child that rewrites comes to have it, too. */
static int must_be_good(const struct ksem_info *info, void *arg)
{
	if (strcmp(info->name, "/good") == 0)
		MUST(info->id == *(ksem_id_t *)arg && info->value == 1 && info->refs - 1 < 2 && !info->waiters);
	return 0;
}

static void use_the_scribbled(struct world *world, ksem_id_t *bad)
{
	const struct timespec past = {0, 0};
	struct ksem_info info;
	char kept[100];

	snprintf(kept, sizeof(kept), "%s/.kept", dir);
	ksem_stat(world->proc, *bad, &info);
	ksem_post(world->proc, *bad);
	ksem_trywait(world->proc, *bad);
	ksem_clockwait(world->proc, *bad, CLOCK_MONOTONIC, &past);
	ksem_close(world->proc, *bad);
	if (ksem_unlink(world->proc, "/scribbled") == 0) /* the file keeps another name, for this */
		MUST(link(kept, path_of("/scribbled")) == 0);
	ksem_open(world->proc, "/scribbled", 0, 0, 0, bad);
}

static void the_neighbour_of_a_page_of_noise_is_unharmed(void **state)
{
	struct world world = enter();
	ksem_id_t good, bad, id;
	char kept[100];
	pid_t child;

	(void)state;
	OK(ksem_open(world.proc, "/good", O_CREAT, 0600, 1, &good));
	OK(ksem_open(world.proc, "/scribbled", O_CREAT, 0600, 1, &bad));
	snprintf(kept, sizeof(kept), "%s/.kept", dir);
	MUST(link(path_of("/scribbled"), kept) == 0);
	child = start_process(rewrite);
	for (int i = 0; i < 2000; i++) {
		use_the_scribbled(&world, &bad);
		OK(ksem_wait(world.proc, good));
		OK(ksem_post(world.proc, good));
		OK(ksem_open(world.proc, "/good", 0, 0, 0, &id));
		assert_true(id == good);
		OK(ksem_close(world.proc, id));
		if (i % 20 == 0)
			OK(ksem_ns_foreach(world.ns, must_be_good, &good));
	}
	kill_and_reap(child);
	assert_int_equal(value_of(world.proc, good), 1);
	OK(ksem_unlink(world.proc, "/good"));
	world_end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		shared_test(no_page_gives_a_semaphore_the_id_of_another),
		shared_test(the_neighbour_of_a_page_of_noise_is_unharmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
