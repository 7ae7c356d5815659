/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem: looks at, makes and uses the semaphores of a directory that OS processes share. See ksem(1).
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <ksem/ksem.h>

#define DEFAULT_DIRECTORY "/dev/shm/ksem"

enum exit_code {
	DONE = 0,
	FAILED = 1,
	USAGE = 2,
	NO_PERMIT = 3, /* in time */
};

static const char usage[] =
	"usage: ksem [--dir DIR] COMMAND ...\n"
	"  ls [--json]                              all semaphores\n"
	"  show [--json] NAME                       one\n"
	"  create [--value N] [--mode OCTAL] NAME   makes one; fails if it is there\n"
	"  post [--count N] NAME                    gives permits\n"
	"  wait [--timeout SECONDS] NAME            takes a permit\n"
	"  unlink NAME                              takes the name away\n"
	"  run --name NAME [--timeout SECONDS] -- PROGRAM [ARGUMENT ...]\n"
	"                                           runs a program while holding a permit\n"
	"Exit status: 0; 1 if it failed; 2 for wrong arguments; 3 if no permit came in time; of run, the\n"
	"program's, or 128 and the number of the signal that ended it.\n";

static struct {
	const char *directory;
	const char *name;
	bool json;
	unsigned int value, count;
	mode_t mode;
	double timeout; /* seconds; below 0: none */
} options = {.count = 1, .mode = S_IRUSR | S_IWUSR, .timeout = -1};

static struct ksem_ns *ns;
static struct ksem_proc *proc;

__attribute__((noreturn, format(printf, 2, 3))) static void die(enum exit_code code, const char *format, ...)
{
	va_list arguments;

	fputs("ksem: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(code);
}

/* Ends the program where a call for `what` failed. */
static void must(int error, const char *what)
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
		case 'h':
			fputs(usage, stdout);
			exit(DONE);
		default:
			fputs(usage, stderr);
			exit(USAGE);
		}
	}
}

/* ---- Showing. ---- */

static void print_json_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			printf("\\u%04x", c); /* a byte of a name is a character of Latin-1 here */
		else
			putchar(c);
	}
	putchar('"');
}

static void print_name(const char *name)
{
	for (; *name; name++)
		putchar((unsigned char)*name < 0x20 || *name == 0x7f ? '?' : *name);
	putchar('\n');
}

static void print_json(const struct ksem_info *info)
{
	printf("{\"name\": ");
	print_json_string(info->name);
	printf(", \"id\": %" PRIu64 ", \"value\": %u, \"waiters\": %u, \"refs\": %u, \"uid\": %u, \"gid\": %u, "
	       "\"mode\": \"%04o\"}",
	       info->id, info->value, info->waiters, info->refs, info->uid, info->gid, info->mode);
}

static void print_line(const struct ksem_info *info)
{
	printf("%10u %7u %5u %6u %6u  %04o  ", info->value, info->waiters, info->refs, info->uid, info->gid,
	       info->mode);
	print_name(info->name);
}

static void print_head(void)
{
	printf("%10s %7s %5s %6s %6s  %4s  %s\n", "value", "waiters", "refs", "uid", "gid", "mode", "name");
}

static int list_one(const struct ksem_info *info, void *listed)
{
	bool *any = listed;

	if (!*info->name)
		return 0;
	if (options.json)
		fputs(*any ? ",\n " : "[", stdout);
	else if (!*any)
		print_head();
	(options.json ? print_json : print_line)(info);
	*any = true;
	return 0;
}

static int list(void)
{
	bool any = false;

	must(ksem_ns_foreach(ns, list_one, &any), "ls");
	if (options.json)
		puts(any ? "]" : "[]");
	return DONE;
}

/* What is known of options.name, found without opening it, so that this process isn't among those that hold it. */
static int match(const struct ksem_info *info, void *found)
{
	if (strcmp(info->name, options.name) != 0)
		return 0;
	*(struct ksem_info *)found = *info;
	return -1;
}

static int show(void)
{
	struct ksem_info info;
	int result = ksem_ns_foreach(ns, match, &info);

	if (result == 0)
		die(FAILED, "%s: not found, or not to be opened", options.name);
	must(result > 0 ? result : 0, options.name);
	if (options.json) {
		print_json(&info);
		putchar('\n');
	} else {
		print_head();
		print_line(&info);
	}
	return DONE;
}

/* ---- Using. ---- */

static ksem_id_t open_name(int flags)
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

/* Takes a permit; ends the program if none comes in time. */
static void take(ksem_id_t id)
{
	struct timespec until;
	int error;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)options.timeout;
	until.tv_nsec += (long)((options.timeout - (double)(time_t)options.timeout) * 1e9);
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	error = options.timeout < 0 ? ksem_wait(proc, id) : ksem_clockwait(proc, id, CLOCK_MONOTONIC, &until);
	if (error == ETIMEDOUT)
		exit(NO_PERMIT);
	must(error, options.name);
}

static int wait_for(void)
{
	take(open_name(0));
	return DONE;
}

static int unlink_name(void)
{
	must(ksem_unlink(proc, options.name), options.name);
	return DONE;
}

static volatile sig_atomic_t program; /* its process; 0: not begun */

static void pass_on(int number)
{
	if (program)
		kill((pid_t)program, number);
}

/* Signals that would end this program go to the one that it runs, so that the permit comes back. */
static int run(char **command)
{
	static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	struct sigaction action = {.sa_handler = pass_on, .sa_flags = SA_RESTART};
	ksem_id_t id = open_name(0);
	int status = 0;
	pid_t child;

	take(id);
	child = fork();
	if (child == 0) {
		execvp(*command, command);
		fprintf(stderr, "ksem: %s: %s\n", *command, strerrordesc_np(errno));
		_exit(errno == ENOENT ? 127 : 126);
	}
	if (child > 0) {
		program = child;
		for (size_t i = 0; i < sizeof(passed_on) / sizeof(*passed_on); i++)
			sigaction(passed_on[i], &action, NULL);
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
	}
	must(ksem_post(proc, id), options.name);
	must(child < 0 ? errno : 0, "fork");
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- */

static const struct command {
	const char *name;
	int (*act)(void); /* NULL: run */
	bool named;
} commands[] = {
	{"ls", list, false},      {"show", show, true},          {"create", create, true}, {"post", post, true},
	{"wait", wait_for, true}, {"unlink", unlink_name, true}, {"run", NULL, false},
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
	if (command->named && argc == 1)
		options.name = argv[0];
	if (command->act ? argc != command->named : argc == 0 || !options.name) {
		fputs(usage, stderr);
		return USAGE;
	}
	enter();
	return command->act ? command->act() : run(argv);
}
