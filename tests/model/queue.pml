/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the reader of a completion queue learns that there is something to reap.
 *
 * NOTIFIERS threads decide a wait each, of one of SOURCES sources in turn, and notify the queue. One reader reaps, up to
 * ROOM completions at a time, and sleeps on the descriptor: while it isn't readable, or, with EDGE, until the next edge.
 * STOP: one thread, any, stops for ever, anywhere.
 *
 * SUBMITTERS threads submit a wait each that takes its permits at once. They and the reader have the queue's lock.
 * Nobody stops who has it, so no submitter does.
 *
 * Steps are single operations on shared memory, and system calls. Orders: as if sequentially consistent.
 *
 * What is shown: every run ends, so the descriptor isn't readable for ever with nothing to reap; and when nothing can go
 * on any more, the reader has all completions, but for that of a thread that has stopped.
 */
#include "common.pml"

#ifndef NOTIFIERS
#define NOTIFIERS 2
#endif
#ifndef SOURCES
#define SOURCES 1
#endif
#ifndef ROOM
#define ROOM 9
#endif
#ifndef SUBMITTERS
#define SUBMITTERS 0
#endif
#define READER (NOTIFIERS + 1)
#define ALL    (NOTIFIERS + SUBMITTERS)

byte ready[SOURCES];                /* what is on the ready list */
bool locked;                        /* the queue's lock, under which are the next two */
byte done[SOURCES];                 /* what is on the source's own list */
bool live0, live1;                  /* is the source on the list of active ones? */
bool mark[SOURCES], group;
byte cleared;                       /* the state: how often it was cleared, */
bool is_set;                        /* and whether the eventfd was written to since */
bool readable, edge;                /* the eventfd */
byte reaped, returned;

/* [code: notify_set] */
inline notify()
{
	atomic { saw = cleared; saw_set = is_set };
notify_again:
	if
	:: saw_set
	:: else ->
#ifdef SET_FIRST
		atomic { is_set = is_set || cleared == saw };
#endif
		atomic { readable = true; edge = true };
#ifdef GENERATION_IGNORED
		is_set = true
#else
		atomic { is_set = is_set || cleared == saw }
#endif
	fi;
	atomic { saw = 0; saw_set = false }
}

/* [code: sources_mark] */
inline mark_source(s)
{
#ifdef MARKED_IS_ENOUGH
	if
	:: mark[s] -> goto marked
	:: else
	fi;
#endif
	mark[s] = true;
	if
	:: group
	:: else -> group = true
	fi
}

/* [code: source_notify] */
proctype notifier(byte s) RUNS
{
	byte saw;
	bool saw_set;

#ifdef STATE_FIRST
	atomic { saw = cleared; saw_set = is_set };
#endif
	ready[s]++;
	mark_source(s);
marked:
#ifdef STATE_FIRST
	goto notify_again;
#endif
	notify();
	returned++
}

inline lock()
{
	atomic { !locked -> locked = true }
}

/* [code: source_activate] */
inline activate(s)
{
	if
	:: s == 0 -> live0 = true
	:: else -> live1 = true
	fi
}

/* [code: begin_wait, end_at_once, may_take, source_notify_locked] */
proctype submitter(byte s)
{
	byte saw;
	bool saw_set;

	lock();
	atomic { done[s] = done[s] + ready[s]; ready[s] = 0 };
	done[s]++;
#ifdef TAKEN_UNMARKED
	skip;
#else
	activate(s);
#endif
#ifndef TAKEN_UNNOTIFIED
	notify();
#endif
	locked = false
}

/* [code: sources_take_marks] */
inline take_marks()
{
#ifdef GROUP_LAST
	atomic { live0 = live0 || mark[0]; mark[0] = false };
#if SOURCES > 1
	atomic { live1 = live1 || mark[1]; mark[1] = false };
#endif
	group = false
#else
	atomic { was = group; group = false };
	if
	:: was ->
		atomic { live0 = live0 || mark[0]; mark[0] = false };
#if SOURCES > 1
		atomic { live1 = live1 || mark[1]; mark[1] = false }
#endif
	:: else
	fi
#endif
}

/* [code: take_from, has_more] */
inline take_ready(s, live)
{
	do
	:: live && n < ROOM && done[s] > 0 -> atomic { done[s]--; reaped++; n++ }
	:: live && n < ROOM && done[s] == 0 && ready[s] > 0 -> atomic { ready[s]--; reaped++; n++ }
	:: else -> break
	od;
	live = live && (done[s] > 0 || ready[s] > 0)
}

/* [code: notify_clear] */
inline clear()
{
	if
#ifdef SET_ONLY
	:: is_set ->
#else
	:: is_set || n == 0 ->
#endif
#ifdef CLEARED_BEFORE
		atomic { cleared++; is_set = false };
		readable = false
#else
		readable = false;
		atomic { cleared++; is_set = false }
#endif
	:: else ->
#ifdef LATE_ALLOWED
		skip
#else
		atomic { cleared++; is_set = false }
#endif
	fi
}

/* [code: queue_reap, take_all] */
inline reap()
{
	lock();
	n = 0;
	do
	:: true ->
		take_marks();
		do
		:: (live0 || live1) && n < ROOM ->
			take_ready(0, live0);
#if SOURCES > 1
			take_ready(1, live1)
#else
			skip
#endif
		:: else -> break
		od;
		if
		:: live0 || live1 -> break
		:: else
		fi;
#ifdef LOOKED_BEFORE
		was = group;
		clear();
		if
		:: was && n < ROOM
		:: else -> break
		fi
#else
		clear();
		if
		:: group && n < ROOM
		:: else -> break
		fi
#endif
	od;
#ifndef LEFT_UNNOTIFIED
	if
	:: live0 || live1 -> notify()
#ifndef LOOKED_BEFORE
	:: group -> notify()
#endif
	:: else
	fi;
#endif
	locked = false
}

proctype reader() RUNS
{
	byte n, saw;
	bool was, saw_set;

	do
	:: reaped == ALL -> break
	:: else ->
#ifdef EDGE
		atomic { edge -> edge = false };
		n = ROOM;
		do
		:: n == ROOM -> reap()
		:: else -> break
		od
#else
		readable;
		reap()
#endif
	od
}

init
{
	byte i;

	atomic {
		do
		:: i < NOTIFIERS -> run notifier(i % SOURCES); i++
		:: else -> break
		od;
		run reader();
		i = 0;
		do
		:: i < SUBMITTERS -> run submitter(i % SOURCES); i++
		:: else -> break
		od;
#ifdef STOP
		run stopper(READER)
#endif
	};
	timeout;
	assert(reaped == ALL || stopped == READER ||
		(stopped != 0 && returned < NOTIFIERS && reaped + 1 == ALL))
}
