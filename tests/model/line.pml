/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The line: waiters as objects, in an order; each change of the list is an operation that anybody finishes.
 *
 *	ORDER   0 first in first out, 1 last in first out, 2 barging
 *	NEEDS   digits, one a waiter (1 to 3 of them), the last digit is waiter 1's: how many permits it wants
 *	TIMED   bit mask of the waiters that may give up, waiter 1 in bit 0
 *	BACK    bit mask of the waiters that post what they got
 *	AGAIN   bit mask of the waiters that wait once more
 *	QUEUED  bit mask of the waiters that are a queue's: granted, they go to its ready list, from which they are reaped
 *	POSTS   digits, one a poster: how many permits it posts
 *	TAKER   need of a thread that only tries once (0: none)
 *	SHUTTER there is a thread that shuts the line down
 *	LOWER, RAISE   there is a thread that changes the limit by so many: first down, then up
 *	STOP    one thread, any, stops for ever at any step. KILL: it is killed, and a reaper comes, after any while
 *	REAPERS how many come
 *	DEAD    waiter 2 is dead already: it was granted, and waiter 1's entry stood before it then
 *	INITIAL permits at the beginning
 *
 * The word: value, LINE (somebody waits before whom nobody may take), SHUT, SWEEP, and the operation that is under way:
 * its kind, its entry, its number. Links carry the number of the operation that wrote them.
 *
 * One compare-and-swap on the word whose premises were all read since the operation's number was read is one step here,
 * with these reads: had another operation come between, it would fail. So is a read of a link with the look whether the
 * operation is still under way that follows it. Each other atomic operation is a step, as is each call of the kernel.
 * As if sequentially consistent.
 */
#include "common.pml"

#ifndef ORDER
#define ORDER 0
#endif
#ifndef NEEDS
#define NEEDS 11
#endif
#ifndef POSTS
#define POSTS 1
#endif
#ifndef TIMED
#define TIMED 0
#endif
#ifndef BACK
#define BACK 0
#endif
#ifndef AGAIN
#define AGAIN 0
#endif
#ifndef QUEUED
#define QUEUED 0
#endif
#ifndef TAKER
#define TAKER 0
#endif
#ifndef LOWER
#define LOWER 0
#endif
#ifndef RAISE
#define RAISE 0
#endif
/* Mistakes, planted where each stands. */
#ifdef SHUT_QUIET /* a shutdown that nobody is told of */
#define MISTAKE_SHUT_QUIET true
#else
#define MISTAKE_SHUT_QUIET false
#endif
#ifdef LIMIT_QUIET /* waiters that can go on with the new limit aren't told */
#define MISTAKE_LIMIT_QUIET true
#else
#define MISTAKE_LIMIT_QUIET false
#endif
#ifdef LEAVE_EARLY /* a waiter leaves its entry while others are busy with it */
#define MISTAKE_LEAVE_EARLY true
#else
#define MISTAKE_LEAVE_EARLY false
#endif
#ifdef GIVE_APART
#define MISTAKE_GIVE_APART true
#else
#define MISTAKE_GIVE_APART false
#endif
#ifndef REAPERS
#define REAPERS 1
#endif
#ifndef INITIAL
#define INITIAL 0
#endif
#if NEEDS > 99
#define WAITERS 3
#elif NEEDS > 9
#define WAITERS 2
#else
#define WAITERS 1
#endif
#if POSTS > 9
#define POSTERS 2
#elif POSTS > 0
#define POSTERS 1
#else
#define POSTERS 0
#endif
#ifdef SHUTTER
#define SHUTTERS 1
#else
#define SHUTTERS 0
#endif
#define SETTERS (LOWER + RAISE > 0)
#define THREADS (WAITERS + POSTERS + (TAKER > 0) + SHUTTERS + SETTERS)

/* Nodes: 0 the line, 1 to WAITERS an entry for each waiter, ASIDE who wants more than the limit, READY a queue's. */
#define ASIDE (WAITERS + 1)
#define READY (WAITERS + 2)
#define NODES (WAITERS + 3)

/* Kinds of operations; 0: none is under way. */
#define JOIN  1
#define GRANT 2
#define TURN  3 /* turned away: the line is shut */
#define DROP  4 /* of one that gave up */
#define AWAY  5 /* from the line to ASIDE */
#define POP   6 /* off the ready list */
#define GIVE  7 /* of one that was killed after its grant: the permits go back; no list is changed */
#define BACK_TO_LINE 8 /* from ASIDE */

