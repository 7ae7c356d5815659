/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands before liburcu's header of this name: what is inline there.
 */
#ifndef KSEM_TESTS_INTERLEAVE_STATIC_URCU_BP_H
#define KSEM_TESTS_INTERLEAVE_STATIC_URCU_BP_H

#define _urcu_bp_read_lock()   urcu_bp_read_lock()
#define _urcu_bp_read_unlock() urcu_bp_read_unlock()

#endif
