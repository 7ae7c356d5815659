/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem_ns_foreach in a namespace that OS processes share: it does no harm to who looks, whatever others do to the
 * files, and says so when it couldn't look.
 */
#include "sharing.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "../failing_memory.h"
#include "shared/listing.h"

/* ---- Files that others cut short. ---- */

static void cut_short_and_restore(void)
{
	int fd = open(path_of("/cut"), O_RDWR);

	MUST(fd >= 0);
	for (;;) {
		MUST(ftruncate(fd, 0) == 0);
		MUST(ftruncate(fd, PAGE_BYTES) == 0);
	}
}

static void a_file_that_is_cut_short_kills_nobody_who_looks(void **state)
{
	struct world world = enter(), other = enter();
	ksem_id_t id;
	pid_t child;

	(void)state;
	OK(ksem_open(world.proc, "/whole", O_CREAT, 0600, 1, &id));
	OK(ksem_open(other.proc, "/cut", O_CREAT, 0600, 1, &id));
	world_end(&other);
	child = start_process(cut_short_and_restore);
	for (int i = 0; i < 20000; i++) {
		unsigned shown = semaphores_in(world.ns);

		assert_in_range(shown, 1, 2);
	}
	kill_and_reap(child);
	world_end(&world);
}

/* ---- A file that somebody filled. ---- */

static unsigned asked; /* the kernel, for locks */

int __real_fcntl64(int fd, int command, void *arg);
int __wrap_fcntl64(int fd, int command, void *arg);
int __wrap_fcntl64(int fd, int command, void *arg)
{
	asked += command == F_OFD_GETLK;
	return __real_fcntl64(fd, command, arg);
}

/* Puts records in all of the file, whose processes seem to live and to wait. */
static void fill_with_records(struct holder *holders, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		store_rlx(&holders[i].liveness, (uint64_t)(i + 1) << 20 | 1);
		store_rlx(&holders[i].refs, 1);
		store_rlx(&holders[i].begun, 1);
	}
}

static void fill(const char *name)
{
	struct flock all = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_len = INT64_C(1) << 60};
	int fd = open(path_of(name), O_RDWR), locks = open(dir, O_RDONLY | O_DIRECTORY);
	struct page *page = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct more *more = (struct more *)(page + 1);

	MUST(fd >= 0 && locks >= 0 && page != MAP_FAILED);
	MUST(fcntl(locks, F_OFD_SETLK, &all) == 0); /* dropped as this process ends */
	store_rlx(&page->more, FILE_BYTES / PAGE_BYTES - 1);
	fill_with_records(page->holders, PAGE_HOLDERS);
	for (size_t i = 0; i < FILE_BYTES / PAGE_BYTES - 1; i++)
		fill_with_records(more[i].holders, MORE_HOLDERS);
	store_rlx(&page->sem.word, WORD_WAITER);
	close(fd);
	munmap(page, FILE_BYTES);
}

static int shows(const struct ksem_info *info, void *arg)
{
	unsigned *n = arg;

	*n += strcmp(info->name, "/filled") == 0 ? info->refs > PAGE_HOLDERS : info->refs == 1;
	return 0;
}

static void a_file_full_of_records_costs_whoever_looks_little(void **state)
{
	struct world world = enter();
	ksem_id_t id;
	unsigned shown = 0;

	(void)state;
	OK(ksem_open(world.proc, "/filled", O_CREAT, 0600, 0, &id));
	OK(ksem_open(world.proc, "/other", O_CREAT, 0600, 0, &id));
	fill("/filled");
	asked = 0;
	OK(ksem_ns_foreach(world.ns, shows, &shown));
	assert_int_equal(shown, 2);
	assert_true(asked < 30000);
	world_end(&world);
}

/* ---- When it can't look. ---- */

/* With few descriptors left it shows all, or says that it can't. */
static void without_descriptors_it_says_so(void **state)
{
	struct world world = enter();
	struct rlimit files, few;
	ksem_id_t id;
	int probe = dup(0);

	(void)state;
	MUST(probe >= 0);
	close(probe);
	OK(ksem_open(world.proc, "/name", O_CREAT, 0600, 1, &id));
	MUST(getrlimit(RLIMIT_NOFILE, &files) == 0);
	few = files;
	for (int left = 0; left < 3; left++) {
		unsigned visited = 0;
		int error;

		few.rlim_cur = (rlim_t)(probe + left);
		MUST(setrlimit(RLIMIT_NOFILE, &few) == 0);
		error = ksem_ns_foreach(world.ns, visit_and_count, &visited);
		MUST(setrlimit(RLIMIT_NOFILE, &files) == 0);
		assert_int_equal(error, left ? 0 : EMFILE);
		assert_int_equal(visited, left ? 1 : 0);
	}
	world_end(&world);
}

