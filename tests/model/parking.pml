/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parking: registering, sleeping, waking, giving up, on a semaphore whose permits are all in the word.
 *
 * WAITERS threads wait once each, of which TIMED may time out; one more takes without waiting (TAKER). POSTERS threads
 * post BATCH permits each. STOP: one thread, any, stops for ever, anywhere. STRANGER: one sleep ends by a wake
 * that was meant for another word. All want one permit: waits for several, and shutdown, are in tests/interleave.
 *
 * Every operation on the word that the code does by a compare-and-swap loop, which tries again until nothing came
 * between, is one step here; so is each other atomic operation and each call of the kernel. Orders: as if sequentially
 * consistent.
 *
 * What is shown: every run ends (tools/verify model looks for cycles), and when nothing can go on any more, `judge` looks: all
 * threads are through, but for the one that stopped, and but for sleepers for whom there is no permit. So no wake-up
 * is lost, and nobody waits for a thread that stopped.
 */
#include "common.pml"

#ifndef BATCH
#define BATCH 1
#endif
#ifndef INITIAL
#define INITIAL 0
#endif
#ifndef POSTS
#define POSTS 1
#endif
#define VALUE_MAX (INITIAL + POSTERS * POSTS * BATCH)

mtype = { still, armed, ringing };

byte value = INITIAL, waiters;      /* the word */
mtype eventcount = still;
byte generation;
short woken;
bool asleep[WAITERS];               /* the kernel's: who sleeps on the eventcount */

byte posted, taken, through;        /* what the judge goes by */
byte owed;                          /* permits of a post that is between its permits and its wake */
byte due;                           /* sleepers that the kernel woke and that haven't looked */
bool stranger;                      /* has come */

#if WAITERS == 1
#define sleepers_there asleep[0]
#elif WAITERS == 2
#define sleepers_there (asleep[0] + asleep[1])
#elif WAITERS == 3
#define sleepers_there (asleep[0] + asleep[1] + asleep[2])
#else
#define sleepers_there (asleep[0] + asleep[1] + asleep[2] + asleep[3])
#endif

/* [code: word_to_wake] */
inline word_to_wake(more, posted_value, posted_waiters, counted)
{
	more = (posted_waiters < posted_value -> posted_waiters : posted_value);
	if
	:: counted > 0 -> more = (more > counted -> more - counted : 0)
	:: else
	fi;
#ifdef CAPPED
	more = (more < BATCH -> more : BATCH)
#endif
}

/* The kernel: wakes up to `more` sleepers, any; how many it found. [code: wake_by_kernel] */
inline futex_wake(more)
{
	atomic {
		found = 0;
		do
		:: found < more && sleepers_there > 0 ->
			if
			:: asleep[0] -> asleep[0] = false
#if WAITERS > 1
			:: asleep[1] -> asleep[1] = false
#endif
#if WAITERS > 2
			:: asleep[2] -> asleep[2] = false
#endif
#if WAITERS > 3
			:: asleep[3] -> asleep[3] = false
#endif
			fi;
			found++;
			due++
		:: else -> break
		od
	}
}

/* [code: ring] */
inline ring()
{
	if
	:: seen == armed -> atomic {
		if
		:: eventcount == armed ->
#ifndef SAME_GENERATION
			generation++;
#endif
			eventcount = ringing
		:: else
		fi;
		seen = eventcount;
		seen_generation = generation
	}
	:: else
	fi
}

/* [code: eventcount_wake] */
inline make_still()
{
	atomic {
		if
		:: eventcount == seen && generation == seen_generation -> eventcount = still
		:: else
		fi
	}
}

