/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands before liburcu's header of this name: read sections and grace periods of the checker (kernel.c).
 */
#ifndef KSEM_TESTS_INTERLEAVE_URCU_BP_H
#define KSEM_TESTS_INTERLEAVE_URCU_BP_H

#define URCU_TLS(name) 1 /* the checker knows every thread */

void urcu_bp_read_lock(void);
void urcu_bp_read_unlock(void);
int urcu_bp_read_ongoing(void);
void urcu_bp_synchronize_rcu(void);
void urcu_bp_before_fork(void);
void urcu_bp_after_fork_parent(void);
void urcu_bp_after_fork_child(void);

#endif
