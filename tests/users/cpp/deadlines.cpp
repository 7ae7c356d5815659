/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which deadline the library is given for a time of std::chrono, to the nanosecond. Linked with --wrap for
 * ksem_pinned_clockwait and ksem_deadline_after: the wait is written down, and answers that the time is over.
 */
#include <ksem/ksem.hpp>

#include "checks.hpp"

#include <chrono>
#include <climits>
#include <limits>

using namespace std::chrono;
using namespace std::chrono_literals;

/* A clock of the program: it goes on by a quarter of a second in each wait, however long that was to be. */
struct hand_clock {
	using duration = milliseconds;
	using rep = duration::rep;
	using period = duration::period;
	using time_point = std::chrono::time_point<hand_clock>;
	static constexpr bool is_steady = false;
	static inline rep hand = -1000;

	static time_point now()
	{
		return time_point(duration(hand));
	}
};

static clockid_t asked_clock;
static timespec asked;
static int calls;

extern "C" int __wrap_ksem_pinned_clockwait(struct ksem *sem, clockid_t clock, const timespec *deadline);
extern "C" int __wrap_ksem_pinned_clockwait(struct ksem *, clockid_t clock, const timespec *deadline)
{
	asked_clock = clock;
	asked = *deadline;
	calls++;
	hand_clock::hand += calls % 2 ? 0 : 250;
	return calls % 2 ? EINTR : ETIMEDOUT; /* the second time, the same is asked */
}

/* Now is 0. */
extern "C" timespec __wrap_ksem_deadline_after(std::uint64_t ns);
extern "C" timespec __wrap_ksem_deadline_after(std::uint64_t ns)
{
	timespec time = {};

	time.tv_sec = static_cast<time_t>(ns / 1000000000);
	time.tv_nsec = static_cast<long>(ns % 1000000000);
	return time;
}

static ksem::counting_semaphore<> none(0);
static constexpr long long latest = 9000000000;

static bool is(clockid_t clock, long long sec, long nsec)
{
	if (asked_clock == clock && asked.tv_sec == sec && asked.tv_nsec == nsec && calls == 2)
		return true;
	std::printf("asked: clock %d, %lld.%09ld, %d calls\n", asked_clock, static_cast<long long>(asked.tv_sec),
		    asked.tv_nsec, calls);
	return false;
}

template <class Duration> static bool for_is(Duration time, long long sec, long nsec)
{
	calls = 0;
	return !none.try_acquire_for(time) && is(CLOCK_MONOTONIC, sec, nsec);
}

template <class Clock, class Duration> static bool until_is(clockid_t clock, Duration time, long long sec, long nsec)
{
	calls = 0;
	return !none.try_acquire_until(time_point<Clock, Duration>(time)) && is(clock, sec, nsec);
}

/* The library waits again until the clock itself says that it is time. */
static bool own_clock_is_asked(milliseconds time, int waits)
{
	const auto deadline = hand_clock::now() + time;

	calls = 0;
	return !none.try_acquire_until(deadline) && hand_clock::now() >= deadline && calls == 2 * waits &&
	       asked_clock == CLOCK_MONOTONIC && asked.tv_sec == 0 && asked.tv_nsec == 0;
}

template <class Rep> using picos = duration<Rep, std::pico>;
using thirds = duration<long, std::ratio<1, 3>>;
using odd = duration<long long, std::ratio<1001, 30000>>;
using huge = duration<int, std::ratio<2000000000000>>;

int main()
{
	CHECK(for_is(0s, 0, 0) && for_is(-1ns, 0, 0) && for_is(hours::min(), 0, 0) && for_is(nanoseconds::min(), 0, 0));
	CHECK(for_is(1ns, 0, 1) && for_is(999999999ns, 0, 999999999) && for_is(1000000000ns, 1, 0));
	CHECK(for_is(1500ms, 1, 500000000) && for_is(2min, 120, 0) && for_is(3h, 10800, 0));
	CHECK(for_is(duration<int, std::milli>(INT_MAX), 2147483, 647000000));
	CHECK(for_is(duration<unsigned char>(255), 255, 0) && for_is(duration<signed char>(-1), 0, 0));

	/* Rounded up. */
	CHECK(for_is(picos<long>(1), 0, 1) && for_is(picos<long>(1000), 0, 1) && for_is(picos<long>(1001), 0, 2));
	CHECK(for_is(picos<long>(999999999001), 1, 0) && for_is(picos<long>(2000000000000), 2, 0));
	CHECK(for_is(thirds(1), 0, 333333334) && for_is(thirds(2), 0, 666666667) && for_is(thirds(3), 1, 0));
	CHECK(for_is(odd(30000), 1001, 0) && for_is(odd(1), 0, 33366667));
	CHECK(for_is(duration<double>(1e-12), 0, 1) && for_is(duration<float>(0.5F), 0, 500000000));
	CHECK(for_is(duration<double>(2.25), 2, 250000000) && for_is(duration<long double>(0.9999999999L), 1, 0));
	CHECK(for_is(duration<double>(-1e300), 0, 0));
	CHECK(for_is(duration<double>(std::numeric_limits<double>::quiet_NaN()), 0, 0));

	/* More than can be counted is the latest. */
	CHECK(for_is(hours::max(), latest, 0) && for_is(seconds::max(), latest, 0) &&
	      for_is(milliseconds::max(), latest, 0));
	CHECK(for_is(seconds(latest - 1), latest - 1, 0) && for_is(seconds(latest), latest, 0));
	CHECK(for_is(nanoseconds(latest * 1000000000 - 1), latest - 1, 999999999));
	CHECK(for_is(nanoseconds::max(), latest, 0) && for_is(duration<unsigned long>(ULONG_MAX), latest, 0));
	CHECK(for_is(hours(latest / 3600 - 1), latest - 3600, 0) && for_is(hours(latest / 3600), latest, 0));
	CHECK(for_is(huge(1), latest, 0) && for_is(huge(-1), 0, 0));
	CHECK(for_is(duration<double>(1e300), latest, 0) && for_is(odd(odd::max()), latest, 0));
	CHECK(for_is(duration<double>(std::numeric_limits<double>::infinity()), latest, 0));

	/* The clocks that the library has, each as it is. */
	CHECK(until_is<steady_clock>(CLOCK_MONOTONIC, 1500ms, 1, 500000000));
	CHECK(until_is<system_clock>(CLOCK_REALTIME, 1764339711000000001ns, 1764339711, 1));
	CHECK(until_is<system_clock>(CLOCK_REALTIME, -1s, 0, 0));
	CHECK(until_is<system_clock>(CLOCK_REALTIME, hours::max(), latest, 0));
	CHECK(until_is<steady_clock>(CLOCK_MONOTONIC, duration<double>(0.5), 0, 500000000));

	/* Another clock: 1 s and 0.75, 0.5, 0.25 s are left, then nothing. */
	CHECK(own_clock_is_asked(1s, 5) && own_clock_is_asked(100ms, 2) && own_clock_is_asked(-1h, 1));
	return 0;
}
