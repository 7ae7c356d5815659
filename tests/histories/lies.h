/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lies to plant into a true history, each of which no order of its calls can make true: what shows that the checker,
 * on histories like those that are recorded, can say no.
 */
#ifndef KSEM_TESTS_HISTORIES_LIES_H
#define KSEM_TESTS_HISTORIES_LIES_H

#include "../support.h"
#include "history.h"

enum lie {
	LIE_PERMIT_TAKEN_TWICE,
	LIE_POST_LOST,
	LIE_EAGAIN_BESIDE_A_PERMIT,
	LIE_ETIMEDOUT_BESIDE_A_PERMIT,
	LIE_VALUE_ABOVE_ANY,
	LIE_VALUE_BELOW_ANY,
	LIE_OVERFLOW_WITHOUT_NEED,
	LIE_OVERFLOW_LET_THROUGH,
	LIES,
};

extern const char *const lie_names[LIES];

/*
 * The history must end with a getvalue after all else, and have a thread to spare. False, and the history is as it was:
 * this lie can't be told in it.
 */
bool lie_plant(enum lie lie, struct history *history, struct random *random);

#endif
