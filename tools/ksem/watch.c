/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem watch: a live view. On a terminal it has a screen of its own, drawn anew each time without clearing it first,
 * which would flicker; elsewhere the views follow each other.
 *
 * What doesn't fit is never left out silently: a line that is cut ends with a '>' in reverse, and the last line says
 * how many more there are.
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
#define CUT        "\033[7m>\033[m"

static volatile sig_atomic_t ended, stopped, continued, resized;
static volatile sig_atomic_t on_screen; /* OWN_SCREEN was written, and THEIRS wasn't */

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
}

static void restore(void)
{
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
		size_t size = showable(&line[at], true, &width); /* what is not was escaped */

		if (size == 0 || width > *columns)
			break;
		*columns -= width;
		at += size;
	}
	return at;
}

/* The rest of a line is erased only where there is one: in the last column that would erase what was just written. */
static void draw_line(const char *line, size_t length, unsigned int columns)
{
	unsigned int left = columns, less = columns - 1;
	size_t fits = fitting(line, length, &left);

	if (fits == length) {
		printf("%.*s%s", (int)length, line, left > 0 ? END_LINE : "");
	} else {
		fits = fitting(line, length, &less);
		printf("%.*s" END_LINE CUT, (int)fits, line);
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

static void print_time(FILE *to)
{
	time_t now = time(NULL);
	struct tm local;
	char text[64];

	if (!localtime_r(&now, &local) || strftime(text, sizeof(text), "%F %T", &local) == 0)
		return;
	fprintf(to, "%s  ", text);
	put_text(to, options.directory, takes_utf8(STDOUT_FILENO));
	fputs("\n\n", to);
}

static void view(bool on_terminal)
{
	char *text = NULL;
	size_t length;
	FILE *memory = open_memstream(&text, &length);
	int error;

	if (!memory)
		die(FAILED, "no memory");
	if (!options.json)
		print_time(memory);
	print_all(memory, &error);
	must(error, options.directory);
	if (!options.json && !on_terminal)
		putc('\n', memory);
	if (fclose(memory) != 0)
		die(FAILED, "no memory");
	if (on_terminal)
		draw(text);
	else
		fputs(text, stdout);
	free(text);
	if (fflush(stdout) != 0 && errno == EPIPE)
		exit(FAILED); /* SIGPIPE is ignored */
	must_have_written();
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
static bool is_left_alone(int number, bool on_terminal)
{
	return number == SIGCHLD || number == SIGURG || number == SIGTTIN || number == SIGTTOU || number == SIGKILL ||
	       number == SIGSTOP || (number == SIGPIPE && !on_terminal);
}

/* Those that were ignored stay so. `resting`: the signals that are blocked while it rests. */
static void take_signals(bool on_terminal, sigset_t *resting)
{
	sigset_t blocked;

	sigfillset(&blocked);
	for (int number = 1; number <= SIGRTMAX; number++) {
		struct sigaction action = {.sa_handler = is_fault(number) ? die_of_fault : note}, had;

		if (is_left_alone(number, on_terminal) || is_fault(number))
			sigdelset(&blocked, number);
		if (is_left_alone(number, on_terminal) || sigaction(number, NULL, &had) != 0 ||
		    had.sa_handler == SIG_IGN)
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

static struct timespec in_an_interval(void)
{
	return ksem_deadline_after((uint64_t)(options.interval * 1e9));
}

/* Until then; sooner where something came. False: the time is over. */
static bool sleep_until(const struct timespec *until, const sigset_t *resting)
{
	struct pollfd reader = {.fd = STDOUT_FILENO};
	struct timespec left;
	int count;

	clock_gettime(CLOCK_MONOTONIC, &left);
	left.tv_sec = until->tv_sec - left.tv_sec - (until->tv_nsec < left.tv_nsec);
	left.tv_nsec = until->tv_nsec - left.tv_nsec + (until->tv_nsec < left.tv_nsec ? 1000000000 : 0);
	if (left.tv_sec < 0)
		left = (struct timespec){0, 0};
	count = ppoll(&reader, 1, &left, resting);
	if (count > 0) { /* whoever read is gone: end as writing would */
		raise(SIGPIPE);
		exit(FAILED);
	}
	return count != 0;
}

/* Until the next view is due, or a signal ends it. Draws anew what another size or a pause spoiled. */
static void rest(bool on_terminal, const sigset_t *resting)
{
	struct timespec until = in_an_interval();

	while (sleep_until(&until, resting) && !ended) {
		if (stopped && on_terminal)
			stop();
		else if (stopped)
			raise(SIGSTOP);
		stopped = 0;
		if (on_terminal && continued)
			enter_screen();
		if (on_terminal && (continued || resized))
			view(on_terminal);
		continued = resized = 0;
	}
}

int watch_semaphores(void)
{
	bool on_terminal = isatty(STDOUT_FILENO) && !options.json;
	sigset_t resting;

	take_signals(on_terminal, &resting);
	if (on_terminal) {
		setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
		atexit(restore);
		enter_screen();
	}
	for (unsigned int i = 0; !ended && (options.times == 0 || i < options.times); i++) {
		if (i > 0)
			rest(on_terminal, &resting);
		if (!ended)
			view(on_terminal);
	}
	restore();
	return DONE;
}
