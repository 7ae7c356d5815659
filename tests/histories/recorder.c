/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recording histories: see recorder.h. What a thread will call is drawn beforehand, so that between two calls there is
 * nothing but the stamps.
 */
#include "recorder.h"

#include "object/object.h"

#define WARM_PAIRS  250     /* of each thread: what a semaphore needs to get slots */
#define TIMEOUT_MAX 50      /* us */
#define NAP         100     /* us, before a waiter is rescued: longer than it may still time out */
#define SPINS       4000    /* for the others to arrive, before giving the processor away */
#define LAST_LIMIT  1000000 /* more permits than are ever taken */

static struct session {
	const struct profile *profile;
	struct ksem_proc *proc;
	ksem_id_t id;
	struct ksem *pin;
	uint32_t initial;
	bool fifo;
	unsigned threads, warm_pairs;
	atomic_uint warm, begun, ended; /* threads */
	struct actor {
		struct thread_history *history;
		atomic_uint wants; /* permits, now; 0: it doesn't wait. Relaxed: orders nothing */
		bool rests[HISTORY_CALLS];
		long timeout[HISTORY_CALLS]; /* us; below 0: past already */
	} actors[HISTORY_THREADS];
} session;

static atomic_ullong stamps = 3; /* those below are for calls without */

static unsigned long modes[2][5]; /* at the begin, at the end */
static const char *const mode_names[5] = {"central", "preparing", "percpu", "revoking", "emptying"};

static void note_mode(unsigned when)
{
	if (!session.profile->attr)
		modes[when][word_mode(semaphore_word(&session.pin->sem))]++;
}

void recorder_print_modes(FILE *file)
{
	for (unsigned when = 0; when < 2; when++) {
		fprintf(file, when == 0 ? "modes at the begin:" : "modes at the end:");
		for (unsigned i = 0; i < 5; i++) {
			if (modes[when][i])
				fprintf(file, " %s %lu", mode_names[i], modes[when][i]);
		}
		fprintf(file, "\n");
	}
}

bool recorder_saw_slots(void)
{
	return modes[0][WORD_PERCPU] > 0 && modes[1][WORD_PERCPU] > 0 && modes[1][WORD_CENTRAL] > 0;
}

bool recorder_slots_work(void)
{
	return slots_started();
}

/* All threads leave at one time. */
static void meet(atomic_uint *arrived, unsigned threads)
{
	atomic_fetch_add(arrived, 1);
	for (unsigned spins = 0; atomic_load(arrived) < threads; spins++) {
		if (spins >= SPINS)
			sched_yield();
	}
}

/* Pairs that leave the value as it was, and are never refused: every thread takes after it posted, or the other way. */
static void warm_up(void)
{
	bool take_first = session.initial >= session.threads;

	for (unsigned i = 0; i < session.warm_pairs; i++) {
		if (take_first)
			MUST(ksem_trywait(session.proc, session.id) == 0);
		MUST(ksem_pinned_post(session.pin) == 0);
		if (!take_first)
			MUST(ksem_trywait(session.proc, session.id) == 0);
	}
}

static struct timespec in_us(long us)
{
	struct timespec time = in_ms(CLOCK_MONOTONIC, 0);

	time.tv_nsec += us * 1000;
	if (time.tv_nsec >= 1000000000) {
		time.tv_nsec -= 1000000000;
		time.tv_sec++;
	} else if (time.tv_nsec < 0) {
		time.tv_nsec += 1000000000;
		time.tv_sec--;
	}
	return time;
}

static bool is_past(struct timespec time)
{
	struct timespec now = in_ms(CLOCK_MONOTONIC, 0);

	return now.tv_sec > time.tv_sec || (now.tv_sec == time.tv_sec && now.tv_nsec >= time.tv_nsec);
}

static int clockwait(const struct call *call, long timeout)
{
	struct timespec deadline = in_us(timeout);
	int answer;

	if (call->number == 1)
		answer = call->pinned ? ksem_pinned_clockwait(session.pin, CLOCK_MONOTONIC, &deadline) :
					ksem_clockwait(session.proc, session.id, CLOCK_MONOTONIC, &deadline);
	else
		answer = call->pinned ?
				 ksem_pinned_wait_many(session.pin, call->number, CLOCK_MONOTONIC, &deadline) :
				 ksem_wait_many(session.proc, session.id, call->number, CLOCK_MONOTONIC, &deadline);
	MUST(answer != ETIMEDOUT || is_past(deadline));
	return answer;
}

