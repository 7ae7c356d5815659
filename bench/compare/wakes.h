/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts the futex calls that ksem makes: this program has a syscall() of its own, which the library calls.
 */
#ifndef COMPARE_WAKES_H
#define COMPARE_WAKES_H

struct wakes {
	long wakes, waits, slept;
};

void wakes_begin(void);
struct wakes wakes_end(void);

#endif
