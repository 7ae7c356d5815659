/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A shared semaphore with a line (object/lined.h): one that was made with other than the default attributes.
 *
 * Where things are. The first page of its file has the header and records, as other shared semaphores have (page.h),
 * and what the semaphore was made with. The page's own word is dead from the start, so sequences and the inline tries
 * leave it alone. Behind it are further pages of records. From PAGE_LINE_AT to the end of the file is the line:
 *
 *   bytes                what
 *   0 to 255             struct line: the word, the lists, the stack of free entries
 *   256 to 1023          metrics
 *   1024 to 4095         chunks 0 and 1 of entries. Up to here, memory is allocated before the file gets its name
 *   4096 * 2^n ...       chunk n + 2. Its memory is allocated when the first of its entries is needed
 *
 * A process has all of the file mapped, by the mapping that records use, too (records_map). The kernel allocates the
 * memory of a hole when a process first reads or writes there. If the file system is full, it kills the process by
 * SIGBUS. So no process touches a chunk before it has asked the kernel to write to each of its pages (line/entries.c).
 * It doesn't matter who is first, nor what the file says: each process asks once for each chunk. If the file system is
 * full, a waiter finds no entry. It looks again every few milliseconds, and becomes a waiter as soon as there is room.
 *
 * Whose an entry is. An entry has a number that names a process's record, and says how often that record was taken. So
 * the number of a process that has ended means no other process, even if the record has another owner by then
 * (records_is_gone). The process has ended if nobody has its liveness lock (liveness.h).
 *
 * What is left if a process is killed, by where it was:
 *
 *   making: before the name    a file without a name. The kernel frees it
 *   a post, a take             what one compare-and-swap makes of the word: all of it, or nothing
 *   a post, before it serves   the permits are there, but waiters sleep. The next call finishes it; or a sleeper, since
 *                              each wakes about once a second, and looks
 *   inside an operation        the word names it. The next thread that comes finishes it (line/help.h)
 *   an entry claimed           the entry names the process. A thread that looks for the dead frees it
 *   in line                    the same. A post may grant it first: the poster finds that nobody woke, and takes the
 *                              permits back if the process has ended
 *   granted, not yet away      the same; the permits go back to the line
 *   away with its permits      they are lost; with KSEM_UNDO they are in its account, and go back (line/ledger.h)
 *   a change of its account    the word names it, or it hasn't happened. Whoever comes writes the account
 *   at the door                a sleeper less. A thread that frees an entry may wake nobody; others look by themselves
 *   shutdown, a new limit      the word says so, or not. Waiters are served as after a post
 *   metrics                    a number may lack the wait
 *
 * These look for the dead: sleepers; a post that finds waiters; a take that finds too few permits; getvalue, stat and
 * destroy; with KSEM_UNDO, watchers (deaths.h). Without KSEM_UNDO, sleepers, posts, takes and getvalue do so at most
 * twice a second, all processes together (line_look).
 *
 * A process that closed the library's descriptors, or whose parent made it by _Fork() in a handler, has no liveness
 * lock for a while. Others may take its entries out of the line meanwhile, and wake their threads, which get in line
 * again, at its end. An entry that a thread may return to doesn't become another's: so before an entry is freed, its
 * process must have ended by its lifetime, too (os/lifetime.h). A process that has executed another program lives; it
 * leaves such entries, at most one for each thread that it had, until it ends.
 */
#ifndef KSEM_SHARED_LINED_H
#define KSEM_SHARED_LINED_H

#include "object/lined.h"
#include "shared/file.h"
#include "shared/records.h"

struct deaths;

struct shared_lined {
	struct lined lined;
	struct records *records;           /* constant, as is directory: of the file */
	const struct directory *directory; /* where the processes that have the file have their liveness */

	/* With KSEM_UNDO (deaths.h). */
	struct deaths *deaths;              /* constant once others see the semaphore; NULL: not watched */
	struct shared_lined *next_watched;  /* under that one's lock, as the next */
	struct shared_lined **prev_watched; /* NULL: it isn't there */
	atomic(uint32_t) looked_at;         /* atomic: how many looks a watcher had begun when this was looked at */
};

/* Of a semaphore that has a line. */
static inline struct shared_lined *shared_lined_of(const struct ksem *ksem)
{
	return (struct shared_lined *)lined_of(ksem);
}

/* For a file that is mapped; maps all of it. ENOMEM: it can't be mapped. */
int shared_lined_init(struct shared_lined *lined, struct records *records, const struct directory *directory,
		      const struct attributes *attributes);

/* This process has that record from now on. */
void shared_lined_enter(struct shared_lined *lined, const struct record *record);

/* The permits of this process are the calling process's from now on, which executes a program (program.h). */
void shared_lined_entrust(struct shared_lined *lined);

/* In a fork's child that has no record: calls see a dead line. */
void shared_lined_lose(struct shared_lined *lined);

bool shared_lined_is_dead(const struct shared_lined *lined);

/* Looks for the dead by another description of the directory (line_reap_unless). */
void shared_lined_look_from(const struct shared_lined *lined, const struct directory *directory,
			    uint32_t unless_microseconds);

/* As the operations (object/kind.h). */
int shared_lined_post(struct ksem *ksem, uint32_t n, const struct ksem_proc *by);
void shared_lined_give_back(struct ksem *ksem, uint32_t n, const struct ksem_proc *by);
int shared_lined_take_by(struct ksem *ksem, const struct ksem_proc *by);
int shared_lined_take(struct ksem *ksem);
int shared_lined_take_some(struct ksem *ksem, uint32_t least, uint32_t most, uint32_t *took,
			   const struct ksem_proc *by);
int shared_lined_value(struct ksem *ksem, uint32_t *value);
uint32_t shared_lined_waiters(struct ksem *ksem);

/* Makes it dead. EBUSY: somebody waits. */
int shared_lined_kill(struct shared_lined *lined);

/* Value, waiters that live, limit, order, flags. EINVAL: it is dead. */
int shared_lined_describe(struct ksem *ksem, struct ksem_info *info);

/* For a copy of a file, so that functions of the line work on it. Nothing that is done to the copy changes the file. */
void shared_lined_init_copy(struct shared_lined *lined, struct records *records, const struct directory *directory,
			    const struct file *file);

#endif
