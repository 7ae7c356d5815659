/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem, pinned.
 */
#include <ksem/ksem.h>

#define KSEM_PINNED
#include "ksem.h"

#define PEER      peer_ksem_pinned
#define PEER_NAME "ksem, pinned"

#include "scenarios.h"
