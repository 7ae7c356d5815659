/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Helper programs as peers: see helper.c. Each has its own run function, since run functions have no argument for the
 * peer.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compare.h"

#define HELPERS 2

static struct helper {
	const char *name;
	pid_t id;
	FILE *jobs, *results;
} helpers[HELPERS];
static int count;

static double run_on_helper(const struct helper *helper, const struct job *job, struct histogram *latencies)
{
	static struct histogram got;
	double result;

	if (fwrite(job, sizeof(*job), 1, helper->jobs) != 1 || fflush(helper->jobs) != 0 ||
	    fread(&result, sizeof(result), 1, helper->results) != 1 ||
	    fread(&got, sizeof(got), 1, helper->results) != 1) {
		fprintf(stderr, "ksem-compare: the helper for %s has ended\n", helper->name);
		exit(1);
	}
	histogram_join(latencies, &got);
	return result;
}

static double run_first(const struct job *job, struct histogram *latencies)
{
	return run_on_helper(&helpers[0], job, latencies);
}

static double run_second(const struct job *job, struct histogram *latencies)
{
	return run_on_helper(&helpers[1], job, latencies);
}

bool remote_peer(const char *program, const char *name, struct peer *peer)
{
	static double (*const run[HELPERS])(const struct job *, struct histogram *) = {run_first, run_second};
	struct helper *helper = &helpers[count];
	int jobs[2], results[2];
	pid_t child;

	if (count == HELPERS || access(program, X_OK) != 0 || pipe(jobs) != 0 || pipe(results) != 0)
		return false;
	fflush(NULL);
	signal(SIGPIPE, SIG_IGN); /* writing to a helper that has ended is then an error */
	child = fork();
	if (child < 0)
		return false;
	if (child == 0) {
		dup2(jobs[0], STDIN_FILENO);
		dup2(results[1], STDOUT_FILENO);
		close(jobs[0]), close(jobs[1]), close(results[0]), close(results[1]);
		execl(program, program, (char *)NULL);
		_exit(127);
	}
	close(jobs[0]), close(results[1]);
	*helper = (struct helper){name, child, fdopen(jobs[1], "w"), fdopen(results[0], "r")};
	peer->name = name;
	peer->run = run[count];
	if (fread(peer->can, sizeof(peer->can), 1, helper->results) != 1)
		return false;
	count++;
	return true;
}

double remote_seconds(void)
{
	double ticks = 0;

	for (int i = 0; i < count; i++) {
		unsigned long user, system, children_user, children_system;
		char path[64], text[1024] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/stat", (int)helpers[i].id);
		file = fopen(path, "r");
		if (!file)
			continue;
		if (fgets(text, sizeof(text), file) && strrchr(text, ')') && /* the name may contain any bytes */
		    sscanf(strrchr(text, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %lu %lu", &user,
			   &system, &children_user, &children_system) == 4)
			ticks += (double)(user + system + children_user + children_system);
		fclose(file);
	}
	return ticks / (double)sysconf(_SC_CLK_TCK);
}
