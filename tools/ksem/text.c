/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names as text. A name is any bytes, and anybody may have chosen it: what a terminal would obey, or not show, is
 * written as \xHH for each of its bytes, and a backslash as \\. So two names never look alike, and bash's
 * printf '%b' gives back the bytes.
 *
 * A character is shown as it is if it takes up room and has ink. That leaves out control characters, bytes that are no
 * UTF-8, marks that change the direction, characters of no width (combining ones too), blanks other than the space, and
 * characters for private use. libc's locale C.UTF-8 says which those are, in whatever locale the user is.
 */
#include "tool.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>

static bool knows_characters; /* else only ASCII is shown */

void text_start(void)
{
	knows_characters = setlocale(LC_CTYPE, "C.UTF-8") != NULL;
}

bool locale_is_utf8(void)
{
	static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
	const char *locale = NULL;

	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables) && (!locale || !*locale); i++)
		locale = getenv(variables[i]);
	return locale && (strcasestr(locale, "UTF-8") || strcasestr(locale, "UTF8"));
}

bool takes_utf8(int fd)
{
	return !isatty(fd) || locale_is_utf8();
}

/* The length of a UTF-8 sequence by its first byte; 0: it begins none. */
static size_t length_of(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first < 0xe0)
		return 2;
	if (first >= 0xe0 && first < 0xf0)
		return 3;
	return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

size_t utf8_next(const char *text, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char first = (unsigned char)*text;
	size_t length = length_of(first);

	if (length == 0)
		return 0;
	*code = length == 1 ? first : first & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if (((unsigned char)text[i] & 0xc0) != 0x80) /* the end of the string, too */
			return 0;
		*code = *code << 6 | ((unsigned char)text[i] & 0x3f);
	}
	return *code < least[length] || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000) ? 0 : length;
}

static bool is_blank_or_private(uint32_t code)
{
	static const uint32_t blanks[][2] = {
		{0xa0, 0xa0},     {0xad, 0xad},     {0x115f, 0x1160}, {0x1680, 0x1680}, {0x2000, 0x200f},
		{0x2028, 0x202f}, {0x205f, 0x206f}, {0x2800, 0x2800}, {0x3000, 0x3000}, {0x3164, 0x3164},
		{0xe000, 0xf8ff}, {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff9, 0xfffc}, {0xe0000, 0x10ffff},
	};

	for (size_t i = 0; i < sizeof(blanks) / sizeof(*blanks); i++) {
		if (code >= blanks[i][0] && code <= blanks[i][1])
			return true;
	}
	return false;
}

size_t showable(const char *text, bool utf8, unsigned int *columns)
{
	uint32_t code;
	size_t length = utf8_next(text, &code);
	int width;

	*columns = 1;
	if (length == 1)
		return code >= 0x20 && code < 0x7f;
	if (length == 0 || !utf8 || !knows_characters || is_blank_or_private(code) || !iswprint((wint_t)code))
		return 0;
	width = wcwidth((wchar_t)code);
	*columns = width > 0 ? (unsigned int)width : 1;
	return width > 0 ? length : 0;
}

void put_text(FILE *to, const char *text, bool utf8)
{
	while (*text) {
		unsigned int columns;
		size_t length = showable(text, utf8, &columns);

		if (length == 0)
			fprintf(to, "\\x%02x", (unsigned char)*text);
		else if (*text == '\\')
			fputs("\\\\", to);
		else
			fwrite(text, 1, length, to);
		text += length > 0 ? length : 1;
	}
}

char *safe_text(const char *text, int fd)
{
	char *safe = NULL;
	size_t length;
	FILE *memory = open_memstream(&safe, &length);

	if (!memory)
		return NULL;
	put_text(memory, text, takes_utf8(fd));
	return fclose(memory) == 0 ? safe : NULL;
}

/* Characters beyond 16 bits are two halves in JSON. */
static void put_json_escape(FILE *to, uint32_t code)
{
	if (code >= 0x10000)
		fprintf(to, "\\u%04x\\u%04x", 0xd800 + ((code - 0x10000) >> 10), 0xdc00 + ((code - 0x10000) & 0x3ff));
	else
		fprintf(to, "\\u%04x", code);
}

bool put_json_string(FILE *to, const char *text, bool utf8)
{
	bool is_utf8 = true;

	putc('"', to);
	while (*text) {
		unsigned int columns;
		uint32_t code = 0xfffd; /* in the place of a byte that is no UTF-8 */
		size_t length = utf8_next(text, &code);

		if (*text == '"' || *text == '\\')
			fprintf(to, "\\%c", *text);
		else if (showable(text, utf8, &columns) > 0)
			fwrite(text, 1, length, to);
		else
			put_json_escape(to, length > 0 ? code : 0xfffd);
		is_utf8 = is_utf8 && length > 0;
		text += length > 0 ? length : 1;
	}
	putc('"', to);
	return is_utf8;
}
