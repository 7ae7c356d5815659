/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where memory comes from: see memory.h.
 *
 * The library refers to the functions of jemalloc weakly, so it runs without jemalloc and never links it in. The arena
 * is made before main. jemalloc's thread caches aren't used: they would mix the library's blocks with the program's.
 */
#include "base/memory.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void *libc_alloc(size_t size, size_t align)
{
	void *block;

	if (align <= _Alignof(max_align_t))
		return calloc(1, size);
	if (size > SIZE_MAX - align)
		return NULL;
	size = (size + align - 1) & ~(align - 1); /* aligned_alloc needs a multiple of align */
	block = aligned_alloc(align, size);
	return block ? memset(block, 0, size) : NULL;
}

static void libc_free(void *block)
{
	free(block);
}

struct memory_ops memory_ops = {libc_alloc, libc_free, NULL, NULL};

#ifndef KSEM_ALLOCATOR_LIBC

#include <jemalloc/jemalloc.h>

#ifndef KSEM_ALLOCATOR_JEMALLOC
#pragma weak mallocx
#pragma weak dallocx
#pragma weak mallctl
#endif

static unsigned jemalloc_arena;

static void *jemalloc_alloc(size_t size, size_t align)
{
	return mallocx(size, MALLOCX_ALIGN(align) | MALLOCX_ZERO | MALLOCX_ARENA(jemalloc_arena) | MALLOCX_TCACHE_NONE);
}

static void jemalloc_free(void *block)
{
	dallocx(block, MALLOCX_TCACHE_NONE);
}

/* Before main, so that no block of one allocator is ever freed by the other. */
__attribute__((constructor(101))) static void choose_jemalloc(void)
{
	size_t size = sizeof(jemalloc_arena);

#ifndef KSEM_ALLOCATOR_JEMALLOC
	if (!mallocx || !dallocx || !mallctl)
		return;
#endif
	if (mallctl("arenas.create", &jemalloc_arena, &size, NULL, 0) == 0)
		memory_ops = (struct memory_ops){jemalloc_alloc, jemalloc_free, NULL, NULL};
}

#endif

void *memory_alloc(size_t size, size_t align)
{
	int saved = errno;
	void *block = memory_ops.alloc(size, align);

	errno = saved;
	return block;
}

void memory_free(void *block)
{
	int saved = errno;

	if (block)
		memory_ops.free(block);
	errno = saved;
}

/* ---- Ranges. The part that can only be read takes no memory: the kernel maps one page of zeros there. ---- */

/* LeakSanitizer, in the program: what only a range has the address of isn't lost. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the runtime's names */
extern __attribute__((weak)) void __lsan_register_root_region(const void *start, size_t size);
extern __attribute__((weak)) void __lsan_unregister_root_region(const void *start, size_t size);
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

void *memory_reserve(size_t size)
{
	int saved = errno;
	void *range = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	errno = saved;
	if (range == MAP_FAILED)
		return NULL;
	if (__lsan_register_root_region)
		__lsan_register_root_region(range, size);
	return range;
}

bool memory_commit(void *start, size_t size)
{
	int saved = errno;
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)start & ~(page - 1);
	size_t bytes = ((uintptr_t)start + size - from + page - 1) & ~(page - 1);
	bool done = (!memory_ops.may_commit || memory_ops.may_commit(size)) &&
		    mprotect((void *)from, bytes, PROT_READ | PROT_WRITE) == 0;

	errno = saved;
	return done;
}

void memory_release(void *range, size_t size)
{
	int saved = errno;

	if (__lsan_unregister_root_region)
		__lsan_unregister_root_region(range, size);
	munmap(range, size);
	errno = saved;
}

/* ---- Memory that is used again. ---- */

#if defined(__SANITIZE_ADDRESS__)
#define KSEM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KSEM_ASAN 1
#endif
#endif

#ifdef KSEM_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(start, size)   ((void)(start), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(start, size) ((void)(start), (void)(size))
#endif

void memory_rest(void *start, size_t size)
{
	if (memory_ops.rests)
		memory_ops.rests(start);
	ASAN_POISON_MEMORY_REGION(start, size);
}

void memory_use(void *start, size_t size)
{
	ASAN_UNPOISON_MEMORY_REGION(start, size);
}
