/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libc's allocator fails under the library, and under liburcu, which ends the program where an allocation of its own
 * fails: so no call may lead it to one. Each allocation that a call makes, whoever makes it, fails in turn, alone and
 * with all after it: the call answers ENOMEM, having kept no memory, or succeeds.
 *
 * This program's own malloc and so on, and pthread_create, stand before libc's.
 */
#include "support.h"

#if !SANITIZED

#include "failing_call.h"

#include <dlfcn.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t align, size_t size);
void __libc_free(void *block);

static atomic_uint countdown; /* until the one that fails; 0: none will */
static atomic_bool and_all_after;
static atomic_uint failed;
static atomic_long live; /* blocks */

static bool must_fail(void)
{
	unsigned left = atomic_load(&countdown);

	while (left > 0) {
		if (left == 1 && atomic_load(&and_all_after))
			break;
		if (atomic_compare_exchange_weak(&countdown, &left, left - 1))
			break;
	}
	if (left != 1)
		return false;
	atomic_fetch_add(&failed, 1);
	errno = ENOMEM;
	return true;
}

/* A thread can't be made where memory is short, either: liburcu makes some. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*body)(void *), void *arg)
{
	int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) =
		(int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))(uintptr_t)dlsym(
			RTLD_NEXT, "pthread_create");
	int saved = errno;

	if (must_fail()) {
		errno = saved;
		return EAGAIN;
	}
	return real(thread, attr, body, arg);
}

static void *counted(void *block)
{
	if (block)
		atomic_fetch_add(&live, 1);
	return block;
}

void *malloc(size_t size)
{
	return must_fail() ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t n, size_t size)
{
	return must_fail() ? NULL : counted(__libc_calloc(n, size));
}

void *realloc(void *block, size_t size)
{
	if (!block)
		return malloc(size);
	return must_fail() ? NULL : __libc_realloc(block, size);
}

void *memalign(size_t align, size_t size);
void *memalign(size_t align, size_t size)
{
	return must_fail() ? NULL : counted(__libc_memalign(align, size));
}

void *aligned_alloc(size_t align, size_t size)
{
	return memalign(align, size);
}

int posix_memalign(void **block, size_t align, size_t size)
{
	int saved = errno;
	void *new = memalign(align, size);

	errno = saved;
	if (!new)
		return ENOMEM;
	*block = new;
	return 0;
}

void free(void *block)
{
	if (block)
		atomic_fetch_sub(&live, 1);
	__libc_free(block);
}

/* 0: nothing fails any more. `failed` is kept till the next time. */
static void fail_from(unsigned n, bool all_after)
{
	if (n > 0)
		atomic_store(&failed, 0);
	atomic_store(&and_all_after, all_after);
	atomic_store(&countdown, n);
}

/* ---- Calls. ---- */

#define UNTOUCHED 77

/* One attempt; true: nothing was left that could fail, or it succeeded all the same. */
static bool attempt(struct call *call, unsigned n, bool all_after)
{
	long before = atomic_load(&live);
	int error;

	call->id = UNTOUCHED;
	errno = UNTOUCHED;
	fail_from(n, all_after);
	error = call->make(call);
	fail_from(0, false);
	MUST(errno == UNTOUCHED);
	if (error == 0)
		return true;
	MUST(error == ENOMEM);
	MUST(call->id == UNTOUCHED);
	MUST(atomic_load(&live) == before);
	return false;
}

/* Until it succeeds, at the even n alone, at the odd with all after it. Returns how many attempts failed. */
static unsigned until_it_succeeds(struct call *call)
{
	unsigned n = 0;

	while (!attempt(call, n / 2 + 1, n % 2))
		n++;
	return n;
}

static void namespaces_and_processes(void **state)
{
	struct call call = {.make = make_ns};
	struct ksem_proc *parent;
	ksem_id_t id;

	(void)state;
	assert_true(until_it_succeeds(&call) >= 1);
	call.ns = call.new_ns;
	call.make = make_proc;
	assert_true(until_it_succeeds(&call) >= 1);
	call.proc = parent = call.new_proc;
	for (unsigned size = 0; size < 3000; size = size * 5 + 1) {
		for (unsigned i = 0; i < size; i++)
			OK(ksem_init(parent, i, &id));
		call.make = make_fork;
		assert_true(until_it_succeeds(&call) >= 1);
		OK(ksem_proc_exit(call.new_proc));
	}
	OK(ksem_proc_exit(parent));
	OK(ksem_ns_destroy(call.ns));
}

