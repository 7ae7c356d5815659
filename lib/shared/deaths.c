/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Watching for deaths: see deaths.h.
 *
 * `state` is one word, so that a thread that is about to sleep either finds the watcher, and notes that it is still
 * needed (RUNS_USED), or starts another one. After each IDLE the watcher takes that note away (RUNS); if it is still
 * missing after another IDLE, the watcher ends. A sleeper makes the note again whenever it has looked, about once a
 * second.
 *
 * The watcher works on the semaphores of the list under the lock, inside the fork gate. A semaphore leaves the list
 * before its memory goes. The directory's descriptor means nothing in the watcher's table of descriptors. So it looks
 * by a description of its own.
 */
#include "shared/deaths.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/memory.h"
#include "base/watch.h"
#include "os/clock.h"
#include "os/closes.h"
#include "os/fork.h"
#include "os/thread.h"
#include "shared/lined.h"

#define PAUSE_FIRST INT64_C(100000)      /* ns, between the first look after news and the second */
#define PAUSE_LAST  INT64_C(80000000)    /* the longest pause */
#define LONGER      3                    /* times as long as the one before is each */
#define REST        3                    /* times as long as a look took, before the next one */
#define REST_MOST   INT64_C(20000000)    /* ns, but no longer */
#define IDLE        INT64_C(10000000000) /* ns, between questions whether a watcher is needed */
#define REFUSED_FOR 10                   /* seconds, before another watcher is tried */

/* In a fork's child ThreadSanitizer ends the process that starts a thread, if its parent had several. */
static bool may_not_start; /* constant once a thread of the process sleeps */

enum { NONE, RUNS, RUNS_USED, REFUSED }; /* the lowest two bits of `state`; above REFUSED: since which second */

struct deaths {
	pthread_mutex_t lock;              /* inside the fork gate and the namespace's lock */
	const struct directory *directory; /* under the lock; NULL: it is closed */
	struct shared_lined *all;          /* under the lock: a list */
	atomic(uint32_t) state;            /* atomic */
	atomic(uint32_t) looks;            /* atomic: how often a watcher began to look */
	atomic(uint32_t) users;            /* atomic: a count of references: of the directory, and of watchers */
};

static void let_go(struct deaths *deaths)
{
	if (fetch_sub_seq(&deaths->users, 1) != 1) /* KSEM_ORD_30 release, KSEM_ORD_30 acquire: the last use */
		return;
	pthread_mutex_destroy(&deaths->lock);
	memory_free(deaths);
}

static uint32_t refused_now(void)
{
	return (uint32_t)clock_now(CLOCK_MONOTONIC).tv_sec << 2 | REFUSED;
}

/* ---- The watcher. ---- */

/*
 * Looks at all semaphores that have waiters. All watchers of the directory get the same news, and do the same: so each
 * leaves out a semaphore at which another has begun to look in the second half of the pause before. False: the
 * directory is closed.
 */
static bool look_at_all(struct deaths *deaths, struct directory *own, int64_t pause)
{
	bool open;

	fork_gate_enter();
	pthread_mutex_lock(&deaths->lock);
	open = deaths->directory != NULL;
	if (open) {
		uint32_t looks = fetch_add_seq(&deaths->looks, 1) + 1; /* KSEM_ORD_30 release, KSEM_ORD_30 acquire */

		/* relaxed: a number, which only tells who this process is */
		store_rlx(&own->liveness, directory_liveness(deaths->directory));
		fence_seq(); /* KSEM_ORD_30 acquire, KSEM_ORD_30 release */
		for (struct shared_lined *lined = deaths->all; lined; lined = lined->next_watched) {
			if (line_waiters(&lined->lined.view) == 0)
				continue;
			shared_lined_look_from(lined, own, (uint32_t)(pause / 2000));
			store_rel(&lined->looked_at, looks); /* KSEM_ORD_30 release */
		}
	}
	pthread_mutex_unlock(&deaths->lock);
	fork_gate_leave();
	return open;
}

