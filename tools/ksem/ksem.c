/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem: looks at, makes and uses the semaphores of a directory that OS processes share. See ksem(1).
 *
 * All of the command line is checked before anything is done. What it says, and the names that others chose, go out
 * through say(), die() and text.c only, which escape what a terminal would obey.
 */
#include "tool.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "object/making.h"
#include "shared/default.h"

static const char usage[] =
	"usage: ksem [--dir DIR] COMMAND ...\n"
	"  ls [--json | --names0]                   lists all semaphores\n"
	"  show [--json] NAME                       shows one\n"
	"  watch [--json] [--interval SECONDS] [--times N] [NAME]\n"
	"                                           shows all, or one, every second\n"
	"  create [--value N] [--limit N [--undo]] [--order barging | fifo | lifo] [--metrics] [--mode OCTAL] NAME\n"
	"                                           makes a semaphore; fails if the name exists\n"
	"  post [--count N] NAME                    adds permits\n"
	"  wait [--count N] [--timeout SECONDS] NAME\n"
	"                                           takes permits, all at once\n"
	"  limit NAME [N]                           shows the limit, or changes it\n"
	"  shutdown NAME                            ends all waits, now and later; can't be undone\n"
	"  metrics [NAME ...]                       prints what is known of all, or these, as OpenMetrics text\n"
	"  unlink NAME ...                          removes names\n"
	"  run --name NAME [--timeout SECONDS] -- PROGRAM [ARGUMENT ...]\n"
	"                                           runs a program while holding a permit\n"
	"  --help, --version                        this text; the version\n"
	"Exit status: 0 success, 1 failure, 2 wrong arguments, 3 no permit came in time. run exits with the\n"
	"status of the program, or with 128 plus the number of the signal that ended it.\n";

struct options options = {.count = 1, .mode = S_IRUSR | S_IWUSR, .timeout = -1, .interval = 1};
struct ksem_ns *ns;
struct ksem_proc *proc;
bool directory_is_missing;

/* ---- Messages. ---- */

static void say_all(const char *format, va_list arguments)
{
	char *text = NULL, *safe = NULL;

	if (vasprintf(&text, format, arguments) >= 0) {
		safe = safe_text(text, STDERR_FILENO);
		free(text);
	}
	fprintf(stderr, "ksem: %s\n", safe ? safe : "no memory");
	free(safe);
}

void say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say_all(format, arguments);
	va_end(arguments);
}

void die(enum exit_code code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say_all(format, arguments);
	va_end(arguments);
	exit(code);
}

const char *description(int error)
{
	const char *text = strerrordesc_np(error);

	return text ? text : "unknown error";
}

void must(int error, const char *what)
{
	if (error)
		die(FAILED, "%s: %s", what, description(error));
}

void must_have_written(void)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		die(FAILED, "can't write: %s", description(errno));
}

/* ---- Commands and options. ---- */

