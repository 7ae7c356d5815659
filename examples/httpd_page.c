/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page: the figures now, those of the last five minutes, and what their words mean.
 *
 * All of it is made here, as HTML and SVG, so it needs no script. Where scripts run, the page replaces its figures each
 * second by those of /now; else the browser loads it again.
 */
#include "httpd.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define SPAN_MS 300000 /* what the charts show */
#define GAP_MS  3000   /* between samples that are further apart, nothing is known */
#define RATE_MS 10000  /* what "a second" is the average of */
#define WIDTH   300.0  /* of a chart, in its own units */
#define HEIGHT  100.0

/* The samples from `first` on, up to `end`. */
struct view {
	const struct server *server;
	unsigned long first, end;
	long long now;
};

/* What a chart shows of the time between two samples. */
typedef double figure(const struct sample *before, const struct sample *after);

static const char head[] =
	"<!doctype html><html lang=en><meta charset=utf-8><title>httpd on ksem</title>\n"
	"<meta name=viewport content='width=device-width,initial-scale=1'>\n"
	"<noscript><meta http-equiv=refresh content=2></noscript>\n"
	"<style>\n"
	"body{font:16px/1.4 system-ui,sans-serif;margin:1rem auto;padding:0 1rem;max-width:75rem;color:#222}\n"
	"h1{font-size:1.5rem}h2{font-size:1.1rem;margin:1.5rem 0 .5rem}code{font-size:.9em}\n"
	".charts{display:grid;gap:1rem 2rem;grid-template-columns:repeat(auto-fit,minmax(19rem,1fr))}\n"
	"figure{margin:0}figcaption{margin-bottom:.4rem}small{color:#555}\n"
	".plot{display:grid;grid-template-columns:auto 1fr;gap:.4rem;height:8rem}\n"
	".plot div,.time{display:flex;justify-content:space-between;font-size:.8rem;color:#555}\n"
	".plot div{flex-direction:column;text-align:right;line-height:1}\n"
	"svg{width:100%;height:100%;background:#f4f4f4;border-bottom:1px solid #888;overflow:visible}\n"
	".blue{fill:#0072b2;background:#0072b2}.amber{fill:#e69f00}.red{fill:#d55e00;background:#d55e00}\n"
	".limit{fill:none;stroke:#222;stroke-dasharray:5 3;vector-effect:non-scaling-stroke}\n"
	"i{display:inline-block;width:.7em;height:.7em}\n"
	"table{border-collapse:collapse}th,td{padding:.3rem .6rem;text-align:left;vertical-align:top;"
	"border-bottom:1px solid #ddd}\n"
	"tr>:first-child{padding-left:0}code,.n{white-space:nowrap}\n"
	".n{text-align:right;font-variant-numeric:tabular-nums}\n"
	"#news{color:#b00;min-height:1.4em;margin:0}\n"
	"</style>\n"
	"<h1>Requests of this server</h1>\n"
	"<p>The server's processes share a limit on requests in progress: a semaphore of ksem. A request for\n"
	"<code>/work</code> takes a permit, does its work, and gives the permit back. Other requests, such as those\n"
	"for this page, need no permit and aren't counted.</p>\n"
	"<p id=news role=status></p>\n<main>\n";

static const char foot[] = "</main>\n<script>\n"
			   "const main = document.querySelector('main'), news = document.querySelector('#news');\n"
			   "async function show() {\n"
			   "  try {\n"
			   "    const answer = await fetch('/now');\n"
			   "    if (!answer.ok) throw answer.status;\n"
			   "    main.innerHTML = await answer.text();\n"
			   "    news.textContent = '';\n"
			   "  } catch (e) { news.textContent = 'No answer from the server. These figures are old.'; }\n"
			   "  setTimeout(show, 1000);\n"
			   "}\n"
			   "setTimeout(show, 1000);\n"
			   "</script>\n";

/* ---- History ---- */

static const struct sample *sample_of(const struct view *view, unsigned long i)
{
	return &view->server->history[i % HISTORY];
}

/* The samples of the charts, and the last one before: at most HISTORY / 2, so that none is overwritten meanwhile. */
static struct view view_of(const struct server *server)
{
	struct view view = {server, 0, server->samples, now_ms()};

	if (view.end > HISTORY / 2)
		view.first = view.end - HISTORY / 2;
	while (view.first + 1 < view.end && sample_of(&view, view.first + 1)->ms < view.now - SPAN_MS)
		view.first++;
	return view;
}

static double per_second(const struct sample *before, const struct sample *after, unsigned long count)
{
	return after->ms > before->ms ? (double)count * 1000 / (double)(after->ms - before->ms) : 0;
}

static double in_progress(const struct sample *before, const struct sample *after)
{
	(void)before;
	return after->in_progress;
}

static double waiting(const struct sample *before, const struct sample *after)
{
	(void)before;
	return after->waiting;
}

static double limit(const struct sample *before, const struct sample *after)
{
	(void)before;
	return after->limit;
}

static double served(const struct sample *before, const struct sample *after)
{
	return per_second(before, after, after->served - before->served);
}

static double refused(const struct sample *before, const struct sample *after)
{
	return per_second(before, after, after->refused - before->refused);
}

static double answered(const struct sample *before, const struct sample *after)
{
	return served(before, after) + refused(before, after);
}

/* The average of the last seconds. */
static double lately(const struct view *view, figure *of)
{
	unsigned long from = view->first;

	if (view->end - view->first < 2)
		return 0;
	while (from + 2 < view->end && sample_of(view, from + 1)->ms <= view->now - RATE_MS)
		from++;
	return of(sample_of(view, from), sample_of(view, view->end - 1));
}

/* ---- Charts ---- */

