/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Workers take paths from the queue and hash the files with libcrypto. They never have more files open than the limit
 * allows. Each worker keeps its results to itself until its thread has ended, so they need no lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "treehash.h"

#define BUFFER_BYTES (128 * 1024)

struct hasher {
	EVP_MD *sha256;
	EVP_MD_CTX *context;
	char *buffer;
};

static void crypto_must(int ok)
{
	if (ok == 1)
		return;
	fprintf(stderr, "treehash: libcrypto can't compute SHA-256\n");
	exit(EXIT_FAILURE);
}

static void hasher_make(struct hasher *hasher)
{
	hasher->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	crypto_must(hasher->sha256 != NULL);
	hasher->context = need(EVP_MD_CTX_new());
	hasher->buffer = need(malloc(BUFFER_BYTES));
}

static void hasher_free(struct hasher *hasher)
{
	free(hasher->buffer);
	EVP_MD_CTX_free(hasher->context);
	EVP_MD_free(hasher->sha256);
}

/* Sets the file's digest and size by reading all of it from fd. 0, or an error number. */
static int hash_open_file(struct hasher *hasher, struct file *file, int fd)
{
	ssize_t n;

	crypto_must(EVP_DigestInit_ex(hasher->context, hasher->sha256, NULL));
	while ((n = read(fd, hasher->buffer, BUFFER_BYTES)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		crypto_must(EVP_DigestUpdate(hasher->context, hasher->buffer, (size_t)n));
		file->bytes += (uint64_t)n;
	}
	crypto_must(EVP_DigestFinal_ex(hasher->context, file->digest, NULL));
	return 0;
}

static int hash_file(struct hasher *hasher, struct file *file)
{
	int fd = open(file->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int error;

	if (fd < 0)
		return errno;
	error = hash_open_file(hasher, file, fd);
	close(fd);
	return error;
}

static void keep(struct worker *worker, const struct file *file)
{
	if (worker->count == worker->room) {
		worker->room = worker->room ? 2 * worker->room : 256;
		worker->files = need(reallocarray(worker->files, worker->room, sizeof(*worker->files)));
	}
	worker->files[worker->count++] = *file;
}

void *worker_run(void *arg)
{
	struct worker *worker = arg;
	struct hasher hasher;
	char *path;

	hasher_make(&hasher);
	while ((path = queue_take(worker->queue, worker->proc))) {
		struct file file = {.path = path, .bytes = 0};
		int error;

		limit_enter(worker->limit, worker->proc);
		error = hash_file(&hasher, &file);
		limit_leave(worker->limit, worker->proc);
		if (!error) {
			keep(worker, &file);
		} else {
			fprintf(stderr, "treehash: %s: %s\n", path, strerror(error));
			worker->unreadable++;
			free(path);
		}
	}
	hasher_free(&hasher);
	return NULL;
}

void to_hex(const unsigned char digest[DIGEST_BYTES], char hex[HEX_BYTES])
{
	for (int i = 0; i < DIGEST_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

void digest_of_all(const struct file *files, size_t count, unsigned char digest[DIGEST_BYTES])
{
	struct hasher hasher;
	char hex[HEX_BYTES];

	hasher_make(&hasher);
	crypto_must(EVP_DigestInit_ex(hasher.context, hasher.sha256, NULL));
	for (size_t i = 0; i < count; i++) {
		to_hex(files[i].digest, hex);
		crypto_must(EVP_DigestUpdate(hasher.context, hex, HEX_BYTES - 1));
		crypto_must(EVP_DigestUpdate(hasher.context, "  ", 2));
		crypto_must(EVP_DigestUpdate(hasher.context, files[i].path, strlen(files[i].path)));
		crypto_must(EVP_DigestUpdate(hasher.context, "\n", 1));
	}
	crypto_must(EVP_DigestFinal_ex(hasher.context, digest, NULL));
	hasher_free(&hasher);
}
