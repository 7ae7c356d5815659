/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What plugin.c offers.
 */
#ifndef KSEM_TESTS_PLUGIN_H
#define KSEM_TESTS_PLUGIN_H

#include <ksem/ksem.h>

__attribute__((visibility("default"))) int plugin_post_and_wait(struct ksem *sem);

#endif
