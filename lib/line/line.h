/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The line: a semaphore whose waiters are objects, in an order; in a process's own memory, or in memory that
 * processes share.
 *
 * What its user sees: first in first out, last in first out, or barging, each as strict as the contract says;
 * waits for several permits at once; a limit that changes while permits are taken; shutdown; waits of threads, and
 * of queues that have no thread. A thread that is stopped or killed at any instruction holds nobody up. It takes
 * with it the permits that it was granted, and those of a killed one come back (line_reap).
 *
 * How it works: see state.h for what it is made of, help.h for what changes it, order.h for who is next. In short:
 * posts and takes change one word. Whatever concerns a waiter is an operation: the word names it, and whoever
 * comes finishes it. While nobody waits, a post or a take is one compare-and-swap of 8 bytes.
 *
 * Why operations, and not a ring of places (a place fixed by its number): waiters that give up in the middle leave
 * holes in a ring, which it can't use again before the head has passed them; so one waiter that gets nothing, with
 * others behind it that come and time out, fills a ring of any size. Last in, first out, and the first for whom
 * the permits suffice, need other structures than a ring anyway. A list serves all orders, gives entries back at
 * once, and takes an entry out of the middle in a few steps. It costs two or three more locked instructions a wait
 * that sleeps.
 *
 * What protects its data: nothing is locked. A private line's memory must be kept by its owner while any thread is
 * in a call on it, and while an entry isn't free: posts and takes that meet waiters touch it until they return.
 *
 * From signal handlers: line_post, line_try, line_try_upto, line_shutdown, line_value, and what they call. The hooks
 * may be called from all of these.
 *
 * Ordering: KSEM_ORD_1 joins a post to the take or the grant of its permit. KSEM_ORD_23 to KSEM_ORD_26: help.h,
 * entries.h.
 */
#ifndef KSEM_LINE_LINE_H
#define KSEM_LINE_LINE_H

#include "base/compiler.h"
#include "line/state.h"
#include "os/futex.h"

#define LINE_LIMIT_MAX UINT32_MAX

/* As enum of the contract: 0 barging, 1 first in first out, 2 last in first out. */
enum {
	LINE_BARGING,
	LINE_FIFO,
	LINE_LIFO,
};

/* Are there lines on this processor? */
static inline bool line_works(void)
{
	return PAIR_WORKS;
}

/* Memory of zeroes becomes a line of that value (at most the limit) and limit. Once, before others can see it. */
void line_init(struct line *line, uint32_t value, uint32_t limit, uint32_t order);

/* This process's view of it. A shared one's entries: line_map (entries.h). */
void line_view_init(struct line_view *view, struct line *line, enum futex_scope scope, const struct line_hooks *hooks,
		    void *context);

/* Gives back what the view of a private line holds. Nobody has the line any more. */
void line_view_end(struct line_view *view);

/* ---- Without waiting. ---- */

/* The most usual post and take: of one, where nobody waits and nobody else changes the word just now. */
static inline bool line_post_one(struct line_view *view)
{
	struct line *line = view->line;
	uint64_t low = load_rlx(&line->word.low); /* relaxed: the compare-and-swap checks it */

	if (unlikely((low & LINE_FLAGS) != 0 || (uint32_t)low == 0))
		return false;
	return likely(cas_rel(&line->word.low, &low, low - 1)); /* KSEM_ORD_1 release */
}

static inline bool line_take_one(struct line_view *view)
{
	struct line *line = view->line;
	uint64_t low = load_acq(&line->word.low);              /* KSEM_ORD_23 acquire */
	uint32_t limit = (uint32_t)load_rlx(&line->word.high); /* relaxed: another limit, and low is another */

	if (unlikely((low & LINE_FLAGS) != 0 || (uint32_t)low >= limit))
		return false;
	return likely(cas_acq(&line->word.low, &low, low + 1)); /* KSEM_ORD_1 acquire */
}

/* 0, EINVAL: dead, EOVERFLOW. */
int line_post(struct line_view *view, uint32_t n);

/* 0: took n; EAGAIN; EINVAL: dead. */
int line_try(struct line_view *view, uint32_t n);