static void look_as_nobody(void)
{
	struct world world;
	unsigned visited = 0;

	MUST(setgid(65534) == 0 && setuid(65534) == 0);
	world = enter();
	MUST(ksem_ns_foreach(world.ns, visit_and_count, &visited) == 0 && visited == 1);
	world_end(&world);
}

static void look_where_it_may_not(void)
{
	struct world world = enter();
	unsigned visited = 0;

	MUST(chmod(dir, 0711) == 0);
	MUST(setgid(65534) == 0 && setuid(65534) == 0);
	MUST(ksem_ns_foreach(world.ns, visit_and_count, &visited) == EACCES && visited == 0);
}

static void what_others_keep_for_themselves_is_passed_over(void **state)
{
	struct world world = enter();
	ksem_id_t id;

	(void)state;
	if (getuid() != 0)
		SKIP("only root can be another user");
	MUST(chmod(dir, 01777) == 0);
	OK(ksem_open(world.proc, "/mine", O_CREAT, 0600, 1, &id));
	OK(ksem_open(world.proc, "/all", O_CREAT, 0666, 1, &id));
	must_end_well(start_process(look_as_nobody));
	must_end_well(start_process(look_where_it_may_not));
	world_end(&world);
}

/* ---- What is no semaphore. ---- */

static void what_is_no_semaphore_is_not_shown_or_touched(void **state)
{
	struct world world = enter();
	ksem_id_t id;
	int reader;

	(void)state;
	OK(ksem_open(world.proc, "/name", O_CREAT, 0600, 1, &id));
	MUST(mkfifo(path_of("/fifo"), 0666) == 0);
	MUST(mkdir(path_of("/directory"), 0777) == 0);
	MUST(symlink("name", path_of("/symlink")) == 0);
	MUST(symlink("nothing", path_of("/dangling")) == 0);
	MUST(close(creat(path_of("/empty"), 0666)) == 0);
	MUST(truncate(path_of("/empty"), PAGE_BYTES) == 0);
	reader = open(path_of("/fifo"), O_RDONLY | O_NONBLOCK);
	MUST(reader >= 0);
	assert_int_equal(semaphores_in(world.ns), 1);
	close(reader);
	world_end(&world);
}

/* ---- A visit that ends its thread. ---- */

static unsigned descriptors(void)
{
	DIR *all = opendir("/proc/self/fd");
	unsigned count = 0;

	MUST(all);
	while (readdir(all))
		count++;
	closedir(all);
	return count;
}

static int be_cancelled(const struct ksem_info *info, void *arg)
{
	(void)info, (void)arg;
	MUST(pthread_cancel(pthread_self()) == 0);
	pthread_testcancel();
	return 0;
}

static void *visit_and_be_cancelled(void *ns)
{
	ksem_ns_foreach(ns, be_cancelled, NULL);
	return NULL;
}

static int exit_thread(const struct ksem_info *info, void *arg)
{
	(void)info, (void)arg;
	pthread_exit(NULL);
}

static void *visit_and_exit(void *ns)
{
	ksem_ns_foreach(ns, exit_thread, NULL);
	return NULL;
}

static void a_visit_that_ends_its_thread_leaves_nothing(void **state)
{
	void *(*const bodies[])(void *) = {visit_and_be_cancelled, visit_and_exit};

	(void)state;
	for (int named = 0; named < 2; named++) {
		struct world world = enter();
		ksem_id_t id;
		unsigned before;
		size_t blocks;

		OK(named ? ksem_open(world.proc, "/name", O_CREAT, 0600, 1, &id) : ksem_init(world.proc, 1, &id));
		semaphores_in(world.ns);
		before = descriptors();
		blocks = failing_memory_blocks();
		for (int i = 0; i < 2; i++) {
			pthread_t thread;

			MUST(pthread_create(&thread, NULL, bodies[i], world.ns) == 0);
			MUST(pthread_join(thread, NULL) == 0);
			assert_int_equal(descriptors(), before);
			assert_true(failing_memory_blocks() == blocks);
		}
		assert_int_equal(semaphores_in(world.ns), 1);
		world_end(&world);
	}
}

/* ---- What a visit does. ---- */

static struct world visited_world;
static unsigned visits_of[3];

static int lose_the_name(const struct ksem_info *info, void *arg)
{
	const ksem_id_t *ids = arg;

	for (int i = 0; i < 3; i++)
		visits_of[i] += info->id == ids[i];
	ksem_unlink(visited_world.proc, "/0");
	ksem_unlink(visited_world.proc, "/1");
	return 0;
}