/* The same, and then rests: however fast the news come, it uses a part of a processor. */
static bool look_and_rest(struct deaths *deaths, struct directory *own, int64_t pause)
{
	struct timespec began = clock_now(CLOCK_MONOTONIC), ended;
	bool open = look_at_all(deaths, own, pause);
	int64_t rest;

	ended = clock_now(CLOCK_MONOTONIC);
	rest = REST * clock_between(&began, &ended, REST_MOST / REST);
	if (rest > PAUSE_FIRST)
		nanosleep(&(struct timespec){0, (long)rest}, NULL);
	return open;
}

/* Once in IDLE: takes the note away that the watcher is needed. True: it was missing, so the watcher ends. */
static bool may_end(struct deaths *deaths, struct timespec *asked)
{
	struct timespec now = clock_now(CLOCK_MONOTONIC);
	uint32_t state = load_rlx(&deaths->state); /* relaxed: the compare-and-swap checks it */
	uint32_t next;

	if (clock_between(asked, &now, IDLE) < IDLE)
		return false;
	*asked = now;
	do {
		if (state != RUNS && state != RUNS_USED)
			return true;
		next = state == RUNS_USED ? RUNS : NONE;
	} while (!cas_rlx(&deaths->state, &state, next)); /* relaxed: one word decides who was first */
	return next == NONE;
}

/* Until there is no need for it. False: the kernel serves it no more. */
static bool watch(struct deaths *deaths, const struct closes *closes, struct directory *own)
{
	int64_t before = PAUSE_FIRST, pause = PAUSE_FIRST; /* as after news, since it may have missed some */
	struct timespec asked = clock_now(CLOCK_MONOTONIC);

	while (look_and_rest(deaths, own, before)) {
		bool is_over = pause > PAUSE_LAST;
		enum closes_news news = closes_wait(closes, is_over ? IDLE : pause);

		if (news == CLOSES_LOST)
			return false;
		if (may_end(deaths, &asked))
			break;
		before = news == CLOSES_SOME ? PAUSE_FIRST : pause;
		if (news == CLOSES_SOME)
			pause = PAUSE_FIRST;
		else if (!is_over)
			pause *= LONGER;
	}
	return true;
}

static bool begin(struct deaths *deaths, struct closes *closes, struct directory *own)
{
	bool begun = false;

	fork_gate_enter();
	pthread_mutex_lock(&deaths->lock);
	if (deaths->directory) {
		own->device = deaths->directory->device;
		own->number = deaths->directory->number;
		begun = closes_begin(directory_fd(deaths->directory), own->device, own->number, closes);
	}
	pthread_mutex_unlock(&deaths->lock);
	fork_gate_leave();
	store_rlx(&own->fd, closes->directory); /* relaxed: only this thread has it */
	return begun;
}

static void *watcher(void *arg)
{
	struct deaths *deaths = arg;
	struct closes closes = {-1, -1};
	struct directory own = {.spare = -1};

	watch_enter();
	prctl(PR_SET_NAME, "ksem-deaths");
	if (!begin(deaths, &closes, &own) || !watch(deaths, &closes, &own))
		store_rlx(&deaths->state, refused_now()); /* relaxed: a sleeper that sees it late looks by itself */
	let_go(deaths);
	watch_leave();
	return NULL;
}

static bool start(struct deaths *deaths)
{
	pthread_t thread;

	if (may_not_start)
		return false;
	fetch_add_rlx(&deaths->users, 1); /* relaxed: the caller's semaphore keeps the directory open */
	if (thread_start(&thread, watcher, deaths) != 0) {
		let_go(deaths);
		return false;
	}
	pthread_detach(thread);
	return true;
}

/* ---- Sleepers. ---- */

static bool is_due(uint32_t state)
{
	if ((state & REFUSED) != REFUSED)
		return state == NONE;
	return (refused_now() - state) >> 2 >= REFUSED_FOR;
}

