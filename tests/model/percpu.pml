/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Permits per processor: the modes, the sequences, in_flight, the preparer, and the slots that a semaphore loses and
 * gets.
 *
 * Threads: WORKERS post, take without waiting or do nothing, OPS times each, as they like; WAITERS wait; GETTERS ask
 * for the value; BIG post two permits at once; MANIES try to take MANY at once; SAMPLERS are takes whose turn it is to
 * sample, SAMPLES times each. With
 * EPOCHS slots can be lost and had again, out of a pool of SETS, and so many epochs pass. STOP: see common.pml.
 *
 * One step here is one atomic operation, or one compare-and-swap loop that tries again until nothing came between. A
 * sequence is four steps; who begins one on a processor aborts the one that is under way there, and any can be aborted
 * by something else. Registered waiters take when they can: parking.pml shows that they look. Orders: as if sequentially
 * consistent.
 *
 * What is shown: permits are conserved; EAGAIN, EOVERFLOW and each value that is returned were true at an instant of
 * the call; no waiter is registered where the mode isn't central, and in central the slots are empty; nobody works on
 * slots that became another's since; every run ends, and then all threads are through, but for the one that stopped
 * and for waiters if there is no permit.
 */
#include "common.pml"

#ifndef SETS
#define SETS 1
#endif
#ifndef OPS
#define OPS 1
#endif
#ifndef SAMPLES
#define SAMPLES 1
#endif
#ifndef START
#define START percpu
#endif
#ifndef VALUE
#define VALUE 1
#endif
#ifndef CELL
#define CELL 1 /* permits in the first processor's slot at the start */
#endif
#define SLOT_MAX   1
#define PERCPU_MAX 1 /* the highest value in percpu mode */
#define VALUE_MAX  3 /* two slots that are full, and PERCPU_MAX */
#ifndef MANY
#define MANY 2       /* permits that many wants at once */
#endif
#ifndef MANIES
#define MANIES 0
#endif
#define THREADS    (WORKERS + WAITERS + GETTERS + BIG + SAMPLERS + MANIES)

mtype = { central, preparing, percpu, revoking, emptying };

byte value = VALUE, waiters;          /* the word */
mtype mode = START;                   /* in the word too, */
short place = (START == percpu || START == revoking -> 1 : 0); /* as is this: the slots, as sequences find them */
short slots = 1;                      /* which set of slots it has; 0: none; below 0: not before that epoch has ended */
byte put[2 * SETS], taken[2 * SETS];  /* the slots of each processor in each set */
byte in_flight[SETS];
bool preparer[SETS];
byte in_sequence[2];                  /* on each processor: the thread whose sequence is under way; 0: none */

short expected = VALUE + CELL;        /* permits, by the calls that put and took one */
byte through;                         /* threads that are */
byte of_interest[5], seen[5];         /* bits, each thread: values that matter to its call; those that there were */

#ifdef EPOCHS
byte begun, ended;
byte readers, awaited;                /* bits: threads in read sections; those that the epoch under way waits for */
byte pool = ((1 << SETS) - 1) & ~1;   /* bits: sets that nobody has */
byte lost;                            /* bits: sets that were lost */
byte uses[SETS];                      /* how often a set was given back */
#endif

#define AT(set, processor) (2 * (set - 1) + processor)
#define PERMITS(at)        (put[at] - taken[at])
#define IN_SLOTS           (slots > 0 -> PERMITS(AT(slots, 0)) + PERMITS(AT(slots, 1)) : 0)
#define COUNT(mode_)       ((mode_) == percpu || (mode_) == revoking) /* [code: word_slots_count] */
#define HELD               (COUNT(mode) -> IN_SLOTS : 0)
#define TOTAL              (value + HELD)
#define NOTE(thread)       seen[thread] = seen[thread] | (of_interest[thread] & (1 << TOTAL))

/* After each change of the value or the mode, in the same step. */
inline note_value()
{
	assert(TOTAL == expected);
	assert(slots > 0 || mode == central);
	assert((mode != central && mode != preparing) || IN_SLOTS == 0);
	assert(mode == central || waiters == 0);
	NOTE(1);
	NOTE(2);
	NOTE(3);
	NOTE(4)
}

