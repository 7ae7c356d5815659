/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making a namespace by its options, which say of which kind it is.
 */
#ifndef KSEM_API_CREATE_H
#define KSEM_API_CREATE_H

#include "object/namespace.h"

/* NULL: the defaults. 0; EINVAL: wrong options; ENOMEM; of a directory more. Inside the fork gate. */
int create_namespace(const struct ksem_ns_options *wanted, struct ksem_ns **created);

#endif
