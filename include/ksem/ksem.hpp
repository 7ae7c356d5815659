/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem for C++17 and later: docs/cpp.md is the manual of this header.
 *
 *     ksem::counting_semaphore<Max>, ksem::binary_semaphore    as in <semaphore>, for the threads of this program
 *     ksem::semaphore       any other: named or shared, with an order, a limit, a shutdown, permits that come back
 *     ksem::permit          one or several permits, posted when it goes out of scope
 *     ksem::completion_queue    from C++20 on: coroutines await permits in an event loop
 *     ksem::name_space, ksem::process, ksem::attributes    what semaphores are made in and with
 *
 * The header adds no code to the library: each call here makes the calls of ksem.h that its comment names. A call that
 * fails throws std::system_error, or sets the std::error_code that the caller passes as its last argument. A signal
 * handler ends no wait: a wait that got EINTR begins anew, with the same deadline. Without exceptions
 * (-fno-exceptions) a failure for which the caller passed no std::error_code ends the program.
 *
 * Why ksem is a struct and not a namespace: ksem.h has a struct ksem, the pinned semaphore of C, and a namespace can't
 * have the name of a struct. So the classes are members of that struct. Programs write ksem::permit all the same, but
 * not "using namespace ksem". Classes are defined outside of the struct, and used in both languages by the same name.
 */
#ifndef KSEM_KSEM_HPP
#define KSEM_KSEM_HPP

#include <ksem/ksem.h>

#if __cplusplus < 201703L
#error "ksem.hpp needs C++17 or later"
#endif

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <mutex> /* std::adopt_lock, std::try_to_lock */
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>
#ifdef __cpp_impl_coroutine
#include <coroutine>
#include <unordered_map>
#endif

struct ksem {
	ksem() = delete;

	/* The most permits that std::ptrdiff_t and the library can count. */
	static constexpr std::ptrdiff_t most = static_cast<std::ptrdiff_t>(
		KSEM_VALUE_MAX < static_cast<std::uintmax_t>(PTRDIFF_MAX) ? KSEM_VALUE_MAX :
									    static_cast<std::uintmax_t>(PTRDIFF_MAX));

	enum class order : std::uint32_t { barging = KSEM_BARGING, fifo = KSEM_FIFO, lifo = KSEM_LIFO };

	struct attributes;
	class name_space;
	class process;
	class semaphore;
	class permit;
	class completion_queue; /* from C++20 on */
	template <std::ptrdiff_t LeastMaxValue = most> class counting_semaphore;
	/* gcc 12 doesn't deduce the default by itself; clang does, and warns if nothing uses the guide. */
	/* clang-format off */
#ifndef __clang__
	counting_semaphore(std::ptrdiff_t) -> counting_semaphore<most>;
#endif
	/* clang-format on */
	using binary_semaphore = counting_semaphore<1>;

	/* The category of errors of this header. Its numbers are those of errno.h, and compare with std::errc. */
	static const std::error_category &category() noexcept;

	static std::error_code error(int number) noexcept
	{
		return {number, category()};
	}

      private:
	class messages;
	struct times;
	struct target;
	struct calls;
};

/* ---- Errors ---- */

class ksem::messages final : public std::error_category
{
      public:
	const char *name() const noexcept override
	{
		return "ksem";
	}

	std::error_condition default_error_condition(int number) const noexcept override
	{
		return std::generic_category().default_error_condition(number);
	}

	std::string message(int number) const override
	{
		switch (number) {
		case EAGAIN:
			return "too few permits";
		case EBUSY:
			return "still in use";
		case EINVAL:
			return "wrong argument, or the semaphore has ended";
		case ENFILE:
			return "the namespace has as many semaphores as it may have";
		case ENOTSUP:
			return "a semaphore with these attributes can't do this";
		case EOVERFLOW:
			return "the value would pass its limit";
		case EPERM:
			return "no permission, or the process holds fewer permits";
		case ESHUTDOWN:
			return "the semaphore was shut down";
		case ETIMEDOUT:
			return "the deadline passed";
		default:
			return std::generic_category().message(number);
		}
	}
};

inline const std::error_category &ksem::category() noexcept
{
	static const messages all;

	return all;
}

/* ---- Times ---- */

/*
 * Times of std::chrono, as the library takes them. They are rounded up, so that no wait ends early. A time that isn't
 * above 0 is 0. One above 285 years is 285 years: no wait takes so long.
 */
struct ksem::times {
	static constexpr std::int64_t latest = 9000000000; /* seconds; as nanoseconds they fit in 64 bits */

	/* The time that long after the clock's zero. */
	template <class Rep, class Period> static timespec after_zero(const std::chrono::duration<Rep, Period> &time)
	{
		if constexpr (std::is_integral_v<Rep> && (Period::den == 1 || Period::num == 1) &&
			      (Period::den <= 1000000000 || Period::den % 1000000000 == 0)) {
			if (!(time.count() > Rep(0)))
				return timespec{};
			const auto count = static_cast<std::uintmax_t>(time.count());
			const auto den = static_cast<std::uintmax_t>(Period::den);

			if (count / den >= static_cast<std::uintmax_t>(latest / Period::num))
				return at(latest, 0);
			const auto rest = count % den;
			const auto nsec = den > 1000000000 ? (rest + den / 1000000000 - 1) / (den / 1000000000) :
							     (rest * 1000000000 + den - 1) / den;
			return at(static_cast<std::int64_t>(count / den) * Period::num,
				  static_cast<std::int64_t>(nsec));
		} else {
			return after_zero_seconds(std::chrono::duration<long double>(time).count());
		}
	}

