/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * KSEM_METRICS: what ksem_metrics tells of waits.
 */
#include "feature.h"

static struct ksem_metrics metrics_of(struct feature *f, ksem_id_t id)
{
	struct ksem_metrics m = {.size = sizeof(m)};

	OK(ksem_metrics(f->proc, id, &m));
	assert_int_equal(m.size, sizeof(m));
	assert_int_equal(m.reserved, 0);
	return m;
}

static struct ksem_metrics metrics(struct feature *f)
{
	return metrics_of(f, f->id);
}

static uint64_t in_histogram(const struct ksem_metrics *m)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < 64; i++)
		sum += m->histogram[i];
	return sum;
}

static void measured(struct feature *f)
{
	make(f, (struct ksem_attr){.limit = LIMIT, .flags = KSEM_METRICS}, 0);
}

static void without_the_flag_it_is_ENOTSUP(void **state)
{
	struct feature *f = *state;
	struct ksem_metrics m = {.size = sizeof(m)};

	FAILS(ENOTSUP, ksem_metrics(f->proc, f->id, &m));
	assert_int_equal(m.waits, 0);
}

static void bad_arguments_are_refused(void **state)
{
	struct feature *f = *state;
	struct ksem_metrics m = {.size = sizeof(size_t) - 1};

	measured(f);
	FAILS(EINVAL, ksem_metrics(NULL, f->id, NULL));
	FAILS(EFAULT, ksem_metrics(f->proc, 0, NULL));
	FAILS(EINVAL, ksem_metrics(f->proc, f->id, &m));
	m.size = 4097;
	FAILS(EINVAL, ksem_metrics(f->proc, f->id, &m));
	m.size = sizeof(m);
	FAILS(EINVAL, ksem_metrics(f->proc, f->id + 1, &m));
}

static void a_struct_of_another_size_is_filled_as_far_as_it_goes(void **state)
{
	struct feature *f = *state;
	struct {
		struct ksem_metrics m;
		unsigned char more[256];
	} large;

	measured(f);
	memset(&large, 0xA5, sizeof(large));
	large.m.size = offsetof(struct ksem_metrics, interrupts) + 3;
	OK(ksem_metrics(f->proc, f->id, &large.m));
	assert_true(large.m.waits == 0 && large.m.timeouts == 0);
	assert_true(large.m.interrupts == UINT64_C(0xA5A5A5A5A5A5A5A5));
	large.m.size = sizeof(large);
	OK(ksem_metrics(f->proc, f->id, &large.m));
	assert_int_equal(large.m.interrupts, 0);
	for (size_t i = 0; i < sizeof(large.more); i++)
		assert_int_equal(large.more[i], 0);
}

static void what_gets_its_permit_at_once_is_not_measured(void **state)
{
	struct feature *f = *state;
	struct ksem_metrics m;

	measured(f);
	for (int i = 0; i < 100; i++) {
		OK(CALL(f, post));
		OK(CALL(f, wait));
	}
	FAILS(EAGAIN, CALL(f, trywait));
	m = metrics(f);
	assert_int_equal(m.waits, 0);
	assert_int_equal(m.wait_ns, 0);
	assert_int_equal(m.waiters_max, 0);
	assert_int_equal(in_histogram(&m), 0);
}

static void waits_are_counted_and_timed(void **state)
{
	struct feature *f = *state;
	struct waiting w[2];
	struct ksem_metrics m;

	measured(f);
	queue_up(&w[0], f, 1);
	queue_up(&w[1], f, 1);
	sleep_ms(500); /* a thread may be in line before it looks at the clock */
	OK(CALL(f, post_many, 2));
	OK(ended(&w[0]));
	OK(ended(&w[1]));
	m = metrics(f);
	assert_int_equal(m.waits, 2);
	assert_int_equal(m.waiters_max, 2);
	assert_true(m.wait_ns >= 2 * 20000000);
	assert_true(m.wait_max_ns >= 20000000 && m.wait_max_ns <= m.wait_ns);
	assert_int_equal(in_histogram(&m), 2);
	for (unsigned i = 0; i < 24; i++) /* 2^24 ns are 17 ms */
		assert_int_equal(m.histogram[i], 0);
	assert_int_equal(m.timeouts + m.interrupts + m.cancels + m.shutdowns + m.undone, 0);
}

static void it_tells_why_waits_got_nothing(void **state)
{
	struct feature *f = *state;
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 300);
	struct waiting w;
	struct ksem_metrics m;

	measured(f);
	queue_up_until(&w, f, 1, &soon);
	FAILS(ETIMEDOUT, ended(&w));
	handle(do_nothing, 0);
	queue_up(&w, f, 1);
	while (!is_done(&w)) {
		OK(pthread_kill(w.thread, SIGUSR1));
		sleep_ms(1);
	}
	FAILS(EINTR, ended(&w));
	handle(SIG_DFL, 0);
	queue_up(&w, f, 1);
	OK(CALL(f, shutdown));
	FAILS(ESHUTDOWN, ended(&w));
	m = metrics(f);
	assert_int_equal(m.timeouts, 1);
	assert_int_equal(m.interrupts, 1);
	assert_int_equal(m.cancels, 0);
	assert_int_equal(m.shutdowns, 1);
	assert_int_equal(m.waits, 3);
	assert_int_equal(in_histogram(&m), 3);
}

struct any {
	struct feature *f;
	ksem_id_t ids[2];
};

static void *wait_for_any(void *arg)
{
	struct any *any = arg;
	unsigned which;

	MUST(ksem_wait_any(any->f->proc, any->ids, 2, CLOCK_MONOTONIC, NULL, &which) == 0 && which == 1);
	return NULL;
}

static void a_wait_for_one_of_several_counts_where_it_ended(void **state)
{
	struct feature *f = *state;
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 100);
	struct any any = {.f = f};
	struct ksem_metrics m;
	pthread_t thread;
	unsigned which;

	measured(f);
	any.ids[1] = f->id;
	f->id = 0; /* it isn't dropped by the next */
	measured(f);
	any.ids[0] = f->id;
	FAILS(ETIMEDOUT, ksem_wait_any(f->proc, any.ids, 2, CLOCK_MONOTONIC, &soon, &which));
	for (unsigned i = 0; i < 2; i++) {
		m = metrics_of(f, any.ids[i]);
		assert_int_equal(m.waits, 1);
		assert_int_equal(m.timeouts, 1);
		assert_true(m.wait_ns > 0);
	}
	thread = start(wait_for_any, &any);
	until_waiting(f->proc, any.ids[0], 1);
	until_waiting(f->proc, any.ids[1], 1);
	OK(ksem_post(f->proc, any.ids[1]));
	pthread_join(thread, NULL);
	assert_int_equal(metrics(f).waits, 1);
	m = metrics_of(f, any.ids[1]);
	assert_int_equal(m.waits, 2);
	assert_int_equal(m.timeouts + m.interrupts + m.cancels + m.shutdowns, 1);
	OK(ksem_destroy(f->proc, any.ids[1]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		order_test(without_the_flag_it_is_ENOTSUP),
		order_test(bad_arguments_are_refused),
		order_test(a_struct_of_another_size_is_filled_as_far_as_it_goes),
		order_test(what_gets_its_permit_at_once_is_not_measured),
		order_test(waits_are_counted_and_timed),
		order_test(it_tells_why_waits_got_nothing),
		order_test(a_wait_for_one_of_several_counts_where_it_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
