/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The line: a semaphore whose waiters are objects, in an order. It is in a process's own memory, or in memory that
 * processes share.
 *
 * What a kind of semaphore that uses it sees: first in first out, last in first out, or barging, each strictly; waits
 * for several permits at once; a limit that changes while permits are taken; shutdown; waits of threads, and of
 * completion queues, which have no thread. A thread may be stopped or killed at any instruction: no other thread waits
 * for it. A stopped thread holds only the permits that it was granted; those of a killed one are posted again
 * (line_reap).
 *
 * How it works: state.h says what a line is made of, help.h what changes it, order.h who is next. In short: posts and
 * takes change one word. Every change that concerns a waiter is an operation: the word names it, and any thread may
 * finish it. While nobody waits, a post or a take is one compare-and-swap of 8 bytes.
 *
 * Why operations on lists, and not a ring of places? In a ring, waiters that give up leave holes, which can't be used
 * again before the head has passed them. So if one waiter gets nothing, and others behind it come and time out, they
 * fill a ring of any size. Besides, last in first out, and barging with several permits, need other structures than a
 * ring. A list serves all orders, frees entries at once, and lets an entry leave from the middle in a few steps. It
 * costs two or three more locked instructions for each wait that sleeps.
 *
 * What protects its data: there is no lock. The owner of a private line must keep its memory while any thread is in a
 * call on it, and while any entry isn't free: posts and takes that meet waiters touch it until they return.
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
#include "os/several.h"

#define LINE_LIMIT_MAX UINT32_MAX

/* Names an account (account.h); slot 0: none. */
struct account {
	uint32_t slot, round;
};

/* The same numbers as KSEM_BARGING, KSEM_FIFO and KSEM_LIFO. */
enum {
	LINE_BARGING,
	LINE_FIFO,
	LINE_LIFO,
};

/* Do lines work on this processor? */
static inline bool line_works(void)
{
	return PAIR_WORKS;
}

/*
 * Makes a line of zeroed memory, with that value (at most the limit) and limit. Once, before other threads can see it.
 */
void line_init(struct line *line, uint32_t value, uint32_t limit, uint32_t order);

/*
 * The same for a line that takes over from something else: it is dead until line_begin gives it its value, once. Any
 * threads may try, at any time.
 */
void line_init_dead(struct line *line, uint32_t limit, uint32_t order);
void line_begin(struct line_view *view, uint32_t value, bool shut);

/* Initializes this process's view of a line. For the entries of a shared line, see line_map (entries.h). */
void line_view_init(struct line_view *view, struct line *line, enum futex_scope scope, const struct line_hooks *hooks,
		    void *context);

/* Frees what the view of a private line has allocated. No thread uses the line any more. */
void line_view_end(struct line_view *view);

/* ---- Without waiting. ---- */

/*
 * The common case of a post and a take: no waiter, permits enough, and no other thread changes the word at the same
 * time. False: nothing was done.
 */
static inline bool line_post_now(struct line_view *view, uint32_t n)
{
	struct line *line = view->line;
	uint64_t low = load_rlx(&line->word.low); /* relaxed: the compare-and-swap checks it */

	if (unlikely((low & LINE_FLAGS) != 0 || (uint32_t)low < n))
		return false;
	return likely(cas_rel(&line->word.low, &low, low - n)); /* KSEM_ORD_1 release */
}

static inline bool line_take_now(struct line_view *view, uint32_t n)
{
	struct line *line = view->line;
	uint64_t low = load_acq(&line->word.low);              /* KSEM_ORD_23 acquire */
	uint32_t limit = (uint32_t)load_rlx(&line->word.high); /* relaxed: another limit, and low is another */

	if (unlikely((low & LINE_FLAGS) != 0 || (uint64_t)(uint32_t)low + n > limit))
		return false;
	return likely(cas_acq(&line->word.low, &low, low + n)); /* KSEM_ORD_1 acquire */
}

/* 0, EINVAL: dead, EOVERFLOW. */
int line_post(struct line_view *view, uint32_t n);

/* Posts n, or as many as the limit has room for, at one instant. */
void line_post_upto(struct line_view *view, uint32_t n);

