/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sequences of calls out of bytes: see sequence.h. The first byte of a call says which, the next what with; bytes that
 * are missing are 0. Namespaces, processes, pins and queues stand in a few places each; an empty place is NULL. Ids are
 * drawn from all that were ever given out, by any namespace, and some that were not.
 *
 * A sequence begins with a namespace with small limits, the superuser in it and another user, so that short ones reach
 * far.
 */
#include "sequence.h"

#include "run.h"

static void (*const calls[])(void) = {
	call_init,
	call_open,
	call_open,
	call_open,
	call_close,
	call_destroy,
	call_unlink,
	call_post,
	call_post_many,
	call_trywait,
	call_wait,
	call_clockwait,
	call_getvalue,
	call_use_much,
	call_pin,
	call_unpin,
	call_stat,
	call_ns_foreach,
	call_proc_create,
	call_proc_fork,
	call_proc_exec,
	call_proc_exit,
	call_ns_create,
	call_ns_destroy,
	call_self,
	/* Only after these, so that files of the corpus stay what they are. */
	call_init_attr,
	call_init_attr,
	call_open_attr,
	call_trywait_many,
	call_trywait_upto,
	call_wait_many,
	call_wait_any,
	call_trywait_any,
	call_shutdown,
	call_set_limit,
	call_metrics,
	call_cq_create,
	call_cq_destroy,
	call_cq_submit,
	call_cq_submit,
	call_cq_cancel,
	call_cq_reap,
};

static void begin(void)
{
	static const uint32_t max_sems[] = {3, 1, 2, 0}, max_names[] = {14, 2, 3, 0};
	static const struct ksem_cred root = {0, 0}, user = {1, 1};
	unsigned drawn = byte();
	const struct ksem_ns_options options = {.size = sizeof(options),
						.max_sems = max_sems[drawn % COUNT_OF(max_sems)],
						.max_name =
							max_names[drawn / COUNT_OF(max_sems) % COUNT_OF(max_names)]};

	add_namespace(&run.namespaces[0], &options, false);
	add_process(&run.namespaces[0], &root, false);
	add_process(&run.namespaces[0], &user, false);
}

/* Pins last in every second sequence: they may outlive their namespace. */
static void end(unsigned drawn)
{
	for (unsigned i = 0; i < PINS && drawn % 2 == 0; i++)
		unpin(&run.pins[i]);
	for (unsigned i = 0; i < QUEUES; i++) {
		if (run.queues[i].cq)
			destroy_queue(&run.queues[i]);
	}
	for (unsigned i = 0; i < PROCESSES; i++) {
		if (run.procs[i].proc)
			exit_process(&run.procs[i]);
	}
	for (unsigned i = 0; i < NAMESPACES; i++) {
		calling("ksem_ns_destroy", "namespace %u", i);
		answered(ksem_ns_destroy(run.namespaces[i].ns), model_ns_destroy(run.namespaces[i].model));
	}
	for (unsigned i = 0; i < PINS; i++)
		unpin(&run.pins[i]);
	model_end(&run.model);
}

void sequence_run(const uint8_t *bytes, size_t size, bool print, bool quiet)
{
	run = (struct run){.print = print, .quiet = quiet};
	arguments_from(bytes, size < SEQUENCE_BYTES_MAX ? size : SEQUENCE_BYTES_MAX);
	begin();
	while (arguments_are_left())
		calls[byte() % COUNT_OF(calls)]();
	end((unsigned)size);
}
