/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Somebody who may write to a semaphore's file writes nonsense into its line: whatever is there, no call goes on for
 * ever, and other semaphores serve as before.
 */
#include "sharing.h"

#define TRIES   (SANITIZED ? 100 : 400) /* for each kind of semaphore */
#define LIMIT   5
#define IN_USE  (2 * PAGE_BYTES) /* of the line: its head, and the first entries */
#define A_CALL  60               /* seconds: more than any call takes, on a slow machine too */
#define NAME    "/scribbled"
#define UNKNOWN UINT32_MAX

/* What a try writes, and where it is: for the message when a call goes on for ever. */
struct board {
	atomic(unsigned) ready;
	const char *call;
	uint32_t at[2], is[2];
};

#define board ((struct board *)board_page)

static struct world world;
static ksem_id_t id;
static char first_page[PAGE_BYTES], line[IN_USE]; /* of the file, when all that used it were killed */

static void come_in(void)
{
	world = enter();
	MUST(ksem_open(world.proc, NAME, 0, 0, 0, &id) == 0);
}

static void hold_all(void)
{
	come_in();
	MUST(ksem_trywait_many(world.proc, id, LIMIT) == 0);
	fetch_add_seq(&board->ready, 1);
	pause();
}

static void wait_for_two(void)
{
	come_in();
	ksem_wait_many(world.proc, id, 2, 0, NULL);
}

static void wait_in_queue(void)
{
	struct ksem_cq *cq;

	come_in();
	MUST(ksem_cq_create(world.proc, &cq) == 0);
	MUST(ksem_cq_submit(cq, id, 1, 0, NULL, 0) == 0);
	pause();
}

static void map_file(char **page, char **its_line)
{
	int fd = open(path_of(NAME), O_RDWR);

	MUST(fd >= 0);
	*page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	*its_line = mmap(NULL, IN_USE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, PAGE_LINE_AT);
	MUST(*page != MAP_FAILED && *its_line != MAP_FAILED);
	close(fd);
}

/* A holder, two threads in line and a queue, all of which are killed. */
static void keep_what_the_dead_left(const struct ksem_attr *attr)
{
	char *page, *its_line;
	pid_t children[4];

	world = enter();
	OK(ksem_open_attr(world.proc, NAME, O_CREAT | O_EXCL, 0600, attr, LIMIT, &id));
	store_seq(&board->ready, 0);
	children[0] = start_process(hold_all);
	while (load_seq(&board->ready) == 0)
		usleep(200);
	for (unsigned i = 1; i < 4; i++) {
		children[i] = start_process(i < 3 ? wait_for_two : wait_in_queue);
		until_waiting(world.proc, id, i);
	}
	for (unsigned i = 4; i-- > 0;)
		kill_and_reap(children[i]);
	map_file(&page, &its_line);
	memcpy(first_page, page, PAGE_BYTES);
	memcpy(line, its_line, IN_USE);
	munmap(page, PAGE_BYTES);
	munmap(its_line, IN_USE);
	OK(ksem_unlink(world.proc, NAME));
	world_end(&world);
}

/* The same in a new file, but for a word or two. */
static void scribble(struct random *random)
{
	static const uint32_t noise[] = {0, 1, UINT32_MAX, 8, 9, 10, 11, 0x10000a, 0x200009, 0x80000000, LIMIT};
	int fd = open(path_of(NAME), O_RDWR | O_CREAT | O_EXCL, 0600);
	char *page, *its_line;

	MUST(fd >= 0 && ftruncate(fd, FILE_BYTES) == 0);
	close(fd);
	map_file(&page, &its_line);
	memcpy(page, first_page, PAGE_BYTES);
	memcpy(its_line, line, IN_USE);
	for (unsigned i = 0; i <= random_below(random, 2); i++) {
		unsigned at = random_below(random, 2) ? random_below(random, 64) : 256 + random_below(random, 8 * 16);
		uint32_t *word = (uint32_t *)its_line + at, one = UINT32_C(1) << random_below(random, 32);
		unsigned how = random_below(random, sizeof(noise) / sizeof(*noise) + 4);

		board->at[i] = (uint32_t)(at * sizeof(*word));
		*word = how < sizeof(noise) / sizeof(*noise) ? noise[how] : *word ^ one;
		board->is[i] = *word;
	}
	munmap(page, PAGE_BYTES);
	munmap(its_line, IN_USE);
}

