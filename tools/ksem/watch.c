/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem watch: a live view. On a terminal it has a screen of its own, drawn anew each time without clearing it first,
 * which would flicker; elsewhere the views follow each other.
 *
 * What doesn't fit is never left out silently: a name or a line that is cut ends with a '>' in reverse, and the last
 * line says how many more there are. Keys sort the view that there is anew; they don't look again, so that rates stay
 * those of a whole interval.
 *
 * Signals are blocked but while the program rests between views; so their handlers only note what came. All that would
 * end it end the view, after the terminal is as it was. One that says a fault restores it and kills as it would have.
 */
#include "tool.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define OWN_SCREEN "\033[?1049h\033[?25l" /* and no cursor */
#define THEIRS     "\033[?25h\033[?1049l"
#define HOME       "\033[H"
#define TO_THE_END "\033[J"
#define END_LINE   "\033[K"
#define SHOWN_CUT  "\033[7m>\033[m"

static volatile sig_atomic_t ended, stopped, continued, resized;
static volatile sig_atomic_t on_screen; /* OWN_SCREEN was written, and THEIRS wasn't */

static bool on_terminal; /* constant: stdout is one, and shows tables */
static struct table *table;
static char looked_at[64]; /* when the table was filled */
static enum sort sort;
static bool reversed;

/* ---- The screen. ---- */

static void put_now(const char *text)
{
	size_t length = strlen(text);

	while (length > 0) {
		ssize_t put = write(STDOUT_FILENO, text, length);

		if (put <= 0)
			return; /* the terminal is gone */
		text += put;
		length -= (size_t)put;
	}
}

static void enter_screen(void)
{
	on_screen = 1;
	put_now(OWN_SCREEN);
	if (isatty(STDIN_FILENO))
		begin_keys();
}

static void restore(void)
{
	end_keys();
	if (on_screen)
		put_now(THEIRS);
	on_screen = 0;
}

/* How many lines there are to draw on, and how many columns. */
static struct winsize size_of_screen(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0)
		return (struct winsize){.ws_row = 24, .ws_col = 80};
	return size;
}

/* How many bytes of a line fit into *columns, of which the rest is left. */
static size_t fitting(const char *line, size_t length, unsigned int *columns)
{
	size_t at = 0;

	while (at < length) {
		unsigned int width;
		size_t size = showable(&line[at], true, &width); /* what is not was escaped, but for CUT */

		size = line[at] == CUT ? 1 : size;
		if (size == 0 || width > *columns)
			break;
		*columns -= width;
		at += size;
	}
	return at;
}

static void put_line(const char *line, size_t length)
{
	for (size_t at = 0; at < length; at++) {
		if (line[at] == CUT)
			fputs(SHOWN_CUT, stdout);
		else
			putchar(line[at]);
	}
}

/* The rest of a line is erased only where there is one: in the last column that would erase what was just written. */
static void draw_line(const char *line, size_t length, unsigned int columns)
{
	unsigned int left = columns, less = columns - 1;
	size_t fits = fitting(line, length, &left);

	if (fits == length) {
		put_line(line, length);
		fputs(left > 0 ? END_LINE : "", stdout);
	} else {
		fits = fitting(line, length, &less);
		put_line(line, fits);
		fputs(END_LINE SHOWN_CUT, stdout);
	}
}

