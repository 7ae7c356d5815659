/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Permits that come back when their holder is killed: the ledger of a line.
 *
 * HOLDERS processes take and give back, OPS times each as they like; each has an account. The first is killed at any
 * step, or lives. With TWIN, its process has a second thread, which is killed with it. REAPERS other processes each look once for the dead, and give back what their accounts say; with
 * KILL2, one of the reapers is killed, too. NEWCOMER: a process that comes late may get the account of the dead. FORKS
 * times a signal handler interrupts a change of a holder, at any step, and forks; the child goes on in the change, too.
 *
 * The word names an account, under a number, in one of two ways. PENDING: the account lacks a sum, which is how far the
 * value is from the base that the word has. Only the holder of that account changes the value then, by the word alone,
 * as long as the sum is at most SUMS: the number stays. FIXED: the sum may be written to the account, by whoever comes,
 * once. Before anybody changes the word otherwise, it is fixed and written; a sum of 0 needs neither. A change that
 * finds the name of another account, fixed, is fixed itself from the start. One step is one atomic operation; a
 * compare-and-swap of the word, of its low half, or of an account, is one. Orders: as if sequentially consistent.
 *
 * What is shown: at any instant the value, and what accounts and the word say that the living hold, make up the limit,
 * and for each process that is what it holds; the dead one's permits go back once; every run ends, whoever is killed.
 */
#define ALL      (HOLDERS + NEWCOMER)
#define NOBODY   255
#ifndef SUMS
#define SUMS 1
#endif
#ifndef TWIN
#define TWIN 0
#endif

mtype = { NOTHING, SUM, TOOK, GAVE, UNDONE };

/* The word: one compare-and-swap changes all of it. Its low half: the value, the number, whether there is a sum. */
byte word_value = LIMIT, word_kind = NOTHING, word_slot, word_number, word_base;
bool word_fixed;

#define LOW_IS  (word_number == q && word_value == v && word_fixed == f && (word_kind == SUM) == (k == SUM))
#define WORD_IS (LOW_IS && word_kind == k && word_slot == s && word_base == b)

byte held[HOLDERS], number[HOLDERS]; /* the accounts, each changed by one compare-and-swap */
bool closed[HOLDERS];                /* in it */
byte owner[HOLDERS];                 /* the entry's state: whose it is; NOBODY: free. Its round is in `uses` */
byte uses[HOLDERS];

#ifndef FORKS
#define FORKS 0
#endif
byte forks = FORKS, children;        /* that may come; that are not through */

byte has[ALL];                       /* what each process holds: from the instant of its change on */
byte killed;                         /* bits */
byte through;

#define RUNS provided ((killed & (1 << _pid)) == 0)
#define DEAD (killed & 2)            /* the first holder is process 1 */

/* What an account holds: its own number, or the word says that it is to be changed. */
#define NAMED(s) (word_kind != NOTHING && word_slot == s && number[s] != word_number)
#define HOLDS(s) (!NAMED(s) -> held[s] : (word_kind == SUM -> held[s] + word_base - word_value : 0))

#define READ_WORD atomic { v = word_value; k = word_kind; s = word_slot; q = word_number; b = word_base; f = word_fixed }
#define FORGET    v = 0; k = 0; s = 0; q = 0; b = 0; f = false

/* Is it there that an account lacks something? */
#define LACKS (k != NOTHING && (f || v != b))

/* What an account has after the change that the word names. */
#define AFTER(h) (k == SUM -> h + b - v : 0)

/* Fixes the word, and writes the account that it names. [code: ledger_complete_named, ledger_write_named] */
inline complete()
{
#ifndef COMPLETES_NOTHING
	atomic {
		if
#ifndef WRITES_UNFIXED
		:: LACKS && !f && WORD_IS -> word_fixed = true; f = true
		:: LACKS && !f && !WORD_IS -> again = true
#endif
		:: else
		fi
	}
	do
	:: atomic { /* The account. */
			h = held[s]; n = number[s];
#ifdef NUMBER_IGNORED
			over = !LACKS || again
#else
			over = !LACKS || again || n == q
#endif
		}
		atomic { /* Does the word still name it? [code: still_names] */
#ifndef COMPLETES_BLIND
			over = over || word_number != q
#else
			skip
#endif
		}
		atomic {
			if
			:: over -> over = false; break
			:: !over && held[s] == h && number[s] == n ->
				held[s] = AFTER(h);
				closed[s] = closed[s] || k == UNDONE;
				number[s] = q;
				break
			:: else
			fi
		}
	od;
#endif
	atomic { h = 0; n = 0 }
}