	static timespec after_zero_seconds(long double seconds) noexcept
	{
		if (!(seconds > 0)) /* NaN too */
			return timespec{};
		if (seconds >= static_cast<long double>(latest))
			return at(latest, 0);
		const auto sec = static_cast<std::int64_t>(seconds);
		const auto parts = (seconds - static_cast<long double>(sec)) * 1000000000;
		const auto nsec = static_cast<std::int64_t>(parts);

		return at(sec, static_cast<long double>(nsec) < parts ? nsec + 1 : nsec);
	}

	/* The time of CLOCK_MONOTONIC that is as far from now as time is from zero. */
	static timespec after_now(const timespec &time) noexcept
	{
		return ksem_deadline_after(static_cast<std::uint64_t>(time.tv_sec) * 1000000000 +
					   static_cast<std::uint64_t>(time.tv_nsec));
	}

      private:
	static timespec at(std::int64_t sec, std::int64_t nsec) noexcept
	{
		using time_type = decltype(timespec::tv_sec); /* 32 bits on some processors */
		timespec time{};

		sec += nsec / 1000000000;
		time.tv_sec =
			static_cast<time_type>(std::min<std::int64_t>(sec, std::numeric_limits<time_type>::max()));
		time.tv_nsec = static_cast<decltype(timespec::tv_nsec)>(nsec % 1000000000);
		return time;
	}
};

/* ---- The calls that the classes share ---- */

/*
 * The semaphore that a call is for. It is used by its pin. With KSEM_UNDO it has none, since its permits belong to a
 * process, and a pin belongs to nobody: then it is used by its process and id. Calls on an empty target fail with
 * EINVAL.
 */
struct ksem::target {
	struct ksem *pin = nullptr;
	struct ksem_proc *proc = nullptr;
	ksem_id_t id = 0;

	explicit operator bool() const noexcept
	{
		return pin || proc;
	}
};

struct ksem::calls {
	[[noreturn]] static void fail(int number, const char *what)
	{
#ifdef __cpp_exceptions
		throw std::system_error(error(number), what);
#else
		(void)number;
		(void)what;
		std::abort();
#endif
	}

	static void must(int number, const char *what)
	{
		if (number != 0)
			fail(number, what);
	}

	/* For calls that answer "no" as well: true or false; all else fails. */
	static bool did(int number, const char *what)
	{
		if (number != EAGAIN && number != ETIMEDOUT)
			must(number, what);
		return number == 0;
	}

	static bool tell(int number, std::error_code &code) noexcept
	{
		if (number != 0)
			code = error(number);
		else
			code.clear();
		return number == 0;
	}

	/* The calls are in parentheses, so that <ksem/inline.h> doesn't make another function of this in some files. */
	static int post(const target &on, unsigned int count) noexcept
	{
		if (on.pin)
			return count == 1 ? (ksem_pinned_post)(on.pin) : ksem_pinned_post_many(on.pin, count);
		return count == 1 ? (ksem_post)(on.proc, on.id) : ksem_post_many(on.proc, on.id, count);
	}

	static int take(const target &on, unsigned int count) noexcept
	{
		if (on.pin)
			return count == 1 ? (ksem_pinned_trywait)(on.pin) : ksem_pinned_trywait_many(on.pin, count);
		return count == 1 ? (ksem_trywait)(on.proc, on.id) : ksem_trywait_many(on.proc, on.id, count);
	}

	static int wait(const target &on, unsigned int count) noexcept
	{
		int number;

		do
			number = count == 1 ? wait_for_one(on) : wait_for_many(on, count, CLOCK_MONOTONIC, nullptr);
		while (number == EINTR);
		return number;
	}

	static int wait(const target &on, unsigned int count, clockid_t clock, const timespec &deadline) noexcept
	{
		int number;

		do
			number = count == 1 ? wait_for_one(on, clock, deadline) :
					      wait_for_many(on, count, clock, &deadline);
		while (number == EINTR);
		return number;
	}

	template <class Rep, class Period>
	static int wait_for(const target &on, unsigned int count, const std::chrono::duration<Rep, Period> &time)
	{
		const int number = take(on, count);

		/* A permit that is there needs no clock. Where none is, the wait knows of a shutdown. */
		if (number != EAGAIN)
			return number;
		return wait(on, count, CLOCK_MONOTONIC, times::after_now(times::after_zero(time)));
	}

