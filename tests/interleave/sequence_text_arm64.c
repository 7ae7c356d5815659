/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sequences' text for arm64, which the header shows to who seems to be one: see sequence_text.h.
 */
#include <stddef.h>
#include <stdint.h>

#undef __x86_64__
#define __aarch64__ 1
#define KSEM_INLINE_NO_CALLS
#include <ksem/inline.h>

#include "sequence_text.h"

const struct sequence_text sequence_text_arm64 = SEQUENCE_TEXT;
