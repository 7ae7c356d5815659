/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scenarios: see scenario.h. Each is as small as the risk that it is for; names say the risk.
 */
#include "scenario.h"

#define N(...)         {{__VA_ARGS__}}
#define BOUND(p, s, e) {{[PREEMPTIONS] = (p), [STALE_READS] = (s), [EVENTS] = (e)}}

const struct scenario scenarios[] = {
	/* ---- The word ---- */
	{.name = "a post passes to a trywait", .scripts = {"p", "tv"}, .strong = BOUND(4, 0, 0), .weak = BOUND(3, 4, 0)},
	{.name = "two posts, two waits", .scripts = {"p", "p", "w", "w"}, .strong = BOUND(2, 0, 0), .weak = BOUND(1, 2, 0)},
};
const unsigned scenarios_count = sizeof(scenarios) / sizeof(scenarios[0]);
