/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Liveness: see liveness.h.
 */
#include "shared/liveness.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static struct flock byte_lock(short type, uint64_t liveness)
{
	return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)liveness, .l_len = 1};
}

/* 61 random bits. No two processes will ever have the same. */
static uint64_t random_place(void)
{
	uint64_t place = 0;
	struct timespec now;

	if (getrandom(&place, sizeof(place), GRND_NONBLOCK) != sizeof(place)) { /* the machine has just started */
		clock_gettime(CLOCK_MONOTONIC, &now);
		place = ((uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec ^ (uint64_t)getpid() << 16) *
			UINT64_C(0x9E3779B97F4A7C15);
	}
	return place >> 3;
}

/* Locks the byte. 0: the kernel gave no lock; errno says why. */
static uint64_t lock_place(int fd, uint64_t place)
{
	struct flock lock = byte_lock(F_RDLCK, place);

	return fcntl(fd, F_OFD_SETLK, &lock) == 0 ? place : 0;
}

static uint64_t lock_a_place(int fd)
{
	return lock_place(fd, random_place() | LIVENESS_SINGLE);
}

/* Takes a joint liveness, with that mark or 0. 0: as above. */
static uint64_t lock_a_joint_place(int fd, uint64_t mark)
{
	uint64_t namespace = lifetime_namespace();

	return lock_place(fd, (random_place() & LIVENESS_JOINT_RANDOM) | mark | namespace << LIVENESS_NAMESPACE_SHIFT);
}

static void set_liveness(struct directory *directory, uint64_t liveness)
{
	store_rlx(&directory->liveness, liveness); /* relaxed: as in directory_liveness */
}

int liveness_begin(struct directory *directory)
{
	int saved = errno;
	int error = 0;
	uint64_t place = lock_a_place(directory_fd_unchecked(directory));

	if (!place)
		error = errno;
	else
		set_liveness(directory, place);
	errno = saved;
	return error;
}

/* No record has the one before yet. */
void liveness_begin_for_program(struct directory *directory)
{
	struct flock before = byte_lock(F_UNLCK, directory_liveness(directory));
	int saved = errno;
	uint64_t place = 0;

	if (lifetime_namespace() != 0)
		place = lock_a_joint_place(directory_fd_unchecked(directory), LIVENESS_OF_PROGRAM);
	if (place) {
		set_liveness(directory, place);
		fcntl(directory_fd_unchecked(directory), F_OFD_SETLK, &before);
	}
	errno = saved;
}

int liveness_ensure(struct directory *directory)
{
	int saved = errno;
	int own, error = 0;

	if (directory_liveness(directory))
		return 0;
	own = directory_open_again(directory);
	if (own < 0) {
		error = errno;
	} else {
		directory_set_fd(directory, own); /* the parent uses the other one, too */
		error = liveness_begin(directory);
	}
	errno = saved;
	return error;
}

/* The kernel's answer counts only if the descriptor is still the directory's. */
bool liveness_is_held(const struct directory *directory, uint64_t liveness)
{
	struct flock lock = byte_lock(F_WRLCK, liveness);
	int saved = errno;
	uint64_t own = directory_liveness(directory);
	bool is = liveness == own ||
		  (liveness_is_shared(liveness) && liveness_is_shared(own)) || /* ours isn't reported */
		  fcntl(directory_fd_unchecked(directory), F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK ||
		  directory_fd(directory) < 0;

	errno = saved;
	return is;
}

/* ---- Around a fork. ---- */

/* Takes a liveness for a child that will share this process's description. 0: it couldn't. */
static uint64_t share_description(struct directory *directory)
{
	uint64_t own = directory_liveness(directory);

	if (!own || directory_fd(directory) < 0)
		return 0;
	if (!liveness_is_shared(own))
		own = lock_a_joint_place(directory_fd_unchecked(directory), 0);
	if (!own)
		return 0;
	set_liveness(directory, own);
	return lock_a_joint_place(directory_fd_unchecked(directory), 0);
}

void liveness_before_fork(struct directory *directory)
{
	int saved = errno;

	if (!directory_has_fd(directory, directory->spare))
		directory->spare = directory_open_again(directory);
	directory->heir = directory->spare >= 0 ? lock_a_place(directory->spare) : share_description(directory);
	errno = saved;
}

void liveness_parent_after_fork(struct directory *directory)
{
	int saved = errno;

	if (directory->heir) {
		directory_close_fd(directory,
				   directory->spare); /* from now on only the child has it, if there is a child */
		directory->spare = directory_open_again(directory);
	}
	directory->heir = 0;
	errno = saved;
}

void liveness_child_after_fork(struct directory *directory, bool prepared)
{
	int saved = errno;
	int spare = directory->spare;

	set_liveness(directory, 0);
	directory->pids = lifetime_pids();
	store_rlx(&directory->away, false); /* relaxed: the child has one thread */
	directory->spare = -1;
	if (prepared && directory->heir && liveness_is_joint(directory->heir)) {
		set_liveness(directory, directory->heir);
	} else if (prepared && directory->heir && directory_has_fd(directory, spare)) {
		directory_set_fd(directory, spare);
		set_liveness(directory, directory->heir);
	} else {
		liveness_ensure(directory);
		directory_close_fd(directory, spare); /* the parent's */
	}
	directory->heir = 0;
	directory->spare = directory_open_again(directory);
	errno = saved;
}
