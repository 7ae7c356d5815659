/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * glibc's sem_t.
 */
#define PEER      peer_glibc
#define PEER_NAME "glibc sem_t"
#include "posix.h"
