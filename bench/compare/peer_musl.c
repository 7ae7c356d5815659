/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * musl's sem_t, in a helper program: musl-gcc -static.
 */
#define PEER      peer_musl
#define PEER_NAME "musl sem_t"
#include "posix.h"

int main(void)
{
	return helper_main(&peer_musl);
}