static unsigned int lines_of(const char *text)
{
	unsigned int lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

/* As many lines as there are, each as long as fits. */
static void draw(const char *text)
{
	struct winsize size = size_of_screen();
	unsigned int lines = lines_of(text), room = lines > size.ws_row ? size.ws_row - 1u : lines;
	char more[32];

	fputs(HOME, stdout);
	for (unsigned int row = 0; row < room; row++) {
		size_t length = strcspn(text, "\n");

		fputs(row > 0 ? "\r\n" : "", stdout);
		fputs(row + 1 == lines ? TO_THE_END : "", stdout);
		draw_line(text, length, size.ws_col);
		text += length + 1;
	}
	if (lines > room) {
		(void)snprintf(more, sizeof(more), "... %u more", lines - room);
		fputs(room > 0 ? "\r\n" : "", stdout);
		draw_line(more, strlen(more), size.ws_col);
	}
	fputs(HOME, stdout);
}

/* ---- Views. ---- */

static const struct {
	char key;
	const char *name;
} sorts[SORTS] = {
	[BY_NAME] = {'n', "name"},    [BY_VALUE] = {'v', "value"}, [BY_WAITERS] = {'w', "waiters"},
	[BY_RATE] = {'r', "waits/s"}, [BY_MEAN] = {'m', "mean"},   [BY_REFS] = {'h', "refs"},
	[BY_AGE] = {'a', "age"},
};

static void act_on(char key)
{
	if (key == 'q')
		ended = 1;
	for (int i = 0; i < SORTS; i++) {
		if (sorts[i].key != key)
			continue;
		reversed = sort == (enum sort)i && !reversed;
		sort = (enum sort)i;
	}
}

/* The line of keys; empty where none are read. */
static void print_keys(FILE *to)
{
	if (keys_are_read()) {
		fputs("q quit  sort:", to);
		for (int i = 0; i < SORTS; i++) {
			const char *is = sort != (enum sort)i ? "%c %s" : reversed ? "[%c %s, reversed]" : "[%c %s]";

			putc(' ', to);
			fprintf(to, is, sorts[i].key, sorts[i].name);
		}
	}
	putc('\n', to);
}

static void note_time(void)
{
	time_t now = time(NULL);
	struct tm local;

	if (!localtime_r(&now, &local) || strftime(looked_at, sizeof(looked_at), "%F %T", &local) == 0)
		looked_at[0] = '\0';
}

static FILE *to_memory(char **text)
{
	static size_t length;
	FILE *memory = open_memstream(text, &length);

	if (!memory)
		die(FAILED, "no memory");
	return memory;
}

static void must_be_whole(FILE *memory)
{
	if (fclose(memory) != 0)
		die(FAILED, "no memory");
}

/* Shows the table that there is. */
static void show_table(void)
{
	char *text = NULL;
	FILE *memory = to_memory(&text);

	fprintf(memory, "%s  ", looked_at);
	put_text(memory, options.directory, takes_utf8(STDOUT_FILENO));
	putc('\n', memory);
	print_keys(memory);
	sort_table(table, sort, reversed);
	print_table(memory, table, on_terminal ? size_of_screen().ws_col : 0);
	if (!on_terminal)
		putc('\n', memory);
	must_be_whole(memory);
	if (on_terminal)
		draw(text);
	else
		fputs(text, stdout);
	free(text);
}

static void show_json(int *error)
{
	char *text = NULL;
	FILE *memory = to_memory(&text);

	print_json_all(memory, true, error);
	must_be_whole(memory);
	if (*error == 0)
		fputs(text, stdout);
	free(text);
}

static void flush(void)
{
	if (fflush(stdout) != 0 && errno == EPIPE)
		exit(FAILED); /* SIGPIPE is ignored */
	must_have_written();
}

/* Looks at the semaphores, and shows them. */
static void view(void)
{
	int error;

	if (directory_is_missing)
		must(enter_again(), options.directory);
	begin_look();
	if (options.json) {
		show_json(&error);
	} else {
		if (table)
			free_table(table);
		table = find_table(true, &error);
		note_time();
	}
	end_look();
	must(error, options.directory);
	if (!options.json)
		show_table();
	flush();
}

/* ---- Signals. ---- */

static void note(int number)
{
	if (number == SIGTSTP)
		stopped = 1;
	else if (number == SIGCONT)
		continued = 1;
	else if (number == SIGWINCH)
		resized = 1;
	else
		ended = 1;
}

static void die_of_fault(int number)
{
	restore();
	signal(number, SIG_DFL);
	raise(number);
}

static bool is_fault(int number)
{
	return number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE || number == SIGABRT ||
	       number == SIGSYS || number == SIGTRAP;
}

/* Those that do nothing, that stop who uses a terminal from the background, and that of a pipe without a reader. */
static bool is_left_alone(int number)
{
	return number == SIGCHLD || number == SIGURG || number == SIGTTIN || number == SIGTTOU || number == SIGKILL ||
	       number == SIGSTOP || (number == SIGPIPE && !on_terminal);
}

/* Those that were ignored stay so. `resting`: the signals that are blocked while it rests. */
static void take_signals(sigset_t *resting)
{
	sigset_t blocked;

	sigfillset(&blocked);
	for (int number = 1; number <= SIGRTMAX; number++) {
		struct sigaction action = {.sa_handler = is_fault(number) ? die_of_fault : note}, had;

		if (is_left_alone(number) || is_fault(number))
			sigdelset(&blocked, number);
		if (is_left_alone(number) || sigaction(number, NULL, &had) != 0 || had.sa_handler == SIG_IGN)
			continue;
		sigaction(number, &action, NULL);
	}
	sigprocmask(SIG_BLOCK, &blocked, resting);
	for (int number = 1; number <= SIGRTMAX; number++)
		sigdelset(resting, number); /* whatever the parent blocked */
}

/* As SIGTSTP would have, with their screen; until SIGCONT. */
static void stop(void)
{
	struct sigaction standard = {.sa_handler = SIG_DFL}, ours;
	sigset_t it;

	restore();
	sigemptyset(&it);
	sigaddset(&it, SIGTSTP);
	sigaction(SIGTSTP, &standard, &ours);
	raise(SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &it, NULL); /* here it stops */
	sigprocmask(SIG_BLOCK, &it, NULL);
	sigaction(SIGTSTP, &ours, NULL);
	stopped = 0;
	continued = 1;
}

static struct timespec time_left(const struct timespec *until)
{
	struct timespec left;

	clock_gettime(CLOCK_MONOTONIC, &left);
	left.tv_sec = until->tv_sec - left.tv_sec - (until->tv_nsec < left.tv_nsec);
	left.tv_nsec = until->tv_nsec - left.tv_nsec + (until->tv_nsec < left.tv_nsec ? 1000000000 : 0);
	return left.tv_sec < 0 ? (struct timespec){0, 0} : left;
}

/* Until then; sooner where a signal or keys came. False: the time is over. */
static bool sleep_until(const struct timespec *until, const sigset_t *resting, bool *keys)
{
	struct pollfd polled[] = {{.fd = STDOUT_FILENO}, {.fd = STDIN_FILENO, .events = POLLIN}};
	struct timespec left = time_left(until);
	int count = ppoll(polled, keys_are_read() ? 2 : 1, &left, resting);

	if (count > 0 && polled[0].revents) { /* whoever read is gone: end as writing would */
		raise(SIGPIPE);
		exit(FAILED);
	}
	*keys = count > 0 && polled[1].revents;
	return count != 0;
}

/* Until the next view is due, or a signal or a key ends it. Draws anew what a key, another size or a pause changed. */
static void rest(const sigset_t *resting)
{
	struct timespec until = ksem_deadline_after((uint64_t)(options.interval * 1e9));
	bool keys;

	while (!ended && sleep_until(&until, resting, &keys) && !ended) {
		if (keys)
			read_keys(act_on);
		if (stopped && on_terminal)
			stop();
		else if (stopped)
			raise(SIGSTOP);
		stopped = 0;
		if (on_terminal && continued)
			enter_screen();
		if (on_terminal && !ended && (continued || resized || keys)) {
			show_table();
			flush();
		}
		continued = resized = 0;
	}
}

int watch_semaphores(void)
{
	sigset_t resting;

	on_terminal = isatty(STDOUT_FILENO) && !options.json;
	take_signals(&resting);
	if (on_terminal) {
		setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
		atexit(restore);
		enter_screen();
	}
	for (unsigned int i = 0; !ended && (options.times == 0 || i < options.times); i++) {
		if (i > 0)
			rest(&resting);
		if (!ended)
			view();
	}
	restore();
	return DONE;
}
