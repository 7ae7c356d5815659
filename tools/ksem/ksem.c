/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem: looks at, makes and uses the semaphores of a directory that OS processes share. See ksem(1).
 */
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define DEFAULT_DIRECTORY "/dev/shm/ksem"

static const char usage[] =
	"usage: ksem [--dir DIR] COMMAND ...\n"
	"  ls [--json]                              all semaphores\n"
	"  show [--json] NAME                       one\n"
	"  watch [--json] [--interval SECONDS] [--times N] [NAME]\n"
	"                                           all, or one, again and again\n"
	"  create [--value N] [--mode OCTAL] NAME   makes one; fails if it is there\n"
	"  post [--count N] NAME                    gives permits\n"
	"  wait [--timeout SECONDS] NAME            takes a permit\n"
	"  unlink NAME                              takes the name away\n"
	"  run --name NAME [--timeout SECONDS] -- PROGRAM [ARGUMENT ...]\n"
	"                                           runs a program while holding a permit\n"
	"Exit status: 0; 1 if it failed; 2 for wrong arguments; 3 if no permit came in time; of run, the\n"
	"program's, or 128 and the number of the signal that ended it.\n";

struct options options = {.count = 1, .mode = S_IRUSR | S_IWUSR, .timeout = -1, .interval = 1};
struct ksem_ns *ns;
struct ksem_proc *proc;

void die(enum exit_code code, const char *format, ...)
{
	va_list arguments;

	fputs("ksem: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(code);
}

void must(int error, const char *what)
{
	if (error)
		die(FAILED, "%s: %s", what, strerrordesc_np(error));
}

/* ---- Arguments. ---- */

static unsigned int to_number(const char *text, int base, unsigned int most)
{
	char *end;
	unsigned long number;

	errno = 0;
	number = strtoul(text, &end, base);
	if (errno || end == text || *end || *text == '-' || number > most)
		die(USAGE, "not a number from 0 to %u: %s", most, text);
	return (unsigned int)number;
}

static double to_seconds(const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !(seconds >= 0 && seconds <= 1e9))
		die(USAGE, "not a number of seconds: %s", text);
	return seconds;
}

static void read_options(int argc, char **argv)
{
	static const struct option known[] = {
		{"dir", required_argument, NULL, 'd'},
		{"json", no_argument, NULL, 'j'},
		{"value", required_argument, NULL, 'v'},
		{"count", required_argument, NULL, 'c'},
		{"mode", required_argument, NULL, 'm'},
		{"name", required_argument, NULL, 'n'},
		{"timeout", required_argument, NULL, 't'},
		{"interval", required_argument, NULL, 'i'},
		{"times", required_argument, NULL, 'x'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "+", known, NULL)) != -1) {
		switch (option) {
		case 'd':
			options.directory = optarg;
			break;
		case 'j':
			options.json = true;
			break;
		case 'v':
			options.value = to_number(optarg, 10, KSEM_VALUE_MAX);
			break;
		case 'c':
			options.count = to_number(optarg, 10, KSEM_VALUE_MAX);
			break;
		case 'm':
			options.mode = to_number(optarg, 8, 07777);
			break;
		case 'n':
			options.name = optarg;
			break;
		case 't':
			options.timeout = to_seconds(optarg);
			break;
		case 'i':
			options.interval = to_seconds(optarg);
			break;
		case 'x':
			options.times = to_number(optarg, 10, UINT_MAX);
			break;
		case 'h':
			fputs(usage, stdout);
			exit(DONE);
		default:
			fputs(usage, stderr);
			exit(USAGE);
		}
	}
}

/* ---- Using. ---- */

ksem_id_t open_name(int flags)
{
	ksem_id_t id = 0;

	must(ksem_open(proc, options.name, flags, options.mode, options.value, &id), options.name);
	return id;
}

static int create(void)
{
	open_name(O_CREAT | O_EXCL);
	return DONE;
}

static int post(void)
{
	must(ksem_post_many(proc, open_name(0), options.count), options.name);
	return DONE;
}

int take(ksem_id_t id)
{
	struct timespec until;

	if (options.timeout < 0)
		return ksem_wait(proc, id);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)options.timeout;
	until.tv_nsec += (long)((options.timeout - (double)(time_t)options.timeout) * 1e9);
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	return ksem_clockwait(proc, id, CLOCK_MONOTONIC, &until);
}

static int wait_for(void)
{
	int error = take(open_name(0));

	if (error == ETIMEDOUT)
		return NO_PERMIT;
	must(error, options.name);
	return DONE;
}

static int unlink_name(void)
{
	must(ksem_unlink(proc, options.name), options.name);
	return DONE;
}

/* ---- */

static const struct command {
	const char *name;
	int (*act)(void); /* NULL: run */
	int least, most;  /* arguments: names */
} commands[] = {
	{"ls", list, 0, 0},   {"show", show, 1, 1},     {"watch", watch, 0, 1},        {"create", create, 1, 1},
	{"post", post, 1, 1}, {"wait", wait_for, 1, 1}, {"unlink", unlink_name, 1, 1}, {"run", NULL, 0, 0},
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	die(USAGE, "no such command: %s (--help lists them)", name);
}

static void enter(void)
{
	struct ksem_ns_options where = {.size = sizeof(where), .dir = options.directory};

	if (!where.dir)
		where.dir = getenv("KSEM_DIR");
	if (!where.dir || !*where.dir) {
		where.dir = DEFAULT_DIRECTORY;
		if (!ksem_self()) /* makes it */
			die(FAILED, "%s: can't be used", where.dir);
	}
	options.directory = where.dir;
	must(ksem_ns_create(&where, &ns), where.dir);
	must(ksem_proc_create(ns, NULL, &proc), where.dir);
}

int main(int argc, char **argv)
{
	const struct command *command;

	read_options(argc, argv);
	if (optind == argc) {
		fputs(usage, stderr);
		return USAGE;
	}
	command = find_command(argv[optind]);
	argv += optind;
	argc -= optind;
	optind = 0; /* getopt begins anew */
	read_options(argc, argv);
	argv += optind;
	argc -= optind;
	if (command->act && argc == 1)
		options.name = argv[0];
	if (command->act ? argc < command->least || argc > command->most : argc == 0 || !options.name) {
		fputs(usage, stderr);
		return USAGE;
	}
	enter();
	return command->act ? command->act() : run(argv);
}
