/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Semaphores of which every permit is accounted for, and all that the torture does with them: here alone are their
 * posts and takes counted.
 *
 * Two accounts. Each thread counts the permits that it posted and took; at a quiescent point initial + in - out must be
 * the value (round.c). And each book counts what is `there`: raised before a post and lowered after a take, it is never
 * below the value, so a take that finds it at 0 has a permit that nobody posted: a holder too many. Counting is relaxed
 * throughout, so that it lends the library no ordering.
 *
 * Every answer is held to those that the contract allows; a timeout, to its deadline.
 */
#include "torture.h"

int must_answer(const char *call, int error, const int *allowed, size_t n)
{
	if (worker_self && planted(PLANT_ANSWER, &worker_self->random, 256))
		error = ENFILE;
	for (size_t i = 0; i < n; i++) {
		if (error == allowed[i])
			return error;
	}
	complain("answer", "%s answered %d (%s)", call, error, strerror(error));
}

int interrupted(void)
{
	return round_now.conditions.signals ? EINTR : 0;
}

struct book *book_add(const char *what, const char *name, unsigned value, unsigned most)
{
	struct book *book = &round_now.books[atomic_load(&round_now.n_books)];

	*book = (struct book){.what = what, .name = name, .initial = value, .most = most, .there = value};
	if (name)
		CALL(ksem_open(round_now.root, name, O_CREAT | O_EXCL, 0600, value, &book->id), 0);
	else
		CALL(ksem_init(round_now.root, value, &book->id), 0);
	CALL(ksem_pin(round_now.root, book->id, &book->pin), 0);
	atomic_fetch_add(&round_now.n_books, 1);
	return book;
}

struct book *book_add_with(const char *what, const struct ksem_attr *attr, unsigned value)
{
	struct book *book = &round_now.books[atomic_load(&round_now.n_books)];

	*book = (struct book){.what = what, .initial = value, .most = KSEM_VALUE_MAX, .attr = attr};
	atomic_store(&book->limit, attr->limit);
	atomic_store(&book->highest, attr->limit);
	atomic_store(&book->held, attr->limit - value);
	CALL(ksem_init_attr(round_now.root, attr, value, &book->id), 0);
	if (!(attr->flags & KSEM_UNDO))
		CALL(ksem_pin(round_now.root, book->id, &book->pin), 0);
	atomic_fetch_add(&round_now.n_books, 1);
	return book;
}

/* A limit below what is taken leaves none, and a debt. */
long long book_value(const struct book *book)
{
	long long value = book_balance(book);

	if (book->attr)
		value += (long long)atomic_load(&book->limit) - book->attr->limit;
	return value < 0 ? 0 : value;
}

bool book_may_be_slept_on(const struct book *book, const struct ksem_info *info)
{
	bool fifo = book->attr && book->attr->order == KSEM_FIFO;
	unsigned least = UINT32_MAX, most = 0;

	if (!book->attr)
		return info->waiters == 0 || info->value == 0;
	for (unsigned w = 1; w <= round_now.conditions.threads; w++) {
		unsigned wants = atomic_load(&workers[w].wants);

		if (atomic_load(&workers[w].waiting) != 1 + (int)(book - round_now.books))
			continue;
		least = wants < least ? wants : least;
		most = wants > most ? wants : most;
	}
	return info->waiters == 0 || info->value < (fifo ? most : least);
}

void books_undone(void)
{
	for (unsigned b = 0; b < atomic_load(&round_now.n_books); b++) {
		const struct ksem_attr *attr = round_now.books[b].attr;

		for (unsigned w = 0; attr && attr->flags & KSEM_UNDO && w <= round_now.conditions.threads; w++) {
			atomic_fetch_add(&workers[w].in[b], workers[w].keeps[b]);
			workers[w].keeps[b] = 0;
		}
	}
}

void books_end(void)
{
	unsigned n = atomic_exchange(&round_now.n_books, 0);

	for (struct book *book = round_now.books; book < round_now.books + n; book++) {
		if (book->name) {
			CALL(ksem_unlink(round_now.root, book->name), 0);
			CALL(ksem_close(round_now.root, book->id), 0);
		} else {
			CALL(ksem_destroy(round_now.root, book->id), 0);
			CALL(ksem_pinned_post(book->pin), EINVAL); /* also where there is no pin */
		}
		ksem_unpin(book->pin);
	}
}

long long book_balance(const struct book *book)
{
	ptrdiff_t i = book - round_now.books;
	unsigned long long balance = book->initial;

	for (unsigned w = 0; w <= round_now.conditions.threads; w++)
		balance += atomic_load(&workers[w].in[i]) - atomic_load(&workers[w].out[i]);
	return (long long)balance;
}

/* ---- Posting. ---- */

static int post(struct worker *self, struct book *book, struct via via, unsigned n)
{
	bool pinned = !via.loose && random_below(&self->random, 2);

	if (planted(PLANT_LOST_PERMIT, &self->random, 64))
		return 0;
	if (n == 1 && random_below(&self->random, 4))
		return pinned ? ksem_pinned_post(book->pin) : ksem_post(via.proc, book->id);
	return pinned ? ksem_pinned_post_many(book->pin, n) : ksem_post_many(via.proc, book->id, n);
}

