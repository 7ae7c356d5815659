/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scenarios: see scenario.h. Each is as small as the risk that it is for; names say the risk.
 */
#include "scenario.h"

#define BOUND(p, s, e) {{[PREEMPTIONS] = (p), [STALE_READS] = (s), [EVENTS] = (e)}}
#define STOP(p, s, e)  {{[PREEMPTIONS] = (p), [STALE_READS] = (s), [EVENTS] = (e), [STOPS] = 1}}
#define WITH_CELLS(central, in_mode, first, second)                                                \
	{                                                                                          \
		.value = (central), .mode = COUNT_##in_mode, .has_cells = true, .cells = {first, second} \
	}

const struct scenario scenarios[] = {
	/* ---- The word ---- */
	{.name = "a post passes to a trywait",
	 .scripts = {"p", "tv"},
	 .strong = BOUND(4, 0, 0),
	 .weak = BOUND(3, 4, 0)},
	{.name = "posts in a row", .scripts = {"pp", "tt", "v"}, .strong = BOUND(3, 0, 0), .weak = BOUND(2, 2, 0)},
	{.name = "a post passes to a wait", .scripts = {"p", "w"}, .strong = BOUND(5, 0, 1), .weak = BOUND(3, 3, 1)},
	{.name = "a wait meets a handler or its deadline",
	 .scripts = {"p", "c", "c"},
	 .strong = BOUND(2, 0, 2),
	 .weak = BOUND(1, 1, 1)},
	{.name = "a trywait steals from a wait", .scripts = {"p", "w", "tp"}, .strong = BOUND(3, 0, 1), .weak = BOUND(2, 1, 0)},
	{.name = "destroy meets a wait", .scripts = {"D", "WP", "P"}, .strong = BOUND(2, 0, 1), .weak = BOUND(1, 1, 0), .unpinned = true},
	{.name = "a taker destroys", .scripts = {"P", "WD"}, .strong = BOUND(3, 0, 0), .weak = BOUND(2, 2, 0), .unpinned = true},
	{.name = "a taker destroys while others look", .scripts = {"P", "TD", "V"}, .strong = BOUND(2, 0, 0), .weak = BOUND(1, 1, 0), .unpinned = true},
	{.name = "the table grows under look-ups", .scripts = {"iiiiiii", "PT"}, .strong = BOUND(2, 0, 0), .weak = BOUND(1, 1, 0), .unpinned = true},
	/* ---- Parking ---- */
	{.name = "a post, two waits", .scripts = {"pp", "w", "w"}, .strong = BOUND(2, 0, 1), .weak = BOUND(2, 1, 0)},
	{.name = "a batch, two waits", .scripts = {"2", "w", "w"}, .strong = BOUND(3, 0, 0), .weak = BOUND(2, 1, 0)},
	{.name = "two posts, a wait", .scripts = {"p", "p", "w"}, .strong = BOUND(3, 0, 0), .weak = BOUND(2, 1, 0)},
	{.name = "two posts, two waits", .scripts = {"p", "p", "w", "w"}, .strong = BOUND(2, 0, 0), .weak = BOUND(1, 1, 0)},
	{.name = "waits in a row", .scripts = {"ppp", "ww", "w"}, .strong = BOUND(2, 0, 0), .weak = BOUND(1, 1, 0)},
	{.name = "a post that stops for ever, and another",
	 .scripts = {"p", "p", "w"},
	 .may_stop = 1,
	 .strong = STOP(3, 0, 0),
	 .weak = STOP(1, 1, 0)},
	/* ---- Permits per processor ---- */
	{.name = "put and take on one processor",
	 .scripts = {"pp", "tt"},
	 .processors = "00",
	 .begin = {WITH_CELLS(0, PERCPU, 0, 0)},
	 .strong = BOUND(2, 0, 0),
	 .weak = BOUND(2, 1, 0)},
	{.name = "put here, take there",
	 .scripts = {"p", "t"},
	 .processors = "01",
	 .begin = {WITH_CELLS(0, PERCPU, 0, 0)},
	 .strong = BOUND(3, 0, 1),
	 .weak = BOUND(2, 2, 0)},
	{.name = "a revocation meets puts",
	 .scripts = {"p", "t", "p"},
	 .processors = "010",
	 .begin = {WITH_CELLS(0, PERCPU, 0, 0)},
	 .strong = BOUND(2, 0, 0),
	 .weak = BOUND(1, 1, 0)},
	{.name = "two revocations",
	 .scripts = {"pt", "tt"},
	 .processors = "01",
	 .begin = {WITH_CELLS(0, PERCPU, 1, 0)},
	 .strong = BOUND(3, 0, 0),
	 .weak = BOUND(1, 2, 0)},
	{.name = "a wait revokes", .scripts = {"p", "w"}, .processors = "01", .begin = {WITH_CELLS(0, PERCPU, 0, 0)}, .strong = BOUND(3, 0, 0), .weak = BOUND(2, 1, 0)},
	{.name = "two waits revoke", .scripts = {"pp", "w", "w"}, .processors = "010", .begin = {WITH_CELLS(0, PERCPU, 0, 0)}, .strong = BOUND(2, 0, 0), .weak = BOUND(1, 1, 0)},
	{.name = "getvalue beside puts and takes", .scripts = {"pt", "v"}, .processors = "01", .begin = {WITH_CELLS(0, PERCPU, 1, 0)}, .strong = BOUND(3, 0, 0), .weak = BOUND(2, 2, 0)},
	{.name = "getvalue while permits go round", .scripts = {"tp", "pt", "v"}, .processors = "012", .begin = {WITH_CELLS(1, PERCPU, 1, 0)}, .strong = BOUND(2, 0, 0), .weak = BOUND(1, 1, 0)},
	{.name = "becoming percpu meets drains",
	 .scripts = {"tp", "tt"},
	 .processors = "01",
	 .begin = {WITH_CELLS(2, DRAINING, 1, 0)},
	 .sampled = true,
	 .strong = BOUND(3, 0, 0),
	 .weak = BOUND(1, 1, 0)},
	{.name = "becoming percpu", .scripts = {"tpp", "tp"}, .processors = "01", .begin = {WITH_CELLS(2, CENTRAL, 0, 0)}, .sampled = true, .strong = BOUND(3, 0, 0), .weak = BOUND(1, 1, 0)},
	{.name = "of two posts one is seen", .scripts = {"pv'", "p'v"}, .processors = "01", .begin = {WITH_CELLS(0, PERCPU, 0, 0), WITH_CELLS(0, PERCPU, 0, 0)}, .strong = BOUND(2, 0, 0), .weak = BOUND(1, 3, 0)},
	{.name = "of two posts one is found", .scripts = {"pt'", "p't"}, .processors = "01", .begin = {WITH_CELLS(0, PERCPU, 0, 0), {.value = 0}}, .strong = BOUND(2, 0, 0), .weak = BOUND(1, 2, 0)},
	{.name = "a taker of a percpu semaphore destroys", .scripts = {"P", "TD"}, .processors = "01", .unpinned = true, .begin = {WITH_CELLS(0, PERCPU, 0, 0)}, .strong = BOUND(2, 0, 0), .weak = BOUND(1, 1, 0)},
	{.name = "a percpu semaphore is destroyed under calls", .scripts = {"PT", "D"}, .processors = "00", .unpinned = true, .begin = {WITH_CELLS(0, PERCPU, 0, 0)}, .strong = BOUND(2, 0, 0), .weak = BOUND(1, 1, 0)},
	{.name = "the table grows under sequences", .scripts = {"iiiiiii", "PT"}, .processors = "01", .unpinned = true, .begin = {WITH_CELLS(0, PERCPU, 0, 0)}, .strong = BOUND(2, 0, 0), .weak = BOUND(1, 1, 0)},
	{.name = "losing cells", .scripts = {"tp", "tv"}, .processors = "01", .begin = {{.value = 2, .has_cells = true, .back_off = 1024}}, .sampled = true, .strong = BOUND(2, 0, 0), .weak = BOUND(1, 1, 0)},
	{.name = "getting cells", .scripts = {"tp", "tv"}, .processors = "01", .begin = {{.value = 2}}, .sampled = true, .strong = BOUND(2, 0, 0), .weak = BOUND(1, 1, 0)},
	{.name = "getting cells meets the end", .scripts = {"TP", "D"}, .processors = "01", .unpinned = true, .begin = {{.value = 2}}, .sampled = true, .strong = BOUND(2, 0, 0), .weak = BOUND(1, 1, 0)},
};

const unsigned scenarios_count = sizeof(scenarios) / sizeof(scenarios[0]);
