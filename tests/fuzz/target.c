/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The target of libFuzzer: sequences of calls, compared with the model (sequence.h). tools/verify fuzz runs it.
 *
 * KSEM_FUZZ_BREAK=rule breaks a rule of the model, so that the fuzzer looks for a sequence that meets it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "sequence.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *given = getenv("KSEM_FUZZ_BREAK");
	int rule = 0;

	(void)argc;
	(void)argv;
	if (!given)
		return 0;
	while (rule < RULES && strcmp(model_rules[rule].name, given) != 0)
		rule++;
	if (rule == RULES) {
		fprintf(stderr, "no such rule: %s\n", given);
		exit(2);
	}
	model_break((enum model_rule)rule);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	sequence_run(bytes, size, false, false);
	return 0;
}
