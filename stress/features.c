/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Semaphores with attributes, and all that can be done with them, mixed: the variants barging, first and last, one for
 * each order.
 *
 * Each round has four of them: one whose limit is changed all the while, one with metrics, one with KSEM_UNDO, and a
 * small one. Threads take one permit or several, in every way that there is: tries, waits with and without deadlines,
 * of one of several semaphores, by a completion queue (queues.c). They give permits back at once, or keep them for a
 * while, also while they rest. A thread that keeps permits gives them back before it waits without a deadline, so no
 * two threads wait for each other. One thread alone changes limits: of two changes at a time, nobody could tell which
 * was the last.
 *
 * Held to it, beside what every variant is:
 *
 *   - initial + posts - takes + how far the limit has moved is the value at rest, or, if that is below 0, it is 0;
 *   - never are more permits held than the highest limit in force since the last quiescent point, or than were then;
 *   - nobody sleeps without a deadline beside as many permits as he wants; with KSEM_FIFO, as all want;
 *   - with KSEM_FIFO: nobody who was asleep at a quiescent point still is at another, if a take that began after the
 *     first has got permits meanwhile. Waits never want more than the lowest limit there, so nobody gives way;
 *   - a shutdown at the end ends all waits, and before it there is no ESHUTDOWN;
 *   - permits of KSEM_UNDO that are kept when processes exit come back;
 *   - metrics don't contradict each other.
 */
#include "torture.h"

#define PERMITS 4 /* the limit of each, at first; except of the moved one */
#define WANTS   3 /* a take wants so many at most */
#define MOVES   8 /* up to which the limit is moved, in addition to the lowest */

static struct ksem_attr attrs[4]; /* constant during a round */
static struct book *moved;        /* whose limit is changed */
static unsigned lowest;           /* its lowest limit */

static struct { /* conductor only: where each thread slept at the last quiescent points */
	unsigned long wait, since;
} asleep[1 + WORKERS_MAX];

int feature_ended(void)
{
	return atomic_load(&round_now.stop) ? ESHUTDOWN : 0;
}

/* ---- The accounts. ---- */

static void raise_to(atomic_ulong *number, unsigned long least)
{
	unsigned long now = atomic_load(number);

	while (now < least && !atomic_compare_exchange_weak(number, &now, least))
		;
}

/* Of a limit that is raised meanwhile, the new one is in force as soon as permits can be taken by it. */
static void check_holders(struct book *book, long long held)
{
	if (held > (long long)atomic_load(&book->highest))
		complain("holders", "%s: %lld permits are held, and the highest limit was %u", book->what, held,
			 atomic_load(&book->highest));
}

void feature_took(struct worker *self, struct book *book, unsigned n, unsigned long generation)
{
	if (n > 0)
		check_holders(book, atomic_fetch_add(&book->held, n) + n);
	atomic_fetch_add_explicit(&self->out[book - round_now.books], n, memory_order_relaxed);
	raise_to(&book->newest, n > 0 ? generation : 0);
}

void feature_gives(struct worker *self, struct book *book, unsigned n)
{
	atomic_fetch_sub(&book->held, n);
	atomic_fetch_add_explicit(&self->in[book - round_now.books], n, memory_order_relaxed);
}

static void give(struct worker *self, struct book *book, unsigned n)
{
	bool pinned = book->pin && random_below(&self->random, 2);

	feature_gives(self, book, n);
	if (planted(PLANT_LOST_PERMIT, &self->random, 64))
		return;
	if (n == 1 && random_below(&self->random, 2))
		CALL(pinned ? ksem_pinned_post(book->pin) : ksem_post(self->own, book->id), 0);
	else
		CALL(pinned ? ksem_pinned_post_many(book->pin, n) : ksem_post_many(self->own, book->id, n), 0);
}

static void give_all_back(struct worker *self)
{
	for (unsigned b = 0; b < sizeof(attrs) / sizeof(*attrs); b++) {
		unsigned n = self->keeps[b];

		self->keeps[b] = 0;
		if (n > 0)
			give(self, &round_now.books[b], n);
	}
}

/* ---- Takes. Each returns how many permits it got. ---- */

static unsigned try_some(struct worker *self, struct book *book, unsigned n)
{
	bool pinned = book->pin && random_below(&self->random, 2);
	unsigned got = 0;
	int error;

	switch (random_below(&self->random, 3)) {
	case 0:
		error = pinned ? ksem_pinned_trywait_upto(book->pin, n, &got) :
				 ksem_trywait_upto(self->own, book->id, n, &got);
		if (CALL(error, 0, EAGAIN) == 0 && (got < 1 || got > n))
			complain("answer", "%s: %u permits, of at most %u", book->what, got, n);
		return got;
	case 1:
		error = pinned ? ksem_pinned_trywait(book->pin) : ksem_trywait(self->own, book->id);
		n = 1;
		break;
	default:
		error = pinned ? ksem_pinned_trywait_many(book->pin, n) : ksem_trywait_many(self->own, book->id, n);
	}
	if (planted(PLANT_HOLDER, &self->random, 1) && error == EAGAIN)
		error = 0;
	return CALL(error, 0, EAGAIN) == 0 ? n : 0;
}

