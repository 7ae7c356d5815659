/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a request of HTTP/1.1 says, as far as the gateway needs to know (RFC 9112).
 *
 *     /         a call of the backend; the query, if any, doesn't matter
 *     /stats    the figures
 *
 * A request that is malformed is refused, and its connection ends: where the next request begins is uncertain. So are
 * requests with a body, of which the gateway has no use.
 */
#include "gateway.h"

#include <string.h>
#include <strings.h>

static void refuse(struct request *request, unsigned status, const char *error)
{
	if (request->error)
		return; /* the first one counts */
	request->status = status;
	request->error = error;
	request->last = true;
}

/* The next line, without its CRLF; NULL: there is none. */
static char *next_line(char **head)
{
	char *line = *head, *end;

	if (!line)
		return NULL;
	end = strstr(line, "\r\n");
	*head = end ? end + 2 : NULL;
	if (end)
		*end = '\0';
	return line;
}

/* Line ends are gone: what control characters are left belong in no request. */
static bool has_control(const char *line)
{
	for (; *line; line++) {
		if ((*line & 0xff) < ' ' && *line != '\t')
			return true;
	}
	return false;
}

static enum page page_of(const char *target)
{
	size_t path = strcspn(target, "?");

	if (path == 1)
		return PAGE_CALL;
	return path == strlen("/stats") && memcmp(target, "/stats", path) == 0 ? PAGE_STATS : PAGE_NONE;
}

/* GET /path HTTP/1.1 */
static void parse_first_line(char *line, struct request *request)
{
	char *target = strchr(line, ' '), *version = target ? strchr(target + 1, ' ') : NULL;

	if (!version || target == line || target[1] != '/' || has_control(line) || strchr(version + 1, ' ') ||
	    strncmp(version, " HTTP/", 6) != 0) {
		refuse(request, 400, "malformed request line");
		return;
	}
	*target++ = *version++ = '\0';
	if (strcmp(version, "HTTP/1.0") == 0)
		request->last = true;
	else if (strcmp(version, "HTTP/1.1") != 0)
		refuse(request, 505, "only HTTP/1.1 and HTTP/1.0");
	if (strcmp(line, "GET") != 0)
		refuse(request, 405, "only GET");
	request->page = page_of(target);
}

/* name: value */
static void parse_field(char *line, struct request *request, unsigned *hosts)
{
	size_t name = strcspn(line, ": \t");
	char *value = &line[name + 1];

	if (name == 0 || line[name] != ':' || has_control(line)) {
		refuse(request, 400, "malformed header field");
		return;
	}
	line[name] = '\0';
	value += strspn(value, " \t");
	if (strcasecmp(line, "Host") == 0)
		++*hosts;
	else if (strcasecmp(line, "Connection") == 0 && strcasestr(value, "close"))
		request->last = true;
	else if (strcasecmp(line, "Transfer-Encoding") == 0 ||
		 (strcasecmp(line, "Content-Length") == 0 && strcmp(value, "0") != 0))
		refuse(request, 400, "requests have no body here");
}

void request_parse(char *head, size_t size, struct request *request)
{
	char *first, *line;
	unsigned hosts = 0;
	bool old;

	memset(request, 0, sizeof(*request));
	if (memchr(head, '\0', size)) {
		refuse(request, 400, "a request has no zero bytes");
		return;
	}
	first = next_line(&head);
	parse_first_line(first, request);
	old = request->last; /* HTTP/1.0 has no Host */
	while ((line = next_line(&head)) != NULL)
		parse_field(line, request, &hosts);
	if (hosts > 1 || (hosts == 0 && !old))
		refuse(request, 400, "no Host, or several");
}