	template <class Clock, class Duration>
	static int wait_until(const target &on, unsigned int count,
			      const std::chrono::time_point<Clock, Duration> &deadline)
	{
		int number = take(on, count);

		if (number != EAGAIN)
			return number;
		if constexpr (std::is_same_v<Clock, std::chrono::steady_clock>) {
			return wait(on, count, CLOCK_MONOTONIC, times::after_zero(deadline.time_since_epoch()));
		} else if constexpr (std::is_same_v<Clock, std::chrono::system_clock>) {
			return wait(on, count, CLOCK_REALTIME, times::after_zero(deadline.time_since_epoch()));
		} else {
			/* The library can't wait by this clock. After each wait, the clock says if it was enough. */
			long double left;

			do {
				left = seconds(deadline) - seconds(Clock::now());
				number = wait(on, count, CLOCK_MONOTONIC,
					      times::after_now(times::after_zero_seconds(left)));
			} while (number == ETIMEDOUT && left > 0);
			return number;
		}
	}

      private:
	static int wait_for_one(const target &on) noexcept
	{
		return on.pin ? (ksem_pinned_wait)(on.pin) : (ksem_wait)(on.proc, on.id);
	}

	static int wait_for_one(const target &on, clockid_t clock, const timespec &deadline) noexcept
	{
		return on.pin ? ksem_pinned_clockwait(on.pin, clock, &deadline) :
				ksem_clockwait(on.proc, on.id, clock, &deadline);
	}

	static int wait_for_many(const target &on, unsigned int count, clockid_t clock,
				 const timespec *deadline) noexcept
	{
		return on.pin ? ksem_pinned_wait_many(on.pin, count, clock, deadline) :
				ksem_wait_many(on.proc, on.id, count, clock, deadline);
	}

	/* As a floating-point number: a difference of two integers may overflow. */
	template <class Clock, class Duration>
	static long double seconds(const std::chrono::time_point<Clock, Duration> &time)
	{
		return std::chrono::duration<long double>(time.time_since_epoch()).count();
	}
};

/* ---- Semaphores as in <semaphore> ---- */

/*
 * std::counting_semaphore on ksem: an anonymous semaphore of ksem_private(3), with default attributes, used by a pin.
 * The constructor is constexpr, so the semaphore of the library is made by the first call that needs it. Where that
 * fails (ENOMEM), try_acquire() answers false, and the others throw std::system_error.
 */
template <std::ptrdiff_t LeastMaxValue> class ksem::counting_semaphore
{
	static_assert(LeastMaxValue >= 0 && LeastMaxValue <= most, "the library counts no further");

      public:
	static constexpr std::ptrdiff_t max() noexcept
	{
		return most;
	}

	constexpr explicit counting_semaphore(std::ptrdiff_t desired) noexcept : desired_(desired)
	{
	}

	/* Nobody may wait. A thread that took a permit may destroy it, even if the release is still returning. */
	~counting_semaphore()
	{
		struct ksem *const sem = pin_.load(std::memory_order_acquire);

		if (sem)
			end(sem, id_);
	}

	counting_semaphore(const counting_semaphore &) = delete;
	counting_semaphore &operator=(const counting_semaphore &) = delete;

	/* EOVERFLOW: the value would pass max(). EINVAL: update is below 0. */
	void release(std::ptrdiff_t update = 1)
	{
		const target on = {native_handle()};

		if (update < 0 || update > most)
			calls::fail(update < 0 ? EINVAL : EOVERFLOW, "ksem::counting_semaphore::release");
		calls::must(calls::post(on, static_cast<unsigned int>(update)), "ksem::counting_semaphore::release");
	}

	void acquire()
	{
		calls::must(calls::wait({native_handle()}, 1), "ksem::counting_semaphore::acquire");
	}

	bool try_acquire() noexcept
	{
		target on;

		return find(on) == 0 && calls::take(on, 1) == 0;
	}

	template <class Rep, class Period> bool try_acquire_for(const std::chrono::duration<Rep, Period> &time)
	{
		return calls::did(calls::wait_for({native_handle()}, 1, time),
				  "ksem::counting_semaphore::try_acquire_for");
	}

	template <class Clock, class Duration>
	bool try_acquire_until(const std::chrono::time_point<Clock, Duration> &deadline)
	{
		return calls::did(calls::wait_until({native_handle()}, 1, deadline),
				  "ksem::counting_semaphore::try_acquire_until");
	}

	/* Beyond std: the pin, for calls of ksem.h. It is valid as long as this object. */
	struct ksem *native_handle()
	{
		target on;

		calls::must(find(on), "ksem::counting_semaphore: can't be made");
		return on.pin;
	}

      private:
	friend class permit;

	int find(target &on) noexcept
	{
		on.pin = pin_.load(std::memory_order_acquire);
		return on.pin ? 0 : make(on.pin);
	}

	/* Several threads may be here. The first one's semaphore stays. */
	int make(struct ksem *&sem) noexcept
	{
		struct ksem_proc *const proc = ksem_private();
		struct ksem *made = nullptr;
		ksem_id_t id = 0;

		if (!proc)
			return ENOMEM;
		if (desired_ < 0 || desired_ > most)
			return EINVAL;
		int number = ksem_init(proc, static_cast<unsigned int>(desired_), &id);
		if (number != 0)
			return number;
		number = ksem_pin(proc, id, &made);
		if (number != 0) {
			(void)ksem_destroy(proc, id);
			return number;
		}
		if (pin_.compare_exchange_strong(sem, made, std::memory_order_acq_rel, std::memory_order_acquire)) {
			id_ = id; /* for the destructor, which comes after the call that is here */
			sem = made;
		} else {
			end(made, id);
		}
		return 0;
	}

	static void end(struct ksem *sem, ksem_id_t id) noexcept
	{
		ksem_unpin(sem);
		(void)ksem_destroy(ksem_private(), id);
	}

	std::atomic<struct ksem *> pin_{nullptr};
	ksem_id_t id_ = 0;
	std::ptrdiff_t desired_;
};

