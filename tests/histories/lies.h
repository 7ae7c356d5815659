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
	LIE_SEVERAL_OF_FEWER,
	LIE_EAGAIN_BESIDE_SEVERAL,
	LIE_FEWER_THAN_THERE_WERE,
	LIE_ESHUTDOWN_BEFORE_A_SHUTDOWN,
	LIE_ESHUTDOWN_BESIDE_A_PERMIT,
	LIE_ETIMEDOUT_AFTER_A_SHUTDOWN,
	LIES_OF_ANY, /* those from here on can't be told of a semaphore with the default attributes */
	LIE_LIMIT_MOVES_NOTHING = LIES_OF_ANY,
	LIE_DEBT_FORGOTTEN,
	LIE_TRYWAIT_OVERTAKES,
	LIE_WAIT_OVERTAKES,
	LIE_LATER_WAITER_FIRST,
	LIE_FIRST_IN_LINE_FORGOTTEN,
	LIES,
};

extern const char *const lie_names[LIES];

/*
 * The history must end with a getvalue after all else, of its last thread, and have two threads to spare. False, and
 * the history is as it was: this lie can't be told in it.
 */
bool lie_plant(enum lie lie, struct history *history, struct random *random);

#endif