/* States of an entry. */
#define FREE    0
#define WAIT    1
#define GRANTED 2
#define TURNED  3
#define GONE    4 /* gave up, and stands in the line still */
#define OUT     5 /* gave up, and is out of it */
#define GIVEN   6
#define STATE(x) ((x) & 7)
#define SLEEPS   8
#define ROUND    16
#ifdef SAME_ROUND /* mistake: an entry comes back as it was */
#define FREED(x) FREE
#else
#define FREED(x) (((x) & 240) + ROUND)
#endif

/* A link: to where, and the number of the operation that wrote it; the second half of one counts. */
#define LINK(what, tag) ((what) | (tag) << 3)
#define TO(x)  ((x) & 7)
#define TAG(x) ((x) >> 3)
#define FIRST  (2 * kk)
#define SECOND (2 * kk + 1)

short value = INITIAL, limit = INITIAL + 9;
bool line, shut, sweep;
byte kind, slot, k;

byte state[NODES];
short next[NODES], prev[NODES];
byte need[NODES];
bool asleep[NODES];       /* the kernel's */

/* What the judge goes by. */
byte posted, held, through;
byte parked;              /* in entries that were granted, and whose owners haven't taken it */
short moved;              /* by the limit */
byte joined[NODES];       /* the number of its JOIN; 0: not in line, or granted, given up, turned away */
byte owing;               /* bit mask of threads that made something possible and haven't seen to it yet */
byte reaped;

#define MINE         (1 << (_pid - 1))
#define IS_QUEUED(e) ((QUEUED >> ((e) - 1)) & 1)
#define UNDER_WAY    (kind != 0 && k == kk)
#define UNCHANGED    (k == kk && kind == 0 && value == vv && shut == ss && sweep == ww)

#define BEFORE(a, b) (joined[a] > 0 && joined[a] < joined[b])
#if WAITERS == 1
#define ANY(condition) condition(1)
#elif WAITERS == 2
#define ANY(condition) (condition(1) || condition(2))
#else
#define ANY(condition) (condition(1) || condition(2) || condition(3))
#endif
#define IN_LINE(e)   (joined[e] > 0 && need[e] <= limit)
#define OVERTAKEN(e) BEFORE(e, chosen) && need[e] <= limit
#define OLDER(e)     (BEFORE(e, chosen) && need[e] <= value && STATE(state[e]) == WAIT)
#define NEWER(e)     (joined[e] > joined[chosen] && need[e] <= value && STATE(state[e]) == WAIT)

/* Who owed something as this thread began to settle, and hasn't come to owe again since, owes no more. */
byte serving[16];
byte forget;
hidden byte chosen;

#ifdef STOP
#define SERVING serving[_pid] = owing
#define SERVED  owing = owing & ~serving[_pid]; serving[_pid] = 0
#define OWES    owing = owing | MINE; forget = 1; \
	do \
	:: forget <= THREADS -> serving[forget] = serving[forget] & ~MINE; forget++ \
	:: else -> break \
	od; \
	forget = 0
#else
#define SERVING skip
#define SERVED  skip
#define OWES    skip
#endif

/*
 * Makes a link lead elsewhere, if that isn't done and the operation still under way: a look at it, and later the change
 * of what was seen. [code: relink]
 */
#ifdef NO_LOOK /* mistake: changes the link whether or not the operation is still under way */
#define SEES_OVER false
#else
#define SEES_OVER (!UNDER_WAY)
#endif
#define SEE(cell) \
	if \
	:: SEES_OVER -> stale = true; x = 0 \
	:: else -> x = cell \
	fi
#define CHANGE(cell, to, tag) \
	if \
	:: !stale && TAG(x) != (tag) && cell == x -> cell = LINK(to, tag) \
	:: else \
	fi; \
	x = 0
#define RELINK_TWO(one, to_one, two, to_two, tag) \
	atomic { SEE(one) } \
	atomic { CHANGE(one, to_one, tag); SEE(two) } \
	atomic { CHANGE(two, to_two, tag) }