static double most_of(const struct view *view, figure *of)
{
	double most = 1;

	for (unsigned long i = view->first + 1; i < view->end; i++)
		most = fmax(most, of(sample_of(view, i - 1), sample_of(view, i)));
	return most;
}

/* 1, 2 or 5, and zeros. */
static double round_up(double most)
{
	double unit = pow(10, floor(log10(most)));

	return most <= unit ? unit : most <= 2 * unit ? 2 * unit : most <= 5 * unit ? 5 * unit : 10 * unit;
}

static double x_of(const struct view *view, const struct sample *sample)
{
	return fmax(0, WIDTH - WIDTH * (double)(view->now - sample->ms) / SPAN_MS);
}

/* Steps, a new row of them after each gap; an area reaches down to 0. */
static void draw(FILE *to, const struct view *view, figure *of, double most, const char *class, bool is_area)
{
	bool draws = false, known;

	fprintf(to, "<path class=%s d='", class);
	for (unsigned long i = view->first + 1; i < view->end; i++) {
		const struct sample *before = sample_of(view, i - 1), *after = sample_of(view, i);
		double y = HEIGHT - HEIGHT * of(before, after) / most;

		known = after->ms - before->ms <= GAP_MS;
		if (draws && !known && is_area)
			fprintf(to, "V%.0fz", HEIGHT);
		if (known && !draws)
			fprintf(to, "M%.1f %.1f", x_of(view, before), is_area ? HEIGHT : y);
		if (known)
			fprintf(to, "V%.1fH%.1f", y, x_of(view, after));
		draws = known;
	}
	fprintf(to, "%s'/>", draws && is_area ? "V100z" : "");
}

static void begin_chart(FILE *to, const char *caption, const char *label, double most)
{
	fprintf(to,
		"<figure><figcaption>%s</figcaption><div class=plot><div><span>%.0f</span><span>0</span></div>"
		"<svg viewBox='0 0 %.0f %.0f' preserveAspectRatio=none role=img aria-label='%s in the last 5 minutes'>",
		caption, most, WIDTH, HEIGHT, label);
}

static void end_chart(FILE *to)
{
	fprintf(to, "</svg></div><div class=time><span>5 minutes ago</span><span>now</span></div></figure>\n");
}

static void charts(FILE *to, const struct view *view)
{
	double most = fmax(most_of(view, limit), most_of(view, in_progress));

	fprintf(to, "<div class=charts>\n");
	begin_chart(to, "<b>In progress</b> <small>(dashed: the limit)</small>", "Requests in progress", most);
	draw(to, view, in_progress, most, "blue", true);
	draw(to, view, limit, most, "limit", false);
	end_chart(to);
	most = round_up(most_of(view, waiting));
	begin_chart(to, "<b>Waiting</b>", "Requests that wait", most);
	draw(to, view, waiting, most, "amber", true);
	end_chart(to);
	most = round_up(most_of(view, answered));
	begin_chart(to,
		    "<b>Answers each second</b> <small><i class=blue></i> served, <i class=red></i> refused</small>",
		    "Requests served and refused each second", most);
	draw(to, view, answered, most, "red", true);
	draw(to, view, served, most, "blue", true);
	end_chart(to);
	fprintf(to, "</div>\n");
}

/* ---- Words and numbers ---- */

static void figures(FILE *to, const struct view *view, const struct ksem_info *info, const struct ksem_metrics *metrics)
{
	const struct server *server = view->server;

	fprintf(to,
		"<h2>Now</h2><table>\n"
		"<tr><th>In progress<td class=n>%u of %u<td>have a permit. They are never more than the limit.\n"
		"<tr><th>Waiting<td class=n>%u<td>wait for a permit, each for at most %u ms (<code>--wait</code>).\n",
		info->held, info->limit, info->waiters, server->wait_ms);
	fprintf(to,
		"<tr><th>Served<td class=n>%lu<td>had a permit, and got their answer: %.1f a second, lately.\n"
		"<tr><th>Refused<td class=n>%lu<td>got no permit in time, and the answer 503: %.1f a second, lately.\n"
		"<tr><th>Came back<td class=n>%llu<td>permits of workers that died. The library gave them back: the\n"
		"limit is whole again.\n</table>\n",
		server->served, lately(view, served), server->refused, lately(view, refused),
		(unsigned long long)metrics->undone);
}

static void workers(FILE *to, const struct server *server)
{
	fprintf(to, "<h2>Workers</h2>\n<p>Processes that serve requests. When one dies, another one takes its place, "
		    "which counts as a restart.</p>\n<table><tr><th>Process<th class=n>Restarts\n");
	for (unsigned i = 0; i < server->workers; i++) {
		const pid_t pid = server->all[i].pid;

		if (pid != 0)
			fprintf(to, "<tr><td>%ld", (long)pid);
		else
			fprintf(to, "<tr><td>starts");
		fprintf(to, "<td class=n>%u\n", server->all[i].restarts);
	}
	fprintf(to, "</table>\n");
}

char *page_text(const struct server *server, bool is_whole)
{
	struct ksem_metrics metrics = {.size = sizeof(metrics)};
	const struct view view = view_of(server);
	struct ksem_info info;
	char *text = NULL;
	size_t size;
	FILE *to;
	bool failed;

	if (ksem_stat(server->proc, server->requests, &info) != 0 ||
	    ksem_metrics(server->proc, server->requests, &metrics) != 0)
		return NULL;
	to = open_memstream(&text, &size);
	if (!to)
		return NULL;
	fputs(is_whole ? head : "", to);
	charts(to, &view);
	figures(to, &view, &info, &metrics);
	workers(to, server);
	fputs(is_whole ? foot : "", to);
	failed = ferror(to);
	if (fclose(to) == 0 && !failed)
		return text;
	free(text);
	return NULL;
}
