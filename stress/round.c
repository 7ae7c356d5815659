/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One round: a namespace, the variant's semaphores, threads that act on them in bursts, and between bursts quiescent
 * points at which the accounts must balance.
 *
 * At a quiescent point each thread rests, has left, or is enlisted in a wait without a deadline, of which the
 * semaphore's own count of waiters must tell just as many; where there are waiters the value is 0; and no signal
 * handler ran during the look. A thread that said it waits may have its permit already, and be enlisted once more to
 * get others: so after the look they must still say so, having counted nothing meanwhile. Then nothing is under way,
 * and initial + in - out is the value, for each semaphore. That such a point is reached at all is itself a check: a
 * lost wake leaves a waiter beside a permit, and the look is repeated until the watchdog complains of it.
 *
 * At the end the sleepers are woken, by as many permits posted at once, or by a shutdown, until all threads have left;
 * then the namespace must hold no semaphore but the round's.
 */
#include "torture.h"

struct round round_now = {.bell = -1};

/* ---- Quiescent points. ---- */

static unsigned long handlers(bool ended)
{
	unsigned long sum = 0;

	for (unsigned i = 1; i <= round_now.conditions.threads; i++)
		sum += atomic_load(ended ? &workers[i].handlers_ended : &workers[i].handlers_begun);
	return sum;
}

/* How many threads wait without a deadline, by book. False: one is in the middle of something else. */
static bool count_sleepers(unsigned *sleepers)
{
	for (unsigned i = 1; i <= round_now.conditions.threads; i++) {
		int waiting = atomic_load(&workers[i].waiting);

		if (waiting)
			sleepers[waiting - 1]++;
		else if (atomic_load(&workers[i].state) == STATE_RUNNING)
			return false;
	}
	return true;
}

struct look {
	unsigned value[BOOKS_MAX];
	long long balance[BOOKS_MAX], there[BOOKS_MAX];
};

static bool look_at_books(struct look *look, const unsigned *sleepers)
{
	struct ksem_info info;

	for (unsigned i = 0; i < atomic_load(&round_now.n_books); i++) {
		struct book *book = &round_now.books[i];

		CALL(ksem_stat(round_now.root, book->id, &info), 0);
		if (info.waiters != sleepers[i] || !book_may_be_slept_on(book, &info))
			return false; /* somebody is on the way in or out */
		look->value[i] = info.value;
		look->balance[i] = book_value(book);
		look->there[i] = atomic_load(&book->there);
	}
	return true;
}

static bool look(struct look *look)
{
	unsigned sleepers[BOOKS_MAX] = {0}, again[BOOKS_MAX] = {0};
	unsigned long progress = crew_progress(), begun = handlers(false);

	if (handlers(true) != begun || !count_sleepers(sleepers) || !look_at_books(look, sleepers))
		return false;
	if (!count_sleepers(again) || memcmp(sleepers, again, sizeof(again)) != 0)
		return false;
	return handlers(false) == begun && crew_progress() == progress;
}

static void check_balances(const struct look *look)
{
	for (unsigned i = 0; i < atomic_load(&round_now.n_books); i++) {
		struct book *book = &round_now.books[i];
		unsigned value;

		if (look->balance[i] != look->value[i])
			complain("permits", "%s: initial + posts - takes is %lld, but the value %u", book->what,
				 look->balance[i], look->value[i]);
		if (book->attr)
			continue;
		if (look->there[i] != look->value[i])
			complain("permits", "%s: %lld permits are there, but the value is %u", book->what,
				 look->there[i], look->value[i]);
		CALL(ksem_pinned_getvalue(book->pin, &value), 0);
		if ((int)i != round_now.bell && value != look->value[i])
			complain("permits", "%s: two values at rest, %u and %u", book->what, look->value[i], value);
	}
}

static void quiesce_and_check(void)
{
	struct look found;

	crew_ask_to_rest(true);
	while (!look(&found))
		nanosleep(&(struct timespec){0, 200000}, NULL);
	check_balances(&found);
	if (round_now.variant->check)
		round_now.variant->check();
	round_now.quiescent++;
	atomic_fetch_add(&round_now.generation, 1);
	atomic_fetch_add(&round_now.steps, 1);
}

/* ---- Beginning and end. ---- */

