/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accounts: how the holders of a line with a ledger (ledger.h) take and give back.
 *
 * An account is an entry of the line. A holder opens one, and uses it until it ends. If the holder's OS process has
 * ended, others find the entry as they find any other of the dead, and close it for them (line_reap).
 *
 * From signal handlers: account_take, account_take_upto, account_give, account_give_upto.
 */
#ifndef KSEM_LINE_ACCOUNT_H
#define KSEM_LINE_ACCOUNT_H

#include "line/line.h"

struct line_call;

/* Opens one. False: no entry is free, or there is no memory. */
bool account_open(struct line_view *view, uint32_t holder, struct account *account);

/* Its holder has another number from now on. */
void account_rename(struct line_view *view, struct account account, uint32_t holder);

/* From now on its holder's process is the one of the view's `who`, whatever program that executes. */
void account_entrust(const struct line_view *view, struct account account);

/* Gives back what it has, and frees it. */
void account_close(struct line_view *view, struct account account);

/*
 * Take n, or as many as there are, or give n back, as line_try, line_try_upto and line_post. EINVAL: the line is dead,
 * or the account is closed; EPERM: the account has fewer. ENOMEM, only if n is above 1: no entry is free.
 * account_take_in: within another call.
 */
int account_take(struct line_view *view, struct account account, uint32_t n);
int account_take_in(struct line_call *call, struct line_view *view, struct account account, uint32_t n); /* n > 0 */
int account_take_upto(struct line_view *view, struct account account, uint32_t n, uint32_t *got);
int account_give(struct line_view *view, struct account account, uint32_t n);

/* Gives n back, or as many as the account has. */
void account_give_upto(struct line_view *view, struct account account, uint32_t n);

/* How many it has. And all accounts of that holder, or (UINT32_MAX) of all holders, and the value, at one instant. */
uint32_t account_has(const struct line_view *view, struct account account);
uint32_t account_sum(const struct line_view *view, uint32_t holder, uint32_t *value);

/* What an entry says of its holder: that it waits, or is an account that has permits. */
struct account_stake {
	uint32_t slot, holder, held;
	uint32_t since; /* when it got the first of them, in seconds of CLOCK_MONOTONIC */
	bool waits;
};

/* Calls visit for each entry that says something. Each says what it did at some instant of the call. */
void account_for_all(const struct line_view *view, void (*visit)(const struct account_stake *stake, void *arg),
		     void *arg);

#endif
