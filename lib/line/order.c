/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order of a line: see order.h.
 */
#include "line/order.h"

const struct line_order *line_order(const struct line *line)
{
	static const struct line_order *const orders[] = {&line_barging, &line_fifo, &line_lifo};

	return orders[line->order < 3 ? line->order : 0];
}