static void begin(const struct variant *variant, uint64_t seed)
{
	const struct ksem_cred root = {0, 0};
	struct ksem_ns_options options = {.size = sizeof(options)};

	round_now.variant = variant;
	round_now.seed = seed;
	atomic_store(&round_now.stop, false);
	atomic_store(&round_now.generation, 0);
	if (settings.shared)
		needs_root_to_share();
	round_now.dir = settings.shared ? shared_directory_new() : NULL;
	options.dir = round_now.dir;
	CALL(ksem_ns_create(&options, &round_now.ns), 0);
	CALL(ksem_proc_create(round_now.ns, &root, &round_now.root), 0);
	variant->begin();
	if (round_now.conditions.signals)
		round_now.bell = (int)(book_add("bell", NULL, 0, KSEM_VALUE_MAX / 2) - round_now.books);
	CALL(ksem_proc_fork(round_now.root, &round_now.shared), 0);
	crew_start();
}

/*
 * Permits for all who sleep beside none; they take these as a sign to leave. Semaphores with attributes are shut down
 * instead.
 */
static void wake_sleepers(void)
{
	for (unsigned i = 0; i < atomic_load(&round_now.n_books); i++) {
		struct book *book = &round_now.books[i];
		struct ksem_info info = info_of(round_now.root, book->id);

		if (book->attr && settings.plant != PLANT_SHUTDOWN)
			CALL(ksem_shutdown(round_now.root, book->id), 0);
		else if (!book->attr && info.waiters > 0 && info.value == 0)
			book_post(&workers[0], book, (struct via){round_now.root}, info.waiters);
	}
}

static void check_nothing_left(void)
{
	unsigned left = semaphores_in(round_now.ns), books = atomic_load(&round_now.n_books);

	if (left != books)
		complain("left", "%u semaphores in the namespace, of which %u are the round's own", left, books);
}

static void end(void)
{
	struct look found;

	atomic_store(&round_now.stop, true);
	crew_ask_to_rest(false);
	while (!crew_has_left()) { /* a thread that a late handler woke may sleep once more */
		wake_sleepers();
		nanosleep(&(struct timespec){0, 200000}, NULL);
	}
	crew_join();
	books_undone();
	while (!look(&found)) /* at once: there are no threads */
		;
	check_balances(&found);
	if (round_now.variant->end)
		round_now.variant->end();
	CALL(ksem_proc_exit(round_now.shared), 0);
	check_nothing_left();
	books_end();
	round_now.bell = -1;
	CALL(ksem_proc_exit(round_now.root), 0);
	CALL(ksem_ns_destroy(round_now.ns), 0);
	shared_directory_free(round_now.dir);
	atomic_fetch_add(&round_now.steps, 1);
}

/* ---- Between. ---- */

static bool is_past(const struct timespec *time)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > time->tv_sec || (now.tv_sec == time->tv_sec && now.tv_nsec >= time->tv_nsec);
}

static void burst(void)
{
	struct timespec until = in_ms(CLOCK_MONOTONIC, 2 << random_below(&round_now.random, 7));

	crew_ask_to_rest(false);
	do {
		struct timespec moment = {0, 20000 + random_below(&round_now.random, 300000)};

		nanosleep(&moment, NULL);
		crew_disturb();
	} while (!is_past(&until));
}

/*
 * The first passes over the variants go through the sizes, with every disturbance; later ones leave some of these out.
 */
static void draw_conditions(unsigned pass)
{
	unsigned available = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	struct random *random = &round_now.random;
	struct conditions c = {.threads = 8, .processors = available};
	bool all = pass < 4;

	if (pass % 4 == 1)
		c.processors = 1;
	else if (pass % 4 == 2)
		c.threads = 32 * available;
	else if (pass % 4 == 3)
		c.processors = available > 1 ? 2 : 1, c.threads = 2 + random_below(random, 3);
	if (settings.threads)
		c.threads = settings.threads;
	if (settings.processors)
		c.processors = settings.processors;
	if (c.threads > WORKERS_MAX)
		c.threads = WORKERS_MAX;
	c.signals = random_below(random, 4) || all;
	c.deaths = random_below(random, 4) || all;
	c.migration = random_below(random, 4) || all;
	c.delays = random_below(random, 4) || all;
	c.fifo = (random_below(random, 2) || all) && crew_has_fifo();
	c.idle = (random_below(random, 2) || all) && crew_has_idle();
	round_now.conditions = c;
}

unsigned long round_run(const struct variant *variant, unsigned pass, uint64_t seed, long ms)
{
	struct timespec until = in_ms(CLOCK_MONOTONIC, ms);

	round_now.random.state = seed;
	draw_conditions(pass);
	begin(variant, seed);
	do {
		burst();
		quiesce_and_check();
	} while (!is_past(&until));
	end();
	return crew_acts();
}
