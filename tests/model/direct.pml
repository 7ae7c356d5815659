/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A completion queue's direct waits (lib/queue/direct.h), beside threads of other processes on one shared semaphore that
 * has no line.
 *
 * POSTERS processes post one permit each. WAITERS threads of other processes wait for one permit each. The queue's
 * process has a listener, and a user, who submits WAITS waits, for NEED0 and NEED1 permits, and then cancels those of
 * CANCELS (bits); LATE: the second one is submitted after that. A wait that is decided counts as reaped. STOP: a poster stops for ever, anywhere. KILL: the queue's
 * process is killed, anywhere. OTHERS listeners of other queues sleep there, too, each for one wait that needs two
 * permits. UNSEEN: others have taken their processes for dead, so these waits aren't registered.
 *
 * Kills, and waits that aren't registered, are for semaphores of which it was said before that wakes may go astray
 * (STRAY): a thread that is about to sleep when that is said first doesn't know that it must look by itself. Nor does it
 * know of a thread that comes then (wait/plain.h).
 *
 * Each compare-and-swap loop on the word is one step, as is each call of the kernel, but for the listener's sleep: the
 * kernel looks at one of its words after another. The kernel wakes those first that have slept longest. Threads that look
 * by themselves, once a second, are only let do so for what a killed or stopped process left undone; so the rest is done
 * without that. Orders: as if sequentially consistent.
 *
 * What is shown: when nothing can go on any more, no permit was lost or made, and nobody sleeps beside permits that
 * suffice. The listener touches no semaphore that the queue has let go, and the queue lets go of it in the end.
 */
#include "common.pml"

#ifndef POSTERS
#define POSTERS 1
#endif
#ifndef WAITERS
#define WAITERS 1
#endif
#ifndef WAITS
#define WAITS 1
#endif
#ifndef NEED0
#define NEED0 1
#endif
#ifndef NEED1
#define NEED1 1
#endif
#ifndef CANCELS
#define CANCELS 0
#endif
#ifndef INITIAL
#define INITIAL 0
#endif
#ifndef STRAY
#define STRAY 0
#endif
#ifndef OTHERS
#define OTHERS 0
#endif
#ifndef UNSEEN
#define UNSEEN 0
#endif
#define LISTENER WAITERS             /* among the sleepers */
#define SLEEPERS (WAITERS + 1 + OTHERS)

byte value = INITIAL, waiters;       /* the word */
bool wide, wakes_stray = STRAY;      /* the same; and what is beside it */
chan queue = [SLEEPERS] of { byte }; /* the kernel's, of the value */
bool asleep[SLEEPERS];
bool at_calls;                       /* the listener, on its own word */
bool looks[SLEEPERS];

bool killed;                         /* the queue's process */
bool lock;
bool pends[2];
byte pending;
byte registered;                     /* of the queue's waits, in the word */
bool open, armed;                    /* the source; the listener may sleep on its word */
bool emptied;                        /* while it slept there, the last wait ended */
byte calls, expected;

byte posted, taken;                  /* what the judge goes by */

#define need(i)    (i == 0 -> NEED0 : NEED1)
#define least      (pends[0] && (!pends[1] || NEED0 <= NEED1) -> NEED0 : NEED1)
#define left_undone (killed || stopped > 0 || UNSEEN)

#ifdef KILL
#define LIVES provided (!killed)
#else
#define LIVES
#endif

/* Wakes up to `most`, in an atomic step. */
inline wake_up_to(most)
{
	left = most;
	do
	:: left > 0 && len(queue) > 0 -> queue?who; asleep[who] = false; left--
	:: else -> break
	od;
	who = 0;
	left = 0
}

/* [code: word_to_wake] */
#define to_wake (wide -> SLEEPERS : (waiters < value -> waiters : value))

/* [code: word_deregister, word_waiter_less] */
inline count_off()
{
	waiters--;
	wide = wide && waiters > 0
}

/* The kernel adds, and wakes for all that the poster saw. [code: shared_post, plain_post, post_to_shared, post_by_kernel] */
proctype poster() RUNS
{
	byte seen, who, left;
	bool blind;

	atomic {
		if
		:: waiters == 0 -> value++; posted++; goto through
		:: else -> seen = value; blind = !wide
		fi
	}
	atomic {
		value++;
		posted++;
		seen = (blind -> seen + 1 : SLEEPERS);
		wake_up_to(seen)
	}
	if
	:: blind -> atomic {                         /* [code: plain_wake_wide] */
		if
		:: wide -> wake_up_to(SLEEPERS)
		:: else
		fi
	}
	:: else
	fi;
through: atomic { seen = 0; blind = false }
}

