/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests share: cmocka, and words for what they do all the time. Random tests print their seed; KSEM_SEED takes
 * it back.
 */
#ifndef KSEM_TESTS_SUPPORT_H
#define KSEM_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <ksem/ksem.h>
#ifdef KSEM_TEST_INLINE
#include <ksem/inline.h>
#endif

#ifdef __has_feature
#define SANITIZED_BY(feature) __has_feature(feature)
#else
#define SANITIZED_BY(feature) 0
#endif
#if defined(__SANITIZE_THREAD__) || SANITIZED_BY(thread_sanitizer)
#define THREAD_SANITIZED 1
#else
#define THREAD_SANITIZED 0
#endif
#if THREAD_SANITIZED || defined(__SANITIZE_ADDRESS__) || SANITIZED_BY(address_sanitizer)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* Built for another processor, which is emulated for the tests. */
#ifdef KSEM_EMULATED
#define EMULATED 1
#else
#define EMULATED 0
#endif

/* Fewer rounds where each costs more. */
#define ROUNDS(n) (SANITIZED || EMULATED ? (n) / 10 : (n))

/* The same, of rounds that make semaphores: where OS processes share them, each is a file. */
static inline int rounds_of_making(int n)
{
	const char *shared = getenv("KSEM_TEST_SHARED");

	return shared ? n / 10 : ROUNDS(n);
}

/* Of rounds that take long: all if KSEM_TEST_WIDE is set, else a third. */
int share_of(int n);

/* A call that must succeed, or must fail with just this error. */
#define OK(call)           assert_int_equal((call), 0)
#define FAILS(error, call) assert_int_equal((call), (error))

/* A test that can't run here says why. */
#define SKIP(why)                             \
	do {                                  \
		printf("skipped: %s\n", why); \
		skip();                       \
	} while (0)

/*
 * In threads other than the test's own, where cmocka's assertions can't jump: says what is wrong and ends the program.
 */
#define MUST(condition)                                                                           \
	do {                                                                                      \
		if (!(condition)) {                                                               \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                  \
		}                                                                                 \
	} while (0)

/* Attributes to make a semaphore with: ATTR(.limit = 5, .order = KSEM_FIFO). */
#define ATTR(...) (&(const struct ksem_attr){.size = sizeof(struct ksem_attr), __VA_ARGS__})

/* A namespace and a process in it, as the superuser: the fixture of most tests, in *state. */
struct world {
	struct ksem_ns *ns;
	struct ksem_proc *proc;
	char *dir; /* of a shared namespace; NULL: in this OS process's memory */
};

/* A new directory on tmpfs, and its end with all that is in it, at exit at the latest (NULL: nothing). */
char *shared_directory_new(void);
void shared_directory_free(char *path);
/* Makes this process root: an ordinary user becomes the only user of a user namespace. False: it can't. */
bool become_root(void);
/* May processes of worlds have other users than root? */
bool may_be_others(void);
/* Ends the program, as skipped, unless it becomes root, as the process of a world is. */
void needs_root_to_share(void);

int world_setup(void **state);
int world_teardown(void **state); /* fails if exit or destroy does */

#define world_test(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

struct ksem_proc *world_user(struct world *world, uid_t uid, gid_t gid); /* another process, with these credentials */

/* A namespace with these limits (0: the defaults) and a superuser in it; and its end, which must succeed. */
struct world world_limited(uint32_t max_sems, uint32_t max_name);
void world_end(struct world *world);

/* How many semaphores ksem_ns_foreach visits; and a visit that counts them in the unsigned that arg points to. */
unsigned semaphores_in(struct ksem_ns *ns);
int visit_and_count(const struct ksem_info *info, void *arg);

unsigned value_of(struct ksem_proc *proc, ksem_id_t id);
struct ksem_info info_of(struct ksem_proc *proc, ksem_id_t id);

/* Waits for a child process, which must exit with 0. */
void must_end_well(pid_t child);

/* How many mappings this process has of what lies below that path. */
unsigned mappings_of(const char *path);

/* Waits until so many threads wait on the semaphore. */
void until_waiting(struct ksem_proc *proc, ksem_id_t id, unsigned waiters);

/* The same, and until all other threads sleep. Once it has registered, the only thing that one sleeps for is a wake. */
void until_asleep(struct ksem_proc *proc, ksem_id_t id, unsigned waiters);

pthread_t start(void *(*body)(void *), void *arg);
void *finish(pthread_t thread);

/* Older kernels haven't got it, and filters may refuse it. */
bool has_futex_waitv(void);

void sleep_ms(long ms);
#define TIME_MAX ((time_t)(sizeof(time_t) == 8 ? INT64_MAX : INT32_MAX))
#define TIME_MIN (-TIME_MAX - 1)
struct timespec in_ms(clockid_t clock, long ms); /* an absolute time, that far from now; negative: past */

/* A random sequence: seeded from KSEM_SEED, or the clock; the seed is printed once. */
struct random {
	uint64_t state;
};
struct random random_new(void);
uint64_t random_next(struct random *random);
unsigned random_below(struct random *random, unsigned n);

#endif
