/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the C++ standard says of counting_semaphore and binary_semaphore ([thread.sema]), sentence by sentence. With
 * -DSTANDARD the checks are made of std's, which shows that they are the standard's; else of ksem's.
 */
#ifdef STANDARD
#include <semaphore>
using std::binary_semaphore;
using std::counting_semaphore;
#else
#include <ksem/ksem.hpp>
template <std::ptrdiff_t N = ksem::most> using counting_semaphore = ksem::counting_semaphore<N>;
using binary_semaphore = ksem::binary_semaphore;
#endif

#include "checks.hpp"

#include <chrono>
#include <csignal>
#include <memory>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using std::chrono::system_clock;

/* ---- The types ---- */

template <class Semaphore> constexpr bool has_the_interface()
{
	static_assert(!std::is_default_constructible_v<Semaphore>);
	static_assert(!std::is_copy_constructible_v<Semaphore> && !std::is_copy_assignable_v<Semaphore>);
	static_assert(!std::is_move_constructible_v<Semaphore> && !std::is_move_assignable_v<Semaphore>);
	static_assert(std::is_constructible_v<Semaphore, std::ptrdiff_t>);
	static_assert(!std::is_convertible_v<std::ptrdiff_t, Semaphore>);
	static_assert(noexcept(Semaphore::max()));
	static_assert(std::is_same_v<decltype(Semaphore::max()), std::ptrdiff_t>);
	static_assert(noexcept(std::declval<Semaphore &>().try_acquire()));
	static_assert(std::is_same_v<decltype(std::declval<Semaphore &>().release()), void>);
	static_assert(std::is_same_v<decltype(std::declval<Semaphore &>().release(1)), void>);
	static_assert(std::is_same_v<decltype(std::declval<Semaphore &>().acquire()), void>);
	static_assert(std::is_same_v<decltype(std::declval<Semaphore &>().try_acquire()), bool>);
	static_assert(std::is_same_v<decltype(std::declval<Semaphore &>().try_acquire_for(1ms)), bool>);
	static_assert(
		std::is_same_v<decltype(std::declval<Semaphore &>().try_acquire_until(steady_clock::now())), bool>);
	return true;
}

static_assert(has_the_interface<counting_semaphore<>>());
static_assert(has_the_interface<counting_semaphore<5>>());
static_assert(has_the_interface<binary_semaphore>());
static_assert(std::is_same_v<binary_semaphore, counting_semaphore<1>>);
static_assert(counting_semaphore<>::max() >= 1 && counting_semaphore<0>::max() >= 0);
static_assert(counting_semaphore<1000>::max() >= 1000 && binary_semaphore::max() >= 1);

/* A constexpr constructor: those with static storage are there before any code runs, so before any that uses them. */
#if defined(__cpp_constinit) && !defined(STANDARD) /* libstdc++ 12 doesn't keep to this */
#define CONSTINIT constinit
#else
#define CONSTINIT
#endif
extern counting_semaphore<> at_start;

static struct before_main {
	bool got_one = at_start.try_acquire();
} before_main;

CONSTINIT counting_semaphore<> at_start(2);

static void static_ones_are_there_first()
{
#ifdef STANDARD
	before_main.got_one = at_start.try_acquire();
#endif
	CHECK(before_main.got_one);
	CHECK(at_start.try_acquire() && !at_start.try_acquire());
}

/* ---- The counter ---- */

static void the_counter_starts_at_desired()
{
	for (std::ptrdiff_t desired : {0, 1, 2, 7}) {
		counting_semaphore<> s(desired);

		for (std::ptrdiff_t i = 0; i < desired; i++)
			CHECK(s.try_acquire());
		CHECK(!s.try_acquire());
	}
#ifdef STANDARD
	std::counting_semaphore deduced(1);
#else
	ksem::counting_semaphore deduced(1);
#endif
	static_assert(std::is_same_v<decltype(deduced), counting_semaphore<>>);
	CHECK(deduced.try_acquire());
	binary_semaphore none(0), one(1);
	CHECK(!none.try_acquire() && one.try_acquire() && !one.try_acquire());
}

static void release_adds_update()
{
	counting_semaphore<10> s(0);

	s.release(0);
	CHECK(!s.try_acquire());
	s.release();
	CHECK(s.try_acquire() && !s.try_acquire());
	s.release(10);
	for (int i = 0; i < 10; i++)
		s.acquire();
	CHECK(!s.try_acquire());
}

