/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A queue's descriptor: see notify.h.
 */
#include "queue/notify.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "line/due.h"
#include "os/clock.h"
#include "os/descriptor.h"

#define NOTIFY_IS_SET UINT64_C(1)

static const clockid_t clocks[] = {[NOTIFY_MONOTONIC] = CLOCK_MONOTONIC, [NOTIFY_REALTIME] = CLOCK_REALTIME};

static bool opened(int *place, int fd)
{
	*place = descriptor_clear(fd);
	return *place >= 0;
}

static bool watches(const struct notify *notify, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	return epoll_ctl(notify->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool open_all(struct notify *notify)
{
	if (!opened(&notify->epoll, epoll_create1(EPOLL_CLOEXEC)) ||
	    !opened(&notify->event, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) || !watches(notify, notify->event))
		return false;
	for (unsigned i = 0; i < NOTIFY_CLOCKS; i++) {
		if (!opened(&notify->timers[i], timerfd_create(clocks[i], TFD_CLOEXEC | TFD_NONBLOCK)) ||
		    !watches(notify, notify->timers[i]))
			return false;
	}
	return descriptor_mark(notify->epoll) && descriptor_mark(notify->event) && descriptor_mark(notify->timers[0]) &&
	       descriptor_mark(notify->timers[1]);
}

static void close_all(const struct notify *notify, bool (*is_ours)(int fd))
{
	const int fds[] = {notify->epoll, notify->event, notify->timers[0], notify->timers[1]};
	int saved = errno;

	for (unsigned i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
		if (is_ours(fds[i]))
			close(fds[i]);
	}
	errno = saved;
}

static bool is_open(int fd)
{
	return fd >= 0;
}

int notify_open(struct notify *notify)
{
	int saved = errno, error = 0;

	notify->epoll = notify->event = notify->timers[0] = notify->timers[1] = -1;
	if (!open_all(notify)) {
		error = errno;
		close_all(notify, is_open); /* not all are marked yet */
	}
	errno = saved;
	return error;
}

void notify_close(struct notify *notify)
{
	close_all(notify, descriptor_is_marked);
}

/* Not write(2), which is a cancellation point. */
void notify_set(struct notify *notify)
{
	uint64_t state = load_seq(&notify->state), one = 1; /* KSEM_ORD_28 acquire, KSEM_ORD_28 release */
	int saved;

	if (state & NOTIFY_IS_SET)
		return;
	saved = errno;
	syscall(SYS_write, notify->event, &one, sizeof(one));
	errno = saved;
	/* If it fails, the next thread writes again. */
	cas_seq(&notify->state, &state, state | NOTIFY_IS_SET); /* KSEM_ORD_28 acquire, KSEM_ORD_28 release */
}

void notify_clear(struct notify *notify, bool surely)
{
	uint64_t state = load_seq(&notify->state), count; /* KSEM_ORD_28 acquire, KSEM_ORD_28 release */
	int saved = errno;

	if ((state & NOTIFY_IS_SET) || surely) {
		syscall(SYS_read, notify->event, &count, sizeof(count));
		errno = saved;
	}
	store_seq(&notify->state, (state | NOTIFY_IS_SET) + 1); /* KSEM_ORD_28 acquire, KSEM_ORD_28 release */
}

void notify_rearm(struct notify *notify, unsigned clock, uint64_t due)
{
	uint64_t ns = due >> 1;
	struct itimerspec when = {.it_value = {(time_t)(ns / (uint64_t)CLOCK_NS), (long)(ns % (uint64_t)CLOCK_NS)}};
	int saved = errno;

	timerfd_settime(notify->timers[clock], TFD_TIMER_ABSTIME, &when, NULL);
	errno = saved;
	notify->armed[clock] = due;
}

void notify_arm(struct notify *notify, unsigned clock, uint64_t due)
{
	if (notify->armed[clock] == 0 || due < notify->armed[clock])
		notify_rearm(notify, clock, due);
}

bool notify_is_due(const struct notify *notify, unsigned clock)
{
	return due_has_passed(notify->armed[clock]);
}
