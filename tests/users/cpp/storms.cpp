/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several threads on one ksem::counting_semaphore: what it protects is protected, and no permit is lost or made. Under
 * ThreadSanitizer, which sees what isn't ordered.
 */
#include <ksem/ksem.hpp>

#include "checks.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

using namespace std::chrono_literals;

template <class Call> static void together(int threads, Call call)
{
	std::vector<std::thread> all;

	for (int i = 0; i < threads; i++)
		all.emplace_back([&, i] {
			call(i);
		});
	for (std::thread &thread : all)
		thread.join();
}

static void take(ksem::counting_semaphore<> &s, int way)
{
	switch (way % 4) {
	case 0:
		s.acquire();
		break;
	case 1:
		while (!s.try_acquire())
			sched_yield();
		break;
	case 2:
		while (!s.try_acquire_for(50us))
			;
		break;
	default:
		while (!s.try_acquire_until(std::chrono::system_clock::now() + 50us))
			;
	}
}

static void one_at_a_time()
{
	ksem::counting_semaphore<> s(1);
	long count = 0;

	together(2, [&](int thread) {
		for (int i = 0; i < 20000; i++) {
			take(s, thread + i);
			count++;
			s.release();
		}
	});
	CHECK(count == 40000 && s.try_acquire() && !s.try_acquire());
}

static void to_and_fro()
{
	ksem::binary_semaphore ping(0), pong(0);
	long count = 0;

	together(2, [&](int thread) {
		for (int i = 0; i < 20000; i++) {
			if (thread == 0) {
				count++;
				ping.release();
				pong.acquire();
			} else {
				ping.acquire();
				count++;
				pong.release();
			}
		}
	});
	CHECK(count == 40000);
}

/* Permits move through a ring of slots. */
static void bounded_queue()
{
	ksem::counting_semaphore<4> room(4), items(0);
	ksem::binary_semaphore lock(1);
	int ring[4] = {};
	unsigned int head = 0, tail = 0;
	std::atomic<long> sum{0};

	together(4, [&](int thread) {
		for (int i = 1; i <= 5000; i++) {
			const bool puts = thread < 2;

			(puts ? room : items).acquire();
			lock.acquire();
			if (puts)
				ring[tail++ % 4] = i;
			else
				sum += ring[head++ % 4];
			lock.release();
			(puts ? items : room).release();
		}
	});
	CHECK(sum == 2L * 5000 * 5001 / 2 && head == tail);
}

/* The first calls on a semaphore make it: of several at once, one. */
static void first_calls_together()
{
	for (int i = 0; i < 300; i++) {
		ksem::counting_semaphore<> s(1);
		std::atomic<int> ready{0}, got{0};

		together(3, [&](int thread) {
			ready++;
			while (ready < 3)
				;
			if (thread == 2)
				s.release(2);
			else
				got += s.try_acquire();
		});
		while (s.try_acquire())
			got++;
		CHECK(got == 3);
	}
}

/* Permits of several weights never hold more than there is. */
static void weights()
{
	const ksem::semaphore s(8, {8, ksem::order::fifo});
	std::atomic<unsigned int> used{0}, most{0};

	together(4, [&](int thread) {
		for (unsigned int i = 0; i < 2000; i++) {
			const unsigned int count = 1 + (i * 7 + static_cast<unsigned int>(thread)) % 8;
			ksem::permit held(s, count);
			const unsigned int now = used += count;

			CHECK(held.count() == count && now <= 8);
			if (now > most)
				most = now;
			used -= count;
		}
	});
	CHECK(most > 1 && s.value() == 8);
}

int main()
{
	one_at_a_time();
	to_and_fro();
	bounded_queue();
	first_calls_together();
	weights();
	return 0;
}
