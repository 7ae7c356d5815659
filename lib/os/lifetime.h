/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether an OS process is there, by its number and a time at which it lived. A process of the same number that began
 * later is another one.
 *
 * A number means something in its pid namespace only, so a process that asks must be in the same one.
 */
#ifndef KSEM_OS_LIFETIME_H
#define KSEM_OS_LIFETIME_H

#include <stdbool.h>
#include <stdint.h>

/* 16 bits by which pid namespaces differ; 0: unknown. Needs no descriptor. */
uint32_t lifetime_namespace(void);

/* The calling process, now: its number and the time, 54 bits. */
uint64_t lifetime_own(void);

/* Is that process there? True also where that can't be found out. Leaves errno alone. */
bool lifetime_lasts(uint64_t lifetime);

#endif