/* [code: shared_take_or_register, plain_arm_shared, shared_arm, shared_deregister] */
proctype waiter(byte self)
{
	atomic {
		if
		:: value > 0 -> value--; taken++; goto through
		:: else -> waiters++
		fi
	}
	do
	:: true ->
		atomic {
			if
			:: value > 0 -> value--; taken++; count_off(); goto through
#ifdef STRAY_UNSEEN
			:: else -> looks[self] = waiters > 1
#else
			:: else -> looks[self] = waiters > 1 || wakes_stray
#endif
			fi
		}
		atomic {
			if
			:: value == 0 -> asleep[self] = true; queue!self
			:: else
			fi
		}
		atomic {
			if
			:: !asleep[self]
			:: asleep[self] && looks[self] && left_undone && value > 0 ->
				asleep[self] = false;
				queue??eval(self)
			fi
		}
	od;
through: skip
}

/* The listener of another queue, whose wait needs two permits. [code: direct_serve, direct_woke] */
proctype other(byte self)
{
	byte seen, who, left;

	do
	:: true ->
		atomic {
			seen = value;
			if
			:: seen >= 2 ->
				value = value - 2;
				taken = taken + 2;
				if
				:: !UNSEEN -> count_off()
				:: else
				fi;
				goto through
			:: else
			fi
		}
		atomic {
			if
			:: value == seen -> asleep[self] = true; queue!self
			:: else
			fi
		}
		atomic {
			if
			:: !asleep[self]
			:: asleep[self] && left_undone && value >= 2 -> asleep[self] = false; queue??eval(self)
			fi
		}
#ifdef PASSES_ALWAYS
		atomic {
			if
			:: value == 1 && waiters > 0 -> wake_up_to(SLEEPERS)
			:: else
			fi
		}
#endif
	od;
through: atomic { seen = 0; who = 0; left = 0 }
}

/* ---- The queue's process. ---- */

inline take_lock()
{
	atomic { !lock -> lock = true }
}

inline decide(i)
{
	pends[i] = false;
	pending--;
	emptied = emptied || pending == 0
}

/* [code: queued_leave, try_for, end_direct] */
inline try(i)
{
	atomic {
		if
		:: pends[i] && value >= need(i) ->
			value = value - need(i);
			taken = taken + need(i);
			count_off();
			registered--;
			decide(i);
			any = true
		:: else
		fi
	}
}

/* [code: direct_serve, serve_all, queued_look] */
inline serve()
{
	do
	:: true ->
		atomic {
			seen = value;
			if
			:: pending == 0 || seen < least -> break
			:: else
			fi
		}
		try(0);
		try(1)
	od
}

/* [code: listener_call] */
inline call()
{
	atomic { calls++; at_calls = false }
}

/* [code: source_close_if_idle] */
inline close_if_idle()
{
	if
	:: pending == 0 && open ->
#ifdef CLOSED_AT_ONCE
		open = false; call()
#else
		if
#ifdef NEVER_CALLED
		:: armed
#else
		:: armed -> call()
#endif
		:: !armed -> open = false
		fi
#endif
	:: else
	fi
}

/* [code: direct_enter, queued_enter, direct_add, direct_needs_call, begin_waiting_directly] */
inline submit(i)
{
	take_lock();
	open = true;
	wakes_stray = true;
	atomic {
		if
		:: value >= need(i) -> value = value - need(i); taken = taken + need(i)
		:: else ->
			waiters++;
			registered++;
			wide = wide || need(i) > 1;
			pends[i] = true;
			pending++
		fi
	}
	if
#ifdef CALLED_UNARMED
	:: pends[i] && !armed -> call()
#else
	:: pends[i] && (!armed || need(i) <= expected) -> call()
#endif
	:: else
	fi;
	close_if_idle();
	lock = false
}

/* [code: direct_cancel, give_up, queued_renounce, shared_renounce] */
inline cancel(i)
{
	take_lock();
	serve();
	atomic {
		if
		:: pends[i] -> count_off(); registered--; decide(i); seen = value
		:: else -> seen = 0
		fi
	}
	atomic {                                     /* [code: plain_renounce, wake_others] */
		if
		:: seen > 0 && waiters > 0 -> seen = to_wake; wake_up_to(seen)
		:: else
		fi
	}
	close_if_idle();
	lock = false
}

