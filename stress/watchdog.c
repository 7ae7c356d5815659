/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The watchdog, and how a failed check ends the program.
 *
 * A thread of its own looks ten times a second whether anything at all has gone on since the last look: an act, a
 * permit, a handler, a step of the conductor. The conductor asks everybody to rest several times a second, and goes on
 * only when nobody is left in the middle of something; so whoever is stuck, or asleep beside a permit, soon stops all
 * others. After as many looks in a row as make up the settings' patience, each with nothing new, the watchdog
 * complains: of somebody asleep, where a semaphore that is waited for has both waiters and a value above 0, or enough
 * for what they want; of somebody stuck otherwise. It counts its looks, not the time, which may pass while the whole
 * machine stands still.
 *
 * What hangs may hold locks that the look itself needs: an alarm then ends the program.
 */
#include "torture.h"

#include <stdarg.h>
#include <sys/syscall.h>

#define LOOKS_A_SECOND 10

static pthread_t watchdog;
static atomic_bool over;
static pid_t program; /* a host's child is another */

static void diagnose(void)
{
	for (unsigned i = 0; i < atomic_load(&round_now.n_books); i++) {
		struct book *book = &round_now.books[i];
		struct ksem_info info;

		alarm(10);
		if (ksem_stat(round_now.root, book->id, &info) == 0 && !book_may_be_slept_on(book, &info))
			complain("asleep", "%s: %u threads asleep beside %u permits", book->what, info.waiters,
				 info.value);
	}
	complain("stuck", "nothing has gone on for %u seconds", settings.patience);
}

static void *watch(void *arg)
{
	unsigned long before = crew_progress();
	unsigned idle = 0;

	(void)arg;
	while (!atomic_load(&over)) {
		unsigned long now;

		sleep_ms(1000 / LOOKS_A_SECOND);
		now = crew_progress();
		idle = now == before ? idle + 1 : 0;
		before = now;
		if (idle >= settings.patience * LOOKS_A_SECOND)
			diagnose();
	}
	return NULL;
}

static void on_alarm(int signal)
{
	static const char text[] = "torture: FAILED: stuck: not even a look at a semaphore returns\n";
	ssize_t written = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)signal;
	(void)written;
	_exit(1);
}

void watchdog_start(void)
{
	const struct sigaction action = {.sa_handler = on_alarm};

	program = getpid();
	MUST(sigaction(SIGALRM, &action, NULL) == 0);
	watchdog = start(watch, NULL);
}

void watchdog_stop(void)
{
	atomic_store(&over, true);
	finish(watchdog);
}

/* ---- Complaints. ---- */

static void show_books(void)
{
	for (unsigned i = 0; i < atomic_load(&round_now.n_books); i++) {
		struct book *book = &round_now.books[i];
		struct ksem_info info = {.value = 0};
		int error = ksem_stat(round_now.root, book->id, &info);

		fprintf(stderr, "  %s: stat %d, value %u, waiters %u, refs %u; initial + in - out %lld, there %lld\n",
			book->what, error, info.value, info.waiters, info.refs, book_balance(book),
			atomic_load(&book->there));
	}
}

static void show_threads(void)
{
	static const char *const states[] = {"running", "resting", "left"};
	unsigned shown = 0;

	for (unsigned i = 1; i <= round_now.conditions.threads; i++) {
		struct worker *worker = &workers[i];
		int state = atomic_load(&worker->state), waiting = atomic_load(&worker->waiting);

		if (state != STATE_RUNNING || ++shown > 40)
			continue;
		fprintf(stderr, "  thread %u: %s, %lu acts, class %d%s%s\n", i, states[state],
			atomic_load(&worker->acts), atomic_load(&worker->class), waiting ? ", waits for " : "",
			waiting ? round_now.books[waiting - 1].what : "");
	}
	fprintf(stderr, "  %u threads in all, of which %u are in the middle of something\n",
		round_now.conditions.threads, shown);
}

static void show_round(void)
{
	const struct conditions *c = &round_now.conditions;

	fprintf(stderr, "  in variant %s, round seed %llu: %u threads, %u processors%s%s%s%s%s%s\n",
		round_now.variant ? round_now.variant->name : "(none)", (unsigned long long)round_now.seed, c->threads,
		c->processors, c->signals ? ", signals" : "", c->deaths ? ", deaths" : "",
		c->migration ? ", migration" : "", c->delays ? ", delays" : "", c->fifo ? ", SCHED_FIFO" : "",
		c->idle ? ", SCHED_IDLE" : "");
}

void complain(const char *what, const char *format, ...)
{
	static atomic_bool complained;
	va_list list;

	if (atomic_exchange(&complained, true)) {
		for (;;) /* the first to complain ends the program */
			pause();
	}
	va_start(list, format);
	flockfile(stderr);
	fprintf(stderr, "torture: FAILED: %s: ", what);
	vfprintf(stderr, format, list);
	fprintf(stderr, "\n");
	va_end(list);
	if (getpid() != program) {
		fprintf(stderr, "  in a host's child\n");
		_exit(1);
	}
	alarm(10);
	show_round();
	show_threads();
	show_books();
	syscall(SYS_exit_group, 1); /* not _exit, at which ThreadSanitizer would tell of threads too, and answer 66 */
	abort();
}
