/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The version of this header. That of the library which a program runs on is ksem_version()'s answer.
 *
 * A program that was built for one version runs on each later library of the same soname, libksem.so.0.
 * include/meson.build holds the numbers to the version of the project.
 */
#ifndef KSEM_VERSION_H
#define KSEM_VERSION_H

#define KSEM_VERSION_MAJOR 0
#define KSEM_VERSION_MINOR 2
#define KSEM_VERSION_PATCH 0

#endif
