/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem in a shared namespace, by id.
 */
#include <ksem/ksem.h>

#define PEER      peer_ksem_shared_id
#define PEER_NAME "ksem, shared, by id"
#define KSEM_SHARED

#include "ksem.h"
#include "scenarios.h"