/* 0: took n; EAGAIN; EINVAL: dead. */
int line_try(struct line_view *view, uint32_t n);

/* 0: took *got, 1 to n; EAGAIN; EINVAL: dead. */
int line_try_upto(struct line_view *view, uint32_t n, uint32_t *got);

/* The permits that could be taken; 0 while there is debt. EINVAL: dead. */
int line_value(const struct line_view *view, uint32_t *value);

uint32_t line_limit(const struct line_view *view);
uint32_t line_waiters(const struct line_view *view);
bool line_is_shut(const struct line_view *view);

/* Did anybody ever get in line? If not, no permits were ever granted. */
bool line_was_joined(const struct line_view *view);

/* Is n more than both the present limit and the limit that the line was made with? */
bool line_never(const struct line_view *view, uint32_t n);

/* ---- Waiting, by a thread. ---- */

/* By whom a wait enters. With a ledger (account.h), its permits go to the account. */
struct line_by {
	uint32_t holder;
	struct account account;
};

/*
 * Takes n, or gets in line. 0: took; EAGAIN: in line, and *slot names the entry, which line_leave must end;
 * ESHUTDOWN; EINVAL: dead; ENOMEM: there is no memory for an entry, or *full, no entry is free
 * (line_arm_at_door). ECHILD: a fork's child has gone on in its parent's call (call.h), and neither took nor waits.
 */
int line_enter(struct line_view *view, uint32_t n, struct line_by by, uint32_t *slot, bool *full);

/* For a thread in line, before it sleeps: yields its processor for a while, until its entry is decided. True: it is. */
bool line_yield(struct line_view *view, uint32_t slot);

/*
 * Before each sleep of a thread in line: notes in its entry that it sleeps, and sets *place to the futex word. False:
 * the entry is decided, so the thread must leave. The thread may sleep on other words besides.
 */
bool line_arm(struct line_view *view, uint32_t slot, struct futex_place *place);

/* The same for a thread at the door, since no entry was free. False: it must enter again. */
bool line_arm_at_door(struct line_view *view, uint32_t n, struct futex_place *place);

/*
 * Must the thread wake by itself at *look, and call line_look? Sleepers of shared lines do, now and then, to finish
 * what killed processes left undone. Slot 0: the thread is at the door.
 */
bool line_next_look(struct line_view *view, uint32_t slot, struct deadline *look);

/*
 * 0: granted; ESHUTDOWN; ECANCELED: gave up, because `give_up` was set and the entry wasn't decided. After all of these
 * it is no longer in line, nor is it after ENOENT: other processes took this one for dead (struct line_hooks), and it
 * must enter again. EAGAIN: it is still in line; or, in a fork's child, its parent is.
 */
int line_leave(struct line_view *view, uint32_t slot, bool give_up);

/*
 * Leaves without permits, whatever was decided: those that it was granted go to others, at one instant. Slot 0: leaves
 * the door, and others are called instead.
 */
void line_renounce(struct line_view *view, uint32_t slot);

/* ---- Waiting, by a queue. ---- */

/* A wait of a queue. */
struct line_handle {
	uint32_t slot, round;
};

/* The result of such a wait. In a shared line other processes may write anything to it. */
struct line_result {
	uint64_t user;
	uint32_t need; /* the permits that it was granted; else 0 */
	int error;     /* 0, ESHUTDOWN, why it was canceled; ENOENT: as line_leave, and it must be submitted again */
	struct line_handle handle;
};

/*
 * Makes a ready list for a queue of that holder. *head names it; the notify hook, if there is one, is called with
 * `user`. 0; ENOMEM: no entry is free.
 */
int line_open_ready(struct line_view *view, uint32_t holder, uint64_t user, uint32_t *head);

/*
 * The round of the list's head. Once it is another one, other processes took this one for dead, freed the head and the
 * waits, and may use them for themselves: the queue must not use this list any more.
 */
uint32_t line_ready_round(const struct line_view *view, uint32_t head);

/* Once all waits of the list are reaped: frees its head, if it is still that of this round. */
void line_close_ready(struct line_view *view, uint32_t head, uint32_t round);