/* The entry's fate, once, between all who help, its owner, and the reaper. [code: decide, next_state] */
inline decide()
{
	do
	:: atomic {
		if
		:: !UNDER_WAY -> stale = true; break
		:: UNDER_WAY && kd == GIVE && STATE(state[s]) == GRANTED -> y = state[s]
		:: UNDER_WAY && kd != GIVE && (STATE(state[s]) == WAIT || STATE(state[s]) == GONE) -> y = state[s]
		:: else -> y = state[s]; break
		fi
	   }
	   atomic {
		if
		:: state[s] == y && STATE(y) == WAIT && kd == GRANT ->
			state[s] = y + (GRANTED - WAIT);
#if ORDER == 0
			assert(!ANY(OVERTAKEN));
#endif
			joined[s] = 0
		:: state[s] == y && STATE(y) == WAIT && kd == TURN -> state[s] = y + (TURNED - WAIT); joined[s] = 0
		:: state[s] == y && STATE(y) == GONE -> state[s] = y + (OUT - GONE)
		:: state[s] == y && STATE(y) == GRANTED && kd == GIVE -> state[s] = (y & 240) + GIVEN
		:: else
		fi
	   }
	od
}

/* Out of the list that it stands in. [code: take_out] */
inline take_out()
{
	atomic {
		if
		:: !UNDER_WAY || TAG(next[s]) == SECOND -> stale = stale || !UNDER_WAY; p = s
		:: else -> p = TO(prev[s]); n = TO(next[s])
		fi;
		if
#ifdef GIVE_LISTED /* mistake: a GIVE takes the entry out of a list if it seems to be in one */
		:: kd == GIVE && p != s && TO(next[p]) != s && TAG(next[p]) != FIRST -> p = s
#else
		:: kd == GIVE -> p = s
#endif
		:: else
		fi
	}
	if
	:: !stale && p != s -> RELINK_TWO(next[p], n, prev[n], p, FIRST)
	:: else
	fi
}

#ifdef ONE_HALF /* mistake: the second half of an operation has the number of the first */
#define SECOND_TAG FIRST
#else
#define SECOND_TAG SECOND
#endif

/* A JOIN, whose owner has prepared its entry's links, to the end of that list. [code: append_joined, hook_in] */
inline append_joined()
{
	atomic {
		list = TO(next[s]);
		if
		:: !UNDER_WAY -> stale = true
		:: UNDER_WAY && TAG(prev[list]) == FIRST -> p = s
		:: else -> p = TO(prev[list])
		fi
	}
	if
	:: !stale && p != s -> RELINK_TWO(next[p], s, prev[list], s, FIRST)
	:: else
	fi
}

/* To the end of `list`: the second half of others. [code: append] */
inline append()
{
	atomic { SEE(next[s]) }
	atomic {
		CHANGE(next[s], list, SECOND_TAG);
		if
		:: stale || !UNDER_WAY -> stale = true
		:: !stale && UNDER_WAY && TAG(prev[list]) == SECOND_TAG -> p = s
		:: else -> p = TO(prev[list])
		fi
	}
	if
	:: !stale && p != s ->
		atomic { SEE(prev[s]) }
		atomic { CHANGE(prev[s], p, SECOND_TAG) }
		if
		:: !stale -> RELINK_TWO(next[p], s, prev[list], s, SECOND_TAG)
		:: else
		fi
	:: else
	fi
}

/* The owner. [code: wake_owner] */
inline wake()
{
	if
	:: atomic { !stale && (y & SLEEPS) && (STATE(y) == GRANTED || STATE(y) == TURNED) -> asleep[s] = false }
	:: else
	fi
}

/* The end of the operation, and its effect on the value. [code: finish_op, word_after] */
inline finish()
{
	atomic {
		if
		:: !stale && UNDER_WAY ->
			assert(kd == kind && s == slot);
			if
#ifdef GRANTED_BLIND /* mistake: takes the permits of one that gave up, too */
			:: kd == GRANT ->
#else
			:: kd == GRANT && STATE(y) == GRANTED ->
#endif
				value = value - need[s];
				assert(value >= 0)
			:: kd == GIVE && STATE(y) == GIVEN -> value = value + need[s]; parked = parked - need[s]
			:: else
			fi;
			if
			:: kd == GRANT && STATE(y) == GRANTED -> parked = parked + need[s]
			:: else
			fi;
			line = (TO(next[0]) != 0);
			assert((TO(next[0]) != 0) == (TO(prev[0]) != 0));
			assert((TO(next[ASIDE]) != ASIDE) == (TO(prev[ASIDE]) != ASIDE));
			kind = 0;
			slot = 0
		:: else
		fi
	}
}

