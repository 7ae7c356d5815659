/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Completion: what may stand where the cursor is, as text that bash reads back as just that.
 *
 * Anybody chooses names; so they are quoted here, and the shell's function (completion.bash) only hands them on.
 * Nothing of the command line is expanded either: of a directory that a variable or a command gives, nothing is known.
 *
 * readline replaces only the `text`, which follows the last of certain characters (COMP_WORDBREAKS) or an open quote.
 * The rest of the word stays as it was typed, so what is offered continues it, in the same quotes.
 *
 * With several answers readline inserts the beginning that they share, which must not end within an escape: where it
 * would, quotes around nothing in one of them keep them apart.
 */
#include "tool.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORDS 1024 /* of the line; no more matter */

/* In what a character stands: nothing, '...', "...", $'...'. */
enum quote { NONE, SINGLE, DOUBLE, DOLLAR };

struct word {
	char *text;       /* as the shell reads it */
	const char *from; /* where it begins in the line */
	enum quote quote; /* what is open at its end */
	bool expands;     /* the shell puts something in the place of a part */
};

/* ---- Reading the line. ---- */

/* One character of $'...' after a backslash, of those that are used here and by hand. */
static char read_escape(const char **at)
{
	static const char letters[] = "abefnrtvE", codes[] = "\a\b\033\f\n\r\t\v\033";
	char digits[3] = "";
	const char *letter;
	char c = *(*at)++;

	if (c == 'x') {
		for (int i = 0; i < 2 && isxdigit((unsigned char)**at); i++)
			digits[i] = *(*at)++;
		return (char)strtoul(digits, NULL, 16);
	}
	letter = strchr(letters, c);
	return letter ? codes[letter - letters] : c;
}

/* Opens or closes a quote at *at: true, past it. */
static bool read_quote(const char **at, enum quote *quote)
{
	static const char *const marks[] = {[SINGLE] = "'", [DOUBLE] = "\"", [DOLLAR] = "$'"};

	if (*quote != NONE) {
		if (**at != (*quote == DOUBLE ? '"' : '\''))
			return false;
		++*at;
		*quote = NONE;
		return true;
	}
	for (enum quote q = SINGLE; q <= DOLLAR; q++) {
		size_t length = strlen(marks[q]);

		if (strncmp(*at, marks[q], length) == 0) {
			*at += length;
			*quote = q;
			return true;
		}
	}
	return false;
}

/* Reads a character that isn't a quote, to *text. */
static void read_character(const char **at, struct word *word, char **text)
{
	char c = *(*at)++;

	if (c == '\\' && word->quote != SINGLE) {
		if (!**at)
			return;
		if (word->quote == DOLLAR)
			c = read_escape(at);
		else if (word->quote == NONE || strchr("$`\"\\", **at))
			c = *(*at)++;
	} else if ((c == '$' || c == '`') && (word->quote == NONE || word->quote == DOUBLE)) {
		word->expands = true;
	}
	*(*text)++ = c;
}

/* Reads the word at *at, which ends before `end`. `room` has place for it. */
static struct word read_word(const char **at, const char *end, char **room)
{
	struct word word = {.text = *room, .from = *at};

	while (*at < end && (word.quote != NONE || !strchr(" \t\n;|&()<>", **at))) {
		if (!read_quote(at, &word.quote))
			read_character(at, &word, room);
	}
	*(*room)++ = '\0';
	return word;
}

struct line {
	struct word words[WORDS];
	int count; /* the last is where the cursor is */
	char *room;
};

static void read_line(const char *text, struct line *line)
{
	const char *end = text + strlen(text);
	char *room = malloc(2 * strlen(text) + 2);

	line->room = room;
	line->count = 0;
	if (!room)
		exit(FAILED);
	while (line->count < WORDS) {
		while (*text && strchr(" \t\n;|&()<>", *text))
			text++;
		line->words[line->count++] = read_word(&text, end, &room);
		if (text == end)
			return;
	}
}