static int post(const struct call *call)
{
	if (call->number == 1)
		return call->pinned ? ksem_pinned_post(session.pin) : ksem_post(session.proc, session.id);
	return call->pinned ? ksem_pinned_post_many(session.pin, call->number) :
			      ksem_post_many(session.proc, session.id, call->number);
}

static int wait_for(const struct call *call)
{
	if (call->number == 1)
		return call->pinned ? ksem_pinned_wait(session.pin) : ksem_wait(session.proc, session.id);
	return call->pinned ? ksem_pinned_wait_many(session.pin, call->number, CLOCK_MONOTONIC, NULL) :
			      ksem_wait_many(session.proc, session.id, call->number, CLOCK_MONOTONIC, NULL);
}

static int trywait(const struct call *call)
{
	if (call->number == 1)
		return call->pinned ? ksem_pinned_trywait(session.pin) : ksem_trywait(session.proc, session.id);
	return call->pinned ? ksem_pinned_trywait_many(session.pin, call->number) :
			      ksem_trywait_many(session.proc, session.id, call->number);
}

static int see_waiters(struct call *call)
{
	struct ksem_info info;
	int answer = ksem_stat(session.proc, session.id, &info);

	call->number = info.waiters;
	return answer;
}

static int perform(struct call *call, long timeout)
{
	switch (call->act) {
	case POST:
		return post(call);
	case WAIT:
		return wait_for(call);
	case TRYWAIT:
		return trywait(call);
	case CLOCKWAIT:
		return clockwait(call, timeout);
	case GETVALUE:
		return call->pinned ? ksem_pinned_getvalue(session.pin, &call->number) :
				      ksem_getvalue(session.proc, session.id, &call->number);
	case TRYUPTO:
		return call->pinned ? ksem_pinned_trywait_upto(session.pin, call->number, &call->got) :
				      ksem_trywait_upto(session.proc, session.id, call->number, &call->got);
	case SETLIMIT:
		return call->pinned ? ksem_pinned_set_limit(session.pin, call->number) :
				      ksem_set_limit(session.proc, session.id, call->number);
	case SHUTDOWN:
		return call->pinned ? ksem_pinned_shutdown(session.pin) : ksem_shutdown(session.proc, session.id);
	case WAITERS:
		return see_waiters(call);
	case ACTS:
		break;
	}
	return -1;
}

static void perform_stamped(struct call *call, long timeout)
{
	call->begin = atomic_fetch_add(&stamps, 1);
	call->answer = perform(call, timeout);
	call->end = atomic_fetch_add(&stamps, 1);
}

static bool waits(const struct call *call)
{
	return call->act == WAIT || call->act == CLOCKWAIT;
}

static void *act(void *arg)
{
	struct actor *actor = arg;

	warm_up();
	meet(&session.warm, session.threads + 1);
	meet(&session.begun, session.threads);
	for (unsigned i = 0; i < actor->history->length; i++) {
		struct call *call = &actor->history->calls[i];

		atomic_store_explicit(&actor->wants, waits(call) ? call->number : 0, memory_order_relaxed);
		if (session.profile->unstamped)
			call->answer = perform(call, actor->timeout[i]);
		else
			perform_stamped(call, actor->timeout[i]);
		if (actor->rests[i])
			sched_yield();
	}
	atomic_store_explicit(&actor->wants, 0, memory_order_relaxed);
	atomic_fetch_add(&session.ended, 1);
	return NULL;
}

static enum act draw_act(const struct profile *profile, struct random *random)
{
	unsigned sum = 0, drawn;
	enum act act = POST;

	for (unsigned i = 0; i < ACTS; i++)
		sum += profile->weights[i];
	for (drawn = random_below(random, sum); drawn >= profile->weights[act]; act++)
		drawn -= profile->weights[act];
	return act;
}

static uint32_t draw_number(const struct profile *profile, enum act act, struct random *random)
{
	switch (act) {
	case POST:
		return random_below(random, 2) ? 1 : profile->batch + random_below(random, profile->batches);
	case WAIT:
	case TRYWAIT:
	case CLOCKWAIT:
	case TRYUPTO:
		return profile->wants ? 1 + random_below(random, profile->wants) : 1;
	case SETLIMIT:
		return profile->lowest + random_below(random, profile->limits);
	default:
		return 0;
	}
}

