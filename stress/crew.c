/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The threads of a round, and what is done to them from outside, wherever they are: signals, of which half post and
 * half have SA_RESTART; other processors; other scheduling classes; replacement of those that ended.
 *
 * The main thread is the conductor: it alone starts, disturbs and joins. A thread rests when it is asked to, between
 * two acts, with its signals blocked; so of a resting thread nothing is under way.
 *
 * Handlers may interrupt their own thread anywhere, in the library too. They count themselves in and out, so that the
 * conductor knows of a look during which none ran.
 */
#include "torture.h"

#define SIGNALS 4 /* from SIGRTMIN on: bit 0 with SA_RESTART, bit 1 posts */

struct worker workers[1 + WORKERS_MAX];
_Thread_local struct worker *worker_self;

static bool fifo, idle; /* constant after crew_prepare */
static cpu_set_t allowed;

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t over;
	atomic_bool asked; /* under the mutex, but for a first look */
} rest = {.mutex = PTHREAD_MUTEX_INITIALIZER, .over = PTHREAD_COND_INITIALIZER};

/* ---- Signals. ---- */

static void on_signal(int signal)
{
	struct worker *self = worker_self;
	struct book *bell = &round_now.books[round_now.bell];
	int saved = errno;

	atomic_fetch_add(&self->handlers_begun, 1);
	if ((signal - SIGRTMIN) & 2) {
		atomic_fetch_add_explicit(&bell->there, 1, memory_order_relaxed);
		if (random_below(&self->window_random, 2))
			CALL(ksem_post(self->own, bell->id), 0);
		else
			CALL(ksem_pinned_post(bell->pin), 0);
		atomic_fetch_add_explicit(&self->in[round_now.bell], 1, memory_order_relaxed);
	}
	atomic_fetch_add(&self->handlers_ended, 1);
	if (errno != saved)
		complain("answer", "a post changed errno");
}

static void block_signals(bool block)
{
	sigset_t set;

	sigemptyset(&set);
	for (int i = 0; i < SIGNALS; i++)
		sigaddset(&set, SIGRTMIN + i);
	MUST(pthread_sigmask(block ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL) == 0);
}

/* ---- What a thread does. ---- */

static void rest_until_told(struct worker *self)
{
	block_signals(true);
	pthread_mutex_lock(&rest.mutex);
	atomic_store(&self->state, STATE_RESTING);
	atomic_fetch_add(&self->rests, 1);
	while (atomic_load(&rest.asked))
		pthread_cond_wait(&rest.over, &rest.mutex);
	atomic_store(&self->state, STATE_RUNNING);
	pthread_mutex_unlock(&rest.mutex);
	block_signals(false);
}

static void act(struct worker *self)
{
	const struct timespec moment = {0, 20000};

	if (planted(PLANT_STUCK, &self->random, 256)) {
		for (;;)
			sleep_ms(1000);
	}
	round_now.variant->act(self);
	if (round_now.bell >= 0 && random_below(&self->random, 32) == 0)
		book_take(self, &round_now.books[round_now.bell], (struct via){self->own}, self->number % 8 == 7);
	dawdle(&self->random);
	if (atomic_load_explicit(&self->class, memory_order_relaxed) == SCHED_FIFO)
		nanosleep(&moment, NULL); /* or no other would run */
	atomic_fetch_add_explicit(&self->acts, 1, memory_order_relaxed);
}

static void *work(void *arg)
{
	struct worker *self = arg;

	worker_self = self;
	block_signals(false);
	while (!atomic_load(&round_now.stop)) {
		if (atomic_load(&rest.asked))
			rest_until_told(self);
		else if (round_now.conditions.deaths && random_below(&self->random, 1024) == 0)
			break;
		else
			act(self);
	}
	block_signals(true);
	atomic_store(&self->state, STATE_LEFT);
	return NULL;
}

/* ---- What the conductor does. ---- */

/* In a thread of its own: a user may be let into SCHED_IDLE, and not out of it. */
static void *try_class(void *arg)
{
	int *class = arg;
	const struct sched_param param = {.sched_priority = *class == SCHED_FIFO}, usual = {0};

	if (pthread_setschedparam(pthread_self(), *class, &param) != 0 ||
	    pthread_setschedparam(pthread_self(), SCHED_OTHER, &usual) != 0)
		*class = -1;
	return NULL;
}

static bool permits_class(int class)
{
	pthread_t thread = start(try_class, &class);

	MUST(pthread_join(thread, NULL) == 0);
	return class >= 0;
}

void crew_prepare(void)
{
	for (int i = 0; i < SIGNALS; i++) {
		struct sigaction action = {.sa_handler = on_signal, .sa_flags = i & 1 ? SA_RESTART : 0};

		MUST(sigaction(SIGRTMIN + i, &action, NULL) == 0);
	}
	block_signals(true); /* new threads inherit this until they know who they are */
	MUST(sched_getaffinity(0, sizeof(allowed), &allowed) == 0);
	if (SANITIZED)
		puts("torture: without SCHED_FIFO: the sanitizers' own locks spin, for a holder that never runs");
	else if (!(fifo = permits_class(SCHED_FIFO)))
		puts("torture: without SCHED_FIFO: not permitted here");
	if (!(idle = permits_class(SCHED_IDLE)))
		puts("torture: without SCHED_IDLE: not permitted here");
}

bool crew_has_fifo(void)
{
	return fifo;
}

