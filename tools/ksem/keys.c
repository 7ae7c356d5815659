/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keys of ksem watch. While they are read, the terminal hands each key on at once, and doesn't show it. Keys that
 * send signals still do.
 *
 * Keys are read only while this program is in the terminal's foreground: a program in the background would be stopped
 * if it read from the terminal, or changed its modes.
 */
#include "tool.h"

#include <poll.h>
#include <termios.h>
#include <unistd.h>

static volatile bool active; /* the modes were changed; volatile: a signal handler may end it */
static struct termios theirs;

static bool in_foreground(void)
{
	return tcgetpgrp(STDIN_FILENO) == getpgrp();
}

void begin_keys(void)
{
	struct termios ours;

	if (!in_foreground() || (!active && tcgetattr(STDIN_FILENO, &theirs) != 0)) {
		active = false;
		return;
	}
	ours = theirs;
	ours.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	ours.c_cc[VMIN] = 0;
	ours.c_cc[VTIME] = 0;
	active = true;
	active = tcsetattr(STDIN_FILENO, TCSANOW, &ours) == 0;
}

void end_keys(void)
{
	if (active && in_foreground())
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &theirs);
	active = false;
}

bool keys_are_read(void)
{
	return active;
}

/* Past a sequence that a key without a character sends: ESC and a character, or ESC [ and more up to a letter or ~. */
static const char *skip_sequence(const char *at, const char *end)
{
	while (at < end && *at == '\033')
		at++;
	if (at < end && *at == '[') {
		do
			at++;
		while (at < end && (*at < '@' || *at > '~'));
	}
	return at < end ? at + 1 : end;
}

void read_keys(void (*act)(char key))
{
	char keys[256];
	ssize_t count = active && in_foreground() ? read(STDIN_FILENO, keys, sizeof(keys)) : 0;

	if (count <= 0)
		active = false; /* the terminal is gone, or another's */
	for (const char *at = keys; at < keys + count;) {
		if (*at == '\033')
			at = skip_sequence(at + 1, keys + count);
		else
			act(*at++);
	}
}
