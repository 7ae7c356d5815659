/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A semaphore with a line (object/lined.h), in this OS process's own memory.
 *
 * Completion queues need a line. So a semaphore with default attributes moves to one when a queue first waits for it,
 * once and for good. The line is made first, dead and without a value. Then one step makes the word dead, with `moved`
 * and its value in it. From then on every call comes here, and first settles: it gives the line that value, if nobody
 * has, and wakes those that sleep on the eventcount. These get in line. So nobody waits for a thread that stopped in
 * between, and no permit is in two places or in none.
 */
#ifndef KSEM_PRIVATE_LINED_H
#define KSEM_PRIVATE_LINED_H

#include "object/lined.h"

struct private_lined {
	struct lined lined;
	struct line line;
	atomic(bool) settled; /* atomic: a move is through */
};

extern const struct semaphore_ops private_lined_ops;

/* One that no semaphore has yet. NULL: no memory. */
struct lined *private_lined_new(const struct making *making);

/*
 * Moves a semaphore to a line, which it stores, if it has none. With a pin, inside the fork gate. ENOMEM; ENOTSUP: the
 * processor can't.
 */
int private_lined_move(struct ksem *ksem, struct line_view **view, uint32_t *holder);

/* Has this word's semaphore moved? For calls that found it dead, or were about to make it so. */
static inline bool private_has_moved(const struct ksem *ksem)
{
	return semaphore_word(&ksem->sem) & WORD_MOVED;
}

/* As lined_describe. */
int private_lined_describe(struct ksem *ksem, struct ksem_info *info);

/* Frees it, and all that it has. No thread uses it any more. */
void private_lined_free(struct lined *lined);

/* In a fork's child. True: it is an orphan, and the caller ends it. */
bool private_lined_after_fork(struct ksem *ksem);

#endif
