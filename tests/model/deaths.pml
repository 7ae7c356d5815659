/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How sleepers learn of a death in time: the watcher of their process, its start and its end, and their own look before
 * they sleep.
 *
 * HOLDERS processes have a permit each, and die at some time, each in two steps: the kernel tells all who watch the
 * directory, and a moment later drops the lock. SLEEPERS threads of one process want one permit each. A look asks about
 * one holder after another; what it finds goes to those in line, or stays in the value. That a permit goes back once,
 * undo.pml shows.
 *
 * About time this is assumed: a watcher's last look after news comes when the kernel is through with that death; and no
 * watcher ends for idleness while a thread sleeps, since each says more often that it is needed. The look of a sleeper
 * once a second isn't there at all. Orders: as if sequentially consistent.
 *
 * What is shown: when nothing can go on any more, no thread sleeps beside a permit of the dead.
 */
#define INSTANCES (SLEEPERS + 1) /* watchers: an old one may still be there when the next begins */

byte value, in_line, granted;
bool gone[HOLDERS], back[HOLDERS];
byte dying;                     /* holders in the middle of their deaths */
bool watches[INSTANCES], tells[INSTANCES]; /* of each watcher: inotify's queue */
byte instances;

mtype = {NONE, RUNS, RUNS_USED};
mtype state = NONE;
byte looks, looked_at;
byte asleep;                    /* threads that rely on a watcher */
byte through;

/* [code: reap_account] */
inline look(h)
{
	h = 0;
	do
	:: h < HOLDERS ->
		atomic {
			if
			:: gone[h] && !back[h] ->
				back[h] = true;
				if
				:: in_line > 0 -> in_line--; granted++
				:: else -> value++
				fi
			:: else
			fi;
			h++
		}
	:: else -> break
	od
}

/* [code: look_at_all] */
inline look_if_needed(h, count)
{
#ifdef WAITERS_FIRST
	waiters = in_line;
#endif
#ifdef COUNTED_ONCE
	looks = looks + (fresh -> 1 : 0);
	fresh = false;
#else
	looks++;
#endif
	count = looks;
#ifndef WAITERS_FIRST
	waiters = in_line;
#endif
	if
	:: waiters > 0 -> look(h); looked_at = count
	:: else
	fi
}

/* [code: watch] [code: may_end] */
proctype watcher(byte own)
{
	byte h, count, waiters;
	bool fresh;

	watches[own] = true;
#ifdef NO_FIRST_LOOK
	goto idle;
#endif
again:
	fresh = true;
	look_if_needed(h, count);
#ifndef NO_LOOK_AGAIN
	if
	:: tells[own]
	:: !tells[own] && dying == 0 -> look_if_needed(h, count)
	fi;
#endif
idle:
	do
	:: tells[own] -> tells[own] = false; goto again
	:: atomic { !tells[own] && state == RUNS_USED -> state = RUNS }
#ifdef ENDS_UNASKED
	:: atomic { !tells[own] && state == RUNS -> state = NONE }; break
#else
	:: atomic { !tells[own] && state == RUNS && asleep == 0 -> state = NONE }; break
#endif
	:: atomic { !tells[own] && state == NONE }; break
	od;
	watches[own] = false;
	h = 0; count = 0; waiters = 0; fresh = false
}

/* [code: need_watcher] */
inline need_watcher()
{
	atomic {
		asleep++;
		if
		:: state == RUNS -> state = RUNS_USED
		:: state == NONE ->
			state = RUNS_USED;
			assert(instances < INSTANCES);
			run watcher(instances);
			instances++
		:: else
		fi
	}
}

/* [code: deaths_before_sleep] */
inline look_before_sleep(h, count)
{
	count = looks;
	if
#ifndef NO_LOOK_BEFORE
	:: looked_at != count -> look(h); looked_at = count
#endif
	:: else
	fi
}

proctype sleeper()
{
	byte h, count;

#ifdef LOOKED_BEFORE
	look_before_sleep(h, count);
#endif
	atomic {
		if
		:: value > 0 -> value--; goto done
		:: else -> in_line++
		fi
	}
	need_watcher();
#ifndef LOOKED_BEFORE
	look_before_sleep(h, count);
#endif
	atomic { granted > 0 -> granted--; asleep-- }
done:
	atomic { through++; h = 0; count = 0 }
}

proctype holder(byte own)
{
	byte i;

	atomic {
		dying++;
		do
		:: i < INSTANCES -> tells[i] = tells[i] || watches[i]; i++
		:: else -> break
		od;
		i = 0
	}
	atomic { gone[own] = true; dying-- }
}

proctype judge()
{
	timeout;
	assert(through == SLEEPERS)
}

init
{
	byte i;

	atomic {
		do
		:: i < SLEEPERS -> run sleeper(); i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < HOLDERS -> run holder(i); i++
		:: else -> break
		od;
		i = 0;
		run judge()
	}
}