/* Before it forks, the parent writes the account that the word names, and takes up a number. [code: use_up_number] */
inline take_up_number()
{
#ifndef NUMBER_KEPT
	if
	:: word_kind != NOTHING && NAMED(word_slot) ->
		held[word_slot] = HOLDS(word_slot);
		closed[word_slot] = closed[word_slot] || word_kind == UNDONE;
		number[word_slot] = word_number
	:: else
	fi;
	word_kind = NOTHING; word_fixed = false; word_number++
#else
	skip
#endif
}

/* The handler may fork here. [code: calls_before_ungated_fork] */
inline may_fork(what, place)
{
#if FORKS
	if
	:: atomic {
			forks > 0 -> forks--;
			take_up_number();
			children++;
			run child(account, round, what, place, v, k, s, q, b, f)
		}
	:: skip
	fi
#else
	skip
#endif
}

#define STEP(what) (what == TOOK -> 1 : -1)

/* Can the change be added to the pending sum of the own account, in the low half alone? [code: ledger_sums, quick_may] */
#ifdef COALESCES_FIXED
#define COALESCES(what) (k == SUM && s == account && b - v + STEP(what) <= SUMS && b - v + STEP(what) >= -SUMS)
#else
#define COALESCES(what) \
	(k == SUM && s == account && !f && b - v + STEP(what) <= SUMS && b - v + STEP(what) >= -SUMS)
#endif

/* Otherwise: the word names the account anew. It is written at once if another one stands there, written. */
#define NAME(what) \
	word_base = v; word_kind = SUM; word_slot = account; word_number++; \
	word_fixed = LACKS && s != account

/* What is there to be given back: a sum that isn't complete counts. */
#define TOTAL (h + (k == SUM && s == account && !f -> b - v : 0))

/* One change of the caller's own account. [code: try_change, change_account, quick_add, ledger_add, ledger_see, ledger_name] */
inline change(what)
{
	do
	:: READ_WORD;
		may_fork(what, 1); /* the child has asked, and goes on: before, it would have left */
		if
		:: !COALESCES(what) -> complete()
		:: else
		fi;
		atomic { h = held[account]; assert(uses[account] == round && !closed[account]) } /* it lives */
		may_fork(what, 2);
		atomic {
			if
			:: again -> again = false
			:: !again && WORD_IS && what == TOOK && v == 0 -> break /* EAGAIN */
			:: !again && WORD_IS && what == GAVE && TOTAL == 0 -> assert(has[me] == 0); break /* EPERM */
			:: !again && COALESCES(what) && LOW_IS && (what == TOOK && v > 0 || what == GAVE && TOTAL > 0) ->
				word_value = v - STEP(what);
				has[me] = has[me] + STEP(what);
				break
			:: !again && !COALESCES(what) && WORD_IS && (what == TOOK && v > 0 || what == GAVE && TOTAL > 0) ->
				NAME(what);
				word_value = v - STEP(what);
				has[me] = has[me] + STEP(what);
				break
			:: else
			fi
		}
	od;
	READ_WORD;
	may_fork(what, 3);
	if
	:: f -> complete()
	:: else
	fi;
	atomic { FORGET; again = false; h = 0 }
}

#if FORKS
/*
 * A fork's child that goes on in its parent's change, from that place on, with what the parent had read. What it does to
 * the word, the parent doesn't know. [code: try_change, call_is_left]
 */
proctype child(byte account, round, what, place, v, k, s, q, b; bool f)
{
	byte h, n;
	bool over, again;

	do
	:: place == 3 ->
		if
		:: f -> complete()
		:: else
		fi;
		break
	:: place < 3 ->
		if
		:: place == 1 && !COALESCES(what) -> complete()
		:: else
		fi;
		atomic {
			h = held[account];
			if
			:: uses[account] != round || closed[account] -> break
			:: else
			fi
		}
		atomic {
			if
			:: !again && (COALESCES(what) -> LOW_IS : WORD_IS) &&
				(what == TOOK && v > 0 || what == GAVE && TOTAL > 0) ->
				if
				:: COALESCES(what)
				:: else -> NAME(what)
				fi;
				word_value = v - STEP(what);
				place = 3
			:: !again && WORD_IS && (what == TOOK && v == 0 || what == GAVE && TOTAL == 0) -> break
			:: else -> place = 0
			fi
		}
		again = false;
		READ_WORD;
		if
#ifdef CHILD_STAYS
		:: place == 0 -> place = 1
#else
		:: place == 0 -> break
#endif
		:: else
		fi
	od;
	atomic { place = 0; FORGET; h = 0; n = 0; again = false; children-- }
}
#endif

