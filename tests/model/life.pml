/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of a semaphore: by destroy, by close, exit or unpin of the last that keeps it, or by its last waiter.
 *
 * HOLDERS processes hold a reference each, and let go of it when they like: by destroy (of a semaphore that is
 * anonymous) or close (NAMED), or by exit. Threads of the first process: WAITERS wait by id, and may time out; POSTERS
 * post by id. PINNED: another waits on a pinned semaphore and unpins it after that, while a third posts through the
 * same pin. GIVER: a take that samples, and finds that the semaphore is due to have slots. STOP: see common.pml.
 *
 * One step is one atomic operation, or one compare-and-swap loop that tries again until nothing came between; locks are
 * held for the steps that stand in one block. Sleepers are woken: parking.pml shows it. The memory is used again when an
 * epoch has passed since the end. Orders: as if sequentially consistent.
 *
 * What is shown: nobody touches memory that was freed; the end comes once, and it comes, when nothing keeps the
 * semaphore any more; slots that it had then go back; no waiter is left behind by a death; EBUSY only where one
 * waits; every run ends.
 */
#include "common.pml"

#define THREADS (HOLDERS + WAITERS + POSTERS + 2 * PINNED + GIVER)

byte value, waiters;          /* the word */
bool dead, orphan;            /* in the word too */
byte refs = HOLDERS;          /* the life word: references of processes */
byte pins = PINNED;           /* in it too */
bool listed[2] = true;        /* each process finds it: by its tag, or in the id table */
byte waiting;                 /* threads that wait by id in the first process */
bool leaving;                 /* it is being ended: new waits are kept out */
byte slots, given;            /* 1: has slots; how many slots are given out that nobody took back */

bool ended, freed;
byte readers, awaited;        /* bits: threads in read sections; those that the epoch waits for */
bool post_is_over;            /* the one through the pin */
byte through;

/* [code: rcu_enter, rcu_leave] */
#define RCU_ENTER readers = readers | (1 << _pid)
#define RCU_LEAVE readers = readers & ~(1 << _pid); awaited = awaited & ~(1 << _pid)
#define TOUCH     assert(!freed)

/* [code: namespace_end] [code: percpu_take_slots] */
inline end_it()
{
	atomic { TOUCH; given = given - slots; slots = 0 }
	atomic { TOUCH; assert(!ended); assert(dead); ended = true }
}

/* Drops what life says: `end` tells whether it was the last. [code: namespace_drop] */
inline drop(count)
{
	atomic { /* [code: life_drop] */
		TOUCH;
		assert(count > 0);
		count--;
		if
		:: refs + pins > 0 -> goto dropped
		:: else
		fi
	}
	atomic { /* [code: semaphore_abandon] [code: word_abandon] */
		TOUCH;
		if
#ifdef ABANDON_KILLS
		:: true -> dead = true
#else
		:: waiters == 0 -> dead = true
		:: waiters > 0 && !dead -> orphan = true; goto dropped
#endif
		fi
	}
	end_it()
}

#ifdef DROPPED_FIRST
#define KEEP   RCU_ENTER
#define LET_GO atomic { RCU_LEAVE; goto dropped }
#else
#define KEEP   pins++
#define LET_GO drop(pins); goto dropped
#endif

/* [code: destroy_locked, destroy_reference, close_locked, drop_all, references_drop_all, begin_leaving, end_leaving] */
proctype holder(byte me) RUNS
{
	if
#ifdef NAMED
	:: listed[me] = false; drop(refs) /* close; one that isn't listed any more is found by who came before */
#else
	:: atomic { TOUCH; if :: waiters > 0 -> goto dropped :: else fi } /* EBUSY */
		atomic { /* Keeps it until it is out of the table. [code: life_keep_unless_last] */
			TOUCH;
			if
			:: refs > 1 -> refs--; KEEP
			:: else -> goto last_reference
			fi
		}
		listed[me] = false;
		LET_GO;
last_reference:
		atomic { /* [code: semaphore_kill, word_kill_loop, word_kill] */
			TOUCH;
#ifndef KILL_BESIDE
			if
			:: waiters > 0 -> goto dropped /* EBUSY */
			:: else
			fi;
#endif
			dead = true
		}
		listed[me] = false;
		drop(refs)
#endif
	:: atomic { /* exit */
			if
			:: me == 0 && waiting > 0 -> goto dropped /* EBUSY */
			:: me == 0 && waiting == 0 -> leaving = true
			:: me > 0
			fi
		}
		listed[me] = false;
		drop(refs)
	fi;
dropped:
	through++
}

/* Registered: sleeps, then leaves, with a permit or without. */
inline sleep_and_leave()
{
	if
	:: atomic { value > 0 -> TOUCH }
	:: TOUCH /* its time is up */
	fi;
	atomic { RCU_ENTER }
	/* [code: semaphore_leave, word_take_loop, word_take_as, word_deregister] [code: leave] */
	atomic {
		TOUCH;
		assert(!dead);
		value = (value > 0 -> value - 1 : 0);
		waiters--;
#ifdef ORPHAN_LOST
		last = false
#elif defined(ORPHAN_TWICE)
		last = orphan;
		dead = dead || orphan
#else
		last = orphan && waiters == 0;
		dead = dead || last
#endif
	}
	atomic { RCU_LEAVE }
	/* [code: waiter_wait, wait] */
	if
	:: last -> last = false; end_it()
	:: else
	fi
}