/* ---- What semaphores are made in, and with ---- */

/* As struct ksem_attr: the limit (0: the highest that the order allows), the order, and flags such as KSEM_METRICS. */
struct ksem::attributes {
	std::uint32_t limit = 0;
	ksem::order order = ksem::order::barging;
	std::uint32_t flags = 0;
};

/*
 * A namespace. It must outlive its processes; the destructor leaves one alone that has processes. (It can't be called
 * namespace.)
 */
class ksem::name_space
{
      public:
	/* A private one. */
	name_space() : name_space(nullptr)
	{
	}

	/* The shared one of a directory. max_sems 0: the default. */
	explicit name_space(const char *dir, std::uint32_t max_sems = 0)
	{
		struct ksem_ns_options options = {};

		options.size = sizeof(options);
		options.dir = dir;
		options.max_sems = max_sems;
		calls::must(ksem_ns_create(&options, &ns_), "ksem::name_space");
	}

	name_space(name_space &&other) noexcept : ns_(std::exchange(other.ns_, nullptr))
	{
	}

	name_space &operator=(name_space &&other) noexcept
	{
		name_space old(std::move(other));

		std::swap(ns_, old.ns_);
		return *this;
	}

	~name_space()
	{
		(void)ksem_ns_destroy(ns_);
	}

	struct ksem_ns *native_handle() const noexcept
	{
		return ns_;
	}

      private:
	struct ksem_ns *ns_ = nullptr;
};

/*
 * A process of ksem: it holds references to semaphores. It must outlive the objects that were made with it. The
 * destructor drops its references, but not those of in_private() and self(), which last as long as the program.
 */
class ksem::process
{
      public:
	/* This program, in its private namespace: ksem_private(3). */
	static process in_private()
	{
		return process(ksem_private(), false);
	}

	/* This program, in the default shared namespace: ksem_self(3). */
	static process self()
	{
		return process(ksem_self(), false);
	}

	/* One more process, with the credentials of the caller: ksem_proc_create(3). */
	explicit process(const name_space &in) : owned_(true)
	{
		calls::must(ksem_proc_create(in.native_handle(), nullptr, &proc_), "ksem::process");
	}

	explicit process(const name_space &&) = delete; /* a temporary one wouldn't outlive the process */

	process(process &&other) noexcept : proc_(std::exchange(other.proc_, nullptr)), owned_(other.owned_)
	{
	}

	process &operator=(process &&other) noexcept
	{
		process old(std::move(other));

		std::swap(proc_, old.proc_);
		std::swap(owned_, old.owned_);
		return *this;
	}

	~process()
	{
		if (owned_)
			(void)ksem_proc_exit(proc_);
	}

	/* A process with a copy of each reference: ksem_proc_fork(3). */
	process fork() const
	{
		struct ksem_proc *child = nullptr;

		calls::must(ksem_proc_fork(proc_, &child), "ksem::process::fork");
		return process(child, true);
	}

	/* Removes a name: ksem_unlink(3). */
	void unlink(const char *name) const
	{
		calls::must(ksem_unlink(proc_, name), "ksem::process::unlink");
	}

	void unlink(const char *name, std::error_code &code) const noexcept
	{
		calls::tell(ksem_unlink(proc_, name), code);
	}

	struct ksem_proc *native_handle() const noexcept
	{
		return proc_;
	}

      private:
	process(struct ksem_proc *proc, bool owned) : proc_(proc), owned_(owned)
	{
		if (!proc)
			calls::fail(ENOMEM, "ksem::process"); /* ksem_self says no more */
	}

	struct ksem_proc *proc_ = nullptr;
	bool owned_;
};

/* ---- All other semaphores ---- */

/*
 * A reference to a semaphore, and a pin, by which the calls are made. With KSEM_UNDO there is no pin, and the calls are
 * made by id. The destructor drops both: that ends an anonymous semaphore, and closes a named one. Calls on an empty
 * one fail with EINVAL; it is empty by default, and once it was moved from. Different threads may make any calls but
 * moving, destroying and reset().
 */
class ksem::semaphore
{
      public:
	semaphore() noexcept = default;

	/* An anonymous one, for the threads of this program: ksem_init_attr(3) in ksem_private(3). */
	explicit semaphore(unsigned int value, const attributes &with = attributes())
		: semaphore(process::in_private(), value, with)
	{
	}

	/* An anonymous one of a process. */
	semaphore(const process &of, unsigned int value, const attributes &with = attributes())
	{
		calls::must(make(of, value, with), "ksem::semaphore");
	}

