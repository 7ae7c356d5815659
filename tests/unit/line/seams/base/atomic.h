/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands before lib/base/atomic.h: the same names, each with a point before it where another thread may go on
 * (line_steps.c). Threads are fibers of one thread, so an atomic object is a plain one here, and memory is in order.
 */
#ifndef KSEM_BASE_ATOMIC_H
#define KSEM_BASE_ATOMIC_H

#include <stdbool.h>

#define atomic(type) type

void point(void);

#define LOAD(p)     (point(), *(p))
#define STORE(p, v) (point(), (void)(*(p) = (v)))
#define CAS(p, expected, v)                                                \
	__extension__({                                                    \
		__typeof__(*(p)) found_ = (point(), *(p));                 \
		bool same_ = found_ == *(expected);                        \
		same_ ? (void)(*(p) = (v)) : (void)(*(expected) = found_); \
		same_;                                                     \
	})
#define FETCH_ADD(p, n)                                  \
	__extension__({                                  \
		__typeof__(*(p)) was_ = (point(), *(p)); \
		*(p) = (__typeof__(*(p)))(was_ + (n));   \
		was_;                                    \
	})

#define load_rlx(p) LOAD(p)
#define load_acq(p) LOAD(p)
#define load_seq(p) LOAD(p)

#define store_rlx(p, v) STORE(p, v)
#define store_rel(p, v) STORE(p, v)
#define store_seq(p, v) STORE(p, v)

#define cas_rlx(p, expected, v)     CAS(p, expected, v)
#define cas_acq(p, expected, v)     CAS(p, expected, v)
#define cas_rel(p, expected, v)     CAS(p, expected, v)
#define cas_acq_rel(p, expected, v) CAS(p, expected, v)
#define cas_seq(p, expected, v)     CAS(p, expected, v)

#define fetch_add_rlx(p, n)     FETCH_ADD(p, n)
#define fetch_add_acq_rel(p, n) FETCH_ADD(p, n)
#define fetch_add_seq(p, n)     FETCH_ADD(p, n)
#define fetch_sub_seq(p, n)     FETCH_ADD(p, -(n))
#define fetch_sub_rlx(p, n)     FETCH_ADD(p, -(n))

#define fence_signal() ((void)0)

#endif
