/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a thread did before a post is seen after the wait, trywait or clockwait that took its permit: plain data handed
 * over, and plain data under a semaphore that serves as a lock. ThreadSanitizer sees it if an order is missing; without
 * it the values tell on some machines. tools/verify mutants takes an order out, and expects this test to fail under
 * ThreadSanitizer.
 */
#include "support.h"

/* The calls of one kind, by id or pinned. */
struct semaphore {
	struct ksem_proc *proc;
	ksem_id_t id;
	struct ksem *pin; /* NULL: by id */
};

static struct semaphore semaphore_new(struct world *world, unsigned value, bool pinned)
{
	struct semaphore sem = {.proc = world->proc};

	OK(ksem_init(sem.proc, value, &sem.id));
	if (pinned)
		OK(ksem_pin(sem.proc, sem.id, &sem.pin));
	return sem;
}

static void semaphore_free(struct semaphore *sem)
{
	ksem_unpin(sem->pin);
	OK(ksem_destroy(sem->proc, sem->id));
}

enum { WAIT, TRYWAIT, CLOCKWAIT, WAYS };

static void take(const struct semaphore *sem, unsigned way)
{
	struct timespec late = in_ms(CLOCK_MONOTONIC, 600000);
	int error;

	if (way == WAIT) {
		error = sem->pin ? ksem_pinned_wait(sem->pin) : ksem_wait(sem->proc, sem->id);
	} else if (way == CLOCKWAIT) {
		error = sem->pin ? ksem_pinned_clockwait(sem->pin, CLOCK_MONOTONIC, &late) :
				   ksem_clockwait(sem->proc, sem->id, CLOCK_MONOTONIC, &late);
	} else {
		while ((error = sem->pin ? ksem_pinned_trywait(sem->pin) : ksem_trywait(sem->proc, sem->id)) == EAGAIN)
			sched_yield();
	}
	MUST(error == 0);
}

static void give(const struct semaphore *sem, unsigned n)
{
	if (n == 1)
		MUST((sem->pin ? ksem_pinned_post(sem->pin) : ksem_post(sem->proc, sem->id)) == 0);
	else
		MUST((sem->pin ? ksem_pinned_post_many(sem->pin, n) : ksem_post_many(sem->proc, sem->id, n)) == 0);
}

/* ---- Handing over. ---- */

struct handing {
	struct semaphore full;
	unsigned way, takers;
	unsigned data; /* written once before the post, read by each taker */
};

static void *receive(void *arg)
{
	struct handing *handing = arg;

	take(&handing->full, handing->way);
	MUST(handing->data == 42);
	return NULL;
}

/* Nothing but the post orders the write before the reads: the takers run already. */
static void hand_over(struct world *world, unsigned way, bool pinned, unsigned takers)
{
	struct handing handing = {.full = semaphore_new(world, 0, pinned), .way = way, .takers = takers};
	pthread_t threads[3];

	for (unsigned i = 0; i < takers; i++)
		threads[i] = start(receive, &handing);
	if (way != TRYWAIT)
		until_waiting(world->proc, handing.full.id, takers);
	handing.data = 42;
	give(&handing.full, takers);
	for (unsigned i = 0; i < takers; i++)
		finish(threads[i]);
	semaphore_free(&handing.full);
}

static void what_was_done_before_a_post_is_seen_after_its_wait(void **state)
{
	for (unsigned round = 0; round < 10; round++) {
		for (unsigned way = 0; way < WAYS; way++) {
			for (unsigned takers = 1; takers <= 3; takers += 2) {
				hand_over(*state, way, false, takers);
				hand_over(*state, way, true, takers);
			}
		}
	}
}

/* ---- A lock. ---- */

#define THREADS 3

struct lock {
	struct semaphore sem;
	unsigned way;
	unsigned counter; /* under the lock */
	bool held;        /* too */
};

static void *count_under_lock(void *arg)
{
	struct lock *lock = arg;

	for (unsigned i = 0; i < ROUNDS(20000); i++) {
		take(&lock->sem, lock->way);
		MUST(!lock->held);
		lock->held = true;
		lock->counter++;
		lock->held = false;
		give(&lock->sem, 1);
	}
	return NULL;
}

static void a_semaphore_of_one_is_a_lock(void **state)
{
	for (unsigned way = 0; way < 2 * WAYS; way++) {
		struct lock lock = {.sem = semaphore_new(*state, 1, way % 2), .way = way / 2};
		pthread_t threads[THREADS];

		for (unsigned i = 0; i < THREADS; i++)
			threads[i] = start(count_under_lock, &lock);
		for (unsigned i = 0; i < THREADS; i++)
			finish(threads[i]);
		assert_int_equal(lock.counter, THREADS * ROUNDS(20000));
		semaphore_free(&lock.sem);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(what_was_done_before_a_post_is_seen_after_its_wait),
		world_test(a_semaphore_of_one_is_a_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