	semaphore(const process &of, unsigned int value, const attributes &with, std::error_code &code) noexcept
	{
		calls::tell(make(of, value, with), code);
	}

	/* A named one that exists: ksem_open(3). */
	static semaphore open(const process &of, const char *name)
	{
		return opened(of, name, 0, 0, 0, attributes());
	}

	static semaphore open(const process &of, const char *name, std::error_code &code) noexcept
	{
		return opened(of, name, 0, 0, 0, attributes(), code);
	}

	/* A named one; if it doesn't exist, it is made: O_CREAT. */
	static semaphore open_or_create(const process &of, const char *name, unsigned int value,
					const attributes &with = attributes(), mode_t mode = S_IRUSR | S_IWUSR)
	{
		return opened(of, name, O_CREAT, mode, value, with);
	}

	static semaphore open_or_create(const process &of, const char *name, unsigned int value, const attributes &with,
					mode_t mode, std::error_code &code) noexcept
	{
		return opened(of, name, O_CREAT, mode, value, with, code);
	}

	/* A new named one; EEXIST if it exists: O_CREAT and O_EXCL. */
	static semaphore create(const process &of, const char *name, unsigned int value,
				const attributes &with = attributes(), mode_t mode = S_IRUSR | S_IWUSR)
	{
		return opened(of, name, O_CREAT | O_EXCL, mode, value, with);
	}

	static semaphore create(const process &of, const char *name, unsigned int value, const attributes &with,
				mode_t mode, std::error_code &code) noexcept
	{
		return opened(of, name, O_CREAT | O_EXCL, mode, value, with, code);
	}

	semaphore(semaphore &&other) noexcept : on_(std::exchange(other.on_, target())), is_named_(other.is_named_)
	{
	}

	semaphore &operator=(semaphore &&other) noexcept
	{
		semaphore old(std::move(other));

		std::swap(on_, old.on_);
		std::swap(is_named_, old.is_named_);
		return *this;
	}

	~semaphore()
	{
		reset();
	}

	/*
	 * Drops the reference and the pin; what is left is empty. With KSEM_UNDO, permits that its process holds come
	 * back, unless the process has another reference.
	 */
	void reset() noexcept
	{
		if (!on_)
			return;
		ksem_unpin(on_.pin);
		drop();
	}

	explicit operator bool() const noexcept
	{
		return static_cast<bool>(on_);
	}

	void release(unsigned int count = 1) const
	{
		calls::must(calls::post(on_, count), "ksem::semaphore::release");
	}

	void release(unsigned int count, std::error_code &code) const noexcept
	{
		calls::tell(calls::post(on_, count), code);
	}

	/* Takes count permits at one instant, waiting for them: ksem_wait_many(3). */
	void acquire(unsigned int count = 1) const
	{
		calls::must(calls::wait(on_, count), "ksem::semaphore::acquire");
	}

	void acquire(unsigned int count, std::error_code &code) const noexcept
	{
		calls::tell(calls::wait(on_, count), code);
	}

	/* False: too few permits, or the semaphore is empty. */
	[[nodiscard]] bool try_acquire(unsigned int count = 1) const noexcept
	{
		return calls::take(on_, count) == 0;
	}

	/* Takes as many as there are, at most count. Returns how many it took. */
	[[nodiscard]] unsigned int try_acquire_upto(unsigned int count) const noexcept
	{
		unsigned int got = 0;
		const int number = on_.pin ? ksem_pinned_trywait_upto(on_.pin, count, &got) :
					     ksem_trywait_upto(on_.proc, on_.id, count, &got);

		return number == 0 ? got : 0;
	}

	/* False: the time is over. With a code, that is ETIMEDOUT. */
	template <class Rep, class Period>
	[[nodiscard]] bool try_acquire_for(const std::chrono::duration<Rep, Period> &time, unsigned int count = 1) const
	{
		return calls::did(calls::wait_for(on_, count, time), "ksem::semaphore::try_acquire_for");
	}

	template <class Rep, class Period>
	bool try_acquire_for(const std::chrono::duration<Rep, Period> &time, unsigned int count,
			     std::error_code &code) const
	{
		return calls::tell(calls::wait_for(on_, count, time), code);
	}

	template <class Clock, class Duration>
	[[nodiscard]] bool try_acquire_until(const std::chrono::time_point<Clock, Duration> &deadline,
					     unsigned int count = 1) const
	{
		return calls::did(calls::wait_until(on_, count, deadline), "ksem::semaphore::try_acquire_until");
	}

	template <class Clock, class Duration>
	bool try_acquire_until(const std::chrono::time_point<Clock, Duration> &deadline, unsigned int count,
			       std::error_code &code) const
	{
		return calls::tell(calls::wait_until(on_, count, deadline), code);
	}

	/* Ends all waits, for ever: ksem_shutdown(3). A signal handler calls ksem_pinned_shutdown(native_handle()). */
	void shutdown() const
	{
		calls::must(shut(), "ksem::semaphore::shutdown");
	}

	void shutdown(std::error_code &code) const noexcept
	{
		calls::tell(shut(), code);
	}

