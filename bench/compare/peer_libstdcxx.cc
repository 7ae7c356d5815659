/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * std::counting_semaphore of libstdc++.
 */
#define PEER      peer_libstdcxx
#define PEER_NAME "std::counting_semaphore (libstdc++)"
#include "standard.h"