/* [code: waiting_found, spin_or_wait, wait_by_id, waiting_begin, waiting_end, wait, enter] */
proctype waiter() RUNS
{
	bool last;

	atomic { RCU_ENTER; if :: listed[0] :: else -> goto not_held fi }
	atomic { /* [code: process_begin_wait] */
		if
#ifndef WAITS_UNCOUNTED
		:: leaving -> goto not_held
		:: !leaving -> waiting++
#else
		:: true
#endif
		fi
	}
	atomic { /* [code: take] [code: word_register] */
		TOUCH;
		if
#ifdef ENLIST_DEAD
		:: true -> waiters++
#else
		:: dead -> goto counted
		:: !dead && value > 0 -> value--; goto counted
		:: !dead && value == 0 -> waiters++
#endif
		fi;
#ifndef NO_READ_SECTION_NEEDED
		RCU_LEAVE
#endif
	}
	sleep_and_leave();
counted:
	atomic { /* [code: process_end_wait] */
		assert(!leaving);
#ifndef WAITS_UNCOUNTED
		waiting--;
#endif
		RCU_LEAVE
	}
not_held:
	atomic { RCU_LEAVE; through++ }
}

/* After a permit was put beside waiters: the wake. [code: eventcount_wake] */
#define WAKE TOUCH

/* [code: semaphore_post_word, post, post_to_waiters, word_post_loop] */
inline post()
{
	atomic {
		TOUCH;
		if
		:: dead -> goto posted
		:: !dead && waiters == 0 -> value++; goto posted
		:: !dead && waiters > 0 -> value++
		fi;
#ifndef WAKE_UNPROTECTED
		RCU_ENTER
#endif
	}
	WAKE;
	WAKE
}

/* [code: ids_find] [code: post_by_lookup] [code: post_to] */
proctype poster() RUNS
{
	atomic { RCU_ENTER; if :: listed[0] :: else -> goto posted fi }
	post();
posted:
	atomic { RCU_LEAVE; through++ }
}

/*
 * The pin is shared with the thread that waits, which ends it as soon as it has its permit.
 * [code: ksem_pinned_post]
 */
proctype pinned_poster() RUNS
{
	post();
#ifdef TOUCH_AFTER
posted:
	TOUCH;
#else
posted:
#endif
	atomic { RCU_LEAVE; post_is_over = true; through++ }
}

/* [code: waiting_pinned, spin_or_wait_pinned] [code: namespace_unpin] */
proctype pinned_waiter() RUNS
{
	bool last;

	atomic {
		TOUCH;
		if
		:: dead -> goto got_none
		:: !dead && value > 0 -> value--; goto unpins
		:: !dead && value == 0 -> waiters++
		fi
	}
	atomic { value > 0 -> TOUCH }
	atomic { RCU_ENTER }
	atomic {
		TOUCH;
		assert(!dead);
		value = (value > 0 -> value - 1 : 0);
		waiters--;
		last = orphan && waiters == 0;
		dead = dead || last
	}
	atomic { RCU_LEAVE }
	if
	:: last -> last = false; end_it()
	:: else
	fi;
	goto unpins;
got_none:
	post_is_over; /* without its permit, it can't know but by asking the other thread */
unpins:
	drop(pins);
dropped:
	through++
}

/* [code: percpu_consider, give, percpu_take_slots] */
proctype giver() RUNS
{
	atomic { RCU_ENTER; if :: listed[0] :: else -> goto gave fi }
	atomic { TOUCH; if :: dead || orphan || waiters > 0 -> goto gave :: else fi }
	atomic { TOUCH; slots = 1; given = 1 }
#ifndef GIVE_BLIND
	atomic { TOUCH; if :: dead || orphan :: else -> goto gave fi }
	atomic { TOUCH; given = given - slots; slots = 0 }
#endif
gave:
	atomic { RCU_LEAVE; through++ }
}

/* [code: reclaim_wait_epoch, reclaim_free] */
proctype reclaimer()
{
	atomic { ended -> awaited = readers }
	atomic { awaited == 0 -> freed = true; assert(waiters == 0) }
}

/* When nothing can go on. */
proctype judge()
{
	timeout;
	d_step {
		assert(ended || refs + pins + waiters > 0 || stopped);
		assert(!ended || refs + pins + waiters == 0);
		assert(!ended || given == 0 || stopped);
		assert(through + waiters + (stopped > 0) >= THREADS)
	}
}

init
{
	byte i;

	atomic {
		do
		:: i < HOLDERS -> run holder(i); i++
		:: i >= HOLDERS && i < HOLDERS + WAITERS -> run waiter(); i++
		:: i >= HOLDERS + WAITERS && i < HOLDERS + WAITERS + POSTERS -> run poster(); i++
		:: i == HOLDERS + WAITERS + POSTERS -> break
		od;
#if PINNED
		run pinned_poster();
		run pinned_waiter();
#endif
#if GIVER
		run giver();
#endif
		run reclaimer();
		run judge();
#ifdef STOP
		run stopper(THREADS);
#endif
		i = 0
	}
}
