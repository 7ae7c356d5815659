/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Semaphores of Java, Go and Rust (languages/). Each is a program that `tools/compare --features` has built. It runs
 * until this one ends, so that what it compiles as it runs is compiled once. It reads lines, and answers each with the
 * nanoseconds of one turn:
 *
 *   pair PERMITS TURNS                   one thread takes so many permits of nine at once, and gives them back
 *   crowd THREADS PERMITS TURNS WORK     threads take one permit each, in fair order, with and without it they work
 *                                        for so many nanoseconds; Java's alone
 */
#include "features.h"

#include <string.h>
#include <unistd.h>

#define PAIR_TURNS 1000000

const char *languages; /* the directory with what was built; NULL: nothing was */

/* A program that was started. */
struct peer {
	const char *command; /* of the shell, in that directory */
	FILE *asked, *answers;
};

static void start(struct peer *peer)
{
	int to[2], from[2];
	pid_t child;

	if (peer->asked)
		return;
	must(pipe(to) == 0 && pipe(from) == 0, "pipe");
	child = fork();
	must(child >= 0, "fork");
	if (child == 0) {
		dup2(to[0], STDIN_FILENO);
		dup2(from[1], STDOUT_FILENO);
		close(to[0]);
		close(to[1]);
		close(from[0]);
		close(from[1]);
		must(chdir(languages) == 0, languages);
		execl("/bin/sh", "sh", "-c", peer->command, (char *)NULL);
		must(false, peer->command);
	}
	close(to[0]);
	close(from[1]);
	peer->asked = fdopen(to[1], "w");
	peer->answers = fdopen(from[0], "r");
	must(peer->asked && peer->answers, "fdopen");
}

static double ask(struct peer *peer, const char *what)
{
	double took;

	start(peer);
	must(fprintf(peer->asked, "%s\n", what) > 0 && fflush(peer->asked) == 0, peer->command);
	must(fscanf(peer->answers, "%lf", &took) == 1, peer->command);
	return took;
}

static double ask_for_a_pair(struct peer *peer)
{
	char what[64];

	snprintf(what, sizeof(what), "pair 3 %d", PAIR_TURNS);
	return ask(peer, what);
}

static struct peer java = {"exec java -XX:+UseSerialGC Peer", NULL, NULL};
static struct peer go = {"exec ./peer-go", NULL, NULL};
static struct peer tokio = {"exec ./peer-tokio", NULL, NULL};

double java_many_pair(void)
{
	return ask_for_a_pair(&java);
}

double go_many_pair(void)
{
	return ask_for_a_pair(&go);
}

double tokio_many_pair(void)
{
	return ask_for_a_pair(&tokio);
}

double java_fair_crowd(void)
{
	char what[64];

	snprintf(what, sizeof(what), "crowd 8 2 %d %.0f", CROWD_TURNS, work_took());
	return ask(&java, what);
}