/* 0: took *got, 1 to n; EAGAIN; EINVAL: dead. */
int line_try_upto(struct line_view *view, uint32_t n, uint32_t *got);

/* What could be taken; 0 if the line owes. EINVAL: dead. */
int line_value(const struct line_view *view, uint32_t *value);

uint32_t line_limit(const struct line_view *view);
uint32_t line_waiters(const struct line_view *view);
bool line_is_shut(const struct line_view *view);

/* Would a wait for so many be one for more than both the limit now and the one that it was made with? */
bool line_never(const struct line_view *view, uint32_t n);

/* ---- Waiting, by a thread. ---- */

/*
 * Takes n, or gets in line. 0: took; EAGAIN: in line, and *slot names the entry, which line_leave must end;
 * ESHUTDOWN; EINVAL: dead; ENOMEM: there is no memory for an entry, or *full, no entry is free
 * (line_sleep_at_door).
 */
int line_enter(struct line_view *view, uint32_t n, uint32_t holder, uint32_t *slot, bool *full);

/*
 * Looks for a moment whether the entry is decided (true); a thread that is in line does so before it sleeps.
 */
bool line_spin(struct line_view *view, uint32_t slot);

/*
 * Sleeps until the entry is decided. 0: it may be, try to leave; ETIMEDOUT; EINTR; EAGAIN: as 0, but the thread only
 * looked, as sleepers of shared lines do now and then, for what the killed left undone.
 */
int line_sleep(struct line_view *view, uint32_t slot, const struct deadline *deadline);

/*
 * 0: granted; ESHUTDOWN; ECANCELED: gave up, since it was told to and not decided yet. In all of these it is in
 * line no more. EAGAIN: it is.
 */
int line_leave(struct line_view *view, uint32_t slot, bool give_up);

/* Sleeps while no entry is free: 0, ETIMEDOUT, EINTR. */
int line_sleep_at_door(struct line_view *view, const struct deadline *deadline);

/* All of these, one after another. deadline NULL: never. 0, ESHUTDOWN, ETIMEDOUT, EINTR, EINVAL: dead, ENOMEM. */
int line_wait(struct line_view *view, uint32_t n, uint32_t holder, const struct deadline *deadline);

/* ---- Waiting, by a queue. ---- */

/* A wait of a queue. */
struct line_handle {
	uint32_t slot, round;
};

/* What came of it. */
struct line_result {
	uint64_t user;
	uint32_t need; /* of a granted one; else 0 */
	int error;     /* 0, ESHUTDOWN, or why it was canceled */
};

/*
 * A ready list for a queue of that holder. *head names it; `user` is what the ring hook is told. 0, ENOMEM: no
 * entry is free. Ends by line_close_ready, once all its waits are reaped.
 */
int line_open_ready(struct line_view *view, uint32_t holder, uint64_t user, uint32_t *head);
void line_close_ready(struct line_view *view, uint32_t head);

/*
 * Gets in line, for the queue's ready list; what comes of it stands there, also if permits are there already. 0,
 * ENOMEM, EINVAL: dead. ESHUTDOWN: shut down, and too few permits.
 */
int line_submit(struct line_view *view, uint32_t n, uint32_t head, uint64_t user, struct line_handle *handle);

/* Gives up, and says why (a positive error number). False: it was decided before, or is over. */
bool line_cancel(struct line_view *view, struct line_handle handle, int why);

/* The next that is decided, off the ready list. 0, EAGAIN: there is none now. */
int line_reap_ready(struct line_view *view, uint32_t head, struct line_result *result);

/* ---- The rest. ---- */

/* Nobody sleeps here any more. */
void line_shutdown(struct line_view *view);

void line_set_limit(struct line_view *view, uint32_t limit);

/* Nothing can be posted or taken any more. 0; EBUSY: somebody waits. */
int line_kill(struct line_view *view);

/* What ended holders (hooks) had here goes on: waits end, permits that were granted go back. */
void line_reap(struct line_view *view);

/* The same, where nobody did it within the last second; for those who sleep. */
void line_look(struct line_view *view);

/* In a fork's child, of a private line: of all waiters the one thread's is left, if it is in line (0: it isn't). */
void line_after_fork(struct line_view *view, uint32_t slot);

#endif
