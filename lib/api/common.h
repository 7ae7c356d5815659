/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the public calls have in common. Each checks its arguments in the documented order, and then calls a process, or
 * the kind of a namespace or semaphore. include/ksem/ksem.h says what they promise.
 *
 * Calls that change tables stand between `CONTROL` and the return of its result: inside the fork gate, which also keeps
 * them from being cancellation points.
 */
#ifndef KSEM_API_COMMON_H
#define KSEM_API_COMMON_H

#include "api/watched.h"

#include "base/compiler.h"
#include "base/watch.h"
#include "os/fork.h"

/* Evaluates a call inside the fork gate. */
#define CONTROL(call)              \
	__extension__({            \
		int result_;       \
                                   \
		fork_gate_enter(); \
		result_ = (call);  \
		fork_gate_leave(); \
		result_;           \
	})

/* Evaluates a call that stores something in *out if it succeeds. */
#define ANSWERS(out, call)                                              \
	__extension__({                                                 \
		int error_ = (call);                                    \
                                                                        \
		if (!error_)                                            \
			watch_wrote((out), sizeof(__typeof__(*(out)))); \
		error_;                                                 \
	})

#endif
