/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Structs that grow (base/sized.h), of every size from 0 to one too large: what is read, what is written, and that
 * nothing beyond the size is touched. Behind the struct is a page that nobody may touch, or, where its size isn't a
 * multiple of its alignment, up to that page bytes that must neither count nor change.
 */
#include "support.h"

#include <sys/mman.h>

#include "base/sized.h"

enum { ROOM = 8192, MOST = SIZED_MAX + 1, JUNK = 0xa5 };

/* With padding inside, and a last member that ends where the struct does. */
struct sample {
	size_t size;
	uint32_t number;
	uint64_t wide;
	char text[16];
};

static const size_t ends[] = {
	SIZED_END(struct sample, size),
	SIZED_END(struct sample, number),
	SIZED_END(struct sample, wide),
	SIZED_END(struct sample, text),
};

static const struct sample full = {0, 0x01020304, UINT64_C(0x0506070809101112), "fifteen letters"};

static char *room; /* ROOM bytes, then the page that nobody may touch */

static int map_room(void **state)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	(void)state;
	room = mmap(NULL, ROOM + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(room != MAP_FAILED);
	OK(mprotect(room + ROOM, page, PROT_NONE));
	return 0;
}

/* A place for a struct of that size, filled with a byte, with JUNK behind it. The size itself is always there. */
static void *place(size_t size, int fill)
{
	const size_t align = _Alignof(max_align_t), least = size > sizeof(size_t) ? size : sizeof(size_t);
	char *at = room + ROOM - (least + align - 1) / align * align;

	memset(at, JUNK, (size_t)(room + ROOM - at));
	memset(at, fill, least);
	memcpy(at, &size, sizeof(size));
	return at;
}

/* place(), with as much of a struct of `known` bytes as fits in. */
static void *place_copy(size_t size, const void *from, size_t known)
{
	char *at = place(size, 0);

	if (size > sizeof(size))
		memcpy(at + sizeof(size), (const char *)from + sizeof(size),
		       (size < known ? size : known) - sizeof(size));
	return at;
}

static void assert_all(const char *bytes, size_t count, int byte)
{
	for (size_t i = 0; i < count; i++)
		assert_int_equal((unsigned char)bytes[i], byte);
}

static bool is_allowed(size_t size)
{
	return size >= sizeof(size_t) && size <= SIZED_MAX;
}

static void what_is_read_of_each_size(void **state)
{
	(void)state;
	for (size_t size = 0; size <= MOST; size++) {
		const void *theirs = place_copy(size, &full, sizeof(full));
		struct sample own;

		memset(&own, JUNK, sizeof(own));
		if (!is_allowed(size)) {
			FAILS(EINVAL, sized_read(SIZED(ends), &own, theirs));
			assert_all((const char *)&own, sizeof(own), JUNK);
			continue;
		}
		OK(sized_read(SIZED(ends), &own, theirs));
		assert_int_equal(own.size, size);
		assert_true(own.number == (size >= ends[1] ? full.number : 0));
		assert_true(own.wide == (size >= ends[2] ? full.wide : 0));
		assert_string_equal(own.text, size >= ends[3] ? full.text : "");
	}
}

static void what_is_beyond_must_be_0_where_it_is_read(void **state)
{
	(void)state;
	for (size_t size = sizeof(full) + 1; size <= SIZED_MAX; size += size < 100 ? 1 : 61) {
		for (size_t at = sizeof(full); at < size; at++) {
			char *theirs = place_copy(size, &full, sizeof(full));
			struct sample own;

			memset(&own, JUNK, sizeof(own));
			theirs[at] = at % 2 ? 1 : (char)0x80;
			FAILS(EINVAL, sized_read(SIZED(ends), &own, theirs));
			assert_all((const char *)&own, sizeof(own), JUNK);
		}
	}
}

