/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the models share: threads, one of which, any, stops for ever at any point; or none does (with STOP; without it
 * all go on).
 *
 * Threads are the processes 1 to THREADS: init, which is 0, runs them before any other.
 */
byte stopped; /* which thread stopped; 0: none did */

#ifdef STOP
#define RUNS provided (stopped != _pid)
#else
#define RUNS
#endif

proctype stopper(byte threads)
{
	byte victim = 1;

	atomic {
		do
		:: victim < threads -> victim++
		:: break
		od;
		stopped = victim;
		victim = 0
	}
}