inline begin_call(values)
{
	of_interest[_pid] = values;
	seen[_pid] = values & (1 << TOTAL)
}

inline end_call()
{
	of_interest[_pid] = 0;
	seen[_pid] = 0
}

/* ---- The kernel, and read sections. ---- */

/* [code: membarrier_restart_sequences] */
inline membarrier()
{
#ifndef NO_MEMBARRIER
	in_sequence[0] = 0;
	in_sequence[1] = 0
#else
	skip
#endif
}

/* [code: rcu_enter, rcu_leave] */
inline rcu_enter()
{
#ifdef EPOCHS
	readers = readers | (1 << _pid)
#else
	skip
#endif
}

inline rcu_leave()
{
#ifdef EPOCHS
	readers = readers & ~(1 << _pid);
	awaited = awaited & ~(1 << _pid)
#else
	skip
#endif
}

/* ---- Sequences. ---- */

/*
 * `change` is put or taken: `more` is 1 or -1. [code: percpu_is, percpu_put, percpu_take]
 * [code: KSEM_INLINE_PINNED_SEQUENCE, KSEM_INLINE_BY_ID_SEQUENCE]
 * [code: KSEM_INLINE_IF_PERCPU, KSEM_INLINE_SLOT, KSEM_INLINE_PUT, KSEM_INLINE_TAKE]
 */
#ifdef NO_GUARD
#define GUARDED true
#else
#define GUARDED mode == percpu
#endif

#define SEQUENCE(change, more, allowed, done, refused)               \
	if                                                           \
	:: mode == percpu                                            \
	:: else -> goto refused                                      \
	fi;                                                          \
	atomic {                                                     \
		if                                                   \
		:: processor = 0                                     \
		:: processor = 1                                     \
		fi;                                                  \
		in_sequence[processor] = _pid                        \
	}                                                            \
	if                                                           \
	:: GUARDED                                                   \
	:: else -> processor = 0; goto refused                       \
	fi;                                                          \
	atomic {                                                     \
		if                                                   \
		:: place > 0 -> at = AT(place, processor)            \
		:: else -> processor = 0; goto refused               \
		fi;                                                  \
		if                                                   \
		:: allowed -> old = change[at]                       \
		:: else -> at = 0; processor = 0; goto refused       \
		fi                                                   \
	}                                                            \
	atomic {                                                     \
		if                                                   \
		:: in_sequence[processor] == _pid ->                 \
			change[at] = old + 1;                        \
			expected = expected + more;                  \
			note_value();                                \
			in_sequence[processor] = 0;                  \
			at = 0; old = 0; processor = 0;              \
			goto done                                    \
		:: at = 0; old = 0; processor = 0;                   \
			goto refused                                 \
		fi                                                   \
	}

/* ---- Visitors. ---- */

#ifdef EPOCHS
#define NOTE_USE  until = slots; if :: set > 0 -> use = uses[set - 1] :: else fi
#define CHECK_USE assert(uses[set - 1] == use)
#define USES      byte use; short until
#define FORGET    use = 0; until = 0
#else
#define NOTE_USE  skip
#define CHECK_USE skip
#define USES      skip
#define FORGET    skip
#endif

/* In a read section. [code: visit] */
inline visit()
{
	atomic {
		rcu_enter();
		set = (slots > 0 -> slots : 0);
		NOTE_USE
	}
	if
	:: set > 0 ->
		in_flight[set - 1]++;
		assert(mode == central || slots == set)
	:: else
	fi
}

/* [code: leave] */
inline leave()
{
	atomic {
		if
		:: set > 0 -> CHECK_USE; in_flight[set - 1]--
		:: else
		fi;
		rcu_leave();
		FORGET;
		set = 0
	}
}

/* [code: change_mode] [code: word_with_mode] */
inline change_mode(from, to)
{
	atomic {
		if
		:: mode == from ->
			mode = to;
			place = (to == percpu -> slots : (to == revoking -> place : 0));
			note_value()
		:: else
		fi
	}
}

/*
 * In emptying; a thread that stops in between goes on with it in whatever mode.
 * [code: finish_emptying, empty] [code: slot_emptied]
 */
