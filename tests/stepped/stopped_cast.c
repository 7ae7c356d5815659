/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See stopped.h. What is wrong here ends the cast (MUST), which the test then reports.
 *
 * Sequences and samples are had on purpose: the victim keeps to one processor, and counts its takes, of which the
 * library samples each so many (percpu/percpu.c).
 */
#include "stopped.h"

#include <dlfcn.h>

#include "object/namespace.h"
#include "object/object.h"
#include "os/membarrier.h"
#include "stepper.h"

#define ROUNDS_PLAYED 3
#define SAMPLE_PERIOD 16

struct cast cast = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct stage *stage;
static const struct scenario *scenario;
static sem_t sleep_now, worker_ready;
static int processor[2];      /* two that this process may run on */
static unsigned processors;   /* how many of them there are, at most 2 */
static long processors_shown; /* to the library */

/* The library asks for the number of processors: with one, nobody spins. */
long sysconf(int name)
{
	static long (*real)(int);

	if (name == _SC_NPROCESSORS_ONLN && processors_shown)
		return processors_shown;
	if (!real)
		real = (long (*)(int))(uintptr_t)dlsym(RTLD_NEXT, "sysconf");
	return real(name);
}

static void find_processors(void)
{
	cpu_set_t set;

	MUST(sched_getaffinity(0, sizeof(set), &set) == 0);
	for (int i = 0; i < CPU_SETSIZE && processors < 2; i++) {
		if (CPU_ISSET(i, &set))
			processor[processors++] = i;
	}
}

static void run_on(int number)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(number, &set);
	MUST(sched_setaffinity(0, sizeof(set), &set) == 0);
}

/* ---- Workers. ---- */

