/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tools that watch the program for errors: ThreadSanitizer, MemorySanitizer, Helgrind and DRD. The library tells them
 * what they can't see:
 *
 *   - The sanitizers see only code that was compiled with them. They don't see that a post happens before the wait that
 *     takes its permit, nor that the library wrote what it answers. What they do see are the library's calls of malloc,
 *     free, memcpy and the like, and these look like races.
 *   - Helgrind and DRD see each access of the library. They don't know what orders these, since they take every plain
 *     store for an access that needs a lock.
 *
 * Between watch_enter() and watch_leave() the library uses its own data, and no tool reports anything. They nest.
 * watch_release() comes before a post, and watch_acquire() after a call that took or saw its permit. Both name the
 * semaphore by the address of a mark. watch_wrote() names memory of the caller that the library has written.
 *
 * Calls on the fast path don't test whether a tool watches. The dynamic loader tests that once, and binds programs to
 * variants that inform the tool (lib/api/watched.h). All other code tests it here.
 *
 * `watch_tool` is constant once the library's constructors have run. A library that is built with a sanitizer is seen
 * completely, and then `watch_tool` is always NULL.
 */
#ifndef KSEM_BASE_WATCH_H
#define KSEM_BASE_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct watch {
	void (*enter)(void);
	void (*leave)(void);
	void (*release)(const void *mark);
	void (*acquire)(const void *mark);
	void (*wrote)(const void *memory, size_t size);
	bool holds_signals;
};

#if defined(KSEM_SANITIZED) || defined(KSEM_TSAN)
static const struct watch *const watch_tool = NULL;
#else
extern HIDDEN const struct watch *watch_tool; /* NULL: no tool watches */
#endif

/*
 * The tool that watches; NULL: none. May be called before the library is relocated, and before its constructors run. It
 * may then miss a tool.
 */
const struct watch *watch_find(void);

/* These exist if the build has valgrind's headers. NULL: another tool watches, or none. */
const struct watch *watch_find_helgrind(void);
const struct watch *watch_find_drd(void);

static inline void watch_enter(void)
{
	if (unlikely(watch_tool != NULL))
		watch_tool->enter();
}

static inline void watch_leave(void)
{
	if (unlikely(watch_tool != NULL))
		watch_tool->leave();
}

static inline void watch_release(const void *mark)
{
	if (unlikely(watch_tool != NULL))
		watch_tool->release(mark);
}

static inline void watch_acquire(const void *mark)
{
	if (unlikely(watch_tool != NULL))
		watch_tool->acquire(mark);
}

static inline void watch_wrote(const void *memory, size_t size)
{
	if (unlikely(watch_tool != NULL))
		watch_tool->wrote(memory, size);
}

/*
 * Does the tool delay signal handlers until the thread next calls a function of libc? ThreadSanitizer does. A thread
 * that sleeps in a system call of this library would never run the handler.
 */
static inline bool watch_holds_signals(void)
{
#ifdef KSEM_TSAN
	return true;
#else
	return watch_tool != NULL && watch_tool->holds_signals;
#endif
}

#endif