inline finish_emptying()
{
#ifndef EMPTY_LAST_ONLY
	atomic { taken[AT(set, 0)] = put[AT(set, 0)]; note_value() }
#endif
	atomic { taken[AT(set, 1)] = put[AT(set, 1)]; note_value() }
	change_mode(emptying, central)
}

/* [code: settle, gather, note_revocation] [code: slot_permits] */
inline settle()
{
	if
	:: mode == percpu -> change_mode(percpu, revoking)
	:: mode == revoking ->
		membarrier();
		sum = PERMITS(AT(set, 0));
		sum = sum + PERMITS(AT(set, 1));
		atomic {
			if
#ifdef GATHER_TWICE
			:: COUNT(mode) || mode == emptying ->
#else
			:: mode == revoking ->
#endif
				value = value + sum; mode = emptying; place = 0; note_value()
			:: else
			fi;
			sum = 0
		}
#ifdef WAIT_FOR_PREPARER
	:: mode == preparing
#else
	:: mode == preparing -> change_mode(preparing, central)
#endif
	:: mode == emptying -> finish_emptying()
	:: mode == central
	fi
}

/* [code: percpu_settle] */
inline settle_all()
{
	visit();
	do
	:: set > 0 && mode != central -> settle()
	:: else -> break
	od;
	leave()
}

/* What the slots hold, twice counted. [code: sum_of] [code: slot_permits, slot_changes] */
inline sum_of()
{
	atomic { sum = PERMITS(AT(set, 0)); changes = put[AT(set, 0)] + taken[AT(set, 0)] }
	atomic { sum = sum + PERMITS(AT(set, 1)); changes = changes + put[AT(set, 1)] + taken[AT(set, 1)] }
	atomic { then_value = value; then_mode = mode }
#ifdef SUM_ONCE
	changes = 0
#else
	changes = changes - put[AT(set, 0)] - taken[AT(set, 0)];
	changes = changes - put[AT(set, 1)] - taken[AT(set, 1)]
#endif
}

/* ---- Calls. ---- */

/*
 * [code: semaphore_post, semaphore_post_word, post, word_post_loop, word_post]
 * [code: KSEM_INLINE_WORD, KSEM_INLINE_WORD_PUT]
 * [code: word_counts_slots]
 */
inline post(n)
{
	atomic { begin_call((1 << VALUE_MAX) | (1 << (VALUE_MAX + 1 - n))) }
	if
	:: n == 1 -> SEQUENCE(put, 1, PERMITS(at) < SLOT_MAX, post_done, post_word)
	:: else
	fi;
post_word:
	atomic {
		if
		:: value + n > VALUE_MAX -> goto post_refused
#ifdef NO_LIMIT
		:: value + n <= VALUE_MAX ->
#else
		:: value + n <= VALUE_MAX && (mode == central || value + n <= PERCPU_MAX) ->
#endif
			value = value + n;
			expected = expected + n;
			note_value();
			assert(TOTAL <= VALUE_MAX);
			goto post_done
#ifndef NO_LIMIT
		:: else
#endif
		fi
	}
	settle_all();
	goto post_word;
post_refused:
	atomic { assert(seen[_pid] != 0); end_call(); goto post_end }
post_done:
	atomic { end_call() }
post_end:
	skip
}

inline clear()
{
	d_step { sum = 0; changes = 0; then_value = 0; then_mode = 0 }
}

/*
 * [code: semaphore_take] [code: word_take_loop, word_take_as, take, take_loop, semaphore_take_word, semaphore_take_or_register]
 * [code: KSEM_INLINE_WORD, KSEM_INLINE_WORD_TAKE]
 * [code: word_take, word_register]
 */
inline take(registers)
{
	atomic { begin_call(1) }
	if
	:: !registers -> SEQUENCE(taken, -1, PERMITS(at) > 0, take_done, take_word)
	:: else
	fi;
take_word:
	atomic {
		if
		:: value > 0 -> value--; expected--; note_value(); goto take_done
#ifdef EAGAIN_BLIND
		:: value == 0 && !registers -> assert(seen[_pid] != 0); end_call(); goto take_end
#endif
#ifdef ENLIST_ANYWHERE
		:: value == 0 && registers -> waiters++; note_value(); end_call(); goto take_registered
#else
		:: value == 0 && mode == central && registers -> waiters++; note_value(); end_call(); goto take_registered
#endif
		:: value == 0 && mode == central && !registers -> assert(seen[_pid] != 0); end_call(); goto take_end
		:: value == 0 && mode != central
		fi
	}
	settle_all();
	goto take_word;
take_registered: /* [code: semaphore_leave] [code: word_take_registered, word_deregister] */
	atomic { value > 0 -> value--; waiters--; expected--; note_value() }
take_done:
	atomic { end_call() }
take_end:
	skip
}

