/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem-compare: the same scenarios for ksem and for all other semaphores in Debian 12.
 *
 * A peer is a file that says how its semaphores are made, posted and waited for, as `static inline` functions, and then
 * includes scenarios.h, which turns them into a struct peer: so no scenario calls through a pointer within what it
 * measures. Peers that can't live in this program (another libc, another C++ library) are built into a helper program,
 * which runs the same scenarios when it is told to (helper.c, remote.c).
 *
 * main.c runs each scenario for all peers in turn, several rounds. results.c and targets.c report the results, wakes.c
 * counts wake calls, others.c measures what else ran meanwhile. crew.h has threads that begin together.
 */
#ifndef COMPARE_H
#define COMPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "histogram.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PROCESSORS_MAX 64

enum scenario {
	PAIR,      /* post + wait: `threads` threads on one semaphore with as many permits */
	HANDOVER,  /* two threads, each on a processor of its own, hand over to each other by two semaphores */
	PROCESSES, /* the same between two processes */
	CROWD,     /* eight threads on two permits, with a little work inside and outside */
	PIPELINE,  /* a producer and a consumer, and 64 places between them */
	BATCH,     /* a post of eight wakes eight waiters; until all have run */
	PARK,      /* a post wakes a waiter that sleeps; until it runs */
	PARK_BOTH, /* the same, and the waiter answers; until the answer is there */
	IDS,       /* post + wait on one of `count` semaphores: the same, or at random */
	CREATE,    /* make a semaphore and end it */
	OPEN,      /* open a name that exists, and close it */
	BYTES,     /* by how many bytes resident memory grows for each of `count` semaphores */
	SCENARIOS
};

struct job {
	enum scenario scenario;
	int threads;
	long count;        /* of semaphores */
	bool random;       /* which of them */
	bool held;         /* OPEN: the name is open already */
	long operations;   /* at least 1 */
	bool distribution; /* HANDOVER, PARK, PARK_BOTH: each operation is timed, for the histogram */
	int processors[PROCESSORS_MAX], processor_count; /* the processors that this program may use */
};

struct peer {
	const char *name;
	bool can[SCENARIOS];

	/* Nanoseconds an operation (BYTES: bytes); below 0: the peer can't do it. */
	double (*run)(const struct job *job, struct histogram *latencies);
};

extern const struct peer peer_ksem_id, peer_ksem_id_inline, peer_ksem_pinned, peer_ksem_inline;
extern const struct peer peer_ksem_shared, peer_ksem_shared_id;
extern const struct peer peer_glibc, peer_sysv, peer_eventfd, peer_nsync;
extern const struct peer peer_libstdcxx, peer_moodycamel, peer_boost, peer_abseil;
extern const struct peer peer_musl, peer_libcxx; /* in helper programs */

/* Floors: no semaphore can be faster. Each is for some scenarios only. */
extern const struct peer floor_locked, floor_spin, floor_futex, floor_syscall;

/* Starts a helper program, which is the peer. False: it doesn't exist. */
bool remote_peer(const char *program, const char *name, struct peer *peer);
double remote_seconds(void); /* processor time of all helpers and their children */
int helper_main(const struct peer *peer);

#ifdef __cplusplus
}
#endif

#endif
