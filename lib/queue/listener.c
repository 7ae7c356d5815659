/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The listener: see listener.h.
 */
#include "queue/listener.h"

#include <errno.h>
#include <limits.h>

#include "base/cancel.h"
#include "base/memory.h"
#include "base/rcu.h"
#include "os/clock.h"
#include "os/fork.h"
#include "os/thread.h"
#include "queue/cq.h"
#include "queue/direct.h"
#include "queue/source_notify.h"

#define LOOK_NS    INT64_C(1000000000) /* the average time between looks */
#define POLL_NS    INT64_C(5000000)    /* between looks at all sources, if the thread can't sleep on all */
#define REFUSED_NS INT64_C(1000000)    /* the same, if the kernel lets it sleep on none */

/* What the thread does next. */
struct sleep {
	struct futex_place places[SEVERAL_MAX];
	unsigned count;
	struct deadline until; /* if `ends` */
	bool ends;
};

/* What the thread keeps from one sleep to the next. */
struct loop {
	struct ksem_cq *cq;
	uint64_t words;       /* all futex words on which it slept, as they were before the sleep, in one number */
	int woke;             /* why it woke: what futex_any_of returned */
	struct timespec look; /* when it looks for the dead next */
	bool looks;           /* it is time for that */
};

/* Looks at the ready list of a source. False: nothing came since the last look. `place`: where to sleep for more. */
static bool look_at_ready_list(struct source *source, struct futex_place *place)
{
	uint64_t first;

	rcu_enter();
	first = line_ready_futex(source->view, source->head, place);
	rcu_leave();
	if (likely(first == 0 || first == source->ready_seen))
		return !source_has_list(source); /* the reader must find out */
	source->ready_seen = first;
	return true;
}

/*
 * Looks for waits of a source that are over, and lets direct waits go on that can. False: there is no news. `place`:
 * where to sleep for the others, if there are any.
 */
static bool find_news(struct source *source, struct futex_place *place)
{
	return source_is_direct(source) ? direct_serve(source, place) : look_at_ready_list(source, place);
}

/* The same, and notifies the queue of news. */
static bool notify_of_news(struct source *source, struct futex_place *place)
{
	bool news = find_news(source, place);

	if (news)
		source_notify(source);
	return news;
}

static void swap(struct listener *listener, size_t a, size_t b)
{
	struct source *source = listener->sources[a];

	listener->sources[a] = listener->sources[b];
	listener->sources[b] = source;
	listener->sources[a]->place = (uint32_t)a + 1;
	listener->sources[b]->place = (uint32_t)b + 1;
}

/* Adds a futex word to those on which the thread will sleep. A direct source without waits has none. */
static void sleep_at(struct listener *listener, struct source *source, const struct futex_place *place,
		     struct sleep *sleep)
{
	if (source_is_direct(source) && !source->direct.first)
		return;
	if (source_is_direct(source))
		direct_arm(source, place);
	sleep->places[sleep->count++] = *place;
	listener->armed[listener->armed_count++] = (struct armed){source->link.key, source->head};
}

/*
 * Notifies the queue of all news, and collects the words on which the thread will sleep. False: there was no news. Both
 * by one look at each source: news that came between two looks would be slept through.
 */
static bool scan_sources(struct listener *listener, struct sleep *sleep)
{
	bool any = false;

	listener->armed_count = 0;
	for (size_t i = 0; i < listener->count; i++) {
		struct futex_place place;
		bool news = notify_of_news(listener->sources[i], &place);

		any |= news;
		if (i + 1 < SEVERAL_MAX)
			sleep_at(listener, listener->sources[i], &place, sleep);
		else if (news) /* from the next look on */
			swap(listener, i, i % (SEVERAL_MAX - 1));
	}
	return any;
}

/*
 * For a wake call that brought no news. One of its waits may have been moved behind others that have deadlines, so the
 * reader must find out when to settle the line (line/line.h).
 */
static void notify_of_moves(struct listener *listener)
{
	for (size_t i = 0; i < listener->count; i++) {
		struct source *source = listener->sources[i];

		if (!source_is_direct(source) && line_may_have_to_settle(source->view, source->dues))
			source_notify(source);
	}
}

/* The thread is awake, and sleeps on no word of a direct source. Now sources can be closed that it slept on before. */
static void after_sleep(struct loop *loop, struct reclaim *garbage)
{
	struct listener *listener = &loop->cq->listener;

	for (size_t i = listener->count; i-- > 0;) { /* the last takes the place of one that is closed */
		struct source *source = listener->sources[i];

		if (!source->direct.armed)
			continue;
		if (direct_woke(source, loop->woke == 0))
			source_notify(source);
		listener->close(source, garbage);
	}
}

static void sleep_until(struct sleep *sleep, struct timespec time)
{
	sleep->ends = true;
	sleep->until = (struct deadline){CLOCK_MONOTONIC, time};
}

/* When it looks next, if it isn't woken before. `loop->looks`: it looks now. */
static void set_time(struct loop *loop, struct sleep *sleep, bool refused)
{
	struct listener *listener = &loop->cq->listener;
	struct timespec now;

	loop->looks = false;
	if (listener->count == 0) {
		sleep->ends = false;
		return;
	}
	now = clock_now(CLOCK_MONOTONIC);
	if (clock_between(&now, &loop->look, 1) == 0) {
		loop->looks = true;
		notify_of_moves(listener);
		loop->look = clock_after(&now, clock_about(LOOK_NS, (uint64_t)now.tv_nsec + (uintptr_t)loop->cq));
	}
	sleep_until(sleep, loop->look);
	if (refused)
		sleep_until(sleep, clock_after(&now, REFUSED_NS));
	else if (listener->count + 1 > SEVERAL_MAX && clock_between(&now, &loop->look, POLL_NS) == POLL_NS)
		sleep_until(sleep, clock_after(&now, POLL_NS));
}

