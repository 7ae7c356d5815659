/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem watch: a live view. On a terminal it has a screen of its own, drawn anew each time without clearing it first,
 * which would flicker; elsewhere the views follow each other.
 */
#include "tool.h"

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
#define END_LINE   "\033[K\r\n"

static volatile sig_atomic_t ended;

static void on_end(int number)
{
	(void)number;
	ended = 1;
}

static void on_resize(int number)
{
	(void)number; /* its interrupting the sleep is all */
}

/* How many lines there are to draw on, and how many columns. */
static struct winsize size_of_screen(void)
{
	struct winsize size = {.ws_row = 24, .ws_col = 80};

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0)
		return (struct winsize){.ws_row = 24, .ws_col = 80};
	return size;
}

/* As many lines as there are, each as long as fits. */
static void draw(char *text)
{
	struct winsize size = size_of_screen();
	char *line = text;

	fputs(HOME, stdout);
	for (int row = 1; *line && row < size.ws_row; row++) {
		size_t length = strcspn(line, "\n");

		printf("%.*s" END_LINE, (int)(length < size.ws_col ? length : size.ws_col), line);
		line += length + (line[length] == '\n');
	}
	fputs(TO_THE_END, stdout);
}

static void print_time(FILE *to)
{
	time_t now = time(NULL);
	struct tm local;
	char text[64];

	if (localtime_r(&now, &local) && strftime(text, sizeof(text), "%F %T", &local) > 0)
		fprintf(to, "%s  %s\n\n", text, options.directory);
}

static void view(bool on_terminal)
{
	char *text = NULL;
	size_t length;
	FILE *memory = open_memstream(&text, &length);

	if (!memory)
		die(FAILED, "no memory");
	if (!options.json)
		print_time(memory);
	print_all(memory);
	if (!options.json && !on_terminal)
		putc('\n', memory);
	fclose(memory);
	if (on_terminal)
		draw(text);
	else
		fputs(text, stdout);
	free(text);
	if (fflush(stdout) != 0)
		die(FAILED, "can't write");
}

/* Until the next view is due, a signal ends it, or the screen has another size. */
static void rest(void)
{
	struct timespec time = {.tv_sec = (time_t)options.interval};

	time.tv_nsec = (long)((options.interval - (double)time.tv_sec) * 1e9);
	if (!ended)
		nanosleep(&time, NULL);
}

static void restore(void)
{
	fputs(THEIRS, stdout);
	fflush(stdout);
}

int watch(void)
{
	bool on_terminal = isatty(STDOUT_FILENO) && !options.json;
	struct sigaction end = {.sa_handler = on_end}, resize = {.sa_handler = on_resize};

	sigaction(SIGINT, &end, NULL);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGHUP, &end, NULL);
	sigaction(SIGWINCH, &resize, NULL);
	if (on_terminal) {
		fputs(OWN_SCREEN, stdout);
		atexit(restore);
	}
	for (unsigned int i = 0; !ended && (options.times == 0 || i < options.times); i++) {
		if (i > 0)
			rest();
		if (!ended)
			view(on_terminal);
	}
	return DONE;
}