	/* ksem_set_limit(3). */
	void set_limit(unsigned int limit) const
	{
		calls::must(change_limit(limit), "ksem::semaphore::set_limit");
	}

	void set_limit(unsigned int limit, std::error_code &code) const noexcept
	{
		calls::tell(change_limit(limit), code);
	}

	unsigned int value() const
	{
		unsigned int value = 0;

		calls::must(on_.pin ? ksem_pinned_getvalue(on_.pin, &value) : ksem_getvalue(on_.proc, on_.id, &value),
			    "ksem::semaphore::value");
		return value;
	}

	struct ksem_info stat() const
	{
		struct ksem_info info = {};

		calls::must(ksem_stat(on_.proc, on_.id, &info), "ksem::semaphore::stat");
		return info;
	}

	struct ksem_metrics metrics() const
	{
		struct ksem_metrics metrics = {};

		metrics.size = sizeof(metrics);
		calls::must(ksem_metrics(on_.proc, on_.id, &metrics), "ksem::semaphore::metrics");
		return metrics;
	}

	/* ksem_holders(3), all of them. */
	std::vector<ksem_holder> holders() const
	{
		std::vector<ksem_holder> all;
		auto visit = [](const ksem_holder *holder, void *arg) {
			static_cast<std::vector<ksem_holder> *>(arg)->push_back(*holder);
			return 0;
		};

		calls::must(ksem_holders(on_.proc, on_.id, visit, &all), "ksem::semaphore::holders");
		return all;
	}

	ksem_id_t id() const noexcept
	{
		return on_.id;
	}

	/* The pin, for calls of ksem.h. It is valid as long as this object. Null with KSEM_UNDO: use the id there. */
	struct ksem *native_handle() const noexcept
	{
		return on_.pin;
	}

      private:
	friend class permit;
	friend class completion_queue;

	int find(target &on) const noexcept
	{
		on = on_;
		return on ? 0 : EINVAL;
	}

	int shut() const noexcept
	{
		return on_.pin ? ksem_pinned_shutdown(on_.pin) : ksem_shutdown(on_.proc, on_.id);
	}

	int change_limit(unsigned int limit) const noexcept
	{
		return on_.pin ? ksem_pinned_set_limit(on_.pin, limit) : ksem_set_limit(on_.proc, on_.id, limit);
	}

	static struct ksem_attr as_attr(const attributes &with) noexcept
	{
		struct ksem_attr attr = {};

		attr.size = sizeof(attr);
		attr.limit = with.limit;
		attr.order = static_cast<std::uint32_t>(with.order);
		attr.flags = with.flags;
		return attr;
	}

	int make(const process &of, unsigned int value, const attributes &with) noexcept
	{
		const struct ksem_attr attr = as_attr(with);

		return pin(of, ksem_init_attr(of.native_handle(), &attr, value, &on_.id));
	}

	int open(const process &of, const char *name, int oflag, mode_t mode, unsigned int value,
		 const attributes &with) noexcept
	{
		const struct ksem_attr attr = as_attr(with);

		is_named_ = true;
		return pin(of, ksem_open_attr(of.native_handle(), name, oflag, mode, &attr, value, &on_.id));
	}

	/* number: what the call returned that stored the id. ENOTSUP: it has KSEM_UNDO, whoever made it. */
	int pin(const process &of, int number) noexcept
	{
		if (number != 0)
			return number;
		on_.proc = of.native_handle();
		number = ksem_pin(on_.proc, on_.id, &on_.pin);
		if (number == 0 || number == ENOTSUP)
			return 0;
		drop();
		return number;
	}

	void drop() noexcept
	{
		(void)(is_named_ ? ksem_close(on_.proc, on_.id) : ksem_destroy(on_.proc, on_.id));
		on_ = target();
	}

	static semaphore opened(const process &of, const char *name, int oflag, mode_t mode, unsigned int value,
				const attributes &with)
	{
		semaphore made;

		calls::must(made.open(of, name, oflag, mode, value, with), "ksem::semaphore");
		return made;
	}

	static semaphore opened(const process &of, const char *name, int oflag, mode_t mode, unsigned int value,
				const attributes &with, std::error_code &code) noexcept
	{
		semaphore made;

		calls::tell(made.open(of, name, oflag, mode, value, with), code);
		return made;
	}

	target on_;
	bool is_named_ = false;
};

/* ---- Permits that go back by themselves ---- */

/*
 * Holds count permits of a ksem::semaphore or a ksem::counting_semaphore, and posts them when it goes out of scope. The
 * semaphore must outlive it. As std::unique_lock, it can be moved, and be empty: without permits, it is false.
 */
class [[nodiscard]] ksem::permit
{
	template <class Semaphore>
	using if_semaphore =
		std::enable_if_t<std::is_same_v<decltype(std::declval<Semaphore &>().native_handle()), struct ksem *>>;

      public:
	permit() noexcept = default;

	/* Waits for count permits, which it takes at one instant. */
	template <class Semaphore, class = if_semaphore<Semaphore>>
	explicit permit(Semaphore &of, unsigned int count = 1)
	{
		calls::must(get(of, count,
				[](auto... given) {
					return calls::wait(given...);
				}),
			    "ksem::permit");
	}

