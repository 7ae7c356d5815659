/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A private semaphore with the default attributes that moves to a line (lib/private/lined.h), while other calls use it.
 *
 * MOVERS threads move it. WAITERS threads wait once each, POSTERS threads post one permit each, TAKERS threads take
 * without waiting. SHUTTER: one thread shuts it down. KILLER: one thread destroys it. STOP: one thread, any, stops for
 * ever, anywhere.
 *
 * What parking.pml and line.pml show is a step here: a post to the word wakes all who sleep on the eventcount, and an
 * operation of the line is over at once, with the grants and wakes that follow from it. Orders: as if sequentially
 * consistent.
 *
 * What is shown: every run ends, and when nothing can go on any more, `judge` looks: no permit was lost or made by the
 * move, nobody sleeps beside a permit, or on what was shut down, no call found the semaphore dead that hadn't ended,
 * and nobody waits for a thread that stopped.
 */
#include "common.pml"

#ifndef MOVERS
#define MOVERS 1
#endif
#ifndef WAITERS
#define WAITERS 1
#endif
#ifndef POSTERS
#define POSTERS 1
#endif
#ifndef TAKERS
#define TAKERS 0
#endif
#ifndef INITIAL
#define INITIAL 0
#endif
#ifdef SHUTTER
#define SHUTTERS 1
#else
#define SHUTTERS 0
#endif
#ifdef KILLER
#define KILLERS 1
#else
#define KILLERS 0
#endif
#define THREADS (MOVERS + WAITERS + POSTERS + TAKERS + SHUTTERS + KILLERS)

/* Where a waiter is. */
#define AWAY    0
#define ASLEEP  1                   /* on the eventcount */
#define IN_LINE 2
#define GRANTED 3
#define TURNED  4

byte value = INITIAL, waiters;      /* the word */
bool dead, moved, shut;
byte generation;                    /* the eventcount: a sleeper goes to sleep only on the one that it armed */

bool line_dead = true, line_shut;   /* the line */
bool untouched = true;              /* nobody has begun it */
byte line_value;
bool settled;

byte place[THREADS + 1];            /* of each thread that waits */
byte posted, taken, through;        /* what the judge goes by */
byte owed;                          /* permits of posts to the word that are before their wake */
bool told_shut, ended;              /* a call answered ESHUTDOWN; the semaphore was destroyed */

#define IS(i, where) (i <= THREADS && place[i] == where)
#define COUNT(where) (IS(1, where) + (THREADS > 1 && place[2 % (THREADS + 1)] == where) + \
	(THREADS > 2 && place[3 % (THREADS + 1)] == where) + (THREADS > 3 && place[4 % (THREADS + 1)] == where) + \
	(THREADS > 4 && place[5 % (THREADS + 1)] == where))

/* [code: eventcount_wake, eventcount_end] */
inline wake_all()
{
	atomic {
		generation++;
		i = 1;
		do
		:: i <= THREADS ->
			if
			:: place[i] == ASLEEP -> place[i] = AWAY
			:: else
			fi;
			i++
		:: else -> break
		od;
		i = 0
	}
}

/* What an operation of the line brings about; in an atomic step. */
inline serve()
{
	i = 1;
	do
	:: i <= THREADS ->
		if
		:: place[i] == IN_LINE && line_value > 0 -> place[i] = GRANTED; line_value--
		:: place[i] == IN_LINE && line_value == 0 && line_shut -> place[i] = TURNED
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0
}

/* [code: line_begin] */
inline begin_line()
{
	atomic {
		if
#ifdef BEGUN_TWICE /* mistake: whoever settles gives the line the value */
		:: true ->
#else
		:: untouched ->
#endif
			untouched = false;
			line_dead = false;
			line_value = line_value + value;
#ifndef SHUT_LOST /* mistake: the line isn't shut, though the word was */
			line_shut = shut;
#endif
			serve()
		:: else
		fi
	}
}

/* [code: settled, settle_now, semaphore_wake_moved] */
inline settle()
{
	if
	:: settled
	:: !settled && !moved                /* it ended before */
	:: !settled && moved ->
#ifdef SETTLED_FIRST /* mistake: settled before the line has its value */
		settled = true;
#endif
		begin_line();
#ifdef SETTLED_BEFORE_WAKE /* mistake: settled before the sleepers are told */
		settled = true;
#endif
#ifndef WAKES_NOBODY /* mistake: nobody tells the sleepers to get in line */
		wake_all();
#endif
		settled = true
	fi
}

/* [code: private_lined_move, prepare_move, semaphore_move, word_move] */
proctype mover() RUNS
{
	byte i;

#ifdef VALUE_READ_FIRST /* mistake: the word's value is what it was before it was dead */
	byte was = value;
#endif
	atomic {
		if
		:: !dead -> dead = true; moved = true
#ifdef VALUE_READ_FIRST
			value = was
#endif
		:: else
		fi
	}
	settle();
	through++
}

/* [code: post, semaphore_post_word, post_to_waiters, line_post] */
proctype poster() RUNS
{
	byte i;
	bool wakes;

	atomic {
		if
		:: !dead -> value++; posted++; wakes = waiters > 0; owed = owed + wakes
		:: else -> goto elsewhere
		fi
	}
	if
	:: wakes -> atomic { wake_all(); owed-- }
	:: else
	fi;
	goto done;
elsewhere:
	if
	:: !moved -> goto done
	:: else
	fi;
	settle();
	atomic {
		assert(!line_dead || ended);
		if
		:: !line_dead -> line_value++; posted++; serve()
		:: else
		fi
	}
done:	atomic { wakes = false; through++ }
}

