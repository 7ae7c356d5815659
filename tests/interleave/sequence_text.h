/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text of the restartable sequences of <ksem/inline.h>, for each processor that has them.
 */
#ifndef KSEM_TESTS_INTERLEAVE_SEQUENCE_TEXT_H
#define KSEM_TESTS_INTERLEAVE_SEQUENCE_TEXT_H

struct sequence_text {
	const char *ways[3][2]; /* pinned, by id, shared; put, take */
};

#define SEQUENCE_TEXT                                                                                                  \
	{                                                                                                              \
		{                                                                                                      \
			{KSEM_INLINE_PINNED_SEQUENCE(KSEM_INLINE_PUT), KSEM_INLINE_PINNED_SEQUENCE(KSEM_INLINE_TAKE)}, \
			{KSEM_INLINE_BY_ID_SEQUENCE(KSEM_INLINE_PUT, KSEM_INLINE_WORD_PUT, ""),                        \
			 KSEM_INLINE_BY_ID_SEQUENCE(KSEM_INLINE_TAKE, KSEM_INLINE_WORD_TAKE_COUNTED,                   \
						    KSEM_INLINE_COUNT)},                                               \
			{KSEM_INLINE_SHARED_SEQUENCE(KSEM_INLINE_WORD_PUT),                                            \
			 KSEM_INLINE_SHARED_SEQUENCE(KSEM_INLINE_WORD_TAKE)},                                          \
		},                                                                                                     \
	}

extern const struct sequence_text sequence_text_x86_64, sequence_text_arm64;

#endif
