/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem in a shared namespace, pinned. Each open is of a name that this process hasn't open.
 */
#include <ksem/ksem.h>

#define PEER      peer_ksem_shared
#define PEER_NAME "ksem, shared"
#define PEER_OPEN
#define KSEM_SHARED
#define KSEM_PINNED

#include "ksem.h"
#include "scenarios.h"
