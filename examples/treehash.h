/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of treehash share. treehash.c gives an overview; each part begins with how it uses its semaphores.
 */
#ifndef TREEHASH_H
#define TREEHASH_H

#include <stddef.h>
#include <stdint.h>

#include <ksem/ksem.h>

#define DIGEST_BYTES 32

/*
 * ---- Short forms for what every part does: end the program on errors that can't happen, or that it can't handle. ----
 */

void must(int error, const char *what); /* ends the program unless the error number is 0 */
void *need(void *block);                /* ends the program if the block is NULL: no memory */

void wait_for(struct ksem_proc *proc, ksem_id_t id); /* ksem_wait, again after a signal handler */
void post(struct ksem_proc *proc, ksem_id_t id);

/* ---- treehash_queue.c: file paths on their way from walkers to workers. ---- */

struct queue {
	ksem_id_t items, spaces;       /* how many paths are in the queue; how many more fit */
	ksem_id_t put_lock, take_lock; /* binary semaphores: 1 is unlocked */
	char **paths;                  /* a ring */
	size_t capacity;
	size_t next_put;  /* under put_lock */
	size_t next_take; /* under take_lock */
};

void queue_make(struct queue *queue, struct ksem_proc *proc, unsigned capacity);
void queue_put(struct queue *queue, struct ksem_proc *proc, char *path);
char *queue_take(struct queue *queue, struct ksem_proc *proc);
void queue_let_go(struct queue *queue, struct ksem_proc *proc); /* once for each process that holds its semaphores */

/* ---- treehash_limit.c: how many files may be open at once. ---- */

struct limit {
	ksem_id_t permits; /* the named semaphore */
	ksem_id_t lock;    /* a binary semaphore */
	unsigned open;     /* under lock: files that are open now */
	unsigned highest;  /* under lock: the most that ever were */
};

void limit_make(struct limit *limit, struct ksem_proc *proc);
void limit_join(struct limit *limit, struct ksem_proc *proc, unsigned permits); /* once for each process */
void limit_enter(struct limit *limit, struct ksem_proc *proc);                  /* before a file is opened */
void limit_leave(struct limit *limit, struct ksem_proc *proc);                  /* after it was closed */
void limit_let_go(struct limit *limit, struct ksem_proc *proc);                 /* once for each process */
void limit_end(struct ksem_proc *proc);

/* ---- treehash_walk.c: walkers find the files. ---- */

struct walk {
	struct ksem_proc *proc;
	struct queue *queue;
	struct limit *limit;
	unsigned walkers, workers;
	ksem_id_t found;        /* how many directories are on the list */
	ksem_id_t lock;         /* a binary semaphore */
	struct directory *list; /* under lock: directories to be read */
	size_t unfinished;      /* under lock: those, and those being read */
	unsigned unreadable;    /* under lock */
};

void walk_make(struct walk *walk);                           /* with everything else in place; begins at "." */
void *walk_run(void *walk);                                  /* the body of each walker's thread */
void walk_let_go(struct walk *walk, struct ksem_proc *proc); /* once for each process */

/* ---- treehash_hash.c: workers hash them. ---- */

struct file {
	char *path;
	uint64_t bytes;
	unsigned char digest[DIGEST_BYTES];
};

struct worker {
	struct ksem_proc *proc;
	struct queue *queue;
	struct limit *limit;
	struct file *files; /* what it has hashed; its own until its thread was joined, as are the rest */
	size_t count, room;
	unsigned unreadable;
};

void *worker_run(void *worker); /* the body of each worker's thread */

/* The SHA-256 of the lines "<hex>  <path>\n" of all files, in that order. */
void digest_of_all(const struct file *files, size_t count, unsigned char digest[DIGEST_BYTES]);

#define HEX_BYTES (2 * DIGEST_BYTES + 1)
void to_hex(const unsigned char digest[DIGEST_BYTES], char hex[HEX_BYTES]);

#endif
