/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The books: who has a permit. A semaphore doesn't know who holds its permits. So when a worker is killed, the program
 * itself must know how many permits to post.
 *
 * A request notes in its slot what it is about to do before it does it. A request that was killed while INSIDE
 * certainly had a permit. One that was killed while TAKING or GIVING may have had one; its slot can't tell. The sum
 * can: the permits in the semaphore and the slots INSIDE add up to the limit, except for permits that died with a
 * worker. The sum is exact only while no request is TAKING or GIVING. So `pause` keeps requests from TAKING, and those
 * that are TAKING stop within SLICE_MS. When the master has read all slots and the value, and no slot has changed
 * meanwhile, the sum is exact. Requests that are INSIDE go on all the time.
 */
#include "httpd.h"

#include <errno.h>
#include <time.h>

#define SLICE_MS 20

#define STATES UINT64_C(7) /* bits */

static enum state state_of(uint64_t what)
{
	return (enum state)(what & STATES);
}

static uint64_t next(uint64_t what, enum state state)
{
	return (what & ~STATES) + STATES + 1 + state;
}

static void go(struct slot *slot, enum state state)
{
	slot->what = next(slot->what, state); /* the slot is this thread's */
}

static struct timespec after_ms(struct timespec time, unsigned ms)
{
	time.tv_sec += ms / 1000;
	time.tv_nsec += (long)(ms % 1000) * 1000000;
	if (time.tv_nsec >= 1000000000) {
		time.tv_nsec -= 1000000000;
		time.tv_sec++;
	}
	return time;
}

static bool is_before(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

static struct timespec now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time;
}

static void rest(void)
{
	nanosleep(&(struct timespec){0, 1000000}, NULL);
}

/* ---- Of a worker's threads. ---- */

struct slot *books_claim(struct worker *worker, unsigned slots)
{
	for (unsigned i = 0; i < slots; i++) {
		uint64_t what = worker->slots[i].what;

		if (state_of(what) == FREE &&
		    atomic_compare_exchange_strong(&worker->slots[i].what, &what, next(what, IDLE)))
			return &worker->slots[i];
	}
	return NULL;
}

void books_release(struct slot *slot)
{
	go(slot, FREE);
}

static void count_in(struct books *books)
{
	unsigned inside = ++books->inside, most = books->most;

	while (inside > most && !atomic_compare_exchange_weak(&books->most, &most, inside))
		;
}

bool books_enter(struct books *books, struct slot *slot, struct ksem *sem)
{
	struct timespec until = after_ms(now(), books->wait_ms), slice;
	int error;

	do {
		go(slot, TAKING);
		slice = after_ms(now(), SLICE_MS);
		if (is_before(until, slice))
			slice = until;
		error = books->pause ? EAGAIN : ksem_pinned_clockwait(sem, CLOCK_MONOTONIC, &slice);
		if (error == 0) {
			count_in(books);
			go(slot, INSIDE);
			return true;
		}
		go(slot, IDLE);
		if (error == EAGAIN)
			rest();
	} while (is_before(now(), until));
	return false;
}

void books_leave(struct books *books, struct slot *slot, struct ksem *sem)
{
	go(slot, GIVING);
	books->inside--;
	ksem_pinned_post(sem);
	go(slot, IDLE);
}

/* ---- Of the master. ---- */

unsigned books_count(struct books *books, enum state state)
{
	unsigned count = 0;

	for (unsigned i = 0; i < books->workers; i++) {
		for (unsigned j = 0; j < books->connections; j++)
			count += state_of(books->all[i].slots[j].what) == state;
	}
	return count;
}

void books_forget(struct worker *worker)
{
	worker->pid = 0;
	for (unsigned j = 0; j < CONNECTIONS_MAX; j++)
		go(&worker->slots[j], FREE);
}

/* The sum of all slots' counts of changes. */
static uint64_t changes(struct books *books)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < books->workers; i++) {
		for (unsigned j = 0; j < books->connections; j++)
			sum += books->all[i].slots[j].what / (STATES + 1);
	}
	return sum;
}

bool books_settle(struct books *books, struct ksem *sem)
{
	uint64_t before = changes(books);
	unsigned between = books_count(books, TAKING) + books_count(books, GIVING);
	unsigned with = books_count(books, INSIDE), counted = books->inside, value;

	if (ksem_pinned_getvalue(sem, &value) != 0 || between > 0 || changes(books) != before)
		return false;
	if (value + with > books->limit)
		return true; /* somebody else posts too, so the sum can't be right again */
	books->inside -= counted - with;
	books->made_good += books->limit - value - with;
	ksem_pinned_post_many(sem, books->limit - value - with);
	return true;
}
