/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text of the restartable sequences of <ksem/inline.h> and percpu/sequence.h, for each processor that has them.
 */
#ifndef KSEM_TESTS_INTERLEAVE_SEQUENCE_TEXT_H
#define KSEM_TESTS_INTERLEAVE_SEQUENCE_TEXT_H

#include "../../lib/percpu/sequence.h" /* itself, not what stands before it */

struct sequence_text {
	const char *pinned[2], *by_id[2]; /* put, take */
};

#define SEQUENCE_TEXT                                                                                          \
	{                                                                                                      \
		{KSEM_INLINE_SEQUENCE("", "%[sem]", KSEM_INLINE_PUT),                                          \
		 KSEM_INLINE_SEQUENCE("", "%[sem]", KSEM_INLINE_TAKE)},                                        \
			{SEQUENCE(KSEM_INLINE_FIND, KSEM_INLINE_FOUND, KSEM_INLINE_PUT, SEQUENCE_WORD_PUT, "", \
				  SEQUENCE_PLAIN_PUT),                                                         \
			 SEQUENCE(KSEM_INLINE_FIND, KSEM_INLINE_FOUND, KSEM_INLINE_TAKE, SEQUENCE_WORD_TAKE,   \
				  SEQUENCE_COUNT_TAKE, SEQUENCE_PLAIN_TAKE)},                                  \
	}

extern const struct sequence_text sequence_text_x86_64, sequence_text_arm64;

#endif