/* All words on which to sleep, in one number. */
static uint64_t words_of(const struct sleep *sleep)
{
	uint64_t words = sleep->count;

	for (unsigned i = 0; i < sleep->count; i++)
		words = words * UINT64_C(0x9E3779B97F4A7C15) + sleep->places[i].expected;
	return words;
}

/* False: the queue ends. If the kernel doesn't let it sleep although no word has changed, it refuses. */
static bool listen_once(struct loop *loop, struct sleep *sleep)
{
	struct listener *listener = &loop->cq->listener;
	uint32_t calls = load_rlx(&listener->calls); /* relaxed: changed under the lock */
	uint64_t words = loop->words;
	bool refused;

	if (listener->stops)
		return false;
	sleep->places[0] = (struct futex_place){&listener->calls, calls, FUTEX_PRIVATE};
	sleep->count = 1;
	if (!scan_sources(listener, sleep) && loop->woke == 0)
		notify_of_moves(listener);
	loop->words = words_of(sleep);
	refused = loop->woke != 0 && loop->woke != ETIMEDOUT && loop->words == words;
	if (refused)
		sleep->count = 1;
	set_time(loop, sleep, refused);
	return true;
}

/*
 * As each sleeper does. Keeps other processes from taking this one for dead, too. A look visits all entries of a line,
 * of which there may be many. Meanwhile the lock is free, and a read section keeps the line, as any call does. A source
 * that changes places may be left out until the next look.
 */
static void look_for_dead(struct ksem_cq *cq)
{
	struct listener *listener = &cq->listener;

	for (size_t i = 0; i < listener->count; i++) {
		struct source *source = listener->sources[i];
		struct line_view *view = source->view;
		struct futex_place place;

		semaphore_ops(source->ksem)->stay(source->ksem);
		if (source_is_direct(source)) {
			notify_of_news(source, &place); /* its waits may have to be counted again */
			continue;
		}
		rcu_enter();
		pthread_mutex_unlock(&cq->lock);
		line_look(view);
		rcu_leave();
		pthread_mutex_lock(&cq->lock);
	}
}

/* Inside the fork gate, so that a fork finds the lock free, and the line as the queue's other calls leave it. */
static bool listen(struct loop *loop, struct sleep *sleep)
{
	struct reclaim garbage = RECLAIM_NONE;
	bool goes_on;

	fork_gate_enter();
	pthread_mutex_lock(&loop->cq->lock);
	after_sleep(loop, &garbage);
	goes_on = listen_once(loop, sleep);
	if (goes_on && loop->looks)
		look_for_dead(loop->cq);
	pthread_mutex_unlock(&loop->cq->lock);
	reclaim_free(garbage);
	fork_gate_leave();
	return goes_on;
}

static void *run(void *cq)
{
	struct loop loop = {.cq = cq, .woke = ETIMEDOUT};
	struct sleep sleep;

	while (listen(&loop, &sleep))
		loop.woke = futex_any_of(sleep.places, sleep.count, sleep.ends ? &sleep.until : NULL);
	return NULL;
}

static bool start_listener(struct ksem_cq *cq)
{
	int saved = errno;

	if (!cq->listener.runs)
		cq->listener.runs = thread_start(&cq->listener.thread, run, cq) == 0;
	errno = saved;
	return cq->listener.runs;
}

bool listener_reserve(struct ksem_cq *cq, void (*close)(struct source *source, struct reclaim *garbage))
{
	struct listener *listener = &cq->listener;
	struct source **sources =
		memory_grow(listener->sources, listener->count, &listener->room, sizeof(struct source *));

	if (!sources)
		return false;
	listener->sources = sources;
	listener->close = close;
	return start_listener(cq);
}

void listener_call(struct listener *listener)
{
	fetch_add_rlx(&listener->calls, 1); /* relaxed: changed under the lock */
	futex_wake(&listener->calls, 1);
}

static bool is_armed(const struct listener *listener, const struct source *source)
{
	for (unsigned i = 0; i < listener->armed_count; i++) {
		if (listener->armed[i].id == source->link.key && listener->armed[i].head == source->head)
			return true;
	}
	return false;
}

void listener_add(struct source *source)
{
	struct listener *listener = &source->cq->listener;

	source->ready_seen = 0;
	listener->sources[listener->count++] = source;
	source->place = (uint32_t)listener->count;
	if (!source_is_direct(source) && !is_armed(listener, source))
		listener_call(listener);
}

void listener_remove(struct source *source)
{
	struct listener *listener = &source->cq->listener;

	if (source->place == 0)
		return;
	swap(listener, source->place - 1, listener->count - 1);
	listener->count--;
	source->place = 0;
}

void listener_look(struct ksem_cq *cq, void (*visit)(struct source *source))
{
	struct listener *listener = &cq->listener;

	for (size_t i = 0; i < listener->count; i++) {
		struct futex_place place;

		if (find_news(listener->sources[i], &place))
			visit(listener->sources[i]);
	}
}

void listener_end(struct ksem_cq *cq)
{
	struct listener *listener = &cq->listener;
	struct cancel cancel;

	fork_gate_enter();
	pthread_mutex_lock(&cq->lock);
	listener->stops = true;
	if (listener->runs)
		listener_call(listener);
	pthread_mutex_unlock(&cq->lock);
	fork_gate_leave();
	if (!listener->runs)
		return;
	cancel = cancel_disable();
	pthread_join(listener->thread, NULL);
	cancel_restore(cancel);
	for (size_t i = 0; i < listener->count; i++) /* no other thread uses the queue any more */
		listener->sources[i]->direct.armed = false;
}