/* ---- Writing answers. ---- */

/* What stands for nothing, and begins otherwise than what follows may; "": there is none. */
static const char *nothing_in(enum quote quote)
{
	static const char *const nothing[] = {[NONE] = "''", [SINGLE] = "", [DOUBLE] = "\"\"", [DOLLAR] = "'$'"};

	return nothing[quote];
}

static void put_bytes(FILE *to, const char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fprintf(to, "\\x%02x", (unsigned char)bytes[i]);
}

/* A character that isn't safe to show, or that the quotes can't have. */
static void put_escaped(FILE *to, const char *bytes, size_t count, enum quote quote)
{
	static const char *const leave[] = {[NONE] = "$'", [SINGLE] = "'$'", [DOUBLE] = "\"$'", [DOLLAR] = ""};
	static const char *const back[] = {[NONE] = "'", [SINGLE] = "''", [DOUBLE] = "'\"", [DOLLAR] = ""};

	fputs(leave[quote], to);
	put_bytes(to, bytes, count);
	fputs(back[quote], to);
}

/* A character of ASCII that is safe to show. */
static void put_plain(FILE *to, char c, enum quote quote)
{
	if (quote == NONE)
		fprintf(to, isalnum((unsigned char)c) || strchr("/_.,+%-", c) ? "%c" : "\\%c", c);
	else if (quote == SINGLE ? c == '\'' : quote == DOUBLE ? c == '!' : false)
		fprintf(to, quote == SINGLE ? "'\\%c'" : "\"\\%c\"",
			c); /* ! is history's, in "..." even with a backslash */
	else if (quote == DOUBLE ? strchr("$`\"\\", c) != NULL : quote == DOLLAR ? c == '\'' || c == '\\' : false)
		fprintf(to, "\\%c", c);
	else
		putc(c, to);
}

static void put_character(FILE *to, const char *text, size_t *length, enum quote quote, bool utf8)
{
	unsigned int columns;

	*length = showable(text, utf8, &columns);
	if (*length == 1) {
		put_plain(to, *text, quote);
	} else if (*length > 1) {
		fwrite(text, 1, *length, to);
	} else {
		*length = 1;
		put_escaped(to, text, 1, quote);
	}
}

struct answers {
	const struct word *word;
	size_t kept;      /* bytes of the word that stay as they were typed */
	enum quote quote; /* in which what follows them stands */
	bool after_quote; /* what stays ends with the mark that opened it */
	char **all;       /* as the shell would read them */
	size_t count, room;
};

static void add_answer(struct answers *answers, const char *answer)
{
	if (strncmp(answer, answers->word->text, strlen(answers->word->text)) != 0)
		return;
	if (answers->count == answers->room) {
		answers->room = 2 * answers->room + 16;
		answers->all = realloc(answers->all, answers->room * sizeof(*answers->all));
		if (!answers->all)
			exit(FAILED);
	}
	answers->all[answers->count] = strdup(answer);
	if (!answers->all[answers->count++])
		exit(FAILED);
}

static char mark_of(enum quote quote)
{
	return quote == DOUBLE ? '"' : '\'';
}

/* What continues the kept part of the word. `apart`: the character that nothing, in quotes, comes before; or NULL. */
static char *continuation(const struct answers *answers, const char *answer, const char *apart)
{
	bool utf8 = locale_is_utf8();
	char *text = NULL, *whole = NULL;
	size_t size, length;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		exit(FAILED);
	for (const char *at = answer + answers->kept; *at; at += length) {
		fputs(at == apart ? nothing_in(answers->quote) : "", to);
		put_character(to, at, &length, answers->quote, utf8);
	}
	if (answers->count == 1 && answers->quote != NONE)
		putc(mark_of(answers->quote), to);
	/* readline takes a mark at the beginning for the one that was typed, and drops that */
	if (fclose(to) != 0 ||
	    asprintf(&whole, "%.1s%s", answers->after_quote && *text == mark_of(answers->quote) ? text : "", text) < 0)
		exit(FAILED);
	free(text);
	return whole;
}

