/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ledger of a line: which holder has how many of the permits that are taken.
 *
 * What a kind of semaphore with a ledger sees: permits are taken and given back by accounts (account.h), one for each
 * holder. At any instant, what all accounts have adds up to the permits that are taken. So when a holder has ended, in
 * whatever way and at whatever instruction, anybody can give back exactly what it had.
 *
 * How it works: the word is the only place where a change happens. A take is a compare-and-swap of the line's word that
 * changes the value and names the account, under a number that the name alone has. The account is written later:
 * before the word gets another name, by the thread that gives it one (ledger_complete). So before the compare-and-swap
 * the take hasn't happened, after it everybody finishes it. It doesn't matter whether its author lives.
 *
 * The name of an account comes with a sum, which the account lacks: what its holder has taken since it was named, less
 * what it gave back. While only that holder changes the word, one compare-and-swap of 8 bytes adds to the sum: it
 * changes `taken` alone, from which the sum follows. So a pair of take and give back that nobody disturbs costs two of
 * these, and writes no account. If the sum is 0, nothing is to be written.
 *
 * A thread that wants to give the word another name first fixes the sum (FIXED), then writes it, then changes the word.
 * Nobody writes a sum before it is fixed, and nobody adds to one that is. So all threads that write it write the same,
 * and none is late: as long as the account hasn't the name's number, the word stays fixed.
 *
 * If several accounts change the word in turn, a take finds the name of another account, whose sum is fixed. It then
 * fixes its own sum from the start, and writes it at once. So each take costs two compare-and-swaps of 16 bytes instead
 * of three.
 *
 *   account, low   0-31 held    permits
 *                  32-61 since  when it took or was granted the first of them, in seconds of CLOCK_MONOTONIC
 *                  62   CLOSED  the holder ended: nothing can be taken or given back any more
 *                  63   ACCOUNT tells an account from the links of an entry in line
 *            high  0-33 number  of the last change, as in the word; 63 ACCOUNT
 *
 *   SUM                   the word names the account, and has the base of the sum
 *   TOOK_MANY, GAVE_MANY  more than fit into a sum; the word names an entry that says how many (`due`), and whose
 *                         (`ready`). FIXED from the start, as is the next
 *   CLOSED                all that the account had went back
 *
 * If the holder has nothing, a take first notes its time in the account's entry (`ticket`). The thread that writes the
 * account, perhaps long after, takes `since` from there.
 *
 * Operations that change accounts (help.h) write them as one of their steps: GRANT adds the permits to the account that
 * the entry names, and GIVE takes them off again.
 *
 * A late thread could write an account a second time. It doesn't, since it compares both words of the account, and the
 * number differs by then. Numbers come again, so a thread never names an account under the number that this has from
 * long ago: it lets that number pass (ledger_name).
 *
 * What protects its data: as in line.h. KSEM_ORD_29: the word's change happens before the account's, and that before
 * the word's next change.
 */
#ifndef KSEM_LINE_LEDGER_H
#define KSEM_LINE_LEDGER_H

#include "line/list.h"

#define ACCOUNT_MARK   LINK_NONE
#define ACCOUNT_CLOSED (UINT64_C(1) << 62)
#define ACCOUNT_SINCE  (ACCOUNT_CLOSED - (UINT64_C(1) << 32))

/* An account as it was read. */
struct account_seen {
	uint64_t low, high;
};

static inline uint32_t account_held(struct account_seen seen)
{
	return (uint32_t)seen.low;
}

/* Is the entry an account that was opened? */
bool ledger_is_account(const struct line_view *view, uint32_t slot);

/* What it has, if it is still in the round of `state`. EINVAL: it isn't, or is closed and empty. EAGAIN: look again. */
int ledger_see(const struct line_view *view, struct line_word w, uint32_t slot, uint64_t state,
	       struct account_seen *seen);

/* Writes the account that the word names. It is fixed. */
void ledger_write_named(const struct line_view *view, struct line_word w);

/* The rest of ledger_complete. */
bool ledger_complete_named(const struct line_view *view, struct line_word *w);

/*
 * Before the word is changed: makes sure that the account is written that it names, for which *w is fixed. False: the
 * word has changed, and the caller looks again.
 */
static inline bool ledger_complete(const struct line_view *view, struct line_word *w)
{
	return likely(!word_names_account(*w)) || ledger_complete_named(view, w);
}

/*
 * Makes the word one that names the change, and takes that many more permits. Both were read after the word, and
 * what that names is complete. False: the word has changed.
 */
bool ledger_name(const struct line_view *view, struct line_word w, struct account_seen seen, enum line_kind kind,
		 uint32_t slot, int64_t more, struct line_word *named);

/* Does a sum allow so many more, or fewer? The word has it for an account that was read after it. */
static inline bool ledger_sums(struct line_word w, struct account_seen seen, int64_t more)
{
	int64_t sum = word_sum(w) + more;

	if (sum > LINE_SUM_MOST || sum < -LINE_SUM_MOST)
		return false;
	/* A time that the account will not have when the sum is 0 again. */
	return more < 0 || account_held(seen) == 0 || (int64_t)account_held(seen) + word_sum(w) > 0;
}

/*
 * Adds them, if the low half is still that of w: the number in it tells that the high half is the same, and the
 * account. False: nothing was done.
 */
static inline bool ledger_add(const struct line_view *view, struct line_word w, int64_t more)
{
	/* KSEM_ORD_1 acquire, KSEM_ORD_1 release, KSEM_ORD_29 release */
	return likely(cas_acq_rel(&view->line->word.low, &w.low, w.low + (uint64_t)more));
}

/*
 * Notes that the holder takes now, which has nothing by that word. To be called before the compare-and-swap. False: the
 * caller looks again.
 */
bool ledger_note_time(const struct line_view *view, struct line_word w, struct line_entry *entry);

/* What the account of an entry has at an instant, a sum in the word included: the low half, as it would be written. */
uint64_t ledger_low(const struct line_view *view, uint32_t slot, const struct line_entry *entry);

/* Takes the name of an entry out of the word, if it is there, so that the entry can be freed. */
void ledger_forget(const struct line_view *view, uint32_t slot);

/* Has the account that the operation is to write its number already, from long ago? */
bool ledger_collides(const struct line_view *view, const struct line_op *op);

/* The step of an operation on an entry, which is in the state x. False: the operation is over. */
bool ledger_write(const struct line_view *view, const struct line_op *op, const struct line_entry *entry, uint64_t x);

/*
 * Closes an account in the round of `state`, and gives back what it has, in one step; if the word is still w. False:
 * nothing was done. The caller settles the line then (help.h: LINE_CLOSED).
 */
bool ledger_try_close(const struct line_view *view, struct line_word w, uint32_t slot, uint64_t state);

/* Is it an account whose holder has certainly ended? */
bool ledger_has_ended(const struct line_view *view, uint32_t slot);

#endif