static void must_be_over(int error, clockid_t clock, const struct timespec *deadline)
{
	struct timespec now;

	clock_gettime(clock, &now);
	if (error == ETIMEDOUT && clock == CLOCK_MONOTONIC && /* the other may be set back */
	    (now.tv_sec < deadline->tv_sec || (now.tv_sec == deadline->tv_sec && now.tv_nsec < deadline->tv_nsec)))
		complain("early", "a wait timed out before its deadline");
}

static unsigned wait_for_some(struct worker *self, struct book *book, unsigned n)
{
	bool pinned = book->pin && random_below(&self->random, 2);
	clockid_t clock = random_below(&self->random, 2) ? CLOCK_MONOTONIC : CLOCK_REALTIME;
	struct timespec deadline = soon(self, clock);
	int error;

	if (planted(PLANT_EARLY, &self->random, 1)) {
		error = ETIMEDOUT;
	} else if (random_below(&self->random, 4) == 0) {
		error = pinned ? ksem_pinned_clockwait(book->pin, clock, &deadline) :
				 ksem_clockwait(self->own, book->id, clock, &deadline);
		n = 1;
	} else {
		error = pinned ? ksem_pinned_wait_many(book->pin, n, clock, &deadline) :
				 ksem_wait_many(self->own, book->id, n, clock, &deadline);
	}
	CALL(error, 0, ETIMEDOUT, interrupted(), feature_ended());
	must_be_over(error, clock, &deadline);
	return error ? 0 : n;
}

/* Of two others besides. Which of them it got is counted at once. */
static void wait_for_any(struct worker *self, struct book *book)
{
	clockid_t clock = random_below(&self->random, 2) ? CLOCK_MONOTONIC : CLOCK_REALTIME;
	struct timespec deadline = soon(self, clock);
	unsigned books[3] = {(unsigned)(book - round_now.books)}, which = 0;
	unsigned long generation = atomic_load(&round_now.generation);
	ksem_id_t ids[3];
	int error;

	for (unsigned i = 0; i < 3; i++) {
		books[i] = i == 0 ? books[0] : random_below(&self->random, sizeof(attrs) / sizeof(*attrs));
		ids[i] = round_now.books[books[i]].id;
	}
	if (random_below(&self->random, 4) == 0)
		error = CALL(ksem_trywait_any(self->own, ids, 3, &which), 0, EAGAIN);
	else
		error = CALL(ksem_wait_any(self->own, ids, 3, clock, &deadline, &which), 0, ETIMEDOUT, interrupted(),
			     feature_ended());
	must_be_over(error, clock, &deadline);
	if (error)
		return;
	feature_took(self, &round_now.books[books[which]], 1, generation);
	dawdle(&self->random);
	give(self, &round_now.books[books[which]], 1);
}

static unsigned wait_patiently(struct worker *self, struct book *book, unsigned n)
{
	bool pinned = book->pin && random_below(&self->random, 2), one = n == 1 && random_below(&self->random, 2);
	unsigned long generation = atomic_load(&round_now.generation);
	int error;

	give_all_back(self);
	atomic_store(&self->wants, n);
	atomic_fetch_add(&self->wait, 1);
	atomic_store(&self->waiting, 1 + (int)(book - round_now.books));
	if (one)
		error = pinned ? ksem_pinned_wait(book->pin) : ksem_wait(self->own, book->id);
	else
		error = pinned ? ksem_pinned_wait_many(book->pin, n, CLOCK_MONOTONIC, NULL) :
				 ksem_wait_many(self->own, book->id, n, CLOCK_MONOTONIC, NULL);
	CALL(error, 0, interrupted(), feature_ended());
	if (!error)
		feature_took(self, book, n, generation);
	atomic_store(&self->waiting, 0); /* counted by now: see round.c */
	return error ? 0 : n;
}

static void take_and_give(struct worker *self, struct book *book)
{
	unsigned long generation = atomic_load(&round_now.generation);
	unsigned n = 1 + random_below(&self->random, WANTS), way = random_below(&self->random, 4);
	unsigned got;

	if (way == 0 && self->number != 1) {
		got = wait_patiently(self, book, n);
	} else {
		got = way == 1 ? wait_for_some(self, book, n) : try_some(self, book, n);
		feature_took(self, book, got, generation);
	}
	if (got == 0)
		return;
	dawdle(&self->random);
	if (random_below(&self->random, 8) == 0 && self->keeps[book - round_now.books] == 0)
		self->keeps[book - round_now.books] = got;
	else
		give(self, book, got);
}

