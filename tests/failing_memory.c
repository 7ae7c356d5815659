/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See failing_memory.h. The size of a block stands in front of it, in as many bytes as it is aligned to.
 */
#include "failing_memory.h"

#include "support.h"

#include "base/memory.h"

struct front {
	void *base;
	size_t size;
};

static struct memory_ops saved;
static atomic_size_t bytes, blocks, frees, peak, committed;
static atomic_uint countdown, failures; /* countdown: allocations until the one that fails; 0: none will */
static atomic_bool all_fail, failure_lasts;
static _Atomic(const void *) watched;
static atomic_bool watched_is_freed;

static struct front *front_of(const void *block)
{
	return (struct front *)(uintptr_t)block - 1;
}

static bool must_fail(void)
{
	unsigned left = atomic_load(&countdown);

	if (atomic_load(&all_fail))
		return true;
	while (left > 0) {
		if (!atomic_compare_exchange_weak(&countdown, &left, left - 1))
			continue;
		if (left == 1 && atomic_load(&failure_lasts))
			atomic_store(&all_fail, true);
		return left == 1;
	}
	return false;
}

static void raise_peak(size_t now)
{
	size_t old = atomic_load(&peak);

	while (old < now && !atomic_compare_exchange_weak(&peak, &old, now))
		;
}

static void *counted_alloc(size_t size, size_t align)
{
	size_t before = align > sizeof(struct front) ? align : sizeof(struct front);
	size_t whole = (before + size + before - 1) & ~(before - 1);
	char *base;

	MUST(align && (align & (align - 1)) == 0);
	if (must_fail()) {
		atomic_fetch_add(&failures, 1);
		errno = ENOMEM;
		return NULL;
	}
	base = aligned_alloc(before, whole);
	MUST(base);
	memset(base, 0, whole);
	*front_of(base + before) = (struct front){base, size};
	atomic_fetch_add(&blocks, 1);
	raise_peak(atomic_fetch_add(&bytes, size) + size);
	return base + before;
}

static void counted_free(void *block)
{
	struct front front = *front_of(block);

	if (block == atomic_load(&watched))
		atomic_store(&watched_is_freed, true);
	memset(block, 0x5a, front.size); /* whoever still looks there finds nonsense */
	free(front.base);
	atomic_fetch_sub(&bytes, front.size);
	atomic_fetch_sub(&blocks, 1);
	atomic_fetch_add(&frees, 1);
	errno = EBADF; /* free() may set it; ours always does */
}

static bool may_commit(size_t size)
{
	if (must_fail()) {
		atomic_fetch_add(&failures, 1);
		errno = ENOMEM;
		return false;
	}
	atomic_fetch_add(&committed, size);
	return true;
}

static void note_rest(const void *start)
{
	if (start == atomic_load(&watched))
		atomic_store(&watched_is_freed, true);
}

void failing_memory_install(void)
{
	saved = memory_ops;
	atomic_store(&committed, 0);
	atomic_store(&frees, 0);
	atomic_store(&peak, 0);
	failing_memory_fail_at(0);
	failing_memory_fail_all(false);
	failing_memory_watch(NULL);
	memory_ops = (struct memory_ops){counted_alloc, counted_free, may_commit, note_rest};
}

void failing_memory_uninstall(void)
{
	memory_ops = saved;
	assert_int_equal(failing_memory_blocks(), 0);
	assert_int_equal(failing_memory_bytes(), 0);
}

int failing_memory_setup(void **state)
{
	(void)state;
	failing_memory_install();
	return 0;
}

int failing_memory_teardown(void **state)
{
	(void)state;
	failing_memory_uninstall();
	return 0;
}

size_t failing_memory_bytes(void)
{
	return atomic_load(&bytes);
}

size_t failing_memory_blocks(void)
{
	return atomic_load(&blocks);
}

size_t failing_memory_committed(void)
{
	return atomic_load(&committed);
}

size_t failing_memory_frees(void)
{
	return atomic_load(&frees);
}

size_t failing_memory_peak(void)
{
	return atomic_load(&peak);
}

void failing_memory_reset_peak(void)
{
	atomic_store(&peak, atomic_load(&bytes));
}

static void fail_at(unsigned n, bool lasts)
{
	atomic_store(&failures, 0);
	atomic_store(&all_fail, false);
	atomic_store(&failure_lasts, lasts);
	atomic_store(&countdown, n);
}

void failing_memory_fail_at(unsigned n)
{
	fail_at(n, false);
}

void failing_memory_fail_from(unsigned n)
{
	fail_at(n, true);
}

void failing_memory_fail_all(bool on)
{
	atomic_store(&failures, 0);
	atomic_store(&all_fail, on);
}

unsigned failing_memory_failures(void)
{
	return atomic_load(&failures);
}

void failing_memory_watch(const void *block)
{
	atomic_store(&watched_is_freed, false);
	atomic_store(&watched, block);
}

bool failing_memory_watched_is_freed(void)
{
	return atomic_load(&watched_is_freed);
}