static void plan(struct actor *actor, struct thread_history *history, struct random *random)
{
	const struct profile *profile = session.profile;

	actor->history = history;
	history->length = 5 + random_below(random, profile->calls_max - 4);
	for (unsigned i = 0; i < history->length; i++) {
		struct call *call = &history->calls[i];

		*call = (struct call){
			.act = draw_act(profile, random), .pinned = random_below(random, 2), .begin = 1, .end = 2};
		call->number = draw_number(profile, call->act, random);
		actor->rests[i] = profile->rest && random_below(random, profile->rest) == 0;
		actor->timeout[i] = (long)random_below(random, 2 * TIMEOUT_MAX) - TIMEOUT_MAX;
	}
}

static struct call *next_call_of(struct thread_history *history)
{
	MUST(history->length < HISTORY_CALLS);
	return &history->calls[history->length++];
}

static void record_own(struct thread_history *history, struct call call)
{
	struct call *own = next_call_of(history);

	*own = call;
	perform_stamped(own, 0);
}

/* How many permits there must be so that nobody need be rescued, as far as can be told; 0: nobody waits. */
static unsigned wanted(void)
{
	unsigned wanted = 0;

	for (unsigned t = 0; t < session.threads; t++) {
		unsigned wants = atomic_load_explicit(&session.actors[t].wants, memory_order_relaxed);

		if (wants && (wanted == 0 || (session.fifo ? wants > wanted : wants < wanted)))
			wanted = wants;
	}
	return wanted;
}

/* Posts; where posts are refused, since too few permits are taken, it raises the limit. */
static void give(struct thread_history *history, unsigned permits)
{
	record_own(history, (struct call){.act = POST, .number = permits});
	if (history->calls[history->length - 1].answer == EOVERFLOW && session.profile->limits)
		record_own(history,
			   (struct call){.act = SETLIMIT, .number = info_of(session.proc, session.id).limit + permits});
}

/* Until all threads have ended; the rescuer's calls are recorded as one more thread's. */
static void rescue(struct thread_history *history)
{
	while (atomic_load(&session.ended) < session.threads) {
		const struct timespec nap = {0, NAP * 1000L};
		struct ksem_info info;
		unsigned permits;

		if (!session.profile->weights[WAIT] && !session.profile->weights[CLOCKWAIT])
			return;
		nanosleep(&nap, NULL);
		info = info_of(session.proc, session.id);
		permits = wanted();
		if (info.waiters == 0 || info.value >= permits)
			continue;
		if (session.fifo)
			record_own(history, (struct call){.act = WAITERS});
		give(history, permits);
	}
}

static void begin(struct ksem_proc *proc, const struct profile *profile, struct random *random)
{
	session.profile = profile;
	session.proc = proc;
	session.threads = 2 + random_below(random, profile->threads_max - 1);
	session.initial = profile->initial + random_below(random, profile->initials);
	session.warm_pairs = profile->warm && random_below(random, 8) > 0 ? WARM_PAIRS : 0;
	atomic_store(&session.warm, 0);
	atomic_store(&session.begun, 0);
	atomic_store(&session.ended, 0);
	session.fifo = profile->attr && profile->attr->order == KSEM_FIFO;
	OK(ksem_init_attr(proc, profile->attr, session.initial, &session.id));
	OK(ksem_pin(proc, session.id, &session.pin));
}

void record(struct ksem_proc *proc, const struct profile *profile, struct random *random, struct history *history)
{
	pthread_t threads[HISTORY_THREADS];
	struct thread_history *own;

	begin(proc, profile, random);
	history->initial = session.initial;
	history->limit = info_of(proc, session.id).limit;
	history->fifo = session.fifo;
	history->threads = session.threads + 1;
	own = &history->thread[session.threads];
	own->length = 0;
	for (unsigned t = 0; t < session.threads; t++) {
		plan(&session.actors[t], &history->thread[t], random);
		threads[t] = start(act, &session.actors[t]);
	}
	meet(&session.warm, session.threads + 1);
	note_mode(0);
	rescue(own);
	for (unsigned t = 0; t < session.threads; t++)
		finish(threads[t]);
	note_mode(1);
	if (profile->limits) /* so that the value tells how many are taken */
		record_own(own, (struct call){.act = SETLIMIT, .number = LAST_LIMIT});
	record_own(own, (struct call){.act = GETVALUE});
	ksem_unpin(session.pin);
	OK(ksem_destroy(proc, session.id));
}