/*
 * MANY permits at once, or none. [code: semaphore_take_some, take_some]
 * [code: word_take_some]
 */
inline take_many()
{
	atomic { begin_call((1 << MANY) - 1) }
many_word:
	atomic {
		if
		:: value >= MANY -> value = value - MANY; expected = expected - MANY; note_value(); goto many_done
#ifdef MANY_BLIND
		:: value < MANY -> assert(seen[_pid] != 0); goto many_done
#endif
		:: value < MANY && !COUNT(mode) -> assert(seen[_pid] != 0); goto many_done
		:: value < MANY && COUNT(mode)
		fi
	}
	settle_all();
	goto many_word;
many_done:
	atomic { end_call() }
}

/* [code: semaphore_snapshot] [code: percpu_value] */
inline getvalue()
{
	atomic { begin_call(255) }
	do
	:: atomic { mode == central -> assert(seen[_pid] & (1 << value)); break }
	:: atomic { mode != central -> tries = 0 }
		visit();
		do
		:: set > 0 ->
			sum_of();
			if
			:: !COUNT(then_mode) -> sum = 0; changes = 0; goto told
			:: COUNT(then_mode) && changes == 0 ->
told:				assert(seen[_pid] & (1 << (then_value + sum)));
				clear();
				leave();
				goto value_done
			:: else ->
				clear();
				if
				:: tries > 0 -> settle()
				:: else -> tries++
				fi
			fi
		:: else -> break
		od;
		leave()
	od;
value_done:
	atomic { tries = 0; end_call() }
}

/* ---- Sampling. ---- */

/* [code: profits] */
#define PROFITS ((mode == central || mode == emptying) && waiters == 0 && value > 0 && value <= PERCPU_MAX)

/* With the preparer's flag. [code: prepare, changes_of] */
inline prepare()
{
	if
	:: mode == emptying -> finish_emptying()
	:: else
	fi;
	atomic {
		if
		:: PROFITS && mode == central -> mode = preparing; note_value()
		:: else -> goto prepared
		fi
	}
	if
#ifdef IGNORE_VISITORS
	:: true -> change_mode(preparing, percpu)
#else
	:: in_flight[set - 1] == 0 -> change_mode(preparing, percpu)
	:: else -> change_mode(preparing, central)
#endif
	fi;
prepared:
	skip
}

#ifdef EPOCHS
#ifdef EARLY_EPOCH
#define LOST_NOW (0 - begun - 1)
#else
#define LOST_NOW (0 - begun - 2)
#endif

/*
 * With the preparer's flag, which is kept if they are lost. [code: lose, lost_now]
 * [code: slots_lose]
 */
inline lose()
{
#ifndef LOSE_ANYWHERE
	if
	:: mode == central
	:: else -> goto kept
	fi;
#endif
	until = LOST_NOW;
	atomic {
		if
		:: slots == set -> slots = until; note_value()
		:: else -> goto kept
		fi
	}
	lost = lost | (1 << (set - 1));
#ifdef FLAG_NOT_KEPT
	preparer[set - 1] = false;
#endif
	goto sampled;
kept:
	skip
}

/* [code: give, earn, epoch_has_passed] [code: slots_take, slots_give] */
inline earn()
{
	if
	:: 0 - until > ended -> goto sampled
	:: else
	fi;
	atomic {
		if
		:: pool & 1 -> set = 1; pool = pool & ~1
		:: pool & 2 -> set = 2; pool = pool & ~2
		:: pool == 0 -> goto sampled
		fi
	}
	atomic {
		if
		:: slots == until -> slots = set; note_value()
		:: else -> pool = pool | (1 << (set - 1))
		fi
	}
}
#endif