/* [code: semaphore_post_word, post, post_to_waiters, word_post_loop, word_post] */
proctype poster() RUNS
{
	byte posted_value, posted_waiters, more, found, posts;
	mtype seen;
	byte seen_generation;

	do
	:: posts < POSTS ->
		posts++;
		atomic {
			assert(value + BATCH <= VALUE_MAX);
#ifdef SKIP_IF_VALUE
			posted_waiters = (value > 0 -> 0 : waiters);
#else
			posted_waiters = waiters;
#endif
			value = value + BATCH;
			posted_value = value;
			posted = posted + BATCH;
			if
			:: posted_waiters == 0 -> goto next
			:: else -> owed = owed + BATCH
			fi
		}
		/* [code: eventcount_wake, all_are_woken] */
		atomic {
			seen = eventcount;
			seen_generation = generation;
			if
			:: seen == still -> owed = owed - BATCH; goto next
#ifdef RING_ARMED_ONLY
			:: seen == ringing -> owed = owed - BATCH; goto next
#endif
			:: else
			fi
		}
		atomic {
			word_to_wake(more, posted_value, posted_waiters, woken);
			if
			:: more == 0 -> owed = owed - BATCH; goto next
			:: else
			fi
		}
		ring();
		if
		:: seen == still -> owed = owed - BATCH; goto next
		:: else
		fi;
#ifdef STILL_BEFORE_WAKE
		make_still();
		seen = still;
#endif
#ifdef COUNTED_BEFORE
		woken = woken + more;
		atomic { futex_wake(more); owed = owed - BATCH }
#else
		atomic { futex_wake(more); owed = owed - BATCH }
		woken = woken + found;
#endif
		if
		:: found < more
		:: else ->
			found = waiters;
			if
			:: woken >= found
			:: else -> goto next
			fi
		fi;
		make_still();
next:		atomic { posted_value = 0; posted_waiters = 0; more = 0; found = 0; seen = 0; seen_generation = 0 }
	:: else -> break
	od;
	through++
}

/*
 * Registers, sleeps, leaves. [code: take, semaphore_leave, word_take_loop, word_take_as]
 * [code: word_take, word_register, word_take_registered, word_give_up, word_deregister]
 * [code: waiting_pinned, waiter_wait, signal_sleep, wait] [code: enter, arm, leave]
 */
proctype waiter(byte i; bool timed) RUNS
{
	byte expected;
	bool give_up, was_woken;

	atomic {
		if
		:: value > 0 -> value--; taken++; goto done
#ifdef ENLIST_BESIDE
		:: value > 0 -> waiters++
#endif
		:: value == 0 -> waiters++
		fi
	}
#ifdef ENLIST_BESIDE
	assert(value == 0 || posted > 0);
#endif
again:	/* [code: arm, eventcount_arm, eventcount_woke, with_state] */
	atomic { eventcount = armed; expected = generation; give_up = false }
#ifndef NO_RELOOK
	if
	:: value > 0 -> goto look
	:: else
	fi;
#endif
	/* The kernel goes to sleep if the eventcount is as expected. [code: wait_by_kernel] */
	atomic {
		if
		:: eventcount == armed && generation == expected -> asleep[i] = true
		:: else -> expected = 0; goto look
		fi;
		expected = 0
	}
	if
	:: atomic {
		!asleep[i] ->
#ifndef NOT_COUNTED_OFF
		woken--;
#endif
		was_woken = true
	}
	:: atomic { timed && asleep[i] -> asleep[i] = false; give_up = true }
#ifdef STRANGER
	:: atomic { asleep[i] && !stranger -> stranger = true; asleep[i] = false; woken-- }
#endif
#ifdef TIMEOUT_EATS
	:: atomic { timed && !asleep[i] -> due--; woken--; waiters--; goto done }
#endif
	fi;
look:	atomic {
		due = due - was_woken;
		was_woken = false;
		if
		:: value > 0 -> value--; waiters--; taken++
		:: value == 0 && give_up ->
#ifndef TIMEOUT_STAYS
			waiters--
#else
			skip
#endif
		:: value == 0 && !give_up -> goto again
		fi
	}
done:	atomic { give_up = false; through++ }
}

/* Takes without waiting. */
proctype taker() RUNS
{
	atomic {
		if
		:: value > 0 -> value--; taken++
		:: else
		fi
	}
	through++
}

/*
 * When nothing can go on. Of the permits, those of one post that stopped before its wake call may lie beside a sleeper;
 * and one that a sleeper was woken for who stopped before it looked.
 */
proctype judge()
{
	byte asleep_now;

	timeout;
	d_step {
		asleep_now = sleepers_there;
		assert(INITIAL + posted == taken + value);
		assert(asleep_now == 0 || value <= owed + (stopped && due > 0));
		assert(stopped || waiters == asleep_now);
		assert(woken <= due);
		assert(through + asleep_now + (stopped > 0) >= WAITERS + POSTERS + TAKERS)
	}
}

init
{
	byte i;

	atomic {
		do
		:: i < WAITERS -> run waiter(i, i < TIMED); i++
		:: i >= WAITERS && i < WAITERS + POSTERS -> run poster(); i++
		:: i >= WAITERS + POSTERS && i < WAITERS + POSTERS + TAKERS -> run taker(); i++
		:: i == WAITERS + POSTERS + TAKERS -> break
		od;
		run judge();
#ifdef STOP
		run stopper(i);
#endif
		i = 0
	}
}
