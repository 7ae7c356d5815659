/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * No restartable sequences: on other processors, and where a sanitizer couldn't see what they do. Every call of
 * <ksem/inline.h> is then a call of the library.
 */
#ifndef KSEM_ARCH_NONE_H
#define KSEM_ARCH_NONE_H

#endif
