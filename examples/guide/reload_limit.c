/* SPDX-License-Identifier: BSD-2-Clause */
/* reload_limit FILE: SIGHUP reads the limit from the file again. SIGTERM ends the program. */
#include <ksem/ksem.h>
#include <signal.h>
#include <stdio.h>

static void read_limit(const char *name, unsigned int *limit) /* leaves the limit alone if it can't */
{
	FILE *file = fopen(name, "r");

	if (!file || fscanf(file, "%u", limit) != 1)
		fprintf(stderr, "%s: no limit\n", name);
	if (file)
		fclose(file);
}

int main(int argc, char **argv)
{
	struct ksem_attr attr = {.size = sizeof(attr), .limit = 10, .order = KSEM_BARGING};
	struct ksem_proc *proc = ksem_private();
	unsigned int value;
	int signal = SIGHUP;
	sigset_t set;
	ksem_id_t id;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM); /* threads that begin later inherit the mask */
	/* At most ten run at a time, until the file says otherwise; three run now. */
	if (argc != 2 || sigprocmask(SIG_BLOCK, &set, NULL) || !proc || ksem_init_attr(proc, &attr, 7, &id))
		return 1;
	for (; signal == SIGHUP; sigwait(&set, &signal)) {
		read_limit(argv[1], &attr.limit);
		if (ksem_set_limit(proc, id, attr.limit) || ksem_getvalue(proc, id, &value))
			return 1;
		printf("%u more may begin\n", value);
		fflush(stdout);
	}
	return 0;
}
