/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much processor time others took while this program and its helpers measured: other programs, the kernel's own
 * threads, other virtual machines. If that is much, threads that should have run together didn't.
 */
#ifndef COMPARE_OTHERS_H
#define COMPARE_OTHERS_H

void others_begin(const int *processors, int count);

/* The share of those processors since others_begin(), 0 to 1; below 0: unknown. */
double others_end(void);

#endif
