/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting for one of two semaphores, whose permits are all in their words.
 *
 * ANYS threads wait for either semaphore: the first for WANT permits, the second for WANT1. TIMED of them may time out.
 * PLAIN0 and PLAIN1 threads wait for the first and for the second alone. POSTS0 and POSTS1 threads post one permit
 * each. STOP: one thread, any, stops for ever, anywhere. STALE: the first says that threads wait for several
 * semaphores, as one did before.
 *
 * The kernel lets a thread sleep on several words. It goes to sleep on one after another, and wakes for each of them.
 * If it is woken on two words before it runs, both wake calls count it. It learns of one of them only.
 *
 * Steps are those of parking.pml. Orders: as if sequentially consistent.
 *
 * Threads that want several permits of one semaphore sleep as those do that wait for several semaphores: apart from
 * those whose wakes are counted.
 *
 * What is shown: every run ends, and when nothing can go on any more, `judge` looks: nobody sleeps beside permits for
 * which nobody else was woken, each thread that is through has what it wants at most, and no count of woken sleepers is
 * too high.
 */
#include "common.pml"

#ifndef ANYS
#define ANYS 1
#endif
#ifndef PLAIN0
#define PLAIN0 0
#endif
#ifndef PLAIN1
#define PLAIN1 1
#endif
#ifndef POSTS0
#define POSTS0 1
#endif
#ifndef POSTS1
#define POSTS1 1
#endif
#ifndef WANT
#define WANT 1
#endif
#ifndef WANT1
#define WANT1 WANT              /* of the second of them */
#endif
#ifndef TIMED
#define TIMED 0
#endif
#define PLAINS (PLAIN0 + PLAIN1)
#define POSTERS (POSTS0 + POSTS1)

#define NONE 2                      /* neither of the two */

mtype = { still, armed, ringing };

/* Of each semaphore. */
byte value[2], waiters[2];
bool several[2], wide[2];           /* the flags of the word */
mtype eventcount[2];
byte generation[2];
short woken[2];
byte asleep[2];                     /* plain sleepers in the kernel's queue */
byte called[2];                     /* plain sleepers that were taken out of it, and don't know yet */
byte due[2];                        /* those of them, and those that know and haven't looked */
byte owed[2];                       /* posts that are between their permit and their wake */

/* Of each thread that waits for either. */
bool in_queue[2 * (ANYS + 1)];      /* of a semaphore */
byte any_due[2];                    /* threads that were woken on a semaphore, and haven't looked there or passed it on */
bool any_is_due[2 * (ANYS + 1)];

byte posted, taken, through;

/* The kernel's queues of a semaphore: one of threads that wait for it alone, and one of those that wait for several. */
inline wake_alone(j, more)
{
	atomic {
		found = (asleep[j] < more -> asleep[j] : more);
		asleep[j] = asleep[j] - found;
		called[j] = called[j] + found;
		due[j] = due[j] + found
	}
}

inline call_any(i, j)
{
	in_queue[2 * i + j] = false;
	any_is_due[2 * i + j] = true;
	found_any++
}

inline wake_any(j, more)
{
	atomic {
		do
		:: found_any < more && in_queue[j] -> call_any(0, j)
#if ANYS > 1
		:: found_any < more && in_queue[2 + j] -> call_any(1, j)
#endif
		:: else -> break
		od
	}
}

/* How many permits of that value can be taken by those waiters? */
#define can_go(v, w) ((w) < (v) -> (w) : (v))

/* Has a thread come since the post that isn't among those that it wakes? */
#ifdef STILL_TOO_SOON
#define came_unseen(j) false
#else
#define came_unseen(j) (several[j] && !seen_several || wide[j] && !seen_wide)
#endif

