/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See stepper.h.
 */
#include "stepper.h"

#include "../support.h"

char stepper_state_of(pid_t process, pid_t thread)
{
	char path[64], text[256] = "";
	const char *end;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)process, (int)thread);
	file = fopen(path, "r");
	if (!file)
		return 'X';
	if (!fgets(text, sizeof(text), file))
		text[0] = 0;
	fclose(file);
	end = strrchr(text, ')');
	return end ? end[2] : 'X';
}

#if stepper_works

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>

#if defined(__has_include)
#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#define SEQUENCE_AT (__rseq_offset + 8) /* from the thread pointer on */
#endif
#endif
#ifndef SEQUENCE_AT
#define SEQUENCE_AT 0
#endif

#define INT3 0xCC

static long peek(struct stepper *stepper, uint64_t at)
{
	return ptrace(PTRACE_PEEKTEXT, stepper->thread, at, NULL);
}

static void poke(struct stepper *stepper, uint64_t at, long what)
{
	MUST(ptrace(PTRACE_POKETEXT, stepper->thread, at, what) == 0);
}

static struct user_regs_struct registers(struct stepper *stepper)
{
	struct user_regs_struct regs;

	MUST(ptrace(PTRACE_GETREGS, stepper->thread, NULL, &regs) == 0);
	return regs;
}

/* Of a thread that went to sleep on its way to a breakpoint: others would run into it. False: there is none. */
static bool unset_breakpoints(struct stepper *stepper)
{
	int status;

	if (stepper->breakpoints == 0)
		return false;
	MUST(ptrace(PTRACE_INTERRUPT, stepper->thread, NULL, NULL) == 0);
	MUST(waitpid(stepper->thread, &status, __WALL) == stepper->thread && WIFSTOPPED(status));
	stepper_clear_all(stepper);
	MUST(ptrace(PTRACE_CONT, stepper->thread, NULL, NULL) == 0);
	return true;
}

/* Until the thread has stopped. While it is asleep, calls `asleep`, once. */
static void until_stopped(struct stepper *stepper)
{
	bool told = false;
	int status;

	for (;;) {
		pid_t got = waitpid(stepper->thread, &status, __WALL | (stepper->asleep ? WNOHANG : 0));

		if (got == stepper->thread && WIFSTOPPED(status)) {
			stepper->ip = registers(stepper).rip;
			if (WSTOPSIG(status) == SIGTRAP && status >> 16 == 0)
				return;
			/* another signal, or an event: on */
			MUST(ptrace(PTRACE_CONT, stepper->thread, NULL, WSTOPSIG(status)) == 0);
		} else if (got != 0) {
			stepper->ended = true;
			stepper->status = got == stepper->thread ? status : 0;
			return;
		} else if (!told && stepper_state_of(stepper->process, stepper->thread) == 'S') {
			told = !unset_breakpoints(stepper);
			if (told)
				stepper->asleep(stepper->arg);
		} else {
			sched_yield();
		}
	}
}

bool stepper_attach(struct stepper *stepper, pid_t process, pid_t thread)
{
	*stepper = (struct stepper){.process = process, .thread = thread, .running = true};
	return ptrace(PTRACE_SEIZE, thread, NULL, PTRACE_O_EXITKILL) == 0;
}

bool stepper_is_set(const struct stepper *stepper, uint64_t at)
{
	for (unsigned i = 0; i < stepper->breakpoints; i++) {
		if (stepper->breakpoint[i].at == at)
			return true;
	}
	return false;
}

void stepper_run(struct stepper *stepper)
{
	if (stepper->ended)
		return;
	/* It may be about to die, of a breakpoint that another thread of it ran into. */
	if (!stepper->running && ptrace(PTRACE_CONT, stepper->thread, NULL, NULL) != 0)
		MUST(errno == ESRCH);
	stepper->running = false;
	until_stopped(stepper);
	if (!stepper->ended && stepper_is_set(stepper, stepper->ip - 1)) {
		stepper->ip--;
		MUST(ptrace(PTRACE_POKEUSER, stepper->thread, offsetof(struct user, regs.rip), stepper->ip) == 0);
	}
}

void stepper_signal(struct stepper *stepper, int signal)
{
	stepper_clear_all(stepper);
	MUST(ptrace(PTRACE_CONT, stepper->thread, NULL, signal) == 0);
	until_stopped(stepper);
}

void stepper_step(struct stepper *stepper)
{
	if (stepper->ended)
		return;
	MUST(ptrace(PTRACE_SINGLESTEP, stepper->thread, NULL, NULL) == 0);
	until_stopped(stepper);
}

/* One byte; the words of two breakpoints may overlap. */
static void put_byte(struct stepper *stepper, uint64_t at, long byte)
{
	poke(stepper, at, (peek(stepper, at) & ~0xFFL) | (byte & 0xFF));
}

void stepper_set(struct stepper *stepper, uint64_t at)
{
	if (stepper_is_set(stepper, at))
		return;
	MUST(stepper->breakpoints < STEPPER_BREAKPOINTS);
	stepper->breakpoint[stepper->breakpoints].at = at;
	stepper->breakpoint[stepper->breakpoints++].was = peek(stepper, at);
	put_byte(stepper, at, INT3);
}

void stepper_clear_all(struct stepper *stepper)
{
	for (unsigned i = 0; i < stepper->breakpoints && !stepper->ended; i++)
		put_byte(stepper, stepper->breakpoint[i].at, stepper->breakpoint[i].was);
	stepper->breakpoints = 0;
}

void stepper_step_over(struct stepper *stepper)
{
	uint64_t at = stepper->ip;

	for (unsigned i = 0; i < stepper->breakpoints; i++) {
		if (stepper->breakpoint[i].at == at)
			put_byte(stepper, at, stepper->breakpoint[i].was);
	}
	stepper_step(stepper);
	if (!stepper->ended && stepper_is_set(stepper, at)) /* not if the thread slept, and all were unset */
		put_byte(stepper, at, INT3);
}

bool stepper_at_futex(struct stepper *stepper)
{
	long number;

	if ((peek(stepper, stepper->ip) & 0xFFFF) != 0x050F) /* the instruction syscall */
		return false;
	number = (long)registers(stepper).rax;
	return number == SYS_futex || number == 449; /* 449: futex_waitv */
}

void stepper_forget_sequence(struct stepper *stepper)
{
	if (SEQUENCE_AT)
		poke(stepper, registers(stepper).fs_base + (uint64_t)SEQUENCE_AT, 0);
}

#else

/* Nobody attaches, so nothing else is called. */

bool stepper_attach(struct stepper *stepper, pid_t process, pid_t thread)
{
	(void)stepper, (void)process, (void)thread;
	return false;
}

void stepper_run(struct stepper *stepper)
{
	stepper->ended = true;
}

void stepper_step(struct stepper *stepper)
{
	stepper->ended = true;
}

void stepper_signal(struct stepper *stepper, int signal)
{
	(void)signal;
	stepper->ended = true;
}

void stepper_set(struct stepper *stepper, uint64_t at)
{
	(void)stepper, (void)at;
}

void stepper_clear_all(struct stepper *stepper)
{
	(void)stepper;
}

bool stepper_is_set(const struct stepper *stepper, uint64_t at)
{
	(void)stepper, (void)at;
	return false;
}

void stepper_step_over(struct stepper *stepper)
{
	stepper->ended = true;
}

bool stepper_at_futex(struct stepper *stepper)
{
	(void)stepper;
	return false;
}

void stepper_forget_sequence(struct stepper *stepper)
{
	(void)stepper;
}

#endif
