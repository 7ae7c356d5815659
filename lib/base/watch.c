/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds out which tool watches, and informs the sanitizers: see watch.h.
 *
 * A sanitizer's runtime is part of the program, or of a library that the program loads. Here its functions are weak
 * references: NULL in a program without that sanitizer.
 */
#include "base/watch.h"

#include <stdbool.h>
#include <stdint.h>

#if !defined(KSEM_SANITIZED) && !defined(KSEM_TSAN)

const struct watch *watch_tool;

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the runtimes' names */
extern __attribute__((weak)) void __tsan_acquire(void *address);
extern __attribute__((weak)) void __tsan_release(void *address);
extern __attribute__((weak)) void AnnotateIgnoreReadsBegin(const char *file, int line);
extern __attribute__((weak)) void AnnotateIgnoreReadsEnd(const char *file, int line);
extern __attribute__((weak)) void AnnotateIgnoreWritesBegin(const char *file, int line);
extern __attribute__((weak)) void AnnotateIgnoreWritesEnd(const char *file, int line);
extern __attribute__((weak)) void __msan_unpoison(const volatile void *memory, size_t size);
extern __attribute__((weak)) void __msan_scoped_disable_interceptor_checks(void);
extern __attribute__((weak)) void __msan_scoped_enable_interceptor_checks(void);
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

static void tell_nothing(const void *mark)
{
	(void)mark;
}

static void wrote_nothing(const void *memory, size_t size)
{
	(void)memory, (void)size;
}

/* ---- ThreadSanitizer. ---- */

/* Releases and acquires are reported even between enter and leave: a signal handler may run there, and post. */
static void tsan_enter(void)
{
	AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
	AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
}

static void tsan_leave(void)
{
	AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
	AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
}

static void tsan_release(const void *mark)
{
	__tsan_release((void *)(uintptr_t)mark);
}

static void tsan_acquire(const void *mark)
{
	__tsan_acquire((void *)(uintptr_t)mark);
}

static const struct watch tsan = {tsan_enter, tsan_leave, tsan_release, tsan_acquire, wrote_nothing, true};

static bool is_tsan(void)
{
	return __tsan_acquire && __tsan_release && AnnotateIgnoreReadsBegin && AnnotateIgnoreReadsEnd &&
	       AnnotateIgnoreWritesBegin && AnnotateIgnoreWritesEnd;
}

/* ---- MemorySanitizer. ---- */

static void msan_enter(void)
{
	__msan_scoped_disable_interceptor_checks();
}

static void msan_leave(void)
{
	__msan_scoped_enable_interceptor_checks();
}

static void msan_wrote(const void *memory, size_t size)
{
	__msan_unpoison(memory, size);
}

static const struct watch msan = {msan_enter, msan_leave, tell_nothing, tell_nothing, msan_wrote, false};

static bool is_msan(void)
{
	return __msan_unpoison && __msan_scoped_disable_interceptor_checks && __msan_scoped_enable_interceptor_checks;
}

/* ---- Which. ---- */

const struct watch *watch_find(void)
{
	const struct watch *found = is_tsan() ? &tsan : is_msan() ? &msan : NULL;

#ifdef KSEM_VALGRIND
	if (!found)
		found = watch_find_helgrind();
	if (!found)
		found = watch_find_drd();
#endif
	return found;
}

/* Runs before other constructors, which may make calls. */
__attribute__((constructor(101))) static void begin(void)
{
	watch_tool = watch_find();
}

#endif
