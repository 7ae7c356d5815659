/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The waits of a completion queue: their memory, and how they end. Under the queue's lock, outside read sections.
 */
#ifndef KSEM_QUEUE_WAITS_H
#define KSEM_QUEUE_WAITS_H

#include "queue/cq.h"

/* A wait in no list, with room for it in all of them; NULL: no memory. */
struct wait *wait_alloc(struct ksem_cq *cq, uint64_t due);
void wait_free(struct ksem_cq *cq, struct wait *wait);

/* Frees the memory of all. */
void waits_end(struct ksem_cq *cq);

/*
 * Takes its permits or, if they aren't there, gets in line (*joined). 0, EINVAL, ENOMEM, ESHUTDOWN, as ksem_cq_submit
 * and line_submit.
 */
int wait_begin(struct wait *wait, bool *joined);

/* In line: gives up, for that reason, unless it was decided before (false). wait_drop must follow. */
bool wait_give_up(struct wait *wait, int why);
void wait_drop(struct wait *wait);

/* It is off the ready list, or never was in line, and ended so: puts it on its source's list of completions. */
void wait_end(struct wait *wait, int error);

/* Is something on the source's ready list? */
bool wait_has_ready(const struct source *source);

/* Moves all completions from the ready list to the source's list. */
void wait_take_all_ready(struct source *source);

/* The next completion of a source; NULL: there is none. The caller gives it back. */
struct wait *wait_take_done(struct source *source);

#endif
