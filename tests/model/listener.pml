/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a queue's listener learns of what other OS processes put on the ready lists of the queue.
 *
 * POSTERS threads of other processes each grant a wait of one of LISTS lines in turn, by an operation that any thread
 * finishes that comes next. The listener marks what is new, and sleeps on all lists. One reader, in the listener's
 * process, reaps what was marked, and looks at all lists then. STOP: a poster, any, stops for ever, anywhere.
 *
 * Steps are single operations on shared memory, and system calls. The queue's lock makes one step of what listener and
 * reader do under it to the queue's own data. How the reader learns of marks is queue.pml's business: here it sleeps
 * until there is one. A listener that looks by itself, as it does now and then, is only let do so for the operation of a
 * poster that has stopped. Orders: as if sequentially consistent.
 *
 * What is shown: every run ends, and when nothing can go on any more, the reader has all that was granted. `another`
 * stands for a listener that still sleeps where its own list's head was: heads are used again.
 */
#include "common.pml"

#ifndef POSTERS
#define POSTERS 2
#endif
#ifndef LISTS
#define LISTS 1
#endif

/* Of each line: a wait's number is that of its grant. */
byte op[LISTS];                     /* the grant under way; 0: none */
byte granted[LISTS], listed[LISTS], popped[LISTS];
bool asleep[LISTS];                 /* the listener, in the kernel's queue of that word */
bool another[LISTS] = true;         /* ahead of it, the listener of another queue, which had this list's head before */

bool lock;                          /* the queue's */
bool marked[LISTS];
byte ready_seen[LISTS], expected[LISTS];

#define EMPTY 100                   /* an empty list's link differs after each wait that was taken off */
#define link(j) (popped[j] == listed[j] -> EMPTY + popped[j] : popped[j] + 1)
#define is_new(j) (popped[j] < listed[j] && ready_seen[j] != link(j))

inline wake(j)
{
#ifdef WAKE_ONE
	atomic {
		if
		:: another[j] -> another[j] = false
		:: else -> asleep[j] = false
		fi
	}
#else
	atomic { another[j] = false; asleep[j] = false }
#endif
}

/* [code: wake_queue, notify_queue] */
inline wake_listener(j, which)
{
	if
	:: op[j] == which ->
		if
		:: link(j) == which -> wake(j)
		:: else
		fi
	:: else
	fi
}

inline append_it(j, which)
{
	atomic {
		if
		:: op[j] == which && listed[j] < which -> listed[j] = which
		:: else
		fi
	}
}

inline finish(j, which)
{
	atomic {
		if
		:: op[j] == which -> op[j] = 0
		:: else
		fi
	}
}

/* [code: help] */
inline help_with(j, which)
{
#ifdef NO_WAKE
	append_it(j, which);
	finish(j, which)
#else
#ifdef WAKE_FIRST
	wake(j);
	append_it(j, which);
	finish(j, which)
#else
#ifdef WAKE_LAST
	append_it(j, which);
	finish(j, which);
	wake(j)
#else
	append_it(j, which);
	wake_listener(j, which);
	finish(j, which)
#endif
#endif
#endif
}

/* Finishes the operation that is under way, if there is one. */
inline help_first(j)
{
	do
	:: atomic { op[j] != 0 -> under_way = op[j] };
		help_with(j, under_way);
		under_way = 0
	:: op[j] == 0 -> break
	od
}

proctype poster(byte j) RUNS
{
	byte own, under_way;

	do
	:: own == 0 ->
		help_first(j);
		atomic {
			if
			:: op[j] == 0 -> granted[j]++; own = granted[j]; op[j] = own
			:: else
			fi
		}
	:: else -> break
	od;
	help_with(j, own)
}

inline take_lock()
{
	atomic { !lock -> lock = true }
}

/* [code: find_news, look_at_ready_list, notify_of_news, scan_sources] */
inline scan(j)
{
	atomic {
		expected[j] = link(j);
#ifdef KNOWN_BY_EMPTINESS
		if
		:: popped[j] < listed[j] && ready_seen[j] == 0 -> ready_seen[j] = 1; marked[j] = true
		:: popped[j] == listed[j] -> ready_seen[j] = 0
		:: else
		fi
#else
		if
		:: is_new(j) -> ready_seen[j] = link(j); marked[j] = true
		:: else
		fi
#endif
	}
#ifdef READ_TWICE
	expected[j] = link(j)
#endif
}

/* The kernel looks at one word after another. */
inline sleep_on(j)
{
	atomic {
		if
		:: link(j) == expected[j] -> asleep[j] = true
		:: else -> goto awake
		fi
	}
}

#if LISTS > 1
#define sleeps (asleep[0] && asleep[1])
#define op_stopped (stopped > 0 && (op[0] != 0 || op[1] != 0))
#define any_marked (marked[0] || marked[1])
#else
#define sleeps asleep[0]
#define op_stopped (stopped > 0 && op[0] != 0)
#define any_marked marked[0]
#endif

/* [code: listen_once, listen, line_ready_futex, listener_add] */
proctype listener()
{
	byte under_way;

	do
	:: true ->
		take_lock();
		scan(0);
#if LISTS > 1
		scan(1);
#endif
		lock = false;
		sleep_on(0);
#if LISTS > 1
		sleep_on(1);
#endif
		if
		:: !sleeps
		:: sleeps && op_stopped -> /* the look that comes once a second */
			help_first(0);
#if LISTS > 1
			help_first(1)
#endif
		fi;
awake:		atomic {
			asleep[0] = false;
#if LISTS > 1
			asleep[1] = false
#endif
		}
	od
}

/* Takes one off. */
inline pop(j)
{
	help_first(j);
	atomic {
		if
		:: op[j] == 0 && popped[j] < listed[j] -> popped[j]++
		:: else
		fi
	}
}

/* [code: listener_look, take_from, has_more] */
inline drain(j)
{
	atomic {
		marked[j] = false;
#ifndef KNOWN_BY_EMPTINESS
		if
		:: is_new(j) -> ready_seen[j] = link(j)
		:: else
		fi
#endif
	};
	do
	:: popped[j] < listed[j] -> pop(j)
	:: else -> break
	od
}

/* [code: queue_reap, take_all] */
proctype reader()
{
	byte under_way;

	do
	:: any_marked ->
		take_lock();
		drain(0);
#if LISTS > 1
		drain(1);
#endif
		lock = false
	od
}

init
{
	byte i;

	atomic {
		do
		:: i < POSTERS -> run poster(i % LISTS); i++
		:: else -> break
		od;
		run listener();
		run reader();
#ifdef STOP
		run stopper(POSTERS)
#endif
	};
	timeout;
	assert(popped[0] == granted[0]);
#if LISTS > 1
	assert(popped[1] == granted[1])
#endif
}
