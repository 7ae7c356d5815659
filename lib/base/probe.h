/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Static probes, to which bpftrace, perf and SystemTap attach while a program runs: `ksem:NAME`, with some numbers
 * each. One that nothing is attached to is a `nop`. They are on slow paths only: what finds a permit meets none.
 * ksem-probes(7) lists them, and tools/trace has scripts that use them.
 */
#ifndef KSEM_BASE_PROBE_H
#define KSEM_BASE_PROBE_H

#ifdef KSEM_PROBES

#define SDT_USE_VARIADIC
#include <sys/sdt.h>

#define PROBE(name, ...) STAP_PROBEV(ksem, name, __VA_ARGS__)

#else

static inline void probe_nothing(int first, ...)
{
	(void)first;
}

/* The arguments are checked, and not evaluated. */
#define PROBE(name, ...) ((void)sizeof((probe_nothing(0, __VA_ARGS__), 0)))

#endif

#endif