	/* The same; if it fails, code says why, and the permit is empty. */
	template <class Semaphore, class = if_semaphore<Semaphore>>
	permit(Semaphore &of, unsigned int count, std::error_code &code) noexcept
	{
		calls::tell(get(of, count,
				[](auto... given) {
					return calls::wait(given...);
				}),
			    code);
	}

	/* Takes count permits if they are there; else it is empty. */
	template <class Semaphore, class = if_semaphore<Semaphore>>
	permit(Semaphore &of, std::try_to_lock_t, unsigned int count = 1) noexcept
	{
		(void)get(of, count, [](auto... given) {
			return calls::take(given...);
		});
	}

	/* Waits for count permits that long, or until then; it is empty if the time is over. */
	template <class Semaphore, class Rep, class Period, class = if_semaphore<Semaphore>>
	permit(Semaphore &of, const std::chrono::duration<Rep, Period> &time, unsigned int count = 1)
	{
		calls::did(get(of, count,
			       [&](auto... given) {
				       return calls::wait_for(given..., time);
			       }),
			   "ksem::permit");
	}

	template <class Semaphore, class Clock, class Duration, class = if_semaphore<Semaphore>>
	permit(Semaphore &of, const std::chrono::time_point<Clock, Duration> &deadline, unsigned int count = 1)
	{
		calls::did(get(of, count,
			       [&](auto... given) {
				       return calls::wait_until(given..., deadline);
			       }),
			   "ksem::permit");
	}

	/* Has count permits that the caller took before. */
	template <class Semaphore, class = if_semaphore<Semaphore>>
	permit(Semaphore &of, std::adopt_lock_t, unsigned int count = 1) noexcept
	{
		(void)get(of, count, [](auto...) {
			return 0;
		});
	}

	permit(permit &&other) noexcept
		: on_(std::exchange(other.on_, target())), count_(std::exchange(other.count_, 0))
	{
	}

	permit &operator=(permit &&other) noexcept
	{
		permit old(std::move(other));

		swap(old);
		return *this;
	}

	~permit()
	{
		reset();
	}

	void swap(permit &other) noexcept
	{
		std::swap(on_, other.on_);
		std::swap(count_, other.count_);
	}

	friend void swap(permit &one, permit &other) noexcept
	{
		one.swap(other);
	}

	/* Posts the permits now. A post of permits that were taken fails only if the semaphore has ended. */
	void reset() noexcept
	{
		if (on_)
			(void)calls::post(std::exchange(on_, target()), std::exchange(count_, 0));
	}

	/* Leaves the permits to the caller, who posts them. Returns how many. */
	unsigned int release() noexcept
	{
		on_ = target();
		return std::exchange(count_, 0);
	}

	unsigned int count() const noexcept
	{
		return count_;
	}

	explicit operator bool() const noexcept
	{
		return static_cast<bool>(on_);
	}

      private:
	friend class completion_queue;

	/* As adopt_lock, of a semaphore that may have moved since. */
	permit(const target &on, unsigned int count) noexcept : on_(on), count_(count)
	{
	}

	template <class Semaphore, class Call> int get(Semaphore &of, unsigned int count, Call call)
	{
		target on;
		int number = of.find(on);

		if (number == 0)
			number = call(on, count);
		if (number == 0) {
			on_ = on;
			count_ = count;
		}
		return number;
	}

	target on_;
	unsigned int count_ = 0;
};

/* ---- Coroutines that wait for permits ---- */

#ifdef __cpp_impl_coroutine
/*
 * A completion queue (ksem_cq_create(3)) in which coroutines of C++20 wait, without a thread for each:
 *
 *     const ksem::permit held = co_await queue.acquire(s);
 *
 * An event loop watches descriptor(), and calls resume() when it is readable. The semaphores must have been made with
 * the queue's process. The queue belongs to one thread, which makes all calls on it, and in which the coroutines wait
 * and go on; any thread may post. That thread may destroy a coroutine that waits. If the coroutine was granted permits
 * just then, they go back in resume(), or when the queue ends. Queue and semaphore must outlive the wait; the semaphore
 * may move.
 */
class ksem::completion_queue
{
      public:
	class wait;

	/* For semaphores that were made without a process. */
	completion_queue() : completion_queue(process::in_private())
	{
	}

	explicit completion_queue(const process &of) : proc_(of.native_handle())
	{
		calls::must(ksem_cq_create(proc_, &cq_), "ksem::completion_queue");
	}

	completion_queue(const completion_queue &) = delete;
	completion_queue &operator=(const completion_queue &) = delete;

	/* No coroutine may wait in it. */
	~completion_queue()
	{
		(void)ksem_cq_destroy(cq_);
	}

	/* Readable while resume() has something to do. It belongs to the queue: ksem_cq_fd(3). */
	int descriptor() const noexcept
	{
		return ksem_cq_fd(cq_);
	}

	/* To be awaited: count permits, taken at one instant, as a ksem::permit. The wait begins when it is awaited. */
	wait acquire(const semaphore &of, unsigned int count = 1);