/* Makes sure that there is a watcher, if there can be one. */
static void need_watcher(struct deaths *deaths)
{
	uint32_t state = load_rlx(&deaths->state); /* relaxed: the compare-and-swap checks it */
	int saved = errno;

	while (unlikely(state == RUNS)) {
		if (cas_rlx(&deaths->state, &state, RUNS_USED)) /* relaxed: as in may_end */
			return;
	}
	while (unlikely(is_due(state))) {
		if (!cas_rlx(&deaths->state, &state, RUNS_USED)) /* relaxed: as above */
			continue;
		if (!start(deaths))
			store_rlx(&deaths->state, refused_now()); /* relaxed: as above */
		break;
	}
	errno = saved;
}

void deaths_before_sleep(struct shared_lined *lined)
{
	struct deaths *deaths = lined->deaths;
	uint32_t looks;

	if (!deaths || unlikely(fork_is_new_child())) /* this thread has to settle the child, since it may wait */
		return;
	need_watcher(deaths);
	fence_seq();                                      /* KSEM_ORD_30 acquire, KSEM_ORD_30 release */
	looks = load_seq(&deaths->looks);                 /* KSEM_ORD_30 acquire, KSEM_ORD_30 release */
	if (likely(load_acq(&lined->looked_at) == looks)) /* KSEM_ORD_30 acquire */
		return;
	line_reap(&lined->lined.view);
	store_rel(&lined->looked_at, looks); /* KSEM_ORD_30 release */
}

/* ---- What is watched. ---- */

static struct deaths *make(const struct directory *directory)
{
	struct deaths *deaths = memory_alloc(sizeof(*deaths), KSEM_CACHE_LINE);

	if (!deaths)
		return NULL;
	pthread_mutex_init(&deaths->lock, NULL);
	deaths->directory = directory;
	store_rlx(&deaths->users, 1); /* relaxed: nobody else has it yet */
	return deaths;
}

bool deaths_add(struct directory *directory, struct shared_lined *lined)
{
	struct deaths *deaths = directory->deaths;

	if (!deaths)
		deaths = directory->deaths = make(directory);
	if (!deaths)
		return false;
	lined->deaths = deaths;
	pthread_mutex_lock(&deaths->lock);
	lined->next_watched = deaths->all;
	lined->prev_watched = &deaths->all;
	if (deaths->all)
		deaths->all->prev_watched = &lined->next_watched;
	deaths->all = lined;
	pthread_mutex_unlock(&deaths->lock);
	return true;
}

void deaths_remove(struct shared_lined *lined)
{
	struct deaths *deaths = lined->deaths;

	if (!deaths || !lined->prev_watched)
		return;
	pthread_mutex_lock(&deaths->lock);
	*lined->prev_watched = lined->next_watched;
	if (lined->next_watched)
		lined->next_watched->prev_watched = lined->prev_watched;
	lined->prev_watched = NULL;
	pthread_mutex_unlock(&deaths->lock);
}

/* The watcher notices by the news that the directory was closed. */
void deaths_close(struct directory *directory)
{
	struct deaths *deaths = directory->deaths;

	if (!deaths)
		return;
	directory->deaths = NULL;
	pthread_mutex_lock(&deaths->lock);
	deaths->directory = NULL;
	pthread_mutex_unlock(&deaths->lock);
	let_go(deaths);
}

void deaths_child_after_fork(struct directory *directory)
{
	struct deaths *deaths = directory->deaths;

	if (!deaths)
		return;
	pthread_mutex_init(&deaths->lock, NULL);
	store_rlx(&deaths->users, 1);    /* relaxed: the child has one thread, as below */
	store_rlx(&deaths->state, NONE); /* relaxed: as above */
}

void deaths_after_fork(bool prepared)
{
	(void)prepared;
	may_not_start = watch_holds_signals();
}
