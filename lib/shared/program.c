/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs that have their starter's permits: see program.h.
 *
 * The program gets a descriptor above those that shells let their users name. If there is none, it gets the library's
 * own, which isn't closed then when the program is executed.
 */
#include "shared/program.h"

#include <fcntl.h>

#include "shared/liveness.h"
#include "shared/namespace.h"
#include "shared/semaphore.h"

#define FIRST 10

void program_prepare(struct ksem_ns *ns)
{
	liveness_begin_for_program(shared_ns_directory(shared_ns_of(ns)));
}

static void leave_open(const struct directory *directory)
{
	int fd = directory_fd(directory);

	if (fd >= 0 && fcntl(fd, F_DUPFD, FIRST) < 0)
		fcntl(fd, F_SETFD, 0);
}

/* The child has one thread, and nobody else has its tables. */
void program_begin(struct ksem_ns *ns)
{
	for (struct shared *shared = shared_ns_of(ns)->all; shared; shared = shared->next) {
		struct ksem *ksem = &shared->object.ksem;

		own_record_say_process(&shared->record);
		if (object_has_line(ksem) && lined_has_ledger(lined_of(ksem)))
			shared_lined_entrust(shared_lined_of(ksem));
	}
	leave_open(shared_ns_directory(shared_ns_of(ns)));
}
