/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The benchmarks, one file each. add_* makes what its benchmarks need, and registers them; drop_* frees it. ksem and
 * what it is compared with are measured in one program, and so in one run: only ratios within a run mean something.
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
void add_designs(void); /* other designs of the fast path */
void add_retire(void);  /* freeing memory: the library's way, and one call_rcu callback for each object */

/* For calls that can't fail. */
static inline void must(int error, const char *what)
{
	if (!error)
		return;
	fprintf(stderr, "ksem-bench: %s: %s\n", what, strerror(error));
	exit(EXIT_FAILURE);
}

#endif