static void what_is_written_of_each_size(void **state)
{
	(void)state;
	for (size_t size = 0; size <= MOST; size++) {
		char *theirs = place(size, JUNK);
		size_t whole = 0;

		FAILS(is_allowed(size) ? 0 : EINVAL, sized_write(SIZED(ends), theirs, &full));
		assert_memory_equal(theirs, &size, sizeof(size));
		for (size_t i = 0; is_allowed(size) && i < sizeof(ends) / sizeof(*ends); i++)
			whole = ends[i] <= size ? ends[i] : whole;
		if (whole < sizeof(size)) {
			assert_all(theirs + sizeof(size), (size_t)(room + ROOM - theirs) - sizeof(size), JUNK);
			continue;
		}
		if (whole >= ends[1])
			assert_memory_equal(theirs + offsetof(struct sample, number), &full.number,
					    sizeof(full.number));
		if (whole >= ends[2])
			assert_memory_equal(theirs + offsetof(struct sample, wide), &full.wide, sizeof(full.wide));
		if (whole >= ends[3]) {
			assert_memory_equal(theirs + offsetof(struct sample, text), full.text, sizeof(full.text));
			assert_all(theirs + sizeof(full), size - sizeof(full), 0);
			whole = size;
		}
		assert_all(theirs + whole, (size_t)(room + ROOM - theirs) - whole, JUNK);
	}
}

/* ---- The options of a namespace. ---- */

/* What it answers to options of that size; the namespace is destroyed again. */
static int create(size_t size, struct ksem_ns_options options)
{
	struct ksem_ns *ns = NULL;
	int error = ksem_ns_create(place_copy(size, &options, sizeof(options)), &ns);

	if (!error)
		OK(ksem_ns_destroy(ns));
	else
		assert_null(ns);
	return error;
}

static void options_of_each_size(void **state)
{
	(void)state;
	for (size_t size = 0; size <= MOST; size++) {
		FAILS(is_allowed(size) ? 0 : EINVAL, create(size, (struct ksem_ns_options){0}));
		if (!is_allowed(size))
			continue;
		FAILS(size >= SIZED_END(struct ksem_ns_options, dir) ? ENOTDIR : 0,
		      create(size, (struct ksem_ns_options){.dir = "/dev/null"}));
		FAILS(size >= SIZED_END(struct ksem_ns_options, max_name) ? EINVAL : 0,
		      create(size, (struct ksem_ns_options){.max_name = 1}));
	}
}

static void a_limit_that_is_not_within_size_is_the_default(void **state)
{
	const struct ksem_ns_options options = {.max_sems = 1};
	const size_t end = SIZED_END(struct ksem_ns_options, max_sems);

	(void)state;
	for (size_t size = sizeof(size_t); size <= sizeof(options); size++) {
		struct ksem_ns *ns;
		struct ksem_proc *proc;
		ksem_id_t id;

		OK(ksem_ns_create(place_copy(size, &options, sizeof(options)), &ns));
		OK(ksem_proc_create(ns, NULL, &proc));
		OK(ksem_init(proc, 0, &id));
		FAILS(size >= end ? ENFILE : 0, ksem_init(proc, 0, &id));
		OK(ksem_proc_exit(proc));
		OK(ksem_ns_destroy(ns));
	}
}

static void options_with_something_beyond_are_EINVAL(void **state)
{
	(void)state;
	for (size_t at = sizeof(struct ksem_ns_options); at < SIZED_MAX; at++) {
		struct ksem_ns *ns = NULL;
		char *options = place(SIZED_MAX, 0);

		options[at] = 1;
		FAILS(EINVAL, ksem_ns_create((const void *)options, &ns));
		assert_null(ns);
		options[at] = 0;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read_of_each_size),
		cmocka_unit_test(what_is_beyond_must_be_0_where_it_is_read),
		cmocka_unit_test(what_is_written_of_each_size),
		cmocka_unit_test(options_of_each_size),
		cmocka_unit_test(a_limit_that_is_not_within_size_is_the_default),
		cmocka_unit_test(options_with_something_beyond_are_EINVAL),
	};

	return cmocka_run_group_tests(tests, map_room, NULL);
}
