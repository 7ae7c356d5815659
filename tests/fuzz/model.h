/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A model of the whole contract for one thread: the public calls over plain lists, written from what they promise and
 * not from how the library keeps it. Where the library gives out an id, the model gives out its semaphore, and is told
 * the id (model_learn_id). For one thread alone no thread waits: a call that would, answers MODEL_WOULD_WAIT. But waits
 * of completion queues do, each in the order of its semaphore. Where the contract leaves open which of those that fit
 * is granted first, with KSEM_BARGING, the model says the one that came first, as the library does.
 *
 * One rule of the contract can be broken (model_rules.h).
 *
 * A model is one thread's; nothing protects it.
 */
#ifndef KSEM_TESTS_FUZZ_MODEL_H
#define KSEM_TESTS_FUZZ_MODEL_H

#include <stdbool.h>

#include <ksem/ksem.h>

#include "model_rules.h"

#define MODEL_WOULD_WAIT (-1)

#define MODEL_PROCESSES 5

struct model_sem {
	struct model_sem *next;
	struct model_ns *ns;
	ksem_id_t id; /* 0: not learned yet */
	bool ended;   /* nothing is left of it; the entry remembers that the id was used */
	bool destroyed;
	bool opened; /* made by open */
	bool named;  /* and not unlinked */
	char name[KSEM_NAME_MAX + 2];
	uint32_t taken; /* permits, of the limit; above it there is debt */
	uint32_t limit, order, flags;
	uint32_t made; /* the limit that it was made with */
	bool limited;  /* made with one */
	bool shut;
	struct model_counts {
		uint64_t waits, timeouts, cancels, shutdowns;
	} counts;      /* as in struct ksem_metrics */
	uint64_t lost; /* waits of queues that were destroyed, which may not be counted */
	uint64_t undone;
	uint32_t waiters_max, waiters_max_or; /* or some number between */
	struct ksem_cred owner;
	mode_t mode;
	unsigned refs[MODEL_PROCESSES], pins;
	uint32_t held[MODEL_PROCESSES]; /* with KSEM_UNDO */
};

/* A wait of a queue, until it is reaped. */
struct model_wait {
	struct model_wait *next; /* newest first */
	struct model_cq *cq;
	struct model_sem *sem;
	ksem_id_t id;
	uint32_t count;
	uint64_t user_data;
	uint64_t ticket; /* when it got in line, or to the end of the line again */
	bool aside;      /* it has given way */
	bool decided;
	int error;
	uint64_t when; /* it was decided; those with the same were decided together, in no order that is promised */
};

struct model_cq {
	struct model_cq *next;
	struct model_proc *proc;
};

struct model_proc {
	bool there;
	struct model_ns *ns;
	struct ksem_cred cred;
};

struct model_ns {
	struct model_ns *next;
	struct model *model;
	bool there;
	uint32_t max_sems, max_name;
	struct model_sem *sems;
	struct model_proc procs[MODEL_PROCESSES];
};

struct model {
	struct model_ns *namespaces; /* also those that were destroyed */
	struct model_cq *queues;
	struct model_wait *waits; /* of all queues */
	uint64_t now;             /* counts what was decided, and who got in line */
};

void model_end(struct model *model);

int model_ns_create(struct model *model, const struct ksem_ns_options *theirs, struct model_ns **ns);
int model_ns_destroy(struct model_ns *ns);
int model_ns_foreach(struct model_ns *ns, bool visits, unsigned stop_after, unsigned *visited);

/* MODEL_PROCESSES at most in a namespace: the caller sees to it. */
int model_proc_create(struct model_ns *ns, const struct ksem_cred *cred, struct model_proc **proc);
int model_proc_fork(struct model_proc *parent, struct model_proc **child);
int model_proc_exec(struct model_proc *proc);
int model_proc_exit(struct model_proc *proc);

/* attr: NULL, or in memory for all of it, whatever its size. */
int model_init(struct model_proc *proc, const struct ksem_attr *attr, unsigned int value, struct model_sem **sem);
int model_destroy(struct model_proc *proc, ksem_id_t id);
int model_open(struct model_proc *proc, const char *name, int oflag, mode_t mode, const struct ksem_attr *attr,
	       unsigned int value, struct model_sem **sem);
int model_close(struct model_proc *proc, ksem_id_t id);
int model_unlink(struct model_proc *proc, const char *name);

/* False: the id is 0, or was given out before. */
bool model_learn_id(struct model_sem *sem, ksem_id_t id);

/* What the process holds by that id; NULL: nothing. */
struct model_sem *model_held(struct model_proc *proc, ksem_id_t id);

/* What a pinned call works on; NULL: nothing any more. */
struct model_sem *model_pinned(struct model_sem *pin);

