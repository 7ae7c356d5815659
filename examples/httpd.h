/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of httpd have in common: see httpd.c.
 */
#ifndef HTTPD_H
#define HTTPD_H

#include <ksem/ksem.h>

#include <stdatomic.h>
#include <time.h>

#define WORKERS_MAX     64
#define CONNECTIONS_MAX 64 /* of a worker */

struct worker {
	_Atomic pid_t pid; /* 0: none just now */
	_Atomic unsigned restarts;
	time_t not_before; /* the master's: when it may start again */
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
};

/* Serves requests from the listening socket until SIGTERM. Returns the exit status. */
int worker_run(struct server *server, int listener);

#endif