static void it_counts_up_to_max()
{
	counting_semaphore<> s(0);

	s.release(counting_semaphore<>::max());
	CHECK(s.try_acquire());
	s.release();
	counting_semaphore<> full(counting_semaphore<>::max());
	CHECK(full.try_acquire());
}

/* ---- Blocking ---- */

static void release_unblocks_as_many()
{
	counting_semaphore<> s(0), gone(0);
	std::atomic<int> through{0};
	std::vector<std::unique_ptr<watched_thread>> threads;

	for (int i = 0; i < 4; i++)
		threads.push_back(std::make_unique<watched_thread>([&] {
			s.acquire();
			through++;
			gone.release();
		}));
	for (const auto &thread : threads)
		thread->until_asleep();
	CHECK(through == 0);
	s.release(3);
	for (int i = 0; i < 3; i++)
		gone.acquire();
	CHECK(through == 3 && !s.try_acquire());
	s.release();
	for (const auto &thread : threads)
		thread->join();
	CHECK(through == 4);
}

/* Strongly happens before: a plain int is handed over, in both directions. ThreadSanitizer would see a race. */
static void release_synchronizes()
{
	binary_semaphore there(0), back(0);
	int word = 0;
	std::thread other([&] {
		for (int i = 0; i < 1000; i++) {
			there.acquire();
			word++;
			back.release();
		}
	});

	for (int i = 0; i < 1000; i++) {
		word++;
		there.release();
		switch (i % 4) {
		case 0:
			back.acquire();
			break;
		case 1:
			while (!back.try_acquire())
				sched_yield();
			break;
		case 2:
			CHECK(back.try_acquire_for(1h));
			break;
		default:
			CHECK(back.try_acquire_until(system_clock::now() + 1h));
		}
		CHECK(word == 2 * (i + 1));
	}
	other.join();
}

/* ---- With a time ---- */

/* A clock of the program, which the test turns. */
struct hand_clock {
	using duration = std::chrono::milliseconds;
	using rep = duration::rep;
	using period = duration::period;
	using time_point = std::chrono::time_point<hand_clock>;
	static constexpr bool is_steady = false;
	static inline std::atomic<rep> hand{-1000000};

	/* It jumps at each look, so a wait for it ends. */
	static time_point now()
	{
		return time_point(duration(hand += 40));
	}
};

/* As steady_clock, with another zero. */
struct late_clock {
	using duration = steady_clock::duration;
	using rep = duration::rep;
	using period = duration::period;
	using time_point = std::chrono::time_point<late_clock, duration>;
	static constexpr bool is_steady = true;

	static time_point now()
	{
		return time_point(steady_clock::now().time_since_epoch() - 100h);
	}
};

/* The call answers false, not before so much time is over. */
template <class Call> static bool times_out(std::chrono::nanoseconds least, Call call)
{
	const auto begin = steady_clock::now();

	return !call() && steady_clock::now() - begin >= least;
}

static void times_out_not_before()
{
	counting_semaphore<> s(0);

	CHECK(times_out(0ms, [&] {
		return s.try_acquire_for(0s);
	}));
	CHECK(times_out(0ms, [&] {
		return s.try_acquire_for(-1h);
	}));
	CHECK(times_out(0ms, [&] {
		return s.try_acquire_for(std::chrono::hours::min());
	}));
	CHECK(times_out(30ms, [&] {
		return s.try_acquire_for(30ms);
	}));
	CHECK(times_out(20ms, [&] {
		return s.try_acquire_for(std::chrono::duration<double, std::milli>(20.5));
	}));
	CHECK(times_out(999999ns, [&] {
		return s.try_acquire_for(999999ns);
	}));
	CHECK(times_out(30ms, [&] {
		return s.try_acquire_until(steady_clock::now() + 30ms);
	}));
	CHECK(times_out(0ms, [&] {
		return s.try_acquire_until(steady_clock::now() - 1h);
	}));
	CHECK(times_out(0ms, [&] {
		return s.try_acquire_until(steady_clock::time_point::min());
	}));
	CHECK(times_out(0ms, [&] {
		return s.try_acquire_until(system_clock::time_point::min());
	}));
	CHECK(times_out(29ms, [&] {
		return s.try_acquire_until(system_clock::now() + 30ms);
	}));
	CHECK(times_out(30ms, [&] {
		return s.try_acquire_until(late_clock::now() + 30ms);
	}));
	CHECK(times_out(0ms, [&] {
		return s.try_acquire_until(hand_clock::now() + 30ms);
	}));
	CHECK(times_out(0ms, [&] {
		return s.try_acquire_until(late_clock::now() - 1ms);
	}));
}