bool crew_has_idle(void)
{
	return idle;
}

/* What is done to a thread may come too late for it. */
static void must_reach(int error)
{
	MUST(error == 0 || error == ESRCH);
}

/* The processors of this round; `some`: a random choice of them. */
static void place(struct worker *worker, bool some)
{
	unsigned left = round_now.conditions.processors;
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int cpu = 0; cpu < CPU_SETSIZE && left > 0; cpu++) {
		if (!CPU_ISSET(cpu, &allowed))
			continue;
		left--;
		if (!some || random_below(&round_now.random, 2) || (left == 0 && CPU_COUNT(&set) == 0))
			CPU_SET(cpu, &set);
	}
	must_reach(pthread_setaffinity_np(worker->thread, sizeof(set), &set));
}

static void put_in_class(struct worker *worker, int class)
{
	const struct sched_param param = {.sched_priority = class == SCHED_FIFO};

	atomic_store(&worker->class, class);
	must_reach(pthread_setschedparam(worker->thread, class, &param));
}

static void begin_thread(struct worker *worker)
{
	atomic_store(&worker->state, STATE_RUNNING);
	atomic_store(&worker->class, SCHED_OTHER);
	worker->thread = start(work, worker);
	place(worker, false);
}

/* Field by field: the watchdog reads what is atomic at any time. */
static void prepare_worker(unsigned number)
{
	struct worker *worker = &workers[number];

	worker->number = number;
	worker->random.state = random_next(&round_now.random);
	worker->window_random.state = random_next(&round_now.random);
	CALL(ksem_proc_fork(round_now.root, &worker->own), 0);
	worker->proc = number % 2 ? worker->own : round_now.shared;
	atomic_store(&worker->acts, 0);
	memset(worker->keeps, 0, sizeof(worker->keeps));
	for (unsigned i = 0; i < BOOKS_MAX; i++) {
		atomic_store(&worker->in[i], 0);
		atomic_store(&worker->out[i], 0);
	}
	memset(worker->carried, 0, sizeof(worker->carried));
}

void crew_start(void)
{
	for (unsigned i = 0; i <= round_now.conditions.threads; i++)
		prepare_worker(i);
	for (unsigned i = 1; i <= round_now.conditions.threads; i++)
		begin_thread(&workers[i]);
}

static void send_signal(struct worker *worker)
{
	int error = pthread_kill(worker->thread, SIGRTMIN + (int)random_below(&round_now.random, SIGNALS));

	MUST(error == 0 || error == EAGAIN); /* EAGAIN: too many wait already */
	round_now.signalled += error == 0;
}

void crew_disturb(void)
{
	const struct conditions *conditions = &round_now.conditions;
	struct worker *worker = &workers[1 + random_below(&round_now.random, conditions->threads)];
	unsigned what = random_below(&round_now.random, 8);

	if (atomic_load(&worker->state) == STATE_LEFT) {
		finish(worker->thread);
		begin_thread(worker);
		round_now.replaced++;
	} else if (what < 4 && conditions->signals) {
		send_signal(worker);
	} else if (what == 4 && conditions->migration) {
		place(worker, true);
	} else if (what == 5 && conditions->fifo) {
		put_in_class(worker, SCHED_FIFO);
	} else if (what == 6 && conditions->idle) {
		put_in_class(worker, SCHED_IDLE);
	} else if (what == 7) {
		put_in_class(worker, SCHED_OTHER);
	}
}

/* Beside other work on this machine a thread of SCHED_IDLE might come to rest only after minutes. */
static void give_all_their_turn(void)
{
	for (unsigned i = 1; i <= round_now.conditions.threads; i++) {
		if (atomic_load(&workers[i].class) == SCHED_IDLE)
			put_in_class(&workers[i], SCHED_OTHER);
	}
}

void crew_ask_to_rest(bool asked)
{
	if (asked)
		give_all_their_turn(); /* the mutex, too, may be with one of them */
	pthread_mutex_lock(&rest.mutex);
	atomic_store(&rest.asked, asked);
	if (!asked)
		pthread_cond_broadcast(&rest.over);
	pthread_mutex_unlock(&rest.mutex);
}

bool crew_has_left(void)
{
	for (unsigned i = 1; i <= round_now.conditions.threads; i++) {
		if (atomic_load(&workers[i].state) != STATE_LEFT)
			return false;
	}
	return true;
}

void crew_join(void)
{
	for (unsigned i = 1; i <= round_now.conditions.threads; i++)
		finish(workers[i].thread);
	for (unsigned i = 0; i <= round_now.conditions.threads; i++)
		CALL(ksem_proc_exit(workers[i].own), 0);
}

unsigned long crew_acts(void)
{
	unsigned long acts = 0;

	for (unsigned i = 1; i <= round_now.conditions.threads; i++)
		acts += atomic_load(&workers[i].acts);
	return acts;
}

unsigned long crew_progress(void)
{
	unsigned long sum = atomic_load(&round_now.steps);

	for (unsigned i = 0; i <= WORKERS_MAX; i++) {
		struct worker *worker = &workers[i];

		sum += atomic_load(&worker->acts) + atomic_load(&worker->rests) + atomic_load(&worker->handlers_ended);
		for (unsigned b = 0; b < BOOKS_MAX; b++)
			sum += atomic_load(&worker->in[b]) + atomic_load(&worker->out[b]);
	}
	return sum;
}