/* Where in an answer the character stands that has its byte `shared`. */
static const char *character_at(const char *answer, size_t kept, size_t shared)
{
	const char *at = answer + kept;
	bool utf8 = locale_is_utf8();

	while (*at) {
		unsigned int columns;
		size_t length = showable(at, utf8, &columns);

		length = length > 0 ? length : 1;
		if (at + length > answer + shared)
			break;
		at += length;
	}
	return at;
}

/* How many bytes all answers begin with alike. */
static size_t shared_beginning(const struct answers *answers)
{
	size_t shared = strlen(answers->all[0]);

	for (size_t i = 1; i < answers->count; i++) {
		size_t same = 0;

		while (same < shared && answers->all[i][same] == answers->all[0][same])
			same++;
		shared = same;
	}
	return shared;
}

/* What the text begins with that stands for a character: one of UTF-8 as a whole, else a byte. */
static uint32_t beginning_of(const char *character, enum quote quote)
{
	char text[64] = "";
	FILE *to = fmemopen(text, sizeof(text), "w");
	uint32_t code = 0;
	size_t length;

	if (!to)
		exit(FAILED);
	if (*character)
		put_character(to, character, &length, quote, locale_is_utf8());
	fclose(to);
	(void)utf8_next(text, &code);
	return code;
}

/* Where the first answer has to be kept apart from the others; NULL: nowhere. False: it can't be. */
static bool find_apart(const struct answers *answers, const char **apart)
{
	size_t shared = shared_beginning(answers);
	uint32_t first = 0;

	*apart = NULL;
	for (size_t i = 0; i < answers->count; i++) {
		const char *at = character_at(answers->all[i], answers->kept, shared);
		uint32_t beginning = beginning_of(at, answers->quote);

		if (i > 0 && beginning != first)
			return true;
		first = beginning;
	}
	*apart = character_at(answers->all[0], answers->kept, shared);
	return *nothing_in(answers->quote) && (unsigned char)*nothing_in(answers->quote) != first;
}

static void put_answers(const struct answers *answers)
{
	const char *apart = NULL;

	fwrite("words", 1, sizeof("words"), stdout);
	if (answers->count > 1 && !find_apart(answers, &apart))
		return;
	for (size_t i = 0; i < answers->count; i++) {
		char *text = continuation(answers, answers->all[i], i == 0 ? apart : NULL);

		fwrite(text, 1, strlen(text) + 1, stdout);
		free(text);
	}
}

/* ---- What may stand there. ---- */

static void visit_word(const char *word, void *arg)
{
	add_answer(arg, word);
}

/* A word as a value: after --OPTION=, if that was typed. */
static void add_value(struct answers *answers, const char *option, const char *value)
{
	char text[KSEM_NAME_MAX + 16];
	size_t length = strlen(option);
	bool is_joined = strncmp(answers->word->text, option, length) == 0 && answers->word->text[length] == '=';

	snprintf(text, sizeof(text), "%s%s%s", is_joined ? option : "", is_joined ? "=" : "", value);
	add_answer(answers, text);
}

static void visit_order(const char *order, void *arg)
{
	add_value(arg, "--order", order);
}

static int visit_semaphore(const struct ksem_info *info, void *arg)
{
	if (*info->name)
		add_value(arg, "--name", info->name);
	return 0;
}

/* The directory that a word names, in *path. False: that is the shell's to find out. */
static bool directory_of(const struct word *word, const char *text, char **path)
{
	const char *home = getenv("HOME");
	bool tilde = *word->from == '~' || strncmp(word->from, "--dir=~", 7) == 0;

	if (word->expands || (tilde && (!home || (text[1] && text[1] != '/'))))
		return false;
	if (asprintf(path, "%s%s", tilde ? home : "", text + tilde) < 0)
		exit(FAILED);
	return true;
}

