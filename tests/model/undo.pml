/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Permits that come back when their holder is killed: the ledger of a line.
 *
 * HOLDERS processes take and give back, OPS times each as they like; each has an account. The first is killed at any
 * step, or lives. REAPERS other processes each look once for the dead, and give back what their accounts say; with
 * KILL2, one of the reapers is killed, too. NEWCOMER: a process that comes late may get the account of the dead. FORKS
 * times a signal handler interrupts a change of a holder, at any step, and forks; the child goes on in the change, too.
 *
 * The word names the last change: of which account, of what kind, and its number. The account is written after the
 * word, by whoever comes: before anybody changes the word again, the account has the number of the change that it
 * names. One step is one atomic operation; a compare-and-swap of the word, or of an account, is one. Orders: as if
 * sequentially consistent.
 *
 * What is shown: at any instant the value, and what accounts and the word say that the living hold, make up the limit,
 * and for each process that is what it holds; the dead one's permits go back once; every run ends, whoever is killed.
 */
#define ALL      (HOLDERS + NEWCOMER)
#define NOBODY   255
#define WORD_IS  (word_number == q && word_value == v)

byte word_value = LIMIT, word_kind, word_slot, word_number; /* the word: one compare-and-swap changes all of it */
mtype = { NOTHING, TOOK, GAVE, UNDONE };

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
#define HOLDS(s) (!NAMED(s) -> held[s] : \
	(word_kind == TOOK -> held[s] + 1 : (word_kind == GAVE -> held[s] - 1 : 0)))

#define READ_WORD atomic { v = word_value; k = word_kind; s = word_slot; q = word_number }

/* Writes the account that the word names, of which v, k, s, q were read. [code: ledger_write_named] */
inline complete()
{
#ifndef COMPLETES_NOTHING
	do
	:: atomic { /* The account. */
			h = held[s]; n = number[s];
#ifdef NUMBER_IGNORED
			over = k == NOTHING
#else
			over = k == NOTHING || n == q
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
				held[s] = (k == TOOK -> h + 1 : (k == GAVE -> h - 1 : 0));
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
	word_kind = NOTHING; word_number++
#else
	skip
#endif
}

/* The handler may fork here. [code: calls_before_fork] */
inline may_fork(what, place)
{
#if FORKS
	if
	:: atomic {
			forks > 0 -> forks--;
			take_up_number();
			children++;
			run child(account, round, what, place, v, k, s, q)
		}
	:: skip
	fi
#else
	skip
#endif
}

/* One change of the caller's own account. [code: try_change, ledger_see, ledger_name] */
inline change(what)
{
	do
	:: READ_WORD;
		may_fork(what, 1); /* the child has asked, and goes on: before, it would have left */
		complete();
		atomic { h = held[account]; assert(uses[account] == round && !closed[account]) } /* it lives */
		may_fork(what, 2);
		atomic {
			if
			:: WORD_IS && what == TOOK && v == 0 -> break /* EAGAIN */
			:: WORD_IS && what == GAVE && h == 0 -> assert(has[me] == 0); break /* EPERM */
			:: WORD_IS && (what == TOOK && v > 0 || what == GAVE && h > 0) ->
				word_value = (what == TOOK -> v - 1 : v + 1);
				word_kind = what; word_slot = account; word_number++;
				has[me] = (what == TOOK -> has[me] + 1 : has[me] - 1);
				break
			:: else
			fi
		}
	od;
	READ_WORD;
	may_fork(what, 3);
	complete();
	atomic { v = 0; k = 0; s = 0; q = 0 }
}

#if FORKS
/*
 * A fork's child that goes on in its parent's change, from that place on, with what the parent had read. What it does to
 * the word, the parent doesn't know. [code: try_change, call_is_left]
 */
proctype child(byte account, round, what, place, v, k, s, q)
{
	byte h, n;
	bool over;

	do
	:: place == 3 -> complete(); break
	:: place < 3 ->
		if
		:: place == 1 -> complete()
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
			:: WORD_IS && (what == TOOK && v > 0 || what == GAVE && h > 0) ->
				word_value = (what == TOOK -> v - 1 : v + 1);
				word_kind = what; word_slot = account; word_number++;
				place = 3
			:: WORD_IS && (what == TOOK && v == 0 || what == GAVE && h == 0) -> break
			:: else -> place = 0
			fi
		}
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
	atomic { place = 0; v = 0; k = 0; s = 0; q = 0; h = 0; n = 0; children-- }
}
#endif

proctype holder(byte me) RUNS
{
	byte account = me, round, ops = OPS, v, k, s, q, h, n;
	bool over;

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
	byte round, v, k, s, q, h, n;
	byte account; /* of the dead: the first */
	bool over;

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
		complete();
		h = held[account];
#endif
		atomic {
			if
#ifndef ROUND_IGNORED
			:: uses[account] != round -> break /* another did it all */
			:: uses[account] == round && closed[account] -> break
			:: uses[account] == round && !closed[account] && WORD_IS ->
#else
			:: closed[account] -> break
			:: !closed[account] && WORD_IS ->
#endif
				word_value = v + h;
				word_kind = UNDONE; word_slot = account; word_number++;
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
	atomic { v = 0; k = 0; s = 0; q = 0; h = 0; through++ }
}

/* Takes a permit by the account that the dead one had, if that is free. [code: account_open] */
proctype newcomer(byte me) RUNS
{
	byte account, round, v, k, s, q, h, n;
	bool over;

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
	atomic { killed = killed | 2 }
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
		deaths = (killed & 2 -> 1 : 0);
#ifdef KILL2
		deaths = deaths + 1;
#endif
		assert(through + deaths >= HOLDERS + REAPERS + NEWCOMER);
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
		run watcher();
		run killer();
		run judge();
		i = 0
	}
}