	/* The same; if it fails, code says why, and the permit is empty. */
	wait acquire(const semaphore &of, unsigned int count, std::error_code &code);

	/* The permit is empty if the time is over, which begins now. */
	template <class Rep, class Period>
	wait acquire_for(const semaphore &of, const std::chrono::duration<Rep, Period> &time, unsigned int count = 1);

	/*
	 * Resumes coroutines whose waits have ended: at most count, so that other events have their turn. Returns
	 * how many waits had ended. With EPOLLET, call it until that is 0. What a coroutine throws out of its promise
	 * comes out of this call; the coroutines behind it are resumed by the next one.
	 */
	unsigned int resume(unsigned int count = 64);

	struct ksem_cq *native_handle() const noexcept
	{
		return cq_;
	}

      private:
	/* As many as go: another thread may have posted some of a semaphore with KSEM_UNDO meanwhile. */
	void give_back(ksem_id_t id, unsigned int count) noexcept
	{
		for (unsigned int step = count; step > 0;) {
			if (ksem_post_many(proc_, id, step) == 0) {
				count -= step;
				step = step < count ? step : count;
			} else {
				step /= 2;
			}
		}
	}

	struct ksem_proc *proc_;
	struct ksem_cq *cq_ = nullptr;
	std::uint64_t last_key_ = 0;
	std::unordered_map<std::uint64_t, wait *> waits_; /* by the user_data of their completions */
};

/* What acquire() returns: it lies in the frame of the coroutine that awaits it. */
class [[nodiscard]] ksem::completion_queue::wait
{
      public:
	wait(const wait &) = delete;
	wait &operator=(const wait &) = delete;

	/* If the coroutine is destroyed while it waits, nobody may resume it. */
	~wait()
	{
		if (key_ == 0)
			return;
		queue_.waits_.erase(key_);
		(void)ksem_cq_cancel(queue_.cq_, key_);
	}

	bool await_ready() noexcept
	{
		number_ = on_.proc == queue_.proc_ ? calls::take(on_, count_) : EINVAL;
		return number_ != EAGAIN;
	}

	bool await_suspend(std::coroutine_handle<> coroutine)
	{
		const std::uint64_t key = ++queue_.last_key_;

		coroutine_ = coroutine;
		queue_.waits_.emplace(key, this);
		number_ =
			ksem_cq_submit(queue_.cq_, on_.id, count_, CLOCK_MONOTONIC, timed_ ? &deadline_ : nullptr, key);
		if (number_ == 0)
			key_ = key;
		else
			queue_.waits_.erase(key);
		return number_ == 0;
	}

	permit await_resume()
	{
		if (code_)
			calls::tell(number_, *code_);
		else
			calls::did(number_, "ksem::completion_queue::acquire");
		return number_ == 0 ? permit(on_, count_) : permit();
	}

      private:
	friend class completion_queue;

	wait(completion_queue &queue, const target &on, unsigned int count, std::error_code *code = nullptr)
		: queue_(queue), on_(on), count_(count), code_(code)
	{
	}

	wait(completion_queue &queue, const target &on, unsigned int count, const timespec &deadline)
		: queue_(queue), on_(on), count_(count), timed_(true), deadline_(deadline)
	{
	}

	/* The coroutine may destroy this. */
	void end(int number)
	{
		key_ = 0;
		number_ = number;
		coroutine_.resume();
	}

	completion_queue &queue_;
	const target on_;
	const unsigned int count_;
	std::error_code *const code_ = nullptr;
	const bool timed_ = false;
	const timespec deadline_{};
	std::coroutine_handle<> coroutine_;
	std::uint64_t key_ = 0; /* of the wait, while it lasts */
	int number_ = 0;        /* how it ended */
};

inline ksem::completion_queue::wait ksem::completion_queue::acquire(const semaphore &of, unsigned int count)
{
	return wait(*this, of.on_, count);
}

inline ksem::completion_queue::wait ksem::completion_queue::acquire(const semaphore &of, unsigned int count,
								    std::error_code &code)
{
	return wait(*this, of.on_, count, &code);
}

template <class Rep, class Period>
ksem::completion_queue::wait ksem::completion_queue::acquire_for(const semaphore &of,
								 const std::chrono::duration<Rep, Period> &time,
								 unsigned int count)
{
	return wait(*this, of.on_, count, times::after_now(times::after_zero(time)));
}

inline unsigned int ksem::completion_queue::resume(unsigned int count)
{
	unsigned int seen = 0;

	for (unsigned int n = 0; seen < count; seen++) {
		struct ksem_completion one = {};

		/* One by one: a coroutine may throw, or destroy others that wait. */
		calls::must(ksem_cq_reap(cq_, &one, 1, &n), "ksem::completion_queue::resume");
		if (n == 0)
			break;
		const auto found = waits_.find(one.user_data);
		if (found != waits_.end()) {
			wait &ended = *found->second;

			waits_.erase(found);
			ended.end(one.error);
		} else if (one.error == 0) { /* the coroutine was destroyed */
			give_back(one.id, one.count);
		}
	}
	return seen;
}
#endif

#endif
