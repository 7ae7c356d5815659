/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sequence that runs: what it has, of the library and of the model side by side; and what every call goes through:
 * draw arguments, ask the model, `calling`, call the library, `answered`, compare outputs.
 */
#ifndef KSEM_TESTS_FUZZ_RUN_H
#define KSEM_TESTS_FUZZ_RUN_H

#include "arguments.h"
#include "model.h"
#include "sequence.h"

#define NAMESPACES 2
#define PROCESSES  MODEL_PROCESSES /* in all */
#define PINS       4
#define QUEUES     2
#define IDS_MAX    (SEQUENCE_BYTES_MAX + 1)
#define UNTOUCHED  0xA5 /* each byte of an output before a call */

extern struct run {
	bool print, quiet;
	const char *name; /* of the call */
	unsigned number;
	struct model model;
	struct ns_pair {
		struct ksem_ns *ns;
		struct model_ns *model;
	} namespaces[NAMESPACES + 1]; /* the last is NULL, as is the last process */
	struct proc_pair {
		struct ksem_proc *proc;
		struct model_proc *model;
	} procs[PROCESSES + 1];
	struct pin_pair {
		struct ksem *pin;
		struct model_sem *model;
	} pins[PINS];
	struct cq_pair {
		struct ksem_cq *cq;
		struct model_cq *model;
	} queues[QUEUES + 1]; /* the last is NULL */
	ksem_id_t ids[IDS_MAX];
	unsigned id_count;
} run;

/* The first difference. */
void __attribute__((format(printf, 1, 2), noreturn)) differs(const char *format, ...);

/* What a call is called with; after what went before it, and before its answer. */
void __attribute__((format(printf, 2, 3))) calling(const char *name, const char *format, ...);

void answered(int answer, int expected);

/* The output of a call that failed. */
void untouched(const void *output, size_t size);

void same_info(const struct ksem_info *shown, const struct model_sem *sem);

/* A place, empty or not, or NULL. */
struct proc_pair *any_proc(void);
struct ns_pair *any_namespace(void);
struct pin_pair *any_pin(void); /* empty: NULL */

struct cq_pair *any_queue(void);

/* What a call works on: a pin; or a process and an id. */
struct target {
	bool pinned;
	struct ksem *pin;
	struct ksem_proc *proc;
	ksem_id_t id;
	struct model_proc *by;   /* NULL: a pin */
	struct model_sem *model; /* NULL: nothing, or nothing any more */
};

struct target any_target(void);

/* Is there no process, or no pin, to call with? */
bool is_null(const struct target *target);

void calling_on(const char *name, const struct target *target, unsigned long long number);

/* Would a wait for so many permits wait? */
bool would_wait(const struct target *on, unsigned count);

/* Of all that were ever given out, the last first, which short sequences have; or another. */
ksem_id_t any_id(void);

/* ---- Calls that a sequence is made of. ---- */

void call_ns_create(void);
void call_ns_destroy(void);
void call_ns_foreach(void);
void call_proc_create(void);
void call_proc_fork(void);
void call_proc_exec(void);
void call_proc_exit(void);
void call_self(void);
void call_init(void);
void call_open(void);
void call_destroy(void);
void call_close(void);
void call_unlink(void);
void call_stat(void);
void call_post(void);
void call_post_many(void);
void call_trywait(void);
void call_wait(void);      /* where it would wait for ever, a trywait */
void call_clockwait(void); /* where it would wait, with a deadline that is past */
void call_getvalue(void);
void call_use_much(void);
void call_pin(void);
void call_unpin(void);

/* ---- The same, of semaphores with attributes. ---- */

void call_init_attr(void);
void call_open_attr(void);
void call_trywait_many(void);
void call_trywait_upto(void);
void call_wait_many(void); /* where it would wait, with a deadline that is past; and so the next one */
void call_wait_any(void);
void call_trywait_any(void);
void call_shutdown(void);
void call_set_limit(void);
void call_metrics(void);
void call_cq_create(void);
void call_cq_destroy(void);
void call_cq_submit(void); /* if the deadline is past, followed by a reap of none */
void call_cq_cancel(void);
void call_cq_reap(void);

/* What an init or an open gave: an id, or an error. */
void given(const ksem_id_t *id, int expected, struct model_sem *sem);

void destroy_queue(struct cq_pair *pair);
void add_namespace(struct ns_pair *place, const struct ksem_ns_options *options, bool null);
void add_process(struct ns_pair *in, const struct ksem_cred *cred, bool null);
void exit_process(struct proc_pair *pair);
void unpin(struct pin_pair *pair);

#endif
