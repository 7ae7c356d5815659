/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The main loop of a helper program: it reads jobs from standard input and writes results to standard output, both as
 * they lie in memory. First it writes what its peer can do. It ends at the end of its input.
 */
#include <stdio.h>

#include "compare.h"

int helper_main(const struct peer *peer)
{
	static struct histogram latencies;
	struct job job;

	fwrite(peer->can, sizeof(peer->can), 1, stdout);
	fflush(stdout);
	while (fread(&job, sizeof(job), 1, stdin) == 1) {
		double result;

		latencies = (struct histogram){0};
		result = peer->run(&job, &latencies);
		if (fwrite(&result, sizeof(result), 1, stdout) != 1 ||
		    fwrite(&latencies, sizeof(latencies), 1, stdout) != 1 || fflush(stdout) != 0)
			return 1;
	}
	return 0;
}