/* Finishes the operation under way, whoever began it. kk, kd, s: as read from the word. [code: line_help, append_to] */
inline help()
{
#ifdef NO_HELP /* mistake: waits until its owner has done it */
	if
	:: s != _pid && kd == JOIN -> !UNDER_WAY; stale = true
	:: else
	fi;
#endif
	if
	:: kd == JOIN && !stale -> append_joined()
	:: kd != JOIN && !stale ->
		if
		:: kd != AWAY && kd != BACK_TO_LINE && kd != POP -> decide()
		:: else -> y = 0
		fi;
#ifndef WAKE_LAST
		wake();
#endif
		take_out();
		if
#ifdef MOVE_BY_STATE /* mistake: the entry says where it is moved to, whose need is another when it gave up */
		:: !stale && (kd == AWAY || kd == BACK_TO_LINE) ->
			list = (need[s] > limit || STATE(state[s]) == GONE -> ASIDE : 0); append()
#else
		:: !stale && (kd == AWAY || kd == BACK_TO_LINE) -> list = (kd == AWAY -> ASIDE : 0); append()
#endif
		:: !stale && (kd == GRANT || kd == TURN || kd == DROP) ->
			if
			:: IS_QUEUED(s) -> list = READY; append()
			:: else
			fi
		:: else
		fi
	:: else
	fi;
	finish();
#ifdef WAKE_LAST /* mistake: the operation is over, and then comes the wake */
	wake();
#endif
	atomic { stale = false; x = 0; y = 0; p = 0; n = 0; list = 0 }
}

/*
 * What is to be done next for the line that the word shows: kd and s. 0: nothing. Read at an instant; the announcement
 * fails if an operation came between. [code: wished] [code: fifo_choose, misplaced]
 * [code: find_in_class, choose_of_classes]
 */
inline choose()
{
	kd = 0;
	s = 0;
	if
	:: own > 0 && STATE(state[own]) == GONE -> kd = DROP; s = own
	:: own > 0 && give && STATE(state[own]) == GRANTED -> kd = GIVE; s = own
	:: own > 0 && give && STATE(state[own]) != GRANTED && STATE(state[own]) >= TURNED &&
	   TO(next[TO(prev[own])]) == own -> kd = POP; s = own
	:: own > 0 && pop && TO(next[READY]) != READY -> kd = POP; s = TO(next[READY])
	:: else ->
#if SETTERS
		/* Who stands in the wrong list, for the limit that there is now. */
		if
		:: ww ->
			x = TO(next[0]);
			do
			:: x != 0 && need[x] > limit -> break
			:: x != 0 && need[x] <= limit -> x = TO(next[x])
			:: else -> break
			od;
			if
			:: x == 0 ->
				x = TO(next[ASIDE]);
				do
				:: x != ASIDE && need[x] <= limit -> break
				:: x != ASIDE && need[x] > limit -> x = TO(next[x])
				:: else -> break
				od
			:: else
			fi;
			if
			:: x != 0 && x != ASIDE && STATE(state[x]) == GONE -> kd = DROP; s = x
			:: x != 0 && x != ASIDE && STATE(state[x]) != GONE ->
				kd = (need[x] > limit -> AWAY : BACK_TO_LINE); s = x
			:: else -> kd = 255
			fi
		:: else
		fi;
#endif
#if ORDER == 1
		x = TO(prev[0]);
#else
		x = TO(next[0]);
#endif
#ifdef NEED_BLIND /* mistake: looks at the end of the line only, whatever the order */
#define ALL false
#else
#define ALL (ORDER != 0)
#endif
		do
		:: kd == 0 && x != 0 && STATE(state[x]) == GONE -> kd = DROP; s = x
		:: kd == 0 && x != 0 && STATE(state[x]) == WAIT && need[x] <= vv -> kd = GRANT; s = x
		:: kd == 0 && x != 0 && STATE(state[x]) == WAIT && need[x] > vv && ALL && ss ->
			kd = TURN; s = x /* in the list of the value's own class */
		:: kd == 0 && x != 0 && STATE(state[x]) == WAIT && need[x] > vv && ALL ->
			x = (ORDER == 1 -> TO(prev[x]) : TO(next[x]))
		:: else -> break
		od;
		if
		:: kd == 0 && ss && TO(next[0]) != 0 ->
			s = TO(next[0]);
			kd = (STATE(state[s]) == GONE -> DROP : TURN)
		:: kd == 0 && ss && TO(next[0]) == 0 && TO(next[ASIDE]) != ASIDE ->
			s = TO(next[ASIDE]);
			kd = (STATE(state[s]) == GONE -> DROP : TURN)
		:: else
		fi;
		x = 0
	fi
}

