/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sleeping on several words: see several.h.
 *
 * As a sandbox may refuse the call with any error number, the answer is checked as in futex.c. Under ThreadSanitizer a
 * sleep is cut into slices, as there.
 */
#include "os/several.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/watch.h"
#include "os/timed.h"
#include "os/waitv.h"

#define NAP_NS (1000 * 1000) /* where the kernel can't */

static bool have_changed(const struct futex_place *places, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (load_rlx(places[i].word) != places[i].expected) /* relaxed: the caller looks again */
			return true;
	}
	return false;
}

static int waitv_several(const struct futex_place *places, unsigned n, const struct deadline *deadline)
{
	struct futex_waitv waiters[SEVERAL_MAX];
	struct time_of_waitv time = {0, 0};

	for (unsigned i = 0; i < n; i++) {
		uint32_t flags = FUTEX_32 | (places[i].scope == FUTEX_SHARED ? 0 : FUTEX_PRIVATE_FLAG);

		waiters[i] = (struct futex_waitv){
			.val = places[i].expected, .uaddr = (uintptr_t)places[i].word, .flags = flags};
	}
	if (deadline)
		time = (struct time_of_waitv){deadline->time.tv_sec, deadline->time.tv_nsec};
	return syscall(SYS_futex_waitv, waiters, n, 0, deadline ? &time : NULL,
		       deadline ? deadline->clock : CLOCK_MONOTONIC) >= 0 ?
		       0 :
		       errno;
}

/* Does the error number tell how the sleep ended? */
static bool is_answer(int error, const struct futex_place *places, unsigned n, const struct deadline *deadline)
{
	if (error == EAGAIN)
		return have_changed(places, n);
	return futex_is_answer(error, places[0].word, places[0].expected, deadline);
}

/* A short sleep on the first word. 0, as after a stray wake: the caller looks at all of them. */
static int sleep_on_first(const struct futex_place *places, unsigned n, const struct deadline *deadline)
{
	bool last;
	struct deadline slice = futex_slice(deadline, NAP_NS, &last);
	int error;

	if (have_changed(places, n))
		return EAGAIN;
	error = futex_wait_in(places[0].scope, places[0].word, places[0].expected, &slice);
	return error == ETIMEDOUT && !last ? 0 : error;
}

static int sleep_by_kernel(const struct futex_place *places, unsigned n, const struct deadline *deadline)
{
	int error;

	if (!waitv_may_serve())
		return sleep_on_first(places, n, deadline);
	error = waitv_several(places, n, deadline);
	if (likely(error != EINTR && is_answer(error, places, n, deadline)))
		return error;
	if (!waitv_serves_still())
		return sleep_on_first(places, n, deadline);
	return error == EINTR || error == EAGAIN ? error : 0; /* a word changed back, or the clock was set back */
}

static int sleep_in_slices(const struct futex_place *places, unsigned n, const struct deadline *deadline)
{
	for (;;) {
		bool last;
		struct deadline slice = futex_slice(deadline, FUTEX_WATCHED_NS, &last);
		int error = sleep_by_kernel(places, n, &slice);

		futex_run_handlers();
		if (error != ETIMEDOUT || last)
			return error;
	}
}

static int several_by_kernel(const struct futex_place *places, unsigned n, const struct deadline *deadline)
{
	int saved = errno;
	int error = (watch_holds_signals() ? sleep_in_slices : sleep_by_kernel)(places, n, deadline);

	errno = saved;
	return error;
}

int (*futex_several)(const struct futex_place *places, unsigned n, const struct deadline *deadline) = several_by_kernel;

int futex_any_of(const struct futex_place *places, unsigned n, const struct deadline *deadline)
{
	int saved = errno, error;
	bool last;
	struct deadline slice = futex_slice(deadline, NAP_NS, &last);

	if (n == 1)
		return futex_wait_in(places[0].scope, places[0].word, places[0].expected, deadline);
	if (!waitv_may_serve())
		return futex_wait_in(places[0].scope, places[0].word, places[0].expected, &slice);
	error = waitv_several(places, n, deadline);
	errno = saved;
	return error;
}
