/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the reader of a completion queue learns that there is something to reap.
 *
 * TELLERS threads decide a wait each, of one of SOURCES sources in turn, and tell the queue. One reader reaps, up to ROOM
 * completions at a time, and sleeps on the descriptor: while it isn't readable, or, with EDGE, until the next edge. STOP:
 * one thread, any, stops for ever, anywhere.
 *
 * Steps are single operations on shared memory, and system calls. Orders: as if sequentially consistent.
 *
 * What is shown: every run ends, so the descriptor isn't readable for ever with nothing to reap; and when nothing can go
 * on any more, the reader has all completions, but for that of a thread that has stopped.
 */
#include "common.pml"

#ifndef TELLERS
#define TELLERS 2
#endif
#ifndef SOURCES
#define SOURCES 1
#endif
#ifndef ROOM
#define ROOM 9
#endif
#define READER (TELLERS + 1)

byte ready[SOURCES];                /* what is on the ready list */
bool mark[SOURCES], group;
byte cleared;                       /* the state: how often, and told */
bool told;
bool readable, edge;                /* the eventfd */
byte reaped, returned;

/* [code: notify_tell] */
inline tell()
{
	atomic { saw = cleared; saw_told = told };
tell_again:
	if
	:: saw_told
	:: else ->
#ifdef TOLD_FIRST
		atomic { told = told || cleared == saw };
#endif
		atomic { readable = true; edge = true };
#ifdef GENERATION_IGNORED
		told = true
#else
		atomic { told = told || cleared == saw }
#endif
	fi;
	atomic { saw = 0; saw_told = false }
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

/* [code: ring_tell] */
proctype teller(byte s) RUNS
{
	byte saw;
	bool saw_told;

#ifdef STATE_FIRST
	atomic { saw = cleared; saw_told = told };
#endif
	ready[s]++;
	mark_source(s);
marked:
#ifdef STATE_FIRST
	goto tell_again;
#endif
	tell();
	returned++
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
	:: live && n < ROOM && ready[s] > 0 -> atomic { ready[s]--; reaped++; n++ }
	:: else -> break
	od;
	live = live && ready[s] > 0
}

/* [code: notify_clear] */
inline clear()
{
	if
#ifdef TOLD_ONLY
	:: told ->
#else
	:: told || n == 0 ->
#endif
#ifdef CLEARED_BEFORE
		atomic { cleared++; told = false };
		readable = false
#else
		readable = false;
		atomic { cleared++; told = false }
#endif
	:: else
	fi
}

/* [code: queue_reap, take_all] */
inline reap()
{
	n = 0;
	do
	:: true ->
		take_marks();
		take_ready(0, live0);
#if SOURCES > 1
		take_ready(1, live1);
#endif
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
#ifndef LEFT_UNTOLD
	if
	:: live0 || live1 -> tell()
#ifndef LOOKED_BEFORE
	:: group -> tell()
#endif
	:: else
	fi
#endif
}

proctype reader() RUNS
{
	byte n, saw;
	bool live0, live1, was, saw_told;

	do
	:: reaped == TELLERS -> break
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
		:: i < TELLERS -> run teller(i % SOURCES); i++
		:: else -> break
		od;
		run reader();
#ifdef STOP
		run stopper(READER)
#endif
	};
	timeout;
	assert(reaped == TELLERS || stopped == READER ||
		(stopped != 0 && returned < TELLERS && reaped + 1 == TELLERS))
}
