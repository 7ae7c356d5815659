/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processor time of others: see others.h. The kernel counts in ticks what each processor did, including the time
 * that this virtual machine didn't get. The time of this program, its children and its helpers is subtracted.
 */
#include "others.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "compare.h"

static struct {
	const int *processors;
	int count;
	double busy, own, time; /* seconds; busy is below 0 if not known */
} begun;

static double monotonic(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double had(int who)
{
	struct rusage usage = {0};

	getrusage(who, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Seconds that the processors weren't idle. */
static double busy(void)
{
	char line[512];
	double ticks = 0;
	int found = 0;
	FILE *file = fopen("/proc/stat", "r");

	while (file && fgets(line, sizeof(line), file)) {
		unsigned long long user, nice, system, idle, iowait, irq, softirq, steal;
		int processor;

		if (sscanf(line, "cpu%d %llu %llu %llu %llu %llu %llu %llu %llu", &processor, &user, &nice, &system,
			   &idle, &iowait, &irq, &softirq, &steal) != 9)
			continue;
		for (int i = 0; i < begun.count; i++) {
			if (begun.processors[i] != processor)
				continue;
			ticks += (double)(user + nice + system + irq + softirq + steal);
			found++;
		}
	}
	if (file)
		fclose(file);
	return found == begun.count ? ticks / (double)sysconf(_SC_CLK_TCK) : -1;
}

static double own(void)
{
	return had(RUSAGE_SELF) + had(RUSAGE_CHILDREN) + remote_seconds();
}

void others_begin(const int *processors, int count)
{
	begun.processors = processors;
	begun.count = count;
	begun.busy = busy();
	begun.own = own();
	begun.time = monotonic();
}

double others_end(void)
{
	double busy_now = busy(), whole = (monotonic() - begun.time) * begun.count;
	double share = (busy_now - begun.busy - (own() - begun.own)) / whole;

	if (begun.busy < 0 || busy_now < 0 || whole <= 0)
		return -1;
	return share < 0 ? 0 : share > 1 ? 1 : share;
}