/* An operation begins, if the word is as it was. [code: line_announce] */
inline announce()
{
	atomic {
		if
		:: UNCHANGED && kd == 255 -> sweep = false; k++
		:: UNCHANGED && kd != 255 ->
#if ORDER > 0
			if
			:: kd == GRANT && STATE(state[s]) == WAIT ->
				chosen = s;
				assert(!(ORDER == 1 && ANY(NEWER)));
				assert(!(ORDER == 2 && ANY(OLDER)));
				chosen = 0
			:: else
			fi;
#endif
			kind = kd; slot = s; k++; kk = k
		:: else -> kd = 255
		fi;
		n = 0; vv = 0; ss = false; ww = false
	}
}

/* Whoever made something possible comes here afterwards; finishes also what others began. [code: line_settle_with] */
inline settle()
{
	do
	:: atomic {
		kk = k; kd = kind; s = slot; vv = value; ss = shut; ww = sweep;
		SERVING;
		if
		:: kd != 0 -> vv = 0; ss = false; ww = false
		:: kd == 0 && vv <= 0 && !ss && !ww && !(own > 0 && (STATE(state[own]) == GONE || give || pop)) -> SERVED; break
		:: else ->
			choose();
			if
			:: kd == 0 -> SERVED; break
			:: else -> n = 1
			fi
		fi
	   }
	   if
	   :: n == 1 -> announce()
	   :: else
	   fi;
	   if
	   :: kd != 255 -> help()
	   :: else
	   fi
#ifdef ONE_ONLY /* mistake: looks for one that can go on, not for all */
	   if
	   :: own == 0 && kd != 255 -> break
	   :: else
	   fi
#endif
#ifdef CANCEL_SILENT /* mistake: a waiter gives up and passes nothing on */
	   if
	   :: own > 0 && kd == DROP -> break
	   :: else
	   fi
#endif
	od;
	atomic { kk = 0; kd = 0; s = 0; vv = 0; ss = false; ww = false; n = 0 }
}

/* settle() stands once in a process, at its end, so that the verifier stays small; this goes there and comes back. */
#define SETTLE(n) \
	atomic { ret = n; goto settling }; \
after##n: \
	ret = 0
#define SETTLING(n) :: ret == n -> goto after##n

#define LOCALS \
	byte kk, kd, s, p, n, y, own, list, ret; \
	short x, vv; \
	bool stale, ss, ww, give, pop

/* [code: line_post] */
inline post(by)
{
	atomic {
		value = value + by;
		posted = posted + by;
		if
		:: line || kind != 0 || shut || sweep -> OWES; s = 1
		:: else
		fi
	}
	if
	:: s == 1 -> s = 0; SETTLE(1)
	:: else
	fi
}

proctype poster(byte by) RUNS
{
	LOCALS;

	post(by);
	through++;
	goto over;
settling:
	settle();
	if
	SETTLING(1)
	fi;
over:	skip
}

/* [code: line_shutdown] */
proctype shutter() RUNS
{
	LOCALS;

	atomic { shut = true; OWES }
	if
	:: !MISTAKE_SHUT_QUIET -> SETTLE(1)
	:: else
	fi;
	through++;
	goto over;
settling:
	settle();
	if
	SETTLING(1)
	fi;
over:	skip
}

/* [code: line_set_limit] */
proctype setter() RUNS
{
	LOCALS;
	short by = (LOWER -> -LOWER : RAISE);

	do
	:: by == 0 -> break
	:: else ->
		atomic { kk = k; kd = kind; vv = value; ss = shut; ww = sweep }
		if
		:: kd != 0 -> SETTLE(1)
		:: else ->
			atomic {
				if
				:: UNCHANGED ->
					limit = limit + by; value = value + by; moved = moved + by;
					k++; sweep = (ORDER == 0); OWES;
					by = (by < 0 && RAISE -> RAISE : 0); ret = 2
				:: else
				fi
			}
			if
			:: ret == 2 ->
				ret = 0;
				if
				:: !MISTAKE_LIMIT_QUIET -> SETTLE(2)
				:: else
				fi
			:: else
			fi
		fi
	od;
	through++;
	goto over;
settling:
	settle();
	if
	SETTLING(1)
	SETTLING(2)
	fi;
over:	skip
}