/* What the words before the cursor's say. */
struct before {
	const char *command, *option; /* option: whose value comes next */
	char *directory;
	bool elsewhere; /* in a directory that isn't known */
	bool ended;     /* the options, by -- */
	int operands;
};

static void note_word(struct before *before, const struct word *word)
{
	const char *directory = before->option ? word->text : word->text + strlen("--dir=");
	bool is_value = before->option != NULL, is_option = !before->ended && strncmp(word->text, "--", 2) == 0;

	if (is_value ? strcmp(before->option, "--dir") == 0 : is_option && strncmp(word->text, "--dir=", 6) == 0)
		before->elsewhere = !directory_of(word, directory, &before->directory);
	before->option = !is_value && is_option && has_value(word->text) ? word->text : NULL;
	if (is_value)
		return;
	if (is_option)
		before->ended = before->command && word->text[2] == '\0';
	else if (!before->command)
		before->command = word->text;
	else
		before->operands++;
}

static void add_names(struct answers *answers, const struct before *before)
{
	options.directory = before->directory && *before->directory ? before->directory : NULL;
	if (!before->elsewhere && !answers->word->expands && enter(false) == 0)
		(void)ksem_ns_foreach(ns, visit_semaphore, answers);
}

/* NULL: answers were added; else what the shell is to offer. */
static const char *answer(const struct before *before, struct answers *answers)
{
	const char *typed = answers->word->text;
	bool runs = before->command && strcmp(before->command, "run") == 0;

	if (before->option ? strcmp(before->option, "--dir") == 0 : strncmp(typed, "--dir=", 6) == 0)
		return "directories";
	if (before->option ? strcmp(before->option, "--name") == 0 : runs && strncmp(typed, "--name=", 7) == 0)
		add_names(answers, before);
	else if (before->option ? strcmp(before->option, "--order") == 0 : strncmp(typed, "--order=", 8) == 0)
		for_orders(visit_order, answers);
	else if (before->option)
		return NULL;
	else if (runs && (before->ended || before->operands > 0))
		return before->operands == 0 ? "programs" : "files";
	else if (!before->command && *typed != '-')
		for_commands(visit_word, answers);
	else if ((*typed == '-' || runs) && !before->ended)
		for_options(before->command, visit_word, answers);
	else if (before->command && takes_names(before->command, before->operands))
		add_names(answers, before);
	return NULL;
}

/* What of the word stays, since readline replaces only `text`. */
static void keep(struct answers *answers, const char *text)
{
	const char *from = answers->word->from;
	size_t length = strlen(from) >= strlen(text) ? strlen(from) - strlen(text) : 0;
	struct line kept;
	char *typed;

	if (strcmp(from + length, text) != 0 || length == 0)
		return;
	typed = strndup(from, length);
	if (!typed)
		exit(FAILED);
	read_line(typed, &kept);
	answers->kept = strlen(kept.words[0].text);
	answers->quote = kept.words[0].quote;
	answers->after_quote = answers->quote != NONE && typed[length - 1] == mark_of(answers->quote);
}

int complete(const char *text, const char *line)
{
	struct line read;
	struct before before = {.command = NULL};
	struct answers answers = {.quote = NONE};
	const char *kind;

	read_line(line, &read);
	answers.word = &read.words[read.count - 1];
	for (int i = 1; i < read.count - 1; i++)
		note_word(&before, &read.words[i]);
	if (read.count > 1 && read.count < WORDS) {
		keep(&answers, text);
		kind = answer(&before, &answers);
		if (kind)
			fwrite(kind, 1, strlen(kind) + 1, stdout);
		else
			put_answers(&answers);
	}
	must_have_written();
	return DONE;
}