/* [code: percpu_sample, percpu_consider, consider] */
inline sample()
{
	if
	:: PROFITS
	:: else -> goto sampled
	fi;
	atomic {
		rcu_enter();
		set = (slots > 0 -> slots : 0);
		NOTE_USE
	}
	if
	:: set > 0 ->
		atomic {
			CHECK_USE;
			if
			:: preparer[set - 1] -> goto sampled
			:: else -> preparer[set - 1] = true
			fi
		}
#ifdef EPOCHS
		if
		:: lose()
		:: true
		fi;
#endif
		prepare();
		atomic { CHECK_USE; preparer[set - 1] = false }
	:: else ->
#ifdef EPOCHS
		earn()
#else
		skip
#endif
	fi;
sampled:
	atomic {
		rcu_leave();
		FORGET;
		set = 0
	}
}

/* ---- Threads. ---- */

proctype worker() RUNS
{
	byte set, at, old, processor, sum, ops;
	USES;

	do
	:: ops < OPS -> ops++; post(1)
	:: ops < OPS -> ops++; take(false)
	:: ops == OPS -> break
	od;
	atomic { ops = 0; through++ }
}

proctype waiter() RUNS
{
	byte set, at, old, processor, sum;
	USES;

	take(true);
	through++
}

proctype getter() RUNS
{
	byte set, sum, then_value, tries;
	short changes;
	mtype then_mode;
	USES;

	getvalue();
	through++
}

proctype big() RUNS
{
	byte set, at, old, processor, sum;
	USES;

	post(2);
	through++
}

proctype many() RUNS
{
	byte set, sum;
	USES;

	take_many();
	through++
}

proctype sampler() RUNS
{
	byte set, samples;
	USES;

	do
	:: samples < SAMPLES -> samples++; sample()
	:: else -> break
	od;
	atomic { samples = 0; through++ }
}

#ifdef EPOCHS
/* [code: slots_give] */
inline give_back(which)
{
	put[AT(which, 0)] = 0; put[AT(which, 1)] = 0;
	taken[AT(which, 0)] = 0; taken[AT(which, 1)] = 0;
	in_flight[which - 1] = 0;
	preparer[which - 1] = false;
	uses[which - 1]++;
	pool = pool | (1 << (which - 1))
}

/*
 * Whoever frees memory. [code: reclaim_wait_epoch, reclaim_free, give_slots]
 * [code: rcu_wait_epoch] [code: slots_take_lost, slots_give]
 */
proctype reclaimer()
{
	byte taken_back, epochs;

	do
	:: epochs < EPOCHS ->
		epochs++;
		atomic { taken_back = lost; lost = 0 }
		atomic { begun++; awaited = readers }
		atomic { awaited == 0 -> ended = begun }
		membarrier();
		atomic {
			if
			:: taken_back & 1 -> give_back(1)
			:: else
			fi;
			if
			:: taken_back & 2 -> give_back(2)
			:: else
			fi;
			taken_back = 0
		}
	:: else -> break
	od
}
#endif

/* When nothing can go on. */
proctype judge()
{
	timeout;
	d_step {
		assert(waiters == 0 || TOTAL == 0 || (stopped > WORKERS && stopped <= WORKERS + WAITERS));
		assert(through + waiters + (stopped > 0) >= THREADS)
	}
}

init
{
	byte i;

	atomic {
		put[0] = CELL;
		do
		:: i < WORKERS -> run worker(); i++
		:: i >= WORKERS && i < WORKERS + WAITERS -> run waiter(); i++
		:: i >= WORKERS + WAITERS && i < WORKERS + WAITERS + GETTERS -> run getter(); i++
		:: i >= WORKERS + WAITERS + GETTERS && i < WORKERS + WAITERS + GETTERS + BIG -> run big(); i++
		:: i >= THREADS - SAMPLERS - MANIES && i < THREADS - SAMPLERS -> run many(); i++
		:: i >= THREADS - SAMPLERS && i < THREADS -> run sampler(); i++
		:: i == THREADS -> break
		od;
#ifdef EPOCHS
		run reclaimer();
#endif
		run judge();
#ifdef STOP
		run stopper(i);
#endif
		i = 0
	}
}
