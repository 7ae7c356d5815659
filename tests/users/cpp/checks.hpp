/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of ksem.hpp share: CHECK, and looks at other threads. A check that isn't true ends the program.
 */
#ifndef CHECKS_HPP
#define CHECKS_HPP

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <sched.h>
#include <string>
#include <sys/syscall.h>
#include <system_error>
#include <thread>
#include <unistd.h>

#define CHECK(...)                                                                              \
	do {                                                                                    \
		if (!(__VA_ARGS__)) {                                                           \
			std::printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #__VA_ARGS__); \
			std::fflush(stdout);                                                    \
			std::_Exit(1);                                                          \
		}                                                                               \
	} while (0)

#ifdef __cpp_exceptions
/* The call throws std::system_error with that number. */
template <class Call> bool throws(int number, Call call)
{
	try {
		call();
	} catch (const std::system_error &error) {
		return error.code().value() == number && error.code() == static_cast<std::errc>(number);
	}
	return false;
}
#endif

/* A thread that says which one it is, and that others can see sleep. */
class watched_thread
{
      public:
	template <class Call>
	explicit watched_thread(Call call)
		: thread_([this, call] {
			  tid_ = static_cast<int>(syscall(SYS_gettid));
			  call();
		  })
	{
	}

	/* Returns once the thread sleeps. */
	void until_asleep() const
	{
		while (tid_ == 0 || state() != 'S')
			sched_yield();
	}

	void join()
	{
		thread_.join();
	}

	pthread_t handle()
	{
		return thread_.native_handle();
	}

      private:
	char state() const
	{
		char line[512] = "";
		const std::string name = "/proc/self/task/" + std::to_string(tid_.load()) + "/stat";
		std::FILE *file = std::fopen(name.c_str(), "r");

		if (!file)
			return 'X';
		const bool read = std::fgets(line, sizeof(line), file) != nullptr;
		std::fclose(file);
		const std::string text = read ? line : "";
		const auto at = text.rfind(')');
		return at == std::string::npos || at + 2 >= text.size() ? 'X' : text[at + 2];
	}

	std::atomic<int> tid_{0};
	std::thread thread_;
};

#endif
