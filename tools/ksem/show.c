/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem ls and show: what is known of semaphores, found without opening them, so that this process isn't among those
 * that hold them.
 */
#include "tool.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PIDS_SHOWN 4 /* in a line of text */

static void print_json_string(FILE *to, const char *text)
{
	putc('"', to);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			fprintf(to, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			fprintf(to, "\\u%04x", c); /* a byte of a name is a character of Latin-1 here */
		else
			putc(c, to);
	}
	putc('"', to);
}

static double age_of(const struct holders *holders)
{
	struct timespec now;
	double age;

	clock_gettime(CLOCK_REALTIME, &now);
	age = (double)now.tv_sec + (double)now.tv_nsec / 1e9 - holders->made;
	return age > 0 ? age : 0; /* the clock was set back */
}

static void print_json(FILE *to, const struct ksem_info *info, const struct holders *holders)
{
	fprintf(to, "{\"name\": ");
	print_json_string(to, info->name);
	fprintf(to,
		", \"id\": %" PRIu64 ", \"value\": %u, \"waiters\": %u, \"refs\": %u, \"uid\": %u, \"gid\": %u, "
		"\"mode\": \"%04o\", \"made\": %.3f, \"age\": %.3f, \"pids\": [",
		info->id, info->value, info->waiters, info->refs, info->uid, info->gid, info->mode, holders->made,
		age_of(holders));
	for (unsigned int i = 0; i < holders->count; i++)
		fprintf(to, "%s%ld", i ? ", " : "", (long)holders->pids[i]);
	fprintf(to, "], \"more_pids\": %s}", holders->more ? "true" : "false");
}

static void print_head(FILE *to)
{
	fprintf(to, "%10s %7s %5s %6s %6s  %4s %5s  %-20s %s\n", "value", "waiters", "refs", "uid", "gid", "mode",
		"age", "pids", "name");
}

/* The largest unit of which there are two, or seconds. */
static void print_age(FILE *to, double age)
{
	static const struct {
		double seconds;
		char unit;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	size_t i = 0;

	while (units[i].unit != 's' && age < 2 * units[i].seconds)
		i++;
	fprintf(to, "%4.0f%c", age / units[i].seconds, units[i].unit);
}

static void print_pids(FILE *to, const struct holders *holders)
{
	char text[PIDS_SHOWN * 12 + 8] = "-";
	size_t at = 0;

	for (unsigned int i = 0; i < holders->count && i < PIDS_SHOWN; i++)
		at += (size_t)snprintf(&text[at], sizeof(text) - at, "%s%ld", i ? "," : "", (long)holders->pids[i]);
	if (holders->count > PIDS_SHOWN || holders->more)
		snprintf(&text[at], sizeof(text) - at, ",...");
	fprintf(to, "%-20s", text);
}

static void print_line(FILE *to, const struct ksem_info *info, const struct holders *holders)
{
	fprintf(to, "%10u %7u %5u %6u %6u  %04o ", info->value, info->waiters, info->refs, info->uid, info->gid,
		info->mode);
	print_age(to, age_of(holders));
	fputs("  ", to);
	print_pids(to, holders);
	putc(' ', to);
	for (const char *name = info->name; *name; name++)
		putc((unsigned char)*name < 0x20 || *name == 0x7f ? '?' : *name, to);
	putc('\n', to);
}

struct printing {
	FILE *to;
	unsigned int count;
};

static int print_one(const struct ksem_info *info, void *arg)
{
	struct printing *printing = arg;
	struct holders holders;

	if (!*info->name || (options.name && strcmp(info->name, options.name) != 0))
		return 0;
	find_holders(info->name, &holders);
	if (options.json) {
		fputs(printing->count ? ", " : "", printing->to);
		print_json(printing->to, info, &holders);
	} else {
		print_line(printing->to, info, &holders);
	}
	printing->count++;
	return 0;
}

unsigned int print_all(FILE *to)
{
	struct printing printing = {.to = to};

	if (!options.json)
		print_head(to);
	else if (!options.name)
		putc('[', to);
	must(ksem_ns_foreach(ns, print_one, &printing), options.directory);
	if (options.json)
		fputs(!options.name ? "]\n" : printing.count ? "\n" : "null\n", to);
	return printing.count;
}

int list(void)
{
	print_all(stdout);
	return DONE;
}

int show(void)
{
	char *text;
	size_t length;
	FILE *memory = open_memstream(&text, &length);
	unsigned int count;

	if (!memory)
		die(FAILED, "no memory");
	count = print_all(memory);
	fclose(memory);
	if (count > 0)
		fputs(text, stdout);
	free(text);
	if (count == 0)
		die(FAILED, "%s: not found, or not to be opened", options.name);
	return DONE;
}
