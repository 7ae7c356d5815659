/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ledger of a line: which holder has how many of the permits that are taken.
 *
 * What a kind of semaphore with a ledger sees: permits are taken and given back by accounts (account.h), one for each
 * holder. At any instant, the value and what all accounts have make up the limit. So when a holder has ended, in
 * whatever way and at whatever instruction, anybody can give back exactly what it had.
 *
 * How it works: a take is one compare-and-swap of the line's word. It changes the value, and names the account and the
 * kind of the change, under a number that no other change has. Only then is the account written. Whoever wants to
 * change the word again first writes the account that the word names, if its number isn't the word's yet
 * (ledger_complete). So the word is the only place where a change happens: before the compare-and-swap it hasn't
 * happened, after it everybody finishes it. It doesn't matter whether its author lives.
 *
 *   account, low   0-31 held    permits
 *                  32-61 since  when it took or was granted the first of them, in seconds of CLOCK_MONOTONIC
 *                  62   CLOSED  the holder ended: nothing can be taken or given back any more
 *                  63   ACCOUNT tells an account from the links of an entry in line
 *            high  0-33 number  of the last change, as in the word; 63 ACCOUNT
 *
 *   TOOK, GAVE            one permit; the word names the account
 *   TOOK_MANY, GAVE_MANY  several; the word names an entry that says how many (`due`), and whose (`ready`)
 *   CLOSED                all that the account had went back
 *
 * Operations that change accounts (help.h) write them as one of their steps: GRANT adds the permits to the account that
 * the entry names, and GIVE takes them off again.
 *
 * A late thread could write an account a second time. It doesn't, since it compares both words of the account, and the
 * number differs by then. Numbers come again, so a thread never begins a change with the number that its account
 * has from long ago: it lets that number pass (ledger_name).
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

/* Writes the account that the word names, if it names one. */
void ledger_write_named(const struct line_view *view, struct line_word w);

static inline void ledger_complete(const struct line_view *view, struct line_word w)
{
	if (unlikely(word_names_account(w)))
		ledger_write_named(view, w);
}

/*
 * Makes the word one that names the change, and takes that many more permits. Both were read after the word, and
 * what that names is complete. False: the word has changed.
 */
bool ledger_name(const struct line_view *view, struct line_word w, struct account_seen seen, enum line_kind kind,
		 uint32_t slot, int64_t more, struct line_word *named);

/* Takes the name of an entry out of the word, if it is there, so that the entry can be freed. */
void ledger_forget(const struct line_view *view, uint32_t slot);

/* Has the account that the operation is to write its number already, from long ago? */
bool ledger_collides(const struct line_view *view, const struct line_op *op);

/* The step of an operation on an entry, which is in the state x. False: the operation is over. */
bool ledger_write(const struct line_view *view, const struct line_op *op, const struct line_entry *entry, uint64_t x);

/*
 * Closes an account in the round of `state`, and gives back what it has, in one step; if the word is still w, and what
 * that names is complete. False: nothing was done. The caller settles the line then (help.h: LINE_CLOSED).
 */
bool ledger_try_close(const struct line_view *view, struct line_word w, uint32_t slot, uint64_t state);

/* Is it an account whose holder has certainly ended? */
bool ledger_has_ended(const struct line_view *view, uint32_t slot);

#endif
