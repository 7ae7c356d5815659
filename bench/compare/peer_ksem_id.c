/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem by id.
 */
#include <ksem/ksem.h>

#define PEER      peer_ksem_id
#define PEER_NAME "ksem, by id"
#define PEER_OPEN

#include "ksem.h"
#include "scenarios.h"