static const struct command {
	const char *name;
	int (*act)(void);    /* NULL: run */
	int least, most;     /* operands */
	int names;           /* the most of them that are names, which come first */
	const char *options; /* by their letters */
} commands[] = {
	{"ls", list, 0, 0, 0, "j0"},
	{"show", show, 1, 1, 1, "j"},
	{"watch", watch_semaphores, 0, 1, 1, "jix"},
	{"create", create, 1, 1, 1, "vluoMm"},
	{"post", post, 1, 1, 1, "c"},
	{"wait", wait_for, 1, 1, 1, "ct"},
	{"limit", limit, 1, 2, 1, ""},
	{"shutdown", shut_down, 1, 1, 1, ""},
	{"metrics", metrics, 0, INT_MAX, INT_MAX, ""},
	{"unlink", unlink_names, 1, INT_MAX, INT_MAX, ""},
	{"run", NULL, 0, INT_MAX, 0, "nt"},
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

/* Of any command: "dhV". */
static const struct option known[] = {
	{"dir", required_argument, NULL, 'd'},
	{"json", no_argument, NULL, 'j'},
	{"names0", no_argument, NULL, '0'},
	{"value", required_argument, NULL, 'v'},
	{"limit", required_argument, NULL, 'l'},
	{"order", required_argument, NULL, 'o'},
	{"metrics", no_argument, NULL, 'M'},
	{"count", required_argument, NULL, 'c'},
	{"mode", required_argument, NULL, 'm'},
	{"name", required_argument, NULL, 'n'},
	{"timeout", required_argument, NULL, 't'},
	{"interval", required_argument, NULL, 'i'},
	{"times", required_argument, NULL, 'x'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{"undo", no_argument, NULL, 'u'},
	{NULL, 0, NULL, 0},
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

static bool has_option(const struct command *command, int letter)
{
	return letter == 'd' || letter == 'h' || letter == 'V' || (command && strchr(command->options, letter));
}

void for_commands(void (*visit)(const char *word, void *arg), void *arg)
{
	for (size_t i = 0; i < COMMANDS; i++)
		visit(commands[i].name, arg);
}

void for_options(const char *command, void (*visit)(const char *word, void *arg), void *arg)
{
	char word[32];

	for (const struct option *option = known; option->name; option++) {
		if (!has_option(command ? find_command(command) : NULL, option->val))
			continue;
		snprintf(word, sizeof(word), "--%s", option->name);
		visit(word, arg);
	}
}

bool takes_names(const char *command, int operands)
{
	const struct command *found = find_command(command);

	return found && operands < found->names;
}

bool has_value(const char *word)
{
	for (const struct option *option = known; option->name; option++) {
		if (strncmp(word, "--", 2) == 0 && strcmp(word + 2, option->name) == 0)
			return option->has_arg == required_argument;
	}
	return false;
}

/* ---- Arguments. ---- */

static unsigned int to_number(const char *option, const char *text, unsigned int least, unsigned int most)
{
	unsigned long number;

	errno = 0;
	number = strtoul(text, NULL, 10);
	if (!*text || text[strspn(text, "0123456789")] || errno || number < least || number > most)
		die(USAGE, "%s: not a number from %u to %u: '%s'", option, least, most, text);
	return (unsigned int)number;
}

static mode_t to_mode(const char *text)
{
	unsigned long mode;

	errno = 0;
	mode = strtoul(text, NULL, 8);
	if (!*text || text[strspn(text, "01234567")] || errno || mode > 07777)
		die(USAGE, "--mode: not an octal number from 0 to 7777: '%s'", text);
	return (mode_t)mode;
}

/* Digits, with a point and an exponent perhaps: none of the rest that strtod reads. */
static double to_seconds(const char *option, const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	if ((!isdigit((unsigned char)*text) && *text != '.') || text[strspn(text, "0123456789.eE+-")] || end == text ||
	    *end || !(seconds <= 1e9))
		die(USAGE, "%s: not a number of seconds from 0 to 1000000000: '%s'", option, text);
	return seconds;
}

static const char *const orders[] = {[KSEM_BARGING] = "barging", [KSEM_FIFO] = "fifo", [KSEM_LIFO] = "lifo"};

#define ORDERS (sizeof(orders) / sizeof(*orders))

const char *order_name(uint32_t order)
{
	return order < ORDERS ? orders[order] : "unknown";
}

void for_orders(void (*visit)(const char *word, void *arg), void *arg)
{
	for (size_t i = 0; i < ORDERS; i++)
		visit(orders[i], arg);
}

static uint32_t to_order(const char *text)
{
	uint32_t order = 0;

	while (order < ORDERS && strcmp(orders[order], text) != 0)
		order++;
	if (order == ORDERS)
		die(USAGE, "--order: not barging, fifo or lifo: '%s'", text);
	return order;
}

static void set_option(int letter, const char *value)
{
	switch (letter) {
	case 'd':
		if (!*value)
			die(USAGE, "--dir: no directory has an empty name");
		options.directory = value;
		break;
	case 'j':
		options.json = true;
		break;
	case '0':
		options.names0 = true;
		break;
	case 'v':
		options.value = to_number("--value", value, 0, KSEM_VALUE_MAX);
		options.has_value = true;
		break;
	case 'l':
		options.limit = to_number("--limit", value, 1, KSEM_VALUE_MAX);
		options.has_limit = true;
		break;
	case 'u':
		options.undo = true;
		break;
	case 'o':
		options.order = to_order(value);
		break;
	case 'M':
		options.metrics = true;
		break;
	case 'c':
		options.count = to_number("--count", value, 0, KSEM_VALUE_MAX);
		break;
	case 'm':
		options.mode = to_mode(value);
		break;
	case 'n':
		options.name = value;
		break;
	case 't':
		options.timeout = to_seconds("--timeout", value);
		break;
	case 'i':
		options.interval = to_seconds("--interval", value);
		break;
	case 'x':
		options.times = to_number("--times", value, 1, UINT_MAX);
		break;
	case 'h':
		fputs(usage, stdout);
		must_have_written();
		exit(DONE);
	case 'V':
		printf("ksem %s\n", ksem_version());
		must_have_written();
		exit(DONE);
	}
}

static const struct option *option_of(int letter)
{
	const struct option *option = known;

	while (option->name && option->val != letter)
		option++;
	return option;
}

/* getopt's own messages aren't escaped. `word`: that of which it speaks. */
static _Noreturn void die_of_option(int answer, const char *word)
{
	if (answer == ':')
		die(USAGE, "%s: a value is missing", word);
	if (optopt && strncmp(word, "--", 2) == 0)
		die(USAGE, "%s: takes no value", word);
	die(USAGE, "no such option: %s (--help lists them)", word);
}

#define OPERAND 1 /* in the place of a letter: a word that isn't an option */

/*
 * Reads options: up to the first word that is none, or (`mixed`) from among the words up to "--". `given`: the letters
 * of the options that there were before. Returns how many words are left; they then begin at argv[1], and NULL follows.
 */
static int read_options(int argc, char **argv, bool mixed, char *given)
{
	int letter, at = 1, words = 0;

	opterr = 0;
	optind = 0; /* getopt begins anew */
	for (; (letter = getopt_long(argc, argv, mixed ? "-:" : "+:", known, NULL)) != -1; at = optind) {
		if (letter == OPERAND) {
			argv[++words] = optarg; /* where getopt has been */
			continue;
		}
		if (letter == ':' || letter == '?')
			die_of_option(letter, argv[at]);
		if (strchr(given, letter))
			die(USAGE, "--%s: given twice", option_of(letter)->name);
		given[strlen(given)] = (char)letter;
		set_option(letter, optarg);
	}
	while (optind < argc)
		argv[++words] = argv[optind++];
	argv[words + 1] = NULL;
	return words;
}

/* What create makes. */
static void check_attributes(void)
{
	uint32_t highest = attributes_highest(options.order);

	if (options.undo && !options.has_limit)
		die(USAGE, "--undo: not without --limit");
	if (options.undo && options.has_value && options.value != options.limit)
		die(USAGE, "--value: with --undo it is the limit");
	if (options.undo)
		options.value = options.limit;
	if (options.has_limit && options.limit > highest)
		die(USAGE, "--limit: at most %u with --order %s", highest, order_name(options.order));
	if (options.has_limit && options.value > options.limit)
		die(USAGE, "--value: over --limit: %u", options.value);
	if (options.value > highest)
		die(USAGE, "--value: at most %u with --order %s", highest, order_name(options.order));
}

static void check_operands(const struct command *command, int count, char **operands)
{
	if (!command->act) {
		if (!options.name)
			die(USAGE, "run: --name is missing");
		if (count == 0)
			die(USAGE, "run: the program is missing");
		return;
	}
	if (count < command->least)
		die(USAGE, "%s: a name is missing", command->name);
	if (count > command->most)
		die(USAGE, "%s: too many operands, from '%s' on", command->name, operands[command->most]);
	for (int i = 1; i < count && i < command->names; i++) {
		for (int j = 0; j < i; j++) {
			if (strcmp(operands[i], operands[j]) == 0)
				die(USAGE, "%s: '%s' is named twice", command->name, operands[i]);
		}
	}
	options.name = operands[0];
	options.has_limit = options.has_limit || count > command->names;
	if (count > command->names)
		options.limit = to_number("limit", operands[1], 0, KSEM_VALUE_MAX);
}

/* The command, and its operands. */
static const struct command *read_arguments(int argc, char **argv)
{
	const struct command *command;
	char given[sizeof(known) / sizeof(*known)] = "";
	int words;

	words = read_options(argc, argv, false, given);
	if (words == 0)
		die(USAGE, "a command is missing (--help lists them)");
	command = find_command(argv[1]);
	if (!command)
		die(USAGE, "no such command: %s (--help lists them)", argv[1]);
	argv++;
	words = read_options(words, argv, command->act, given); /* run: what follows the program is the program's */
	for (const char *letter = given; *letter; letter++) {
		if (!has_option(command, *letter))
			die(USAGE, "%s: takes no --%s", command->name, option_of(*letter)->name);
	}
	if (options.json && options.names0)
		die(USAGE, "%s: --json and --names0 exclude each other", command->name);
	check_operands(command, words, argv + 1);
	check_attributes();
	options.names = argv + 1;
	return command;
}

/* ---- */

int enter(bool make)
{
	struct ksem_ns_options where = {.size = sizeof(where), .dir = options.directory};
	bool is_default = !where.dir || !*where.dir;
	int error = is_default ? default_directory(make, &where.dir) : 0;

	options.directory = where.dir;
	if (error)
		return error;
	error = ksem_ns_create(&where, &ns);
	directory_is_missing = error == ENOENT && is_default && !make;
	if (directory_is_missing)
		error = ksem_ns_create(NULL, &ns);
	return error ? error : ksem_proc_create(ns, NULL, &proc);
}

int enter_again(void)
{
	int error = ksem_proc_exit(proc);

	if (!error)
		error = ksem_ns_destroy(ns);
	options.directory = NULL;
	return error ? error : enter(false);
}

/*
 * Closed ones would be given to the next files that are opened, and what is printed would go there. Writing to these
 * fails, as it does to closed ones; a program that is run finds them closed.
 */
static void fill_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", (fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC) != fd)
			_exit(FAILED);
	}
}

int main(int argc, char **argv)
{
	const struct command *command;
	struct sigaction pipe, ignore = {.sa_handler = SIG_IGN};
	int code, error;

	fill_standard_descriptors();
	text_start();
	sigaction(SIGPIPE, &ignore, &pipe); /* a failed write is said */
	if (argc == 4 && strcmp(argv[1], "--complete") == 0)
		return complete(argv[2], argv[3]);
	command = read_arguments(argc, argv);
	if (!command->act || command->act == watch_semaphores)
		sigaction(SIGPIPE, &pipe,
			  NULL); /* a program that is run has it as it was; who has seen enough ends a watch */
	error = enter(command->act == create); /* which tells options.directory */
	must(error, options.directory);
	code = command->act ? command->act() : run(options.names);
	must_have_written();
	return code;
}
