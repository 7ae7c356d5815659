/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes a namespace of the kind that its options say.
 */
#ifndef KSEM_API_CREATE_H
#define KSEM_API_CREATE_H

#include "object/namespace.h"

/* NULL: the defaults. 0; EINVAL: wrong options; ENOMEM; with a directory, more errors. Inside the fork gate. */
int create_namespace(const struct ksem_ns_options *wanted, struct ksem_ns **created);

#endif
