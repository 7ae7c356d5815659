/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many processors there can be.
 */
#ifndef KSEM_OS_PROCESSORS_H
#define KSEM_OS_PROCESSORS_H

#define PROCESSORS_MAX 8192 /* the most that Linux can be built for */

#endif
