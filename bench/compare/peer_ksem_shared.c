/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem in a namespace that OS processes share, pinned. Each opening of the name is one of a name that this process
 * doesn't hold.
 */
#include <ksem/ksem.h>

#define PEER      peer_ksem_shared
#define PEER_NAME "ksem, shared"
#define PEER_OPEN
#define KSEM_SHARED
#define KSEM_PINNED

#include "ksem.h"
#include "scenarios.h"