#define CALL(name, ...)                                                                                             \
	(atomic_store(&stage->doing[self], #name), self ? ksem_pinned_##name(cast.pin __VA_OPT__(, ) __VA_ARGS__) : \
							  ksem_##name(cast.proc, cast.id __VA_OPT__(, ) __VA_ARGS__))

/* Every call that is promised to go on. */
static void play_plenty(unsigned self)
{
	const struct timespec past = {0, 0};
	unsigned value;

	for (int i = 0; i < ROUNDS_PLAYED; i++) {
		MUST(CALL(post) == 0);
		MUST(CALL(trywait) == 0);
		MUST(CALL(post_many, 2) == 0);
		MUST(CALL(wait) == 0);
		MUST(CALL(getvalue, &value) == 0);
		MUST(value > 0);
		MUST(CALL(clockwait, CLOCK_MONOTONIC, &past) == 0);
	}
}

static void play_scarce(unsigned self)
{
	long long net = 0;
	unsigned value;

	for (int i = 0; i < ROUNDS_PLAYED; i++) {
		int error;

		MUST(CALL(post) == 0);
		MUST(CALL(post_many, 1) == 0);
		MUST(CALL(getvalue, &value) == 0);
		net += 2;
		for (int take = 0; take < 2 - (i == 0 && self == 1); take++) { /* of all the permits, one is left */
			error = CALL(trywait);
			MUST(error == 0 || error == EAGAIN);
			net -= error == 0;
		}
	}
	atomic_fetch_add(&stage->net, net);
}

static void play_dry(unsigned self)
{
	int taken = 0, error;

	while ((error = CALL(trywait)) == 0)
		taken++;
	MUST(error == EAGAIN);
	for (; taken > 0; taken--)
		MUST(CALL(post) == 0);
}

static void play(unsigned self)
{
	switch (stage->cue) {
	case PLENTY:
		play_plenty(self);
		break;
	case LOCKED:
		atomic_store(&stage->doing[self], "pthread_mutex_lock");
		pthread_mutex_lock(&cast.lock);
		play_plenty(self);
		pthread_mutex_unlock(&cast.lock);
		break;
	case SCARCE:
		play_scarce(self);
		break;
	case DRY:
		if (self == 0)
			play_dry(self);
		break;
	case UNBLOCK:
		if (self == 0) {
			MUST(CALL(post) == 0);
			atomic_fetch_add(&stage->net, 1);
		}
		break;
	}
}

/* The last one to have played looks at the value, both ways. */
static void look(void)
{
	unsigned by_id, pinned;

	MUST(ksem_getvalue(cast.proc, cast.id, &by_id) == 0);
	MUST(ksem_pinned_getvalue(cast.pin, &pinned) == 0);
	MUST(by_id == pinned || scenario->state == SLEPT_ON); /* where sleepers may take some in between */
	atomic_store(&stage->seen, pinned);
}

/* A first call makes a thread known to RCU, which isn't promised to be lock-free. */
static void first_call(void)
{
	unsigned value;

	MUST(ksem_getvalue(cast.proc, cast.aside, &value) == 0);
}

static void *work(void *arg)
{
	unsigned self = (unsigned)(uintptr_t)arg;

	if (processors == 2)
		run_on(processor[self]);
	first_call();
	sem_post(&worker_ready);
	for (;;) {
		while (sem_wait(&stage->play[self]) != 0)
			;
		play(self);
		atomic_store(&stage->doing[self], NULL);
		if (atomic_fetch_sub(&stage->playing, 1) == 1 && stage->cue != UNBLOCK)
			look();
		sem_post(&stage->done);
	}
	return NULL;
}

/* ---- Sleepers. ---- */

static void *sleep_in_wait(void *arg)
{
	first_call();
	atomic_store((atomic_int *)arg, gettid());
	for (;;) {
		while (sem_wait(&sleep_now) != 0)
			;
		MUST(ksem_wait(cast.proc, cast.id) == 0);
		atomic_fetch_add(&stage->slept, 1);
	}
	return NULL;
}

static atomic_int sleeper[SLEEPERS];

static void send_to_sleep(void)
{
	atomic_store(&stage->slept, 0);
	for (unsigned i = 0; i < SLEEPERS; i++)
		sem_post(&sleep_now);
	until_waiting(cast.proc, cast.id, SLEEPERS);
	for (unsigned i = 0; i < SLEEPERS; i++) {
		while (stepper_state_of(getpid(), atomic_load(&sleeper[i])) != 'S')
			sched_yield();
	}
}

/* As many as there are permits must get one, with no help; then, all. Returns how many permits that took. */
static unsigned wake_sleepers(long long permits)
{
	unsigned posted = 0;

	atomic_store(&stage->doing[WORKERS], "waiting for sleepers that permits are there for");
	while (atomic_load(&stage->slept) < (permits < SLEEPERS ? permits : SLEEPERS))
		sched_yield();
	for (; permits + posted < SLEEPERS; posted++)
		MUST(ksem_post(cast.proc, cast.id) == 0);
	atomic_store(&stage->doing[WORKERS], "waiting for sleepers that were posted for");
	while (atomic_load(&stage->slept) < SLEEPERS)
		sched_yield();
	return posted;
}

/* ---- The victim prepares. ---- */

static enum word_mode mode(void)
{
	return word_mode(semaphore_word(&cast.pin->sem));
}

static void take_and_post(void)
{
	MUST(ksem_trywait(cast.proc, cast.id) == 0);
	MUST(ksem_post(cast.proc, cast.id) == 0);
}

/* Of `permits`, all in the slot of this processor; it has one already, or more. */
static void fill_slot(unsigned permits)
{
	unsigned value;

	for (int i = 0; i < 100000 && mode() != WORD_PERCPU; i++)
		take_and_post();
	MUST(mode() == WORD_PERCPU);
	for (value = value_of(cast.proc, cast.id); value > 1; value--)
		MUST(ksem_trywait(cast.proc, cast.id) == 0);
	MUST(word_value(semaphore_word(&cast.pin->sem)) <= 1);
	if (word_value(semaphore_word(&cast.pin->sem)) == 1) {
		MUST(ksem_post(cast.proc, cast.id) == 0); /* into the slot, and then the word's is taken */
		MUST(semaphore_take_word(&cast.pin->sem) == 0);
	}
	for (; value < permits; value++)
		MUST(ksem_post(cast.proc, cast.id) == 0);
}

static void fill_far_slot(unsigned permits)
{
	run_on(processor[1]);
	fill_slot(permits);
	run_on(processor[0]);
}

/* What a thread does before it is stopped; nobody else uses the semaphore meanwhile. */
static void begin_revoking(void)
{
	MUST(mode() == WORD_PERCPU);
	store_seq(&cast.pin->sem.word, word_with_mode(semaphore_word(&cast.pin->sem), WORD_REVOKING));
}

static void bring_to_word(unsigned permits)
{
	membarrier_restart_sequences();
	store_seq(&cast.pin->sem.word, word_with_mode(semaphore_word(&cast.pin->sem) + permits, WORD_EMPTYING));
}

/* Until the semaphore's slots are so, and the victim's next take is sampled again. */
static void approach(int slots_below, int slots_above)
{
	for (;;) {
		slots_t before = load_rlx(&semaphore_cold(&cast.pin->sem)->slots), now;

		take_and_post();
		now = load_rlx(&semaphore_cold(&cast.pin->sem)->slots);
		if (now != before && now < slots_below && now > slots_above)
			break;
	}
	for (int i = 1; i < SAMPLE_PERIOD; i++)
		MUST(ksem_trywait(cast.proc, cast.aside) == EAGAIN);
}

static void prepare_state(void)
{
	switch (scenario->state) {
	case WORD:
		percpu_takes = 0; /* the victim's take is none to sample */
		break;
	case SHARED:
	case EMPTY:
		break;
	case SLEPT_ON:
		send_to_sleep();
		break;
	case CELLS:
		fill_slot(2);
		break;
	case FAR:
		fill_far_slot(1);
		break;
	case REVOKING:
		fill_far_slot(2);
		begin_revoking();
		break;
	case EMPTYING:
		fill_far_slot(2);
		begin_revoking();
		bring_to_word(2);
		break;
	case EARNS:
		approach(-1, -SLOTS_AFTER_SAMPLES);
		break;
	case GETS:
		approach(1, -1);
		break;
	case LOSES:
	case PREPARES:
		approach(INT16_MAX, 0);
		MUST(mode() == WORD_CENTRAL);
		if (scenario->state == LOSES) /* as if it hadn't profited, again and again */
			store_rlx(&slots_control(load_rlx(&semaphore_cold(&cast.pin->sem)->slots))->back_off, 1 << 10);
		break;
	}
}

/* The two share no place in an id table: else a sequence doesn't find the one that came later. */
static bool has_its_place(void)
{
	return ((cast.id ^ cast.aside) & (IDS_HOMES_LEAST - 1) << IDS_NUMBER_SHIFT) != 0;
}

static void open_it(void)
{
	unsigned value = scenario->state == EMPTY || scenario->state == SLEPT_ON ? 0 : 2;

	MUST(ksem_open(cast.proc, "/stopped", O_CREAT | O_EXCL, 0600, value, &cast.id) == 0);
}

static void prepare(void)
{
	unsigned value;

	atomic_store(&stage->doing[WORKERS], "preparing");
	for (open_it(); !has_its_place(); open_it()) {
		MUST(ksem_unlink(cast.proc, "/stopped") == 0);
		MUST(ksem_close(cast.proc, cast.id) == 0);
	}
	MUST(ksem_pin(cast.proc, cast.id, &cast.pin) == 0);
	MUST(ksem_proc_fork(cast.proc, &cast.other) == 0);
	prepare_state();
	if (scenario->before)
		scenario->before();
	MUST(ksem_getvalue(cast.proc, cast.id, &value) == 0);
	atomic_store(&stage->before, value);
	atomic_store(&stage->net, 0);
	stage->result = -1;
	atomic_store(&stage->doing[WORKERS], NULL);
}

static void settle(void)
{
	long long permits = stage->before + stage->net + (stage->result == 0 ? scenario->gives : 0);
	unsigned value;

	if (scenario->state == SLEPT_ON)
		permits += (long long)wake_sleepers(permits) - SLEEPERS;
	atomic_store(&stage->doing[WORKERS], "settling");
	MUST(ksem_getvalue(cast.proc, cast.id, &value) == 0);
	stage->final = value;
	stage->expected = permits;
	if (scenario->after)
		scenario->after();
	if (cast.other)
		MUST(ksem_proc_exit(cast.other) == 0);
	MUST(ksem_unlink(cast.proc, "/stopped") == 0);
	MUST(ksem_close(cast.proc, cast.id) == 0);
	ksem_unpin(cast.pin);
}

static void mark(int number)
{
	atomic_store(&stage->mark, number);
	stepper_mark();
}

static _Noreturn void be_stopped(void)
{
	run_on(processor[0]);
	first_call();
	atomic_store(&stage->victim, gettid());
	sem_post(&stage->ready);
	sem_wait(&stage->attached);
	while (!atomic_load(&stage->over)) {
		prepare();
		mark(1);
		stage->result = scenario->call();
		mark(2);
		settle();
		mark(3);
	}
	_exit(0);
}

_Noreturn void cast_play(const struct scenario *this_scenario, struct stage *this_stage)
{
	const struct ksem_cred root = {0, 0};
	const struct ksem_ns_options options = {.size = sizeof(options),
						.dir = this_scenario->state == SHARED ? this_stage->directory : NULL};

	alarm(120); /* whatever hangs; `doing` says what */
	scenario = this_scenario;
	stage = this_stage;
	processors_shown = scenario->spins ? 2 : 1;
	find_processors();
	MUST(ksem_ns_create(&options, &cast.ns) == 0);
	MUST(ksem_proc_create(cast.ns, options.dir ? NULL : &root, &cast.proc) == 0);
	MUST(ksem_init(cast.proc, 0, &cast.aside) == 0);
	if ((!slots_started() && scenario->state >= CELLS && scenario->state <= LOSES) ||
	    (processors < 2 && (scenario->state >= FAR && scenario->state <= EMPTYING))) {
		stage->skipped = true;
		sem_post(&stage->ready);
		_exit(0);
	}
	sem_init(&sleep_now, 0, 0);
	sem_init(&worker_ready, 0, 0);
	for (unsigned i = 0; i < SLEEPERS && scenario->state == SLEPT_ON; i++)
		start(sleep_in_wait, &sleeper[i]);
	for (unsigned i = 0; i < WORKERS; i++) {
		start(work, (void *)(uintptr_t)i);
		sem_wait(&worker_ready);
	}
	be_stopped();
}
