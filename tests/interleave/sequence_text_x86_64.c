/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sequences' text for x86-64: see sequence_text.h.
 */
#define KSEM_INLINE_NO_CALLS
#include <ksem/inline.h>

#include "sequence_text.h"

const struct sequence_text sequence_text_x86_64 = SEQUENCE_TEXT;
