/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tells whether an OS process still exists, by its number and a time at which it existed. A process with the same
 * number that began later is another one.
 *
 * A number has a meaning in its pid namespace only, and a time in its time namespace. So the process that asks must be
 * in the same ones.
 */
#ifndef KSEM_OS_LIFETIME_H
#define KSEM_OS_LIFETIME_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Numbers that tell namespaces apart: lifetime_pids pid namespaces, in which a process has another number, and
 * lifetime_namespace pid and time namespaces, in which a lifetime means another process or time. 0: unknown, or /proc
 * is that of another pid namespace. They need no descriptor.
 */
#define LIFETIME_NAMESPACE_BITS 16
uint32_t lifetime_pids(void);
uint32_t lifetime_namespace(void);

/* The calling process, now: its number and the time. */
#define LIFETIME_BITS 54
uint64_t lifetime_own(void);

/*
 * A number that tells a process's program from the next one that it executes, mostly: where its stack begins. 0: not
 * known. Does that process execute another one by now? False also if the kernel doesn't say.
 */
uint32_t lifetime_own_image(void);
bool lifetime_has_other_image(uint64_t lifetime, uint32_t image);

/* Does that process still exist? True also if that can't be found out. Leaves errno alone. */
bool lifetime_lasts(uint64_t lifetime);

#endif
