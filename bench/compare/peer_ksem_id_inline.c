/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem by id, the calls inline.
 */
#include <ksem/ksem.h>

#include <ksem/inline.h>

#include "ksem.h"

#define PEER      peer_ksem_id_inline
#define PEER_NAME "ksem, by id, inline"

#include "scenarios.h"