/* By id, or pinned (by NULL): of what those two return. */
int model_post(struct model_sem *sem, const struct model_proc *by, unsigned int count);
int model_trywait(struct model_sem *sem, const struct model_proc *by);
int model_trywait_many(struct model_sem *sem, const struct model_proc *by, unsigned int count);
int model_trywait_upto(struct model_sem *sem, const struct model_proc *by, unsigned int count, unsigned int *got);
int model_clockwait(struct model_sem *sem, const struct model_proc *by, clockid_t clock,
		    const struct timespec *deadline);
int model_wait_many(struct model_sem *sem, const struct model_proc *by, unsigned int count, clockid_t clock,
		    const struct timespec *deadline);
int model_getvalue(struct model_sem *sem, unsigned int *value);
int model_shutdown(struct model_sem *sem);
int model_set_limit(struct model_sem *sem, unsigned int limit);

int model_trywait_any(struct model_proc *proc, const ksem_id_t *ids, unsigned int n, unsigned int *which);
int model_wait_any(struct model_proc *proc, const ksem_id_t *ids, unsigned int n, clockid_t clock,
		   const struct timespec *deadline, unsigned int *which);

/* Of the times it knows nothing. */
int model_metrics(struct model_proc *proc, ksem_id_t id, const struct ksem_metrics *metrics);

int model_pin(struct model_proc *proc, ksem_id_t id, struct model_sem **pin);
void model_unpin(struct model_sem *pin);

int model_stat(struct model_proc *proc, ksem_id_t id, struct ksem_info *info);
void model_describe(const struct model_sem *sem, struct ksem_info *info);

/* How many permits the process holds of it, all processes together (by NULL). */
uint32_t model_holds(const struct model_sem *sem, const struct model_proc *by);

/* ---- Completion queues (model_lines.c). ---- */

int model_cq_create(struct model *model, struct model_proc *proc, struct model_cq **cq);
int model_cq_destroy(struct model *model, struct model_cq *cq);
int model_cq_submit(struct model *model, struct model_cq *cq, ksem_id_t id, uint32_t count, clockid_t clock,
		    const struct timespec *deadline, uint64_t user_data);
int model_cq_cancel(struct model *model, struct model_cq *cq, uint64_t user_data);

/* Has it a wait of that user_data on that semaphore that isn't decided? */
bool model_cq_waits(struct model *model, const struct model_cq *cq, ksem_id_t id, uint64_t user_data);

/* Waits on it that are decided, and not reaped. The library may not have counted them yet. */
uint64_t model_unreaped(const struct model_sem *sem);

/* How many completions there are to reap; and whether this one may be the next. If so, it is reaped. */
unsigned model_completions(struct model *model, const struct model_cq *cq);
bool model_reaped(struct model *model, const struct model_cq *cq, const struct ksem_completion *completion);

/* ---- For the model's own files. ---- */

void *model_allocated(void *memory);

bool model_deadline_is_valid(clockid_t clock, const struct timespec *deadline);
int model_check_handle_and_output(const void *handle, const void *output);

/* The semaphore ends if nothing keeps it any more. */
void model_let_go(struct model_sem *sem);

/* 0, EINVAL, of options also ENOTDIR. NULL: the defaults. */
int model_read_options(const struct ksem_ns_options *theirs, struct ksem_ns_options *options);
int model_read_attr(const struct ksem_attr *theirs, uint32_t value, struct ksem_attr *attr);

uint32_t model_highest(uint32_t order);
uint32_t model_value(const struct model_sem *sem);

/* Are so many permits available to a call that never waited? */
bool model_has(const struct model_sem *sem, uint32_t count);

/* Is count over both the limits? */
bool model_never(const struct model_sem *sem, uint32_t count);

void model_take(struct model_sem *sem, const struct model_proc *by, uint32_t count);
void model_drop_permits(struct model_sem *sem, unsigned process);

/* Waits of queues on it that aren't decided yet, of all processes (by NULL) or one. */
uint32_t model_waiters(const struct model_sem *sem, const struct model_proc *by);

/* Has it waits of queues, decided or not? They keep it alive, as a pin does. */
bool model_is_queued_for(const struct model_sem *sem);

bool model_has_queue(const struct model_proc *proc);

/* A thread was a waiter, beside those, and its wait timed out. */
void model_timed_out(struct model_sem *sem);

/* A thread was, perhaps, a waiter for an instant, beside those, and it isn't counted how that ended. */
void model_may_have_waited(struct model_sem *sem);

/* Grants what can be granted, and ends what is to end. */
void model_serve(struct model_sem *sem);

void model_end_queues(struct model *model);

/* The semaphore of that id that a visitor of the namespace sees; NULL: none. */
struct model_sem *model_seen(struct model_ns *ns, ksem_id_t id);

#endif