proctype user() LIVES
{
	byte seen, who, left;
	bool any;

	submit(0);
#if WAITS > 1 && !defined(LATE)
	submit(1);
#endif
#if CANCELS & 1
	cancel(0);
#endif
#if WAITS > 1 && defined(LATE)
	submit(1);
#endif
#if CANCELS & 2
	cancel(1);
#endif
	atomic { seen = 0; any = false }
}

/* [code: after_sleep, direct_woke, queued_pass_on, plain_pass_on] */
inline after_sleep()
{
	if
	:: armed ->
		armed = false;
		any = false;
		assert(open);
		serve();
		if
#ifndef PASSES_NOTHING
#if defined(PASSES_ALWAYS)
		:: woken && !any -> atomic {
#elif defined(PASSES_IF_NONE_IS_LEFT)
		:: woken && !any && pending == 0 -> atomic {
#else
		:: woken && !any && emptied -> atomic {
#endif
			if
			:: value > 0 && waiters > 0 -> seen = to_wake; wake_up_to(seen)
			:: else
			fi
		}
#endif
		:: else
		fi;
		close_if_idle()
	:: else
	fi
}

/* [code: listen_once, scan_sources, find_news, notify_of_news, sleep_at, direct_arm, futex_any_of] */
proctype listener() LIVES
{
	byte seen, saw_calls, who, left;
	bool any, woken, sleeps_there;

	do
	:: true ->
		take_lock();
		after_sleep();
		saw_calls = calls;
		serve();
		close_if_idle();                     /* the reader that it notifies does so */
		sleeps_there = pending > 0;
		if
		:: sleeps_there ->
#ifdef READ_AGAIN
			seen = value;
#endif
			atomic { armed = true; emptied = false; expected = seen }
		:: else
		fi;
		lock = false;
		woken = false;
		atomic {                             /* the kernel: its own word, and then the other */
			if
			:: calls == saw_calls -> at_calls = true
			:: else -> goto awake
			fi
		}
		if
		:: sleeps_there -> atomic {
			if
			:: value == expected -> asleep[LISTENER] = true; queue!LISTENER
			:: else -> goto awake
			fi
		}
		:: else
		fi;
		if
		:: !at_calls
		:: sleeps_there && !asleep[LISTENER]
		:: left_undone && sleeps_there && value >= least
		fi;
awake:		atomic {
			woken = !at_calls || (sleeps_there && !asleep[LISTENER]);
			if
			:: asleep[LISTENER] -> asleep[LISTENER] = false; queue??eval(LISTENER)
			:: else
			fi;
			at_calls = false;
			sleeps_there = false;
			saw_calls = 0
		}
	od
}

/* Others count its waits off, at once or late. [code: records_count_off_dead] */
proctype killer()
{
	byte who, left;

	atomic {
		killed = true;
		if
		:: asleep[LISTENER] -> asleep[LISTENER] = false; queue??eval(LISTENER)
		:: else
		fi;
		if
		:: waiters = waiters - registered; wide = wide && waiters > 0; wake_up_to(SLEEPERS)
		:: true
		fi
	}
}

/* When nothing can go on. */
proctype judge()
{
	byte i;

	timeout;
	d_step {
		assert(INITIAL + posted == taken + value);
		do
		:: i < WAITERS -> assert(!asleep[i] || value == 0); i++
		:: i == LISTENER -> i++
		:: i > LISTENER && i < SLEEPERS -> assert(!asleep[i] || value < 2); i++
		:: i == SLEEPERS -> break
		od;
		assert(killed || pending == 0 || value < least);
		assert(killed || pending > 0 || !open)
	}
}

init
{
	byte i;

	atomic {
		do
		:: i < POSTERS -> run poster(); i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < WAITERS -> run waiter(i); i++
		:: else -> break
		od;
		i = LISTENER + 1;
		do
		:: i < SLEEPERS ->
			run other(i);
			waiters = waiters + !UNSEEN;
			wide = !UNSEEN;
			i++
		:: else -> break
		od;
		run user();
		run listener();
		run judge();
#ifdef STOP
		run stopper(POSTERS);
#endif
#ifdef KILL
		run killer();
#endif
		i = 0
	}
}