static int look(const struct ksem_holder *holder, void *arg)
{
	(void)holder;
	(void)arg;
	return 0;
}

#define CALL(...) (alarm(A_CALL), board->call = #__VA_ARGS__, (void)(__VA_ARGS__))

/* What the calls answer doesn't matter. */
static void call_all(void)
{
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 1);
	struct ksem_completion done;
	struct ksem_cq *cq;
	struct ksem_info info;
	unsigned value, n;
	ksem_id_t other;

	world = enter();
	if (ksem_open(world.proc, NAME, 0, 0, 0, &id) != 0)
		return;
	MUST(ksem_cq_create(world.proc, &cq) == 0);
	CALL(ksem_stat(world.proc, id, &info));
	CALL(ksem_getvalue(world.proc, id, &value));
	CALL(ksem_trywait(world.proc, id));
	CALL(ksem_trywait_many(world.proc, id, 3));
	CALL(ksem_post(world.proc, id));
	CALL(ksem_post_many(world.proc, id, 2));
	CALL(ksem_wait_many(world.proc, id, 2, CLOCK_MONOTONIC, &soon));
	CALL(ksem_cq_submit(cq, id, 2, CLOCK_MONOTONIC, &soon, 0));
	CALL(ksem_cq_reap(cq, &done, 1, &n));
	CALL(ksem_holders(world.proc, id, look, NULL));
	CALL(ksem_set_limit(world.proc, id, LIMIT + 2));
	CALL(ksem_cq_destroy(cq));
	CALL(ksem_shutdown(world.proc, id));
	CALL(ksem_wait_many(world.proc, id, LIMIT + 2, CLOCK_MONOTONIC, &soon));
	CALL(ksem_unlink(world.proc, NAME));
	CALL(ksem_destroy(world.proc, id));
	CALL(ksem_close(world.proc, id));
	MUST(ksem_open(world.proc, "/good", O_CREAT, 0600, 1, &other) == 0);
	MUST(ksem_wait(world.proc, other) == 0 && ksem_post(world.proc, other) == 0);
}

static void no_nonsense_keeps_a_call_for_ever(const struct ksem_attr *attr)
{
	struct random random = random_new();

	keep_what_the_dead_left(attr);
	for (unsigned i = 0; i < TRIES; i++) {
		int status;
		pid_t child;

		board->at[1] = UNKNOWN;
		scribble(&random);
		child = start_process(call_all);
		MUST(waitpid(child, &status, 0) == child);
		if (status != 0)
			print_error("%s: status %d, after %u at %u, %u at %u\n", board->call, status, board->is[0],
				    board->at[0], board->is[1], board->at[1]);
		assert_int_equal(status, 0);
		unlink(path_of(NAME));
	}
}

static void nonsense_among_barging(void **state)
{
	(void)state;
	no_nonsense_keeps_a_call_for_ever(ATTR(.limit = LIMIT, .flags = KSEM_UNDO));
}

static void nonsense_first_in_first_out(void **state)
{
	(void)state;
	no_nonsense_keeps_a_call_for_ever(ATTR(.limit = LIMIT, .order = KSEM_FIFO, .flags = KSEM_UNDO));
}

static void nonsense_last_in_first_out(void **state)
{
	(void)state;
	no_nonsense_keeps_a_call_for_ever(ATTR(.limit = LIMIT, .order = KSEM_LIFO));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		board_test(nonsense_among_barging),
		board_test(nonsense_first_in_first_out),
		board_test(nonsense_last_in_first_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
