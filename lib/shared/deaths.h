/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The watcher: a thread that notices at once that a holder of a semaphore with KSEM_UNDO has ended. An OS process that
 * has sleepers on such semaphores has one for each directory. The first thread that is about to sleep starts it, and it
 * ends when no thread has slept for a while. So only processes whose threads sleep pay for it.
 *
 * How it works. Each process that uses a directory has it open, by descriptors of its own, which the kernel closes when
 * the process ends, or executes another program. The kernel tells the watcher that the directory was closed
 * (os/closes.h). The watcher then looks for holders that have ended, on each semaphore that has waiters, as a sleeper
 * does once a second (line_reap).
 *
 * The news only says when to look; liveness lock and lifetime decide who has ended (lined.h). The kernel drops the lock
 * a moment after it has told, and the process is there for a moment longer. So the watcher looks again after pauses,
 * which get longer.
 *
 * Why this and not a robust mutex of each holder, or pidfds? It needs nothing of the holders, whose threads may end
 * before their process, and no list of them, so a holder that comes later is watched, too. It sees a program that a
 * process executes, and processes of other pid namespaces. It uses no descriptor of the program's. A watcher that dies
 * takes along only sleepers of its own process, and nobody waits for one that is stopped. But when the process ends or
 * executes another program, the kernel first takes the watch down, for some 5 to 80 ms.
 *
 * What it misses, sleepers find about once a second: a process that had closed the library's descriptors, or that
 * shared them with its parent or child (liveness.h, joint), or that dies more slowly than the watcher looks. The same
 * holds for all deaths if there can be no watcher: without close_range (Linux 5.9), inotify or /proc, without a free
 * thread or inotify instance, or if a sandbox refuses any of these. But the watchers of other processes look at all
 * semaphores on which they have sleepers themselves, and so also for those who can't.
 *
 * No death is missed between a take that found too few permits and the sleep. The watcher counts its look, and then
 * sees which semaphores have waiters. A thread gets in line, and then compares that count with what it was when the
 * semaphore was last looked at; if they differ, it looks before it sleeps (KSEM_ORD_30). tests/model/deaths.pml has
 * both, and the start and the end of a watcher.
 */
#ifndef KSEM_SHARED_DEATHS_H
#define KSEM_SHARED_DEATHS_H

#include "shared/directory.h"

struct shared_lined;

/*
 * Has deaths in the directory watched for a semaphore with KSEM_UNDO, while threads sleep on it; and no longer. Both
 * inside the fork gate. False: no memory.
 */
bool deaths_add(struct directory *directory, struct shared_lined *lined);
void deaths_remove(struct shared_lined *lined);

/*
 * The calling thread, or a wait of a queue, is in line, and about to sleep. May look for the dead; nothing happens if
 * nothing is watched.
 */
void deaths_before_sleep(struct shared_lined *lined);

/* Before the directory is closed, with nothing watched any more. The thread ends a little later. */
void deaths_close(struct directory *directory);

/* In a fork's child, which hasn't got the thread: for each directory, and once. */
void deaths_child_after_fork(struct directory *directory);
void deaths_after_fork(bool prepared);

#endif