static void semaphores_and_names(void **state)
{
	struct world *world = *state;
	struct call call = {.ns = world->ns, .proc = world->proc};
	unsigned attempts = 0;

	for (unsigned i = 0; i < 5000; i++) {
		call.make = i % 2 ? make_init : make_open;
		snprintf(call.name, sizeof(call.name), "/%u", i);
		attempts += until_it_succeeds(&call);
		MUST(call.id != UNTOUCHED);
	}
	assert_true(attempts >= 5000);
}

/*
 * The table of names grows by threads of liburcu when it is large, and then allocates. In a child of fork() for each
 * allocation that may fail, from the same point on: the name that makes it grow.
 */
static void growth_of_a_large_table_of_names(void **state)
{
	enum { NAMES = 16384 };
	struct world *world = *state;
	struct call call = {.make = make_open, .ns = world->ns, .proc = world->proc};

	for (unsigned i = 0; i < NAMES; i++) {
		ksem_id_t id;

		snprintf(call.name, sizeof(call.name), "/%u", i);
		OK(ksem_open(world->proc, call.name, O_CREAT, 0600, 0, &id));
		OK(ksem_close(world->proc, id)); /* the name stays: only the table of names is large */
	}
	snprintf(call.name, sizeof(call.name), "/one more");
	for (unsigned n = 0; n < 16; n++) {
		int status;
		pid_t child = fork();

		if (child == 0) {
			bool made = attempt(&call, n / 2 + 1, n % 2);

			MUST(made || attempt(&call, 0, false)); /* the next call works */
			MUST(ksem_post(call.proc, call.id) == 0);
			MUST(value_of(call.proc, call.id) == 4);
			MUST(ksem_unlink(call.proc, call.name) == 0);
			_exit(0);
		}
		MUST(child > 0);
		MUST(waitpid(child, &status, 0) == child);
		assert_int_equal(status, 0);
	}
}

struct wait {
	struct ksem_proc *proc;
	ksem_id_t id;
	atomic_uint ready;
	atomic_bool go;
};

/* What a new thread does first, which makes it known to liburcu. */
static void *post_and_wait(void *arg)
{
	struct wait *wait = arg;
	unsigned value;

	atomic_fetch_add(&wait->ready, 1);
	while (!atomic_load(&wait->go))
		sched_yield();
	MUST(ksem_getvalue(wait->proc, wait->id, &value) == 0);
	MUST(ksem_wait(wait->proc, wait->id) == 0);
	MUST(ksem_post(wait->proc, wait->id) == 0);
	return NULL;
}

static void first_calls_of_threads(void **state)
{
	enum { THREADS = 40 }; /* more than liburcu has room for at first */
	struct world *world = *state;
	struct wait wait = {.proc = world->proc};
	pthread_t threads[THREADS];

	OK(ksem_init(world->proc, 0, &wait.id));
	for (unsigned i = 0; i < THREADS; i++)
		threads[i] = start(post_and_wait, &wait);
	while (atomic_load(&wait.ready) < THREADS)
		sched_yield();
	fail_from(1, true);
	atomic_store(&wait.go, true);
	until_waiting(world->proc, wait.id, THREADS);
	OK(ksem_post(world->proc, wait.id));
	for (unsigned i = 0; i < THREADS; i++)
		finish(threads[i]);
	fail_from(0, false);
	assert_int_equal(atomic_load(&failed), 0);
	assert_int_equal(value_of(world->proc, wait.id), 1);
}

static void letting_go(void **state)
{
	enum { SEMS = 3000 };
	static ksem_id_t ids[SEMS];
	struct world *world = *state;
	struct ksem_proc *child;

	for (unsigned i = 0; i < SEMS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "/%u", i);
		OK(i % 2 ? ksem_init(world->proc, 0, &ids[i]) :
			   ksem_open(world->proc, name, O_CREAT, 0600, 0, &ids[i]));
	}
	OK(ksem_proc_fork(world->proc, &child));
	fail_from(1, true);
	for (unsigned i = 0; i < SEMS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "/%u", i);
		if (i % 4 == 0)
			OK(ksem_unlink(world->proc, name));
		OK(i % 2 ? ksem_destroy(world->proc, ids[i]) : ksem_close(world->proc, ids[i]));
	}
	OK(ksem_proc_exec(child));
	OK(ksem_proc_exit(child));
	assert_true(atomic_load(&failed) > 0); /* tables that would have shrunk */
	fail_from(0, false);
}

#else

static void namespaces_and_processes(void **state)
{
	(void)state;
	skip(); /* the allocator is the sanitizer's */
}

#define semaphores_and_names             namespaces_and_processes
#define growth_of_a_large_table_of_names namespaces_and_processes
#define first_calls_of_threads           namespaces_and_processes
#define letting_go                       namespaces_and_processes

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(namespaces_and_processes),
		world_test(semaphores_and_names),
		world_test(growth_of_a_large_table_of_names),
		world_test(first_calls_of_threads),
		world_test(letting_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
