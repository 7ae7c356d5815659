/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The benchmarks, a file each. add_* makes what its benchmarks need and registers them; drop_* lets go of it. A
 * benchmark that compares ksem with something else has both in one program, and so in one run: only ratios within a
 * run mean something.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ksem/ksem.h>

#include "gbench.h"

void add_post_wait(void); /* post + wait: by id, pinned, glibc's sem_t */
void drop_post_wait(void);
void add_references(void); /* init + destroy, open + close, look-ups */
void drop_references(void);
void add_designs(void); /* what the fast path could be instead */
void add_retire(void);  /* giving memory back: the library's way, and a call_rcu callback an object */

/* For what must work if anything does. */
static inline void must(int error, const char *what)
{
	if (!error)
		return;
	fprintf(stderr, "ksem-bench: %s: %s\n", what, strerror(error));
	exit(EXIT_FAILURE);
}

#endif
