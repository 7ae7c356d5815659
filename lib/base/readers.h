/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For rcu.c: the readers of a process that can't use liburcu's locks.
 *
 * A fork without the handlers (os/fork.h) may copy these locks while another thread has them. The child hasn't got that
 * thread, so they are never released. Such a child, and its children, use a lock of the library's own instead, and look
 * at the readers themselves.
 *
 * Call all this with signals blocked. Else a handler may fork amid a call.
 */
#ifndef KSEM_BASE_READERS_H
#define KSEM_BASE_READERS_H

#include <stdbool.h>

/*
 * Is this such a process? Constant in a process, except that the first call in such a child makes it so. Not in the
 * child of vfork(), which would make its parent so.
 */
bool readers_lost_liburcu(void);

/* The lock of the list of readers. It is liburcu's locks, unless those are known to be lost. */
void readers_lock(void);
void readers_unlock(void);

/*
 * With that lock, in a process that has lost liburcu's: waits until each other thread was outside of read sections for
 * an instant. So whoever was in one at the call has left it.
 */
void readers_wait(void);

#endif