/* [code: eventcount_wake, wake_all_who_can_go, wake_uncounted, word_to_wake, ring, all_are_woken] */
inline wake(j)
{
	do
	:: true ->
		seen = eventcount[j];
		seen_generation = generation[j];
		if
		:: seen == still -> break
		:: else
		fi;
		atomic {
			more = can_go(seen_value, seen_waiters);
			more_any = (seen_wide -> 255 : (seen_several -> more : 0));
			more = (woken[j] > 0 -> (more > woken[j] -> more - woken[j] : 0) : more)
		}
		if
		:: more + more_any == 0 -> break
		:: else
		fi;
		if
		:: seen == armed -> atomic {
			if
			:: eventcount[j] == armed -> generation[j]++; eventcount[j] = ringing
			:: else
			fi;
			seen = eventcount[j];
			seen_generation = generation[j]
		}
		:: else
		fi;
		if
		:: seen == still -> break
		:: else
		fi;
		if
		:: more_any > 0 -> wake_any(j, more_any)
		:: else
		fi;
#ifndef TAKEN_BY_WIDE
		if
		:: found_any > 0 && wide[j] && !seen_wide -> wake_any(j, 255); more_any = 255; found_any = 0
		:: else
		fi;
#endif
#ifdef COUNTED
		woken[j] = woken[j] + found_any;
#endif
#ifndef WIDE_COUNTS
		found_any = (seen_wide -> 0 : found_any);
#endif
		more = (more > found_any -> more - found_any : 0);
		if
		:: more > 0 -> wake_alone(j, more)
		:: else
		fi;
		woken[j] = woken[j] + found;
		if
		:: found < more && (more_any == 0 || found_any < more_any) && !came_unseen(j)
		:: else ->
			more_any = waiters[j];
			if
			:: woken[j] >= more_any
			:: else -> break
			fi
		fi;
		atomic {
			if
			:: eventcount[j] == seen && generation[j] == seen_generation -> eventcount[j] = still
			:: else
			fi
		};
		break
	od;
	atomic { more = 0; more_any = 0; found = 0; found_any = 0; seen = 0; seen_generation = 0 }
}

#define WAKES byte seen_value, seen_waiters, more, more_any, found, found_any, seen_generation; \
	bool seen_several, seen_wide; mtype seen

inline see(j)
{
	seen_value = value[j];
	seen_waiters = waiters[j];
	seen_several = several[j];
	seen_wide = wide[j]
}

inline unsee()
{
	seen_value = 0;
	seen_waiters = 0;
	seen_several = false;
	seen_wide = false
}

inline deregister(j)
{
	waiters[j]--;
	several[j] = several[j] && waiters[j] > 0;
	wide[j] = wide[j] && waiters[j] > 0
}

/* [code: post_to_waiters] */
proctype poster(byte j) RUNS
{
	WAKES;

	atomic {
		value[j]++;
		posted++;
		see(j);
		if
		:: seen_waiters == 0 -> goto done
		:: else -> owed[j]++
		fi
	}
	wake(j);
	owed[j]--;
done:	atomic { unsee(); through++ }
}

/* [code: arm, eventcount_arm] */
inline arm_on(j, generation_then)
{
	atomic { eventcount[j] = armed; generation_then = generation[j] }
}

/* Waits for one semaphore: as in parking.pml. */
proctype plain(byte j) RUNS
{
	byte expected;

	atomic {
		if
		:: value[j] > 0 -> value[j]--; taken++; goto done
		:: else -> waiters[j]++
		fi
	}
again:	arm_on(j, expected);
	if
	:: value[j] > 0 -> goto look
	:: else
	fi;
	atomic {
		if
		:: eventcount[j] == armed && generation[j] == expected -> asleep[j]++
		:: else -> goto look
		fi
	}
	atomic { called[j] > 0 -> called[j]--; woken[j]--; expected = 255 }
look:	atomic {
		due[j] = due[j] - (expected == 255);
		expected = 0;
		if
		:: value[j] > 0 -> value[j]--; deregister(j); taken++
		:: else -> goto again
		fi
	}
done:	through++
}

#define wants (i == 0 -> WANT : WANT1)

/* Takes, or registers. [code: enter, semaphore_take_or_register, semaphore_mark_several] */
inline enter(j)
{
	atomic {
		if
		:: value[j] >= wants -> value[j] = value[j] - wants; taken = taken + wants; has = j
		:: else ->
			waiters[j]++;
			wide[j] = wide[j] || wants > 1;
			on[j] = true
#ifdef FLAG_LATE
			; skip
#endif
		fi
	}
#ifndef FLAG_LATE
	if
	:: on[j] -> several[j] = true
	:: else
	fi
#endif
}

inline looks_at(j)
{
	any_is_due[2 * i + j] = false
}

/* [code: semaphore_leave, word_take_registered, word_give_up] */
inline leave(j)
{
	atomic {
		if
		:: on[j] && has == NONE && value[j] >= wants ->
			value[j] = value[j] - wants;
			deregister(j);
			on[j] = false;
			taken = taken + wants;
			has = j
		:: on[j] && has == NONE && value[j] < wants && give_up -> deregister(j); on[j] = false
		:: else
		fi;
		if
		:: has == NONE || has == j -> looks_at(j)
		:: else
		fi
	}
}

