/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Atomic operations, one short name for each order that the library uses.
 *
 * This is the only file of lib/ that names C11 atomics. A shared field is declared `atomic(type)`; every access to it
 * goes through a name below. Outside lib/base, each use cites the ordering it is an end of (KSEM_ORD_n,
 * docs/ordering.md) or, if it is relaxed, says why that is enough; tools/check ordering holds the sources to that.
 *
 * A compare-and-swap writes what it found to *expected when it fails, and its failure order is the strongest that its
 * success order allows: a caller may decide on what it found.
 */
#ifndef KSEM_BASE_ATOMIC_H
#define KSEM_BASE_ATOMIC_H

#include <stdatomic.h>

#define atomic(type) _Atomic(type)

#define load_rlx(p) atomic_load_explicit((p), memory_order_relaxed)
#define load_acq(p) atomic_load_explicit((p), memory_order_acquire)

/* Sequentially consistent: all operations of these names have one order. The load costs what an acquire does. */
#define load_seq(p) atomic_load_explicit((p), memory_order_seq_cst)
#define cas_seq(p, expected, v) \
	atomic_compare_exchange_weak_explicit((p), (expected), (v), memory_order_seq_cst, memory_order_seq_cst)
#define fetch_add_seq(p, v) atomic_fetch_add_explicit((p), (v), memory_order_seq_cst)
#define fetch_or_seq(p, v)  atomic_fetch_or_explicit((p), (v), memory_order_seq_cst)
#define exchange_seq(p, v)  atomic_exchange_explicit((p), (v), memory_order_seq_cst)
#define fetch_sub_seq(p, v) atomic_fetch_sub_explicit((p), (v), memory_order_seq_cst)

#define store_seq(p, v) atomic_store_explicit((p), (v), memory_order_seq_cst)
#define store_rlx(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define store_rel(p, v) atomic_store_explicit((p), (v), memory_order_release)

#define cas_rlx(p, expected, v) \
	atomic_compare_exchange_weak_explicit((p), (expected), (v), memory_order_relaxed, memory_order_relaxed)
#define cas_acq(p, expected, v) \
	atomic_compare_exchange_weak_explicit((p), (expected), (v), memory_order_acquire, memory_order_acquire)
#define cas_rel(p, expected, v) \
	atomic_compare_exchange_weak_explicit((p), (expected), (v), memory_order_release, memory_order_relaxed)
#define cas_acq_rel(p, expected, v) \
	atomic_compare_exchange_weak_explicit((p), (expected), (v), memory_order_acq_rel, memory_order_acquire)

#define fetch_add_rlx(p, v)     atomic_fetch_add_explicit((p), (v), memory_order_relaxed)
#define fetch_add_acq_rel(p, v) atomic_fetch_add_explicit((p), (v), memory_order_acq_rel)
#define fetch_sub_rlx(p, v)     atomic_fetch_sub_explicit((p), (v), memory_order_relaxed)
#define fetch_add_acq(p, v)     atomic_fetch_add_explicit((p), (v), memory_order_acquire)
#define fetch_add_rel(p, v)     atomic_fetch_add_explicit((p), (v), memory_order_release)
#define fetch_sub_rel(p, v)     atomic_fetch_sub_explicit((p), (v), memory_order_release)

/* Between a thread and its signal handlers: the compiler moves nothing past it. */
#define fence_signal() atomic_signal_fence(memory_order_seq_cst)

/*
 * Between the stores of restartable sequences before it and the loads after it, which processors would let pass
 * otherwise. Sanitized builds have no sequences, and ThreadSanitizer knows no fences.
 */
#ifdef KSEM_SANITIZED
#define fence_seq() ((void)0)
#else
#define fence_seq() atomic_thread_fence(memory_order_seq_cst)
#endif

#endif