/* [code: take, take_dead, take_moved, line_try] */
proctype taker() RUNS
{
	byte i;

	atomic {
		if
		:: !dead ->
			if
			:: value > 0 -> value--; taken++
			:: else
			fi;
			goto done
		:: else
		fi
	}
	if
	:: !moved -> goto done
	:: else
	fi;
	settle();
	atomic {
		assert(!line_dead || ended);
		if
		:: !line_dead && line_value > 0 -> line_value--; taken++
		:: else
		fi
	}
done:	through++
}

/*
 * A thread that waits registers in the word, and sleeps on the eventcount; or it gets in line, and sleeps there. The
 * word counts it in both. [code: enter, enter_line, arm, eventcount_arm, word_ends_wait, leave, leave_for_line]
 * [code: lined_enter, lined_leave, leave_lined, object_enter, object_leave]
 */
proctype waiter() RUNS
{
	byte i, armed;
	bool registered;

	atomic {
		if
		:: dead && !moved -> goto done
		:: dead && moved -> skip
		:: !dead && value > 0 -> value--; taken++; goto done
		:: !dead && value == 0 && shut -> told_shut = true; goto done
		:: !dead && value == 0 && !shut -> waiters++; registered = true
		fi
	}
	do
	:: registered && !moved ->
		armed = generation;                  /* arms the eventcount */
		if
#ifdef SLEEPS_MOVED /* mistake: goes to sleep though the semaphore has moved */
		:: value > 0 || shut
		:: else ->
#else
		:: value > 0 || shut || moved
		:: else ->
#endif
			atomic {
				if
				:: generation == armed -> place[_pid] = ASLEEP
				:: else
				fi
			}
			place[_pid] != ASLEEP
		fi;
		armed = 0;
		atomic {                             /* leaves, unless it has moved */
			if
			:: dead
			:: !dead && value > 0 -> value--; waiters--; taken++; goto done
			:: !dead && value == 0 && shut -> waiters--; told_shut = true; goto done
			:: else
			fi
		}
	:: else -> break
	od;
	settle();
	if
	:: !registered -> atomic {                   /* object_enter: nobody ends the semaphore from now on */
		if
		:: line_dead -> assert(ended); goto done
		:: else -> waiters++
		fi
	}
	:: else
	fi;
	atomic {                                     /* in line, or a permit */
		if
		:: line_dead -> assert(!registered && ended); waiters--; goto done
		:: !line_dead && line_value > 0 -> line_value--; taken++; waiters--; goto done
		:: !line_dead && line_value == 0 && line_shut -> waiters--; told_shut = true; goto done
		:: else -> place[_pid] = IN_LINE
		fi
	}
	atomic {
		place[_pid] != IN_LINE ->
		taken = taken + (place[_pid] == GRANTED);
		told_shut = told_shut || place[_pid] == TURNED;
		place[_pid] = AWAY;
		waiters--
	}
done:	atomic { registered = false; armed = 0; through++ }
}

/* Ends sleeps before it is told of. [code: shut_down, semaphore_shut_down, line_shutdown] */
proctype shutter() RUNS
{
	byte i;

	atomic {
		if
		:: dead -> goto elsewhere
		:: else -> shut = true; wake_all(); goto done
		fi
	}
elsewhere:
	if
	:: !moved -> goto done
	:: else
	fi;
	settle();
	atomic { line_shut = true; serve() }
done:	through++
}

/* [code: kill_unless_waiting, semaphore_kill, private_has_moved, line_kill] */
proctype killer() RUNS
{
	byte i;

	atomic {
		if
		:: !dead && waiters == 0 -> dead = true; ended = true; goto done
		:: !dead && waiters > 0 -> goto done
		:: else
		fi
	}
#ifndef KILLED_BLIND /* mistake: those that were waiters before the move, and aren't in line yet, don't count */
	if
	:: waiters > 0 -> goto done
	:: else
	fi;
#endif
	settle();
	atomic {
		if
		:: COUNT(IN_LINE) == 0 -> line_dead = true; ended = true
		:: else
		fi
	}
done:	through++
}

/* When nothing can go on. */
proctype judge()
{
	byte there, asleep_now;

	timeout;
	d_step {
		there = (moved && !untouched -> line_value : value);
		asleep_now = COUNT(ASLEEP) + COUNT(IN_LINE);
		assert(INITIAL + posted == taken + there + COUNT(GRANTED));
		assert(asleep_now == 0 || there <= owed);
		assert(asleep_now == 0 || !(shut || line_shut || told_shut));
		assert(asleep_now == 0 || !ended);
		assert(stopped || waiters == asleep_now);
		assert(through + asleep_now + (stopped > 0) >= THREADS)
	}
}

init
{
	byte i;

	atomic {
		do
		:: i < MOVERS -> run mover(); i++
		:: i >= MOVERS && i < MOVERS + WAITERS -> run waiter(); i++
		:: i >= MOVERS + WAITERS && i < MOVERS + WAITERS + POSTERS -> run poster(); i++
		:: i >= MOVERS + WAITERS + POSTERS && i < MOVERS + WAITERS + POSTERS + TAKERS -> run taker(); i++
		:: i == MOVERS + WAITERS + POSTERS + TAKERS -> break
		od;
#ifdef SHUTTER
		run shutter();
#endif
#ifdef KILLER
		run killer();
#endif
		run judge();
#ifdef STOP
		run stopper(THREADS);
#endif
		i = 0
	}
}