#ifdef BARGE /* mistake: a permit is taken whoever is in line */
#define CAN_TAKE(by) (kind == 0 && value >= (by))
#else
#ifdef TAKE_BESIDE /* mistake: a permit is taken while another is being granted */
#define CAN_TAKE(by) (value >= (by) && (ORDER != 0 || !line))
#else
#define CAN_TAKE(by) (kind == 0 && value >= (by) && (ORDER != 0 || !line))
#endif
#endif

/* Tries once. Where somebody seems to be in line it settles first: they may all have given up. [code: line_try, settled_word] */
proctype taker(byte by) RUNS
{
	LOCALS;

	if
	:: line || kind != 0 -> SETTLE(1)
	:: else
	fi;
	atomic {
		if
		:: CAN_TAKE(by) ->
			assert(ORDER != 0 || !ANY(IN_LINE));
			value = value - by;
			held = held + by
		:: else
		fi;
		through++
	}
	goto over;
settling:
	settle();
	if
	SETTLING(1)
	fi;
over:	skip
}

/* [code: line_enter, try_enter, next_of, line_prepare, line_arm, line_leave, try_leave] */
proctype waiter(byte timed, back, again) RUNS
{
	LOCALS;
	byte z;
	bool got;

begin:
	do
	:: atomic {
		kk = k; kd = kind; vv = value; ss = shut; ww = sweep;
		if
		:: CAN_TAKE(need[_pid]) ->
			assert(ORDER != 0 || !ANY(IN_LINE));
			value = value - need[_pid];
			held = held + need[_pid];
			got = true;
			kk = 0; kd = 0; vv = 0; ss = false; ww = false;
			goto done
		:: !CAN_TAKE(need[_pid]) && kd == 0 && ss && !line -> kk = 0; vv = 0; ss = false; ww = false; goto done
		:: !CAN_TAKE(need[_pid]) && (kd != 0 || (ss && line)) -> kd = 255
		:: else ->
			/* The entry is prepared for the operation's number that comes next; nobody knows of it yet. */
			p = (need[_pid] > limit && ORDER == 0 -> ASIDE : 0);
			state[_pid] = (state[_pid] & 240) + WAIT;
			next[_pid] = LINK(p, 2 * (kk + 1));
			prev[_pid] = LINK(TO(prev[p]), 2 * (kk + 1));
			p = 0
		fi
	   }
	   if
	   :: kd == 255 -> SETTLE(1)
	   :: else ->
		atomic {
			if
			:: UNCHANGED ->
				kind = JOIN; slot = _pid; k++;
				joined[_pid] = k;
				OWES;
				kk = 0; kd = 0; vv = 0; ss = false; ww = false;
				break
			:: else
			fi
		}
	   fi
	od;
	SETTLE(2);
	do
	:: atomic { z = state[_pid] }
	   if
	   :: atomic {
		STATE(z) == WAIT && !(z & SLEEPS) ->
		if
		:: state[_pid] == z ->
#ifdef SLEEPS_UNSAID /* mistake: goes to sleep and the entry doesn't say so */
			asleep[_pid] = true
#else
			state[_pid] = z | SLEEPS
#endif
		:: else
		fi
	      }
#ifdef SLEEPS_UNSAID
	      !asleep[_pid]
#endif
	   :: atomic {
		STATE(z) == WAIT && (z & SLEEPS) ->
		if
#ifdef SLEEP_BLIND /* mistake: sleeps whatever the entry is by then */
		:: true -> asleep[_pid] = true
#else
		:: state[_pid] == z -> asleep[_pid] = true
		:: else
#endif
		fi
	      }
	      if
	      :: !asleep[_pid]
	      :: atomic { timed && asleep[_pid] -> asleep[_pid] = false }
		 if
#ifdef CANCEL_BLIND /* mistake: gives up without looking whether it was granted */
		 :: atomic { true ->
#else
		 :: state[_pid] != z
		 :: atomic { state[_pid] == z ->
#endif
			state[_pid] = (z & 240) + GONE; joined[_pid] = 0; OWES; own = _pid }
		    SETTLE(3);
		    own = 0
		 fi
	      fi
	   :: else ->
		/* The operation that decided may be under way still, and others look at the entry. */
		if
		:: kind != 0 && slot == _pid && !MISTAKE_LEAVE_EARLY -> SETTLE(4)
		:: else
		fi;
		break
	   fi
	od;
	/* A queue reaps its entries off the ready list. */
	if
	:: IS_QUEUED(_pid) ->
		assert(TO(next[READY]) != READY);
		own = _pid; pop = true; SETTLE(5); pop = false; own = 0
	:: else
	fi;
	atomic {
		got = (STATE(z) == GRANTED);
		held = held + (got -> need[_pid] : 0);
		parked = parked - (got -> need[_pid] : 0);
		assert(STATE(z) == STATE(state[_pid]));
		state[_pid] = FREED(z);
		z = 0
	}
done:
	if
	:: got && back -> atomic {
			value = value + need[_pid];
			held = held - need[_pid];
			if
			:: line || kind != 0 || shut || sweep -> OWES; s = 1
			:: else
			fi
		}
		if
		:: s == 1 -> s = 0; SETTLE(6)
		:: else
		fi
	:: else
	fi;
	atomic {
		got = false;
		if
		:: again > 0 -> again--; goto begin
		:: else -> through++
		fi
	};
	goto over;
settling:
	settle();
	if
	SETTLING(1)
	SETTLING(2)
	SETTLING(3)
	SETTLING(4)
	SETTLING(5)
	SETTLING(6)
	fi;
over:	skip
}

#ifdef KILL
/* Comes some while after a thread was killed, and settles what it had in the line. [code: reap_step, is_in_list] */
proctype reaper()
{
	LOCALS;
	byte z;

	stopped > 0;
	if
	:: stopped > WAITERS -> goto gone
	:: else
	fi;
	do
	:: atomic { kk = k; kd = kind; s = slot; vv = value; ss = shut; ww = sweep }
	   if
	   :: kd != 0 -> kd = 0; SETTLE(1)
	   :: else ->
		z = state[stopped];
		/*
		 * Does it stand in a list? If not, it never will: its owner is gone. And is no operation under way that
		 * looks at it?
		 */
		n = (kind != 0 -> 2 : TO(next[TO(prev[stopped])]) == stopped);
#ifdef FREE_EARLY /* mistake: an entry is let go while an operation on it is under way */
		n = (n == 2 -> 0 : n);
#endif
		if
		:: STATE(z) == FREE -> break
		:: STATE(z) == WAIT || STATE(z) == GONE ->
#ifdef REAP_UNLINKED /* mistake: what was never in line is taken out of it */
			if
			:: n == 0 -> n = 1
			:: else
			fi;
#endif
			if
			:: n == 2
			:: n == 1 && STATE(z) == WAIT ->
				atomic {
					if
					:: state[stopped] == z ->
						state[stopped] = (z & 240) + GONE; joined[stopped] = 0
					:: else
					fi
				}
			:: n == 1 && STATE(z) == GONE -> own = stopped; SETTLE(2); own = 0
			:: n == 0 ->
				atomic {
					if
					:: state[stopped] == z -> state[stopped] = FREED(z)
					:: else
					fi
				}
			fi
		:: STATE(z) == GRANTED ->
			if
			/* mistake: the entry is let go, and then its permits are posted */
			:: MISTAKE_GIVE_APART ->
				atomic {
					if
					:: state[stopped] == z ->
						state[stopped] = FREED(z); parked = parked - need[stopped]; n = 3
					:: else
					fi
				}
				if
				:: n == 3 -> value = value + need[stopped]
				:: else
				fi
			:: else -> own = stopped; give = true; SETTLE(3); give = false; own = 0
			fi
		:: else ->
			if
			:: n == 1 -> own = stopped; give = true; SETTLE(5); give = false; own = 0
			:: n != 1 ->
				atomic {
					if
					:: n == 0 && state[stopped] == z -> state[stopped] = FREED(z)
					:: else
					fi
				}
			fi
		fi;
		atomic { z = 0; n = 0 }
	   fi
	od;
	SETTLE(4);
gone:	reaped++;
	goto over;
settling:
	settle();
	if
	SETTLING(1)
	SETTLING(2)
	SETTLING(3)
	SETTLING(4)
	SETTLING(5)
	fi;
over:	skip
}
#endif

/* When nothing can go on any more. */
proctype judge()
{
	byte e, live, members;
	short x;

	timeout;
	d_step {
		/*
		 * Who stopped may have made something possible that nobody has seen to since: a post, a place given up. For
		 * that, sleepers look by themselves, and any later post. An operation that it had begun is anybody's; the
		 * judge lets it be.
		 */
		assert(INITIAL + posted + moved == value + held + parked);
		/* What was granted and not taken lies in the entry of the one that stopped, before it was killed. */
		if
		:: stopped > 0 && stopped <= WAITERS && STATE(state[stopped]) == GRANTED && kind == 0 -> live = need[stopped]
		:: else
		fi;
		assert(parked == live || kind != 0);
		live = 0;
#ifdef KILL
		assert(reaped == REAPERS);
		assert(stopped == 0 || stopped > WAITERS || STATE(state[stopped]) == FREE);
#endif
		assert(kind == 0 || owing);
		e = 1;
		do
		:: e <= WAITERS ->
			if
			:: asleep[e] && e != stopped ->
				live++;
				assert(kind != 0 || STATE(state[e]) == WAIT);
				if
#if ORDER == 0
				:: joined[e] > 0 && TO(prev[e]) == 0 -> assert(owing || (value < need[e] && !shut))
#else
				:: joined[e] > 0 -> assert(owing || (value < need[e] && !shut))
#endif
				:: else -> assert(owing || !shut)
				fi
			:: else
			fi;
			e++
		:: else -> break
		od;
		/* The lists are whole. */
		if
		:: kind == 0 ->
			x = TO(next[0]);
			do
			:: x != 0 -> members++; assert(members <= WAITERS && TO(prev[TO(next[x])]) == x); x = TO(next[x])
			:: else -> break
			od;
			x = TO(next[ASIDE]);
			do
			:: x != ASIDE -> members++; assert(members <= WAITERS && TO(prev[TO(next[x])]) == x); x = TO(next[x])
			:: else -> break
			od;
			e = 1;
			do
			:: e <= WAITERS ->
				members = members - (STATE(state[e]) == GONE || (STATE(state[e]) == WAIT && joined[e] > 0));
				e++
			:: else -> break
			od;
			assert(members == 0);
			x = TO(next[READY]);
			do
			:: x != READY -> assert(TO(prev[TO(next[x])]) == x); x = TO(next[x])
			:: else -> break
			od;
			assert(TO(prev[READY]) == READY || TO(next[READY]) != READY);
			assert(line == (TO(next[0]) != 0))
		:: else
		fi;
		assert(through + live + (stopped > 0) >= THREADS)
	}
}

init
{
	byte i;

	atomic {
		next[ASIDE] = ASIDE; prev[ASIDE] = ASIDE;
		next[READY] = READY; prev[READY] = READY;
		need[1] = NEEDS % 10;
#if WAITERS > 1
		need[2] = (NEEDS / 10) % 10;
#endif
#if WAITERS > 2
		need[3] = NEEDS / 100;
#endif
#ifdef LIMIT
		limit = LIMIT;
#endif
		i = 0;
		do
		:: i < WAITERS -> run waiter((TIMED >> i) & 1, (BACK >> i) & 1, (AGAIN >> i) & 1); i++
		:: else -> break
		od;
#if POSTERS > 0
		run poster(POSTS % 10);
#endif
#if POSTERS > 1
		run poster(POSTS / 10);
#endif
#if TAKER > 0
		run taker(TAKER);
#endif
#ifdef SHUTTER
		run shutter();
#endif
#if SETTERS
		run setter();
#endif
#ifdef DEAD
		state[2] = GRANTED; prev[2] = LINK(1, 0); next[2] = LINK(0, 0);
		posted = need[2]; parked = need[2];
		stopped = 2;
#endif
#if defined(STOP) && !defined(DEAD)
		run stopper(THREADS);
#endif
#ifdef KILL
		i = 0;
		do
		:: i < REAPERS -> run reaper(); i++
		:: else -> break
		od;
#endif
		run judge();
		i = 0
	}
}
