/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What calls have collected: see collected.h.
 */
#include "object/collected.h"

#include <pthread.h>

static pthread_key_t innermost_key; /* constant after start */
static bool key_is_there;           /* constant after start; without a key, nothing is freed when a thread ends */

static void free_all(void *innermost)
{
	struct collected *collected = innermost;

	while (collected) {
		struct collected *outer = collected->outer;

		collected->free(collected);
		collected = outer;
	}
}

__attribute__((constructor)) static void start(void)
{
	key_is_there = pthread_key_create(&innermost_key, free_all) == 0;
}

bool collected_begin(struct collected *collected, void (*free)(struct collected *collected))
{
	collected->free = free;
	if (!key_is_there)
		return true;
	collected->outer = pthread_getspecific(innermost_key);
	return pthread_setspecific(innermost_key, collected) == 0;
}

void collected_end(struct collected *collected)
{
	if (key_is_there)
		pthread_setspecific(innermost_key, collected->outer);
	collected->free(collected);
}
