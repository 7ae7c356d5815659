/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Freeing memory that readers may still see: the cost of one object of 64 bytes, from its allocation until it is free
 * again.
 *
 *   retire/ksem      ksem_init + ksem_destroy: the library frees a list of blocks after one grace period (so this
 *                    also makes and ends a semaphore: its id, its reference)
 *   retire/call_rcu  an allocation and a call_rcu callback for each object, the usual way with liburcu-bp
 *
 * call_rcu's callbacks run in a thread of liburcu. So the processor time of the whole program is measured, not the wall
 * time. The benchmark waits for that thread now and then, or the retired memory would grow without limit.
 */
#include <urcu/urcu-bp.h>

#include "bench.h"

#define OBJECT_BYTES 64
#define RETIRED_MAX  65536 /* objects: 4 MiB */

struct object {
	struct rcu_head head;
	char rest[OBJECT_BYTES - sizeof(struct rcu_head)];
};

_Static_assert(sizeof(struct object) == OBJECT_BYTES, "as big as a semaphore");

static void through_ksem(struct gbench *g, const void *arg)
{
	struct ksem_ns *ns;
	struct ksem_proc *proc;
	int error = 0;

	(void)arg;
	must(ksem_ns_create(NULL, &ns), "ksem_ns_create");
	must(ksem_proc_create(ns, NULL, &proc), "ksem_proc_create");
	GBENCH_LOOP(g) {
		ksem_id_t id = 0;

		error |= ksem_init(proc, 0, &id);
		error |= ksem_destroy(proc, id);
	}
	must(ksem_proc_exit(proc), "ksem_proc_exit");
	must(ksem_ns_destroy(ns), "ksem_ns_destroy");
	if (error)
		gbench_fail(g, "ksem_init or ksem_destroy failed");
}

static void free_object(struct rcu_head *head)
{
	free(head);
}

_Static_assert(offsetof(struct object, head) == 0, "free_object frees from the head on");

static void through_call_rcu(struct gbench *g, const void *arg)
{
	unsigned retired = 0;

	(void)arg;
	GBENCH_LOOP(g) {
		struct object *object = aligned_alloc(OBJECT_BYTES, sizeof(*object));

		must(object ? 0 : ENOMEM, "aligned_alloc");
		memset(object, 0, sizeof(*object));
		urcu_bp_call_rcu(&object->head, free_object);
		if (++retired == RETIRED_MAX) {
			urcu_bp_barrier();
			retired = 0;
		}
	}
	urcu_bp_barrier();
}

void add_retire(void)
{
	gbench_add(&(struct gbench_case){.name = "retire/ksem", .run = through_ksem, .process_cpu = true});
	gbench_add(&(struct gbench_case){.name = "retire/call_rcu", .run = through_call_rcu, .process_cpu = true});
}