/*
 * Gets in line for a queue, until that deadline (due.h; 0: none). The result goes to the queue's ready list, even if
 * there are enough permits already. 0; ENOMEM; EINVAL: dead; ESHUTDOWN: shut down, and too few permits. The queue calls
 * line_reap_ready for this list only when this call has returned. With a ledger the account pays for all waits of the
 * list. The queue may name another account than before only while all waits of the list are decided.
 */
int line_submit(struct line_view *view, uint32_t n, uint32_t head, struct line_by by, uint64_t user, uint64_t due,
		struct line_handle *handle);

/*
 * For a queue, before it submits a wait: takes n at once, for the same account. 0: took; EAGAIN: there are too few, or
 * others come first; EINVAL: dead.
 */
int line_take_as(struct line_view *view, uint32_t n, struct line_by by);

/* Does that account pay for a queue's wait that is still undecided? */
bool line_account_pends(const struct line_view *view, struct account account);

/* Is it undecided? */
bool line_pends(const struct line_view *view, struct line_handle handle);

/* Is there something on its ready list? */
bool line_has_ready(const struct line_view *view, uint32_t head);

/*
 * For a queue's thread, where no hook calls the queue: sets *place to the futex word of the ready list, which changes
 * when a wait comes to the empty list. A wait that is moved behind others only makes the wake call, which a thread that
 * doesn't sleep yet misses. The thread may sleep there while the list isn't empty. Returns 0 if the list is empty; else
 * a number, another one each time that the list ceases to be empty.
 */
uint64_t line_ready_futex(const struct line_view *view, uint32_t head, struct futex_place *place);

/*
 * The queue must call line_give_up with ETIMEDOUT at the wait's deadline. If it is late, whoever posts, or waits behind
 * that wait, ends it instead. Threads wake by themselves for that. A queue with waits behind those of other queues asks
 * when it must call line_settle. False: never. `dues` of its waits have deadlines. `added`: it has asked before, and
 * submitted this wait since, so only those ahead of this one matter; NULL: ahead of all its waits.
 */
bool line_must_settle(const struct line_view *view, uint32_t head, uint32_t dues, const struct line_handle *added,
		      struct deadline *look);
bool line_may_have_to_settle(const struct line_view *view, uint32_t dues);

/*
 * A wait gives up, and is granted nothing from now on; `why` is a positive error number for its result. False: it was
 * decided before, or is over. Afterwards the queue calls line_drop, which takes a wait that gave up out of the line, if
 * others haven't done that, and serves those behind it. To cancel several waits, the queue first has all of them give
 * up: so none of them is granted what another one waited for.
 */
bool line_give_up(struct line_view *view, struct line_handle handle, int why);
void line_drop(struct line_view *view, struct line_handle handle);

/* Takes the next result off the ready list. 0; EAGAIN: there is none. No slot in the handle: it is of no wait there. */
int line_reap_ready(struct line_view *view, uint32_t head, struct line_result *result);

/* ---- The rest. ---- */

/*
 * Shuts the line down: ends all waits, and from now on no wait sleeps. If the thread is stopped, then others do the
 * rest before any call answers ESHUTDOWN.
 */
void line_shutdown(struct line_view *view);

void line_set_limit(struct line_view *view, uint32_t limit);

/* Makes the line dead: nothing can be posted or taken any more. 0; EBUSY: there is a waiter. */
int line_kill(struct line_view *view);

/* Ends the waits of holders that have ended (hooks), and posts the permits that they were granted. */
void line_reap(struct line_view *view);

/*
 * Does all that is due: serves those who can go on, and ends the waits that are past their deadlines, or that a
 * shutdown ends. Afterwards a thread may be told that the line is shut.
 */
void line_settle(const struct line_view *view);

/* Settles the line, and reaps if nobody began to in the last half second. */
void line_look(struct line_view *view);

/*
 * As line_reap, unless a call of this function began to reap in the last `microseconds`. For threads of many processes
 * that reap for the same reason, and reap again later: any of them may be stopped while it does.
 */
void line_reap_unless(struct line_view *view, uint32_t microseconds);

/*
 * In a fork's child, for a private line: removes all waiters, except the entry of its one thread (0: it is not in
 * line).
 */
void line_after_fork(struct line_view *view, uint32_t slot);

#endif
