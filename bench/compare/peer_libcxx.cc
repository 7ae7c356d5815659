/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * std::counting_semaphore of libc++, in a helper program: clang++ -stdlib=libc++.
 */
#define PEER      peer_libcxx
#define PEER_NAME "std::counting_semaphore (libc++)"
#include "standard.h"

int main()
{
	return helper_main(&peer_libcxx);
}
