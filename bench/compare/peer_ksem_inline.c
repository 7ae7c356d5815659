/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem, pinned, the calls inline.
 */
#include <ksem/ksem.h>

#include <ksem/inline.h>

#define KSEM_PINNED
#include "ksem.h"

#define PEER      peer_ksem_inline
#define PEER_NAME "ksem, pinned, inline"

#include "scenarios.h"
