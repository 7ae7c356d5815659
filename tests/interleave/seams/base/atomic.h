/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands before lib/base/atomic.h: the same names, each a call of the checker. An atomic object is a plain one here.
 */
#ifndef KSEM_BASE_ATOMIC_H
#define KSEM_BASE_ATOMIC_H

#include "checker.h"

#define atomic(type) type

#define BITS(p, v)  ((uint64_t)(uintptr_t)(__typeof__(*(p)))(v))
#define VALUE(p, v) ((__typeof__(*(p)))(uintptr_t)(v))

#define LOAD(p, order)        VALUE(p, memory_load((p), sizeof(*(p)), order, __func__))
#define STORE(p, v, order)    memory_store((p), sizeof(*(p)), BITS(p, v), order, __func__)
#define CAS(p, e, v, yes, no) memory_cas((p), sizeof(*(p)), (e), BITS(p, v), yes, no, __func__)
#define FETCH_ADD(p, v, order)                                                                                \
	__extension__({                                                                                       \
		__typeof__(*(p)) was_ = VALUE(p, memory_add((p), sizeof(*(p)), BITS(p, v), order, __func__)); \
		was_;                                                                                         \
	})

#define load_rlx(p) LOAD(p, RELAXED)
#define load_acq(p) LOAD(p, ACQUIRE)

#define load_seq(p)             LOAD(p, SEQ_CST)
#define cas_seq(p, expected, v) CAS(p, expected, v, SEQ_CST, SEQ_CST)
#define fetch_add_seq(p, v)     FETCH_ADD(p, v, SEQ_CST)
#define fetch_sub_seq(p, v)     FETCH_ADD(p, -(v), SEQ_CST)

/* No scenario has a completion queue. */
#define fetch_or_seq(p, v)                           \
	__extension__({                              \
		__typeof__(*(p)) is_ = load_seq(p);  \
		while (!cas_seq(p, &is_, is_ | (v))) \
			;                            \
		is_;                                 \
	})
#define exchange_seq(p, v)                          \
	__extension__({                             \
		__typeof__(*(p)) is_ = load_seq(p); \
		while (!cas_seq(p, &is_, v))        \
			;                           \
		is_;                                \
	})

#define store_rlx(p, v) STORE(p, v, RELAXED)
#define store_rel(p, v) STORE(p, v, RELEASE)
#define store_seq(p, v) STORE(p, v, SEQ_CST)

#define cas_rlx(p, expected, v)     CAS(p, expected, v, RELAXED, RELAXED)
#define cas_acq(p, expected, v)     CAS(p, expected, v, ACQUIRE, ACQUIRE)
#define cas_rel(p, expected, v)     CAS(p, expected, v, RELEASE, RELAXED)
#define cas_acq_rel(p, expected, v) CAS(p, expected, v, ACQ_REL, ACQUIRE)

#define fetch_add_rlx(p, v)     FETCH_ADD(p, v, RELAXED)
#define fetch_add_acq(p, v)     FETCH_ADD(p, v, ACQUIRE)
#define fetch_add_rel(p, v)     FETCH_ADD(p, v, RELEASE)
#define fetch_add_acq_rel(p, v) FETCH_ADD(p, v, ACQ_REL)
#define fetch_sub_rlx(p, v)     FETCH_ADD(p, -(v), RELAXED)
#define fetch_sub_rel(p, v)     FETCH_ADD(p, -(v), RELEASE)

#define fence_seq() memory_fence(__func__)

#define fence_signal() ((void)0)

#endif