/* Leaves without a permit. What was meant for it, others get. [code: semaphore_renounce, word_deregister] */
inline renounce(j)
{
	if
	:: on[j] ->
#ifdef TAKES_BOTH
		atomic {
			if
			:: value[j] > 0 -> value[j]--; taken++
			:: else
			fi
		}
#endif
		atomic {
			deregister(j);
			on[j] = false;
			see(j)
		}
#ifndef PASSES_NOTHING
		if
		:: seen_value > 0 && seen_waiters > 0 -> wake(j)
		:: else
		fi;
#endif
		atomic { unsee(); looks_at(j) }
	:: else -> looks_at(j)
	fi
}

/* Goes to sleep on a semaphore's eventcount, if that is as expected. */
inline sleep_on(j, generation_then)
{
	atomic {
		if
		:: eventcount[j] == armed && generation[j] == generation_then -> in_queue[2 * i + j] = true
		:: else -> goto up
		fi
	}
}

/* Waits for either. [code: any_wait, enter_all, arm_all, leave_all, renounce_rest] */
proctype any(byte i; bool timed) RUNS
{
	WAKES;
	bool on[2], give_up;
	byte expected0, expected1, has = NONE;

	enter(0);
	if
	:: has == NONE -> enter(1)
	:: else
	fi;
	if
	:: has != NONE -> goto rest
	:: else
	fi;
again:	arm_on(0, expected0);
	if
	:: value[0] >= wants -> goto look
	:: else
	fi;
	arm_on(1, expected1);
#ifndef NO_RELOOK
	if
	:: value[1] >= wants -> goto look
	:: else
	fi;
#endif
#ifdef FLAG_LATE
	several[0] = true;
	several[1] = true;
#endif
	sleep_on(0, expected0);
	sleep_on(1, expected1);
	if
	:: !in_queue[2 * i] || !in_queue[2 * i + 1]
	:: timed && in_queue[2 * i] && in_queue[2 * i + 1] -> give_up = true
	fi;
up:	/* the kernel takes it off one queue after another: what comes meanwhile counts as well */
	in_queue[2 * i] = false;
#ifdef COUNTED
	atomic { in_queue[2 * i + 1] = false; woken[0] = woken[0] - any_is_due[2 * i]; woken[1] = woken[1] -
		(any_is_due[2 * i + 1] && !any_is_due[2 * i]) }
#else
	in_queue[2 * i + 1] = false;
#endif
look:	atomic { expected0 = 0; expected1 = 0 }
	leave(0);
	leave(1);
	if
	:: has == NONE && !give_up -> goto again
	:: else
	fi;
rest:	renounce(0);
	renounce(1);
	atomic { give_up = false; has = NONE; through++ }
}

#define perhaps(j) (stopped > 0 -> owed[j] + (due[j] > 0) + \
	WANT * any_is_due[j] + WANT1 * (ANYS > 1 && any_is_due[2 + j]) : 0)
#define sleeps_beside(j) (asleep[j] > 0 && value[j] > perhaps(j) || in_queue[j] && value[j] >= WANT + perhaps(j) || \
	(ANYS > 1 && in_queue[2 + j]) && value[j] >= WANT1 + perhaps(j))

/* When nothing can go on. Permits may lie beside a sleeper if a thread stopped that was to wake it, or to take them. */
proctype judge()
{
	timeout;
	d_step {
		assert(posted == taken + value[0] + value[1]);
		assert(taken <= WANT + WANT1 * (ANYS - 1) + PLAINS);
		assert(stopped || taken >= through - POSTERS - TIMED);
		assert(!sleeps_beside(0) && !sleeps_beside(1));
		assert(woken[0] <= due[0] && woken[1] <= due[1])
	}
}

init
{
	byte i;

	atomic {
		eventcount[0] = still;
		eventcount[1] = still;
#ifdef STALE
		several[0] = true;
#endif
		do
		:: i < ANYS -> run any(i, i < TIMED); i++
		:: i >= ANYS && i < ANYS + PLAINS -> run plain(i - ANYS >= PLAIN0); i++
		:: i >= ANYS + PLAINS && i < ANYS + PLAINS + POSTERS ->
			run poster(i - ANYS - PLAINS >= POSTS0);
			i++
		:: i == ANYS + PLAINS + POSTERS -> break
		od;
		run judge();
#ifdef STOP
		run stopper(i);
#endif
		i = 0
	}
}
