/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stops one thread of another process, a child, at any instruction, while that process's other threads run on: by
 * ptrace, which is told of this thread only.
 *
 * Two ways: steps of one instruction; and breakpoints, for which the program's text is changed: all other threads must
 * rest while one is set. Every step ends the restartable sequence that it is in; a thread that runs to a breakpoint is
 * stopped inside the sequence, which the kernel ends when the thread goes on.
 *
 * x86-64 only: stepper_works says so.
 */
#ifndef KSEM_TESTS_STEPPER_H
#define KSEM_TESTS_STEPPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#if defined(__x86_64__)
#define stepper_works 1
#else
#define stepper_works 0
#endif

#define STEPPER_BREAKPOINTS 32

struct stepper {
	pid_t process, thread;
	uint64_t ip;            /* where it is stopped */
	bool running;           /* not stopped yet */
	bool ended;             /* the process, instead, */
	int status;             /* and how, as waitpid says */
	void (*asleep)(void *); /* is called when the thread sleeps, in a step or a run, which goes on; may be NULL */
	void *arg;
	unsigned breakpoints;
	struct {
		uint64_t at;
		long was;
	} breakpoint[STEPPER_BREAKPOINTS];
};

/* A thread that is about to stop itself (stepper_mark). False: ptrace is forbidden here. */
bool stepper_attach(struct stepper *stepper, pid_t process, pid_t thread);

/* What a thread that is to be stepped calls where it wants to be stopped. */
static inline void stepper_mark(void)
{
#if stepper_works
	__asm__ volatile("int3" ::: "memory");
#endif
}

/* All of these return when the thread has stopped again, or the process ended. */
void stepper_run(struct stepper *stepper); /* to a mark or a breakpoint, before which it then is, unless it slept */
void stepper_step(struct stepper *stepper);

/* As stepper_run, with no breakpoint left; the thread gets that signal first. */
void stepper_signal(struct stepper *stepper, int signal);

void stepper_set(struct stepper *stepper, uint64_t at);
void stepper_clear_all(struct stepper *stepper);

/* Is a breakpoint set here? */
bool stepper_is_set(const struct stepper *stepper, uint64_t at);

/* Goes on over the breakpoint that it is stopped at, by one step. */
void stepper_step_over(struct stepper *stepper);

/* Is it about to make a futex call? */
bool stepper_at_futex(struct stepper *stepper);

/* Makes the kernel forget the restartable sequence that the thread is in. */
void stepper_forget_sequence(struct stepper *stepper);

/* The state of the thread `thread` of the process, as /proc has it: 'S' asleep. */
char stepper_state_of(pid_t process, pid_t thread);

#endif
