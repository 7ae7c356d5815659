/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts futex calls: this program has a syscall() of its own, which libksem calls, and so do libstdc++, abseil and
 * nsync. glibc's semaphores enter the kernel by themselves; tools/compare lets perf count those.
 */
#ifndef COMPARE_WAKES_H
#define COMPARE_WAKES_H

struct wakes {
	long wakes, waits, slept;
};

void wakes_begin(void);
struct wakes wakes_end(void);

#endif