/* ---- Limits. ---- */

static void move_limit(struct worker *self)
{
	unsigned limit = lowest + random_below(&self->random, MOVES + 1), highest = atomic_load(&moved->highest);

	while (highest < limit && !atomic_compare_exchange_weak(&moved->highest, &highest, limit))
		;
	if (!planted(PLANT_LIMIT, &self->random, 64)) {
		if (random_below(&self->random, 2))
			CALL(ksem_set_limit(self->own, moved->id, limit), 0);
		else
			CALL(ksem_pinned_set_limit(moved->pin, limit), 0);
	}
	atomic_store(&moved->limit, limit);
}

/* ---- The variants. ---- */

static void use_features(struct worker *self)
{
	struct book *book = &round_now.books[random_below(&self->random, sizeof(attrs) / sizeof(*attrs))];
	unsigned what = random_below(&self->random, 64);

	if (self->number == 1 && what < 16)
		move_limit(self);
	else if (what < 2)
		feature_queue(self);
	else if (what < 8)
		wait_for_any(self, book);
	else if (what < 16)
		give_all_back(self);
	else
		take_and_give(self, book);
}

static void check_metrics(const struct book *book)
{
	struct ksem_metrics metrics = {.size = sizeof(metrics)};
	uint64_t sum = 0;

	CALL(ksem_metrics(round_now.root, book->id, &metrics), 0);
	for (unsigned i = 0; i < 64; i++)
		sum += metrics.histogram[i];
	if (sum != metrics.waits || metrics.timeouts + metrics.interrupts + metrics.cancels > metrics.waits ||
	    metrics.shutdowns > 0)
		complain("metrics", "%s: %llu waits, %llu in the histogram, %llu timeouts, %llu shutdowns", book->what,
			 (unsigned long long)metrics.waits, (unsigned long long)sum,
			 (unsigned long long)metrics.timeouts, (unsigned long long)metrics.shutdowns);
}

/* Of those that sleep, each must have begun to before all that have got permits since it was first seen asleep. */
static void check_order(void)
{
	unsigned long generation = atomic_load(&round_now.generation);

	for (unsigned w = 1; w <= round_now.conditions.threads; w++) {
		unsigned long wait = atomic_load(&workers[w].wait);
		int waiting = atomic_load(&workers[w].waiting);
		const struct book *book = waiting ? &round_now.books[waiting - 1] : NULL;

		if (!book || !book->attr || book->attr->order != KSEM_FIFO || asleep[w].wait != wait) {
			asleep[w].wait = book ? wait : 0;
			asleep[w].since = generation;
		} else if (atomic_load(&book->newest) > asleep[w].since) {
			complain("order",
				 "%s: thread %u has slept since quiescent point %lu, and a take after %lu has permits",
				 book->what, w, asleep[w].since, atomic_load(&book->newest) - 1);
		}
	}
}

static void check(void)
{
	for (unsigned b = 0; b < sizeof(attrs) / sizeof(*attrs); b++) {
		struct book *book = &round_now.books[b];
		long long held = atomic_load(&book->held);
		unsigned limit = atomic_load(&book->limit);

		atomic_store(&book->highest, held > limit ? (unsigned)held : limit);
		if (book->attr->flags & KSEM_METRICS)
			check_metrics(book);
	}
	check_order();
}

static void begin(uint32_t order)
{
	uint32_t made = planted(PLANT_ORDER, &round_now.random, 1) ? KSEM_LIFO : order;

	memset(asleep, 0, sizeof(asleep));
	lowest = order == KSEM_FIFO ? WANTS : 0;
	attrs[0] = (struct ksem_attr){.size = sizeof(*attrs), .limit = PERMITS, .order = order};
	attrs[1] = (struct ksem_attr){.size = sizeof(*attrs), .limit = PERMITS, .order = order, .flags = KSEM_METRICS};
	attrs[2] = (struct ksem_attr){.size = sizeof(*attrs), .limit = PERMITS, .order = order, .flags = KSEM_UNDO};
	attrs[3] = (struct ksem_attr){.size = sizeof(*attrs), .limit = WANTS, .order = made};
	moved = book_add_with("moved", &attrs[0], PERMITS);
	book_add_with("measured", &attrs[1], PERMITS);
	book_add_with("undone", &attrs[2], PERMITS);
	book_add_with("small", &attrs[3], WANTS);
	attrs[3].order = order;
}

static void begin_barging(void)
{
	begin(KSEM_BARGING);
}

static void begin_first(void)
{
	begin(KSEM_FIFO);
}

static void begin_last(void)
{
	begin(KSEM_LIFO);
}

const struct variant variant_barging = {"barging", begin_barging, use_features, check, NULL};
const struct variant variant_first = {"first", begin_first, use_features, check, NULL};
const struct variant variant_last = {"last", begin_last, use_features, check, NULL};