/* A thread of the holder. */
proctype holder(byte me) RUNS
{
	byte account = me, round, ops = OPS, v, k, s, q, b, h, n;
	bool f, over, again;

	do
	:: ops > 0 -> ops--; change(TOOK)
	:: ops > 0 -> ops--; change(GAVE)
	:: break
	od;
	through++
}

/* [code: reap_account, ledger_try_close, line_settle_with] */
proctype reaper() RUNS
{
	byte round, v, k, s, q, b, h, n;
	byte account; /* of the dead: the first */
	bool f, over, again;

	atomic { /* [code: ledger_has_ended] */
		if
		:: DEAD && owner[account] == 0 -> round = uses[account]
		:: else -> goto nothing
		fi
	}
#ifdef FREED_FIRST
	atomic { if :: uses[account] == round -> owner[account] = NOBODY; uses[account]++ :: else fi }
#endif
#ifdef READ_BEFORE
	READ_WORD;
	complete();
	h = held[account];
#endif
	do
	:: READ_WORD;
#ifndef READ_BEFORE
#ifndef CLOSES_PENDING
		complete();
#endif
		h = held[account];
#endif
		atomic {
			if
			:: again -> again = false
#ifndef ROUND_IGNORED
			:: !again && uses[account] != round -> break /* another did it all */
			:: !again && uses[account] == round && closed[account] -> break
			:: !again && uses[account] == round && !closed[account] && WORD_IS ->
#else
			:: !again && closed[account] -> break
			:: !again && !closed[account] && WORD_IS ->
#endif
				word_value = v + h;
				word_kind = UNDONE; word_slot = account; word_number++; word_fixed = true;
				has[0] = 0;
				break
			:: else
			fi
		}
	od;
	READ_WORD;
	complete();
#ifndef FREED_FIRST
	/* [code: entry_free] */
	atomic { if :: uses[account] == round -> owner[account] = NOBODY; uses[account]++ :: else fi };
#endif
nothing:
	atomic { FORGET; h = 0; again = false; through++ }
}

/* Takes a permit by the account that the dead one had, if that is free. [code: account_open] */
proctype newcomer(byte me) RUNS
{
	byte account, round, v, k, s, q, b, h, n;
	bool f, over, again;

	atomic {
		if
		:: owner[account] == NOBODY -> owner[account] = me; round = uses[account]
		:: else -> goto none
		fi
	}
	atomic { held[account] = 0; closed[account] = false; number[account] = word_number }
	change(TOOK);
none:
	through++
}

/* At any instant. */
proctype watcher()
{
	byte i, sum;

	d_step {
		sum = word_value;
		do
		:: i < HOLDERS ->
			sum = sum + (owner[i] != NOBODY -> HOLDS(i) : 0);
			assert(owner[i] == NOBODY || HOLDS(i) == has[owner[i]]);
			i++
		:: else -> break
		od;
		assert(sum == LIMIT);
		i = 0; sum = 0
	}
}

proctype killer()
{
	atomic { killed = killed | 2 | (TWIN -> 1 << (ALL + REAPERS + 1) : 0) }
#ifdef KILL2
	atomic { killed = killed | (1 << (HOLDERS + 1)) }
#endif
}

/* When nothing can go on: who lives is through, and a last look finds the dead one's permits, or has found them. */
proctype judge()
{
	byte deaths;

	timeout;
	d_step {
		deaths = (killed & 2 -> 1 + TWIN : 0);
#ifdef KILL2
		deaths = deaths + 1;
#endif
		assert(through + deaths >= HOLDERS + REAPERS + NEWCOMER + TWIN);
		assert(children == 0);
	}
	run watcher()
}

init
{
	byte i;

	atomic {
		do
		:: i < HOLDERS -> owner[i] = i; run holder(i); i++
		:: i >= HOLDERS && i < HOLDERS + REAPERS -> run reaper(); i++
		:: i == HOLDERS + REAPERS -> break
		od;
#if NEWCOMER
		run newcomer(HOLDERS);
#endif
#if TWIN
		run holder(0);
#endif
		run watcher();
		run killer();
		run judge();
		i = 0
	}
}
