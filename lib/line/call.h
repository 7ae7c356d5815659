/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls in which a signal handler forks.
 *
 * If the handler returns in the child, the child goes on in the call, as the parent does. Entry and account of the call
 * are the parent's. If the line is in shared memory, both would change the same things. So the child must leave the
 * call without having changed anything, wherever it was, and the parent must go on as if there were no child.
 *
 * How it works: each change is a compare-and-swap, which expects what the call has read before. The call reads, then
 * asks whether it is still in the process in which it began (call_is_left), and then makes its compare-and-swap. If the
 * handler forked before the question, the child leaves. If it forked after it, the fork itself has changed what the
 * compare-and-swap expects, before there was a child: it uses up a number of the line's word, and a round of the
 * call's entry (calls_before_ungated_fork). So both processes fail, and look again.
 *
 * What a call stores into its own entry before the word names it has no such protection: the child may make the stores
 * late. So after a fork the parent uses another entry. It leaves the old one HELD, in another round, so that it doesn't
 * seem to wait, and the child can't change its state (leave_behind, in wait.c). There it stays until the process ends,
 * when others free it as they do all entries of the dead. That costs an entry for each fork that comes in that short
 * time; two if the fork comes while an entry is claimed, since the child may then claim one, too.
 *
 * _Fork(), and the bare system call, run no fork handlers. There is the question alone, so a child that comes between
 * question and compare-and-swap can do harm.
 *
 * What protects its data: calls of a thread are in a list on its stack. Only the thread itself and its signal handlers
 * use them, so it needs nothing but the compiler's fences.
 */
#ifndef KSEM_LINE_CALL_H
#define KSEM_LINE_CALL_H

#include "line/state.h"
#include "os/fork.h"

struct line_call {
	const struct line_view *view;
	struct line_call *outer;  /* that this one is within, or has interrupted */
	struct line_entry *entry; /* whose state the call will change, in that round; NULL: none */
	uint32_t round;
	uint32_t forks;      /* of this thread by fork(), since the call began */
	uint32_t generation; /* of the process in which it began */
};

extern _Thread_local struct line_call *line_calls;       /* owner only, and its signal handlers; NULL: none */
extern _Thread_local const struct line_view *line_quick; /* the same: of a call that isn't in the list (quick.h) */

static inline void call_begin(struct line_call *call, const struct line_view *view)
{
	call->view = view;
	call->outer = line_calls;
	call->entry = NULL;
	call->round = call->forks = 0;
	call->generation = fork_generation();
	fence_signal();
	line_calls = call;
	fence_signal();
}

static inline void call_end(const struct line_call *call)
{
	fence_signal();
	line_calls = call->outer;
	fence_signal();
}

/* Is the caller in a child? To be asked after it has read what its compare-and-swap expects. */
static inline bool call_is_left(const struct line_call *call)
{
	fence_signal();
	return unlikely(fork_has_left(call->generation));
}

/* How many forks there were; an entry that was claimed at another number isn't the caller's alone. */
static inline uint32_t call_forks(const struct line_call *call)
{
	fence_signal();
	return call->forks;
}

/*
 * Reads the state of the call's entry, before call_is_left. ENTRY_FREE: the entry is in another round than it was when
 * the call looked first, so it is another's by now.
 */
uint64_t call_look(struct line_call *call, struct line_entry *entry);

/* A step of a fork (os/fork.h). */
void calls_before_ungated_fork(void);

#endif
