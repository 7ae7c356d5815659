/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of httpd have in common: see httpd.c.
 */
#ifndef HTTPD_H
#define HTTPD_H

#include <ksem/ksem.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#define WORKERS_MAX     64
#define CONNECTIONS_MAX 64 /* of a worker */
#define SAMPLE_MS       1000
#define HISTORY         1024 /* samples that are kept: the page shows less than half of them */

struct worker {
	_Atomic pid_t pid; /* 0: none just now */
	_Atomic unsigned restarts;
	long long not_before; /* the master's: when it may start again */
};

/* What the master found at an instant. */
struct sample {
	_Atomic long long ms;
	_Atomic unsigned in_progress, waiting, limit;
	_Atomic unsigned long served, refused; /* up to then */
};

/* The server, in memory that all its processes share. */
struct server {
	/* Constant before the first worker. */
	unsigned limit, workers, connections;
	unsigned wait_ms; /* how long a request waits for a permit */
	char name[KSEM_NAME_MAX + 1];
	struct ksem_proc *proc; /* who holds the semaphore: in a worker, the worker */
	ksem_id_t requests;     /* the semaphore: a permit for each request in progress */

	_Atomic unsigned long served, refused;
	struct worker all[WORKERS_MAX];

	long long next_sample;         /* the master's: when */
	_Atomic unsigned long samples; /* so many were taken. Sample i is history[i % HISTORY] */
	struct sample history[HISTORY];
};

/* Milliseconds of CLOCK_MONOTONIC. */
static inline long long now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

/* The page, or only what changes in it; free() it. NULL: it can't be made. */
char *page_text(const struct server *server, bool is_whole);

/* Serves requests from the listening socket until SIGTERM. Returns the exit status. */
int worker_run(struct server *server, int listener);

#endif
