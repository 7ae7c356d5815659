/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of all that the library does around a fork.
 */
#ifndef KSEM_API_FORKS_H
#define KSEM_API_FORKS_H

/* Before main, with one thread. */
void forks_install(void);

#endif
