/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much of the processors something else had while this program and its helpers measured: other programs, the
 * kernel's own threads, other virtual machines. Where that is much, threads that should have run together didn't.
 */
#ifndef COMPARE_OTHERS_H
#define COMPARE_OTHERS_H

void others_begin(const int *processors, int count);

/* Since others_begin(), as a share of those processors, 0 to 1; below 0: the kernel doesn't tell. */
double others_end(void);

#endif