bool book_post(struct worker *self, struct book *book, struct via via, unsigned n)
{
	int full = book->most == KSEM_VALUE_MAX ? EOVERFLOW : 0;
	int error;

	atomic_fetch_add_explicit(&book->there, n, memory_order_relaxed);
	error = CALL(post(self, book, via, n), 0, full, via.loose ? EINVAL : 0);
	if (planted(PLANT_OVERFLOW, &self->random, 1) && error == EOVERFLOW)
		error = 0;
	if (error)
		atomic_fetch_sub_explicit(&book->there, n, memory_order_relaxed);
	else
		atomic_fetch_add_explicit(&self->in[book - round_now.books], n, memory_order_relaxed);
	return !error;
}

/* ---- Taking. ---- */

struct timespec soon(struct worker *self, clockid_t clock)
{
	static const long spans[] = {0, 1000, 50000, 3000000}; /* nanoseconds */
	struct timespec time;
	long span = spans[random_below(&self->random, 4)];

	clock_gettime(clock, &time);
	time.tv_nsec += span ? (long)random_below(&self->random, (unsigned)span) : -1000000;
	if (time.tv_nsec >= 1000000000) {
		time.tv_nsec -= 1000000000;
		time.tv_sec++;
	} else if (time.tv_nsec < 0) {
		time.tv_nsec += 1000000000;
		time.tv_sec--;
	}
	return time;
}

static void check_timeout(const struct timespec *deadline)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec < deadline->tv_sec || (now.tv_sec == deadline->tv_sec && now.tv_nsec < deadline->tv_nsec))
		complain("early", "a wait timed out before its deadline");
}

static int clockwait(struct worker *self, struct book *book, struct via via, clockid_t clock,
		     const struct timespec *deadline)
{
	if (planted(PLANT_EARLY, &self->random, 1))
		return ETIMEDOUT;
	if (!via.loose && random_below(&self->random, 2))
		return ksem_pinned_clockwait(book->pin, clock, deadline);
	return ksem_clockwait(via.proc, book->id, clock, deadline);
}

static int take_before_deadline(struct worker *self, struct book *book, struct via via)
{
	clockid_t clock = random_below(&self->random, 2) ? CLOCK_MONOTONIC : CLOCK_REALTIME;
	struct timespec deadline = soon(self, clock);
	int error =
		CALL(clockwait(self, book, via, clock, &deadline), 0, ETIMEDOUT, interrupted(), via.loose ? EINVAL : 0);

	if (error == ETIMEDOUT && clock == CLOCK_MONOTONIC) /* the other may be set back */
		check_timeout(&deadline);
	return error;
}

static int trywait(struct worker *self, struct book *book, struct via via)
{
	bool pinned = !via.loose && random_below(&self->random, 2);
	int error = pinned ? ksem_pinned_trywait(book->pin) : ksem_trywait(via.proc, book->id);

	return planted(PLANT_HOLDER, &self->random, 1) && error == EAGAIN ? 0 : error;
}

static int wait_without_deadline(struct worker *self, struct book *book, struct via via)
{
	return random_below(&self->random, 2) ? ksem_pinned_wait(book->pin) : ksem_wait(via.proc, book->id);
}

static void count_take(struct worker *self, struct book *book)
{
	long long there = atomic_fetch_sub_explicit(&book->there, 1, memory_order_relaxed);

	if (there <= 0)
		complain("holders", "%s: a permit was taken that nobody had posted", book->what);
	atomic_fetch_add_explicit(&self->out[book - round_now.books], 1, memory_order_relaxed);
}

bool book_take(struct worker *self, struct book *book, struct via via, bool patient)
{
	bool waits = patient && random_below(&self->random, 4);
	int error;

	if (waits) {
		atomic_store(&self->waiting, 1 + (int)(book - round_now.books));
		error = CALL(wait_without_deadline(self, book, via), 0, interrupted());
	} else if (random_below(&self->random, 2)) {
		error = CALL(trywait(self, book, via), 0, EAGAIN, via.loose ? EINVAL : 0);
	} else {
		error = take_before_deadline(self, book, via);
	}
	if (!error)
		count_take(self, book);
	if (waits)
		atomic_store(&self->waiting, 0); /* counted by now: see quiescent() in round.c */
	return !error;
}

void book_look(struct worker *self, struct book *book, struct via via)
{
	int gone = via.loose ? EINVAL : 0;
	struct ksem_info info = {.value = 0};
	unsigned value = 0;

	switch (random_below(&self->random, 8)) {
	case 0:
		if (CALL(ksem_stat(via.proc, book->id, &info), 0, gone) == 0 && info.id != book->id)
			complain("answer", "%s: ksem_stat tells of another semaphore", book->what);
		value = info.value;
		break;
	case 1:
		CALL(ksem_post_many(via.proc, book->id, 0), 0, gone);
		break;
	case 2:
	case 3:
	case 4:
		CALL(ksem_pinned_getvalue(book->pin, &value), 0);
		break;
	default:
		CALL(ksem_getvalue(via.proc, book->id, &value), 0, gone);
	}
	if (planted(PLANT_VALUE, &self->random, 1))
		value += book->most;
	if (value > book->most)
		complain("value", "%s: a value of %u, where at most %u permits are", book->what, value, book->most);
}