/* Also what loses its name meanwhile, before or after it was visited by it. */
static void each_is_shown_once(void **state)
{
	ksem_id_t ids[3];

	(void)state;
	visited_world = enter();
	memset(visits_of, 0, sizeof(visits_of));
	OK(ksem_open(visited_world.proc, "/0", O_CREAT, 0600, 1, &ids[0]));
	OK(ksem_open(visited_world.proc, "/1", O_CREAT, 0600, 1, &ids[1]));
	OK(ksem_init(visited_world.proc, 1, &ids[2]));
	OK(ksem_ns_foreach(visited_world.ns, lose_the_name, ids));
	for (int i = 0; i < 3; i++)
		assert_int_equal(visits_of[i], 1);
	world_end(&visited_world);
}

static int no_descriptor_more(const struct ksem_info *info, void *arg)
{
	(void)info;
	MUST(descriptors() == *(unsigned *)arg);
	return 0;
}

static void no_descriptor_is_kept_while_it_visits(void **state)
{
	struct world world = enter();
	unsigned before;
	ksem_id_t id;

	(void)state;
	OK(ksem_open(world.proc, "/name", O_CREAT, 0600, 1, &id));
	OK(ksem_init(world.proc, 1, &id));
	before = descriptors();
	OK(ksem_ns_foreach(world.ns, no_descriptor_more, &before));
	world_end(&world);
}

/* ---- Many. ---- */

/* The least of several times: until one is short enough, or `tries` are over. */
static double seconds_to_list(struct ksem_ns *ns, unsigned expected, int tries, double enough)
{
	double best = 1e9;

	for (int i = 0; i < tries && best > enough; i++) {
		struct timespec begin, end;
		double seconds;

		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
		assert_int_equal(semaphores_in(ns), expected);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
		seconds = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
		best = seconds < best ? seconds : best;
	}
	return best;
}

/* Sixteen times as many take sixteen times as long, not 256 times. So many that small caches hold neither. */
static void the_time_grows_with_their_number(void **state)
{
	enum { FEW = 2000, TIMES = 16 };
	struct world world = enter();
	ksem_id_t id;
	double few;

	(void)state;
	for (int i = 0; i < FEW; i++)
		OK(ksem_init(world.proc, 0, &id));
	few = seconds_to_list(world.ns, FEW, 5, 0);
	for (int i = FEW; i < TIMES * FEW; i++)
		OK(ksem_init(world.proc, 0, &id));
	assert_true(seconds_to_list(world.ns, TIMES * FEW, 50, 3 * TIMES * few) < 4 * TIMES * few);
	world_end(&world);
}

/* ---- One. ---- */

static unsigned listed; /* directories */

DIR *__real_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd)
{
	listed++;
	return __real_fdopendir(fd);
}

static void one_is_looked_at_without_the_others(void **state)
{
	const char *wrong[] = {"", "/", "name", "/name/", "//name", "/other", "/.", "/.."};
	struct world world = enter();
	struct ksem_info info;
	bool found;
	ksem_id_t id;

	(void)state;
	OK(ksem_open(world.proc, "/name", O_CREAT, 0640, 3, &id));
	assert_int_equal(semaphores_in(world.ns), 1);
	assert_true(listed > 0);
	listed = 0;
	OK(shared_ns_look(world.ns, "/name", &info, &found));
	assert_true(found);
	assert_true(info.id == id && info.value == 3 && info.refs == 1 && info.mode == 0640);
	assert_string_equal(info.name, "/name");
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		OK(shared_ns_look(world.ns, wrong[i], &info, &found));
		assert_false(found);
	}
	assert_int_equal(listed, 0);
	world_end(&world);
}

static int setup_counting(void **state)
{
	failing_memory_install();
	return setup(state);
}

static int teardown_counting(void **state)
{
	teardown(state);
	failing_memory_uninstall();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		shared_test(a_file_that_is_cut_short_kills_nobody_who_looks),
		shared_test(a_file_full_of_records_costs_whoever_looks_little),
		shared_test(without_descriptors_it_says_so),
		shared_test(what_others_keep_for_themselves_is_passed_over),
		shared_test(what_is_no_semaphore_is_not_shown_or_touched),
		cmocka_unit_test_setup_teardown(a_visit_that_ends_its_thread_leaves_nothing, setup_counting,
						teardown_counting),
		shared_test(each_is_shown_once),
		shared_test(no_descriptor_is_kept_while_it_visits),
		shared_test(the_time_grows_with_their_number),
		shared_test(one_is_looked_at_without_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