static void a_permit_needs_no_time()
{
	counting_semaphore<> s(7);

	CHECK(s.try_acquire_for(0s));
	CHECK(s.try_acquire_for(-1s));
	CHECK(s.try_acquire_until(steady_clock::now() - 1h));
	CHECK(s.try_acquire_until(system_clock::time_point()));
	CHECK(s.try_acquire_until(late_clock::now() - 1h));
	CHECK(s.try_acquire_for(1h));
	CHECK(s.try_acquire_until(hand_clock::now() + 1h));
	CHECK(!s.try_acquire());
}

/* A thread that sleeps with a time far away gets the permit that comes. */
template <class Call> static void gets_what_comes(counting_semaphore<> &s, Call call)
{
	bool got = false;
	watched_thread thread([&] {
		got = call();
	});

	thread.until_asleep();
	s.release();
	thread.join();
	CHECK(got && !s.try_acquire());
}

static void release_ends_waits_with_a_time()
{
	counting_semaphore<> s(0);

	gets_what_comes(s, [&] {
		return s.try_acquire_for(1h);
	});
	gets_what_comes(s, [&] {
		return s.try_acquire_until(steady_clock::now() + 1h);
	});
	gets_what_comes(s, [&] {
		return s.try_acquire_until(system_clock::now() + 1h);
	});
	gets_what_comes(s, [&] {
		return s.try_acquire_until(late_clock::now() + 1h);
	});
#ifndef STANDARD /* libstdc++ 12 takes such times for past ones */
	gets_what_comes(s, [&] {
		return s.try_acquire_for(std::chrono::hours::max());
	});
	gets_what_comes(s, [&] {
		return s.try_acquire_for(std::chrono::nanoseconds::max());
	});
	gets_what_comes(s, [&] {
		return s.try_acquire_for(std::chrono::duration<double>(1e300));
	});
	gets_what_comes(s, [&] {
		return s.try_acquire_until(steady_clock::time_point::max());
	});
	gets_what_comes(s, [&] {
		return s.try_acquire_until(late_clock::time_point::max());
	});
	gets_what_comes(s, [&] {
		return s.try_acquire_until(std::chrono::time_point<hand_clock, std::chrono::hours>::max());
	});
#endif
}

/* ---- Signals: nobody sees EINTR ---- */

static std::atomic<int> handled;

static void handle(int)
{
	handled++;
}

template <class Call> static void goes_on_after_signals(counting_semaphore<> &s, Call call)
{
	bool got = false;
	watched_thread thread([&] {
		got = call();
	});

	for (int i = 0; i < 3; i++) {
		thread.until_asleep();
		const int before = handled;
		CHECK(pthread_kill(thread.handle(), SIGUSR1) == 0);
		while (handled == before)
			sched_yield();
	}
	thread.until_asleep();
	s.release();
	thread.join();
	CHECK(got && !s.try_acquire());
}

static void signals_end_no_wait()
{
	counting_semaphore<> s(0);
	struct sigaction action = {};

	action.sa_handler = handle; /* without SA_RESTART */
	CHECK(sigaction(SIGUSR1, &action, nullptr) == 0);
	goes_on_after_signals(s, [&] {
		return s.acquire(), true;
	});
	goes_on_after_signals(s, [&] {
		return s.try_acquire_for(1h);
	});
	goes_on_after_signals(s, [&] {
		return s.try_acquire_until(steady_clock::now() + 1h);
	});
	goes_on_after_signals(s, [&] {
		return s.try_acquire_until(system_clock::now() + 1h);
	});
	goes_on_after_signals(s, [&] {
		return s.try_acquire_until(late_clock::now() + 1h);
	});
}

/* ---- The end ---- */

/* The thread that got the permit may end the semaphore at once: the other one may still be inside release(). */
static void may_end_right_after_acquire()
{
	for (int i = 0; i < 300; i++) {
		auto s = std::make_unique<binary_semaphore>(0);
		binary_semaphore *const raw = s.get();
		std::thread other([raw] {
			raw->release();
		});

		s->acquire();
#ifdef STANDARD /* whose release may touch the semaphore after that */
		other.join();
		s.reset();
#else
		s.reset();
		other.join();
#endif
	}
}

int main()
{
	static_ones_are_there_first();
	the_counter_starts_at_desired();
	release_adds_update();
	it_counts_up_to_max();
	release_unblocks_as_many();
	release_synchronizes();
	times_out_not_before();
	a_permit_needs_no_time();
	release_ends_waits_with_a_time();
	signals_end_no_wait();
	may_end_right_after_acquire();
	return 0;
}
