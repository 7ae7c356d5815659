/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of names: see names.h.
 *
 * The thread that adds a name resizes the table, so cds_lfht needs no thread of its own for that. For a large table,
 * liburcu starts threads that share the work. They inherit our signal mask, which is full at that time, so they receive
 * none of the program's signals. The table never shrinks; it takes at most NAMES_BUCKETS_MAX * 16 bytes.
 */
#include "object/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/rcu.h"
#include "base/signals.h"

#define NAMES_BUCKETS_MIN 64
#define NAMES_BUCKETS_MAX (1 << 18)

static struct cds_lfht *table; /* constant once there is a namespace */
static atomic(size_t) count;   /* atomic: names in the table, for its size only */
static atomic(size_t) buckets; /* atomic: the size to which the table was last grown */

/* Is there memory for a table? liburcu ends the program if there is not. */
static bool is_memory_for_table(void)
{
	void *buckets_probe = calloc(NAMES_BUCKETS_MAX, sizeof(struct cds_lfht_node));
	void *table_probe = calloc(1, 4096);
	bool is = buckets_probe && table_probe;

	free(buckets_probe);
	free(table_probe);
	return is;
}

bool names_start(void)
{
	int saved = errno;

	if (!table && is_memory_for_table()) {
		table = cds_lfht_new_flavor(NAMES_BUCKETS_MIN, NAMES_BUCKETS_MAX, NAMES_BUCKETS_MAX, 0, &urcu_bp_flavor,
					    NULL);
		store_rlx(&buckets, NAMES_BUCKETS_MIN); /* relaxed: nobody uses the table yet */
	}
	errno = saved;
	return table != NULL;
}

struct key {
	const struct ksem_ns *ns;
	const char *bytes;
	size_t length;
};

/* The start value depends on the namespace; a last mix is for the table, which uses the low bits. */
static unsigned long hash(const struct key *key)
{
	uint64_t h = hash_bytes(HASH_START ^ (uintptr_t)key->ns, key->bytes, key->length);

	h ^= h >> 32;
	h *= UINT64_C(0x9E3779B97F4A7C15);
	return (unsigned long)(h ^ h >> 32);
}

static int match(struct cds_lfht_node *node, const void *wanted)
{
	const struct name *name = container_of(node, struct name, node);
	const struct key *key = wanted;

	rcu_tell_acquire(node); /* KSEM_ORD_7 acquire */
	return name->ns == key->ns && name->length == key->length && memcmp(name->bytes, key->bytes, key->length) == 0;
}

struct name *name_new(const struct ksem_ns *ns, struct ksem *ksem, const char *bytes, size_t length)
{
	struct name *name = memory_alloc(sizeof(*name) + length, _Alignof(struct name));

	if (!name)
		return NULL;
	cds_lfht_node_init(&name->node);
	name->ns = ns;
	name->ksem = ksem;
	name->length = length;
	memcpy(name->bytes, bytes, length);
	return name;
}

size_t name_bytes(const struct name *name)
{
	return sizeof(*name) + name->length;
}

struct name *names_find(const struct ksem_ns *ns, const char *bytes, size_t length)
{
	struct key key = {ns, bytes, length};
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	cds_lfht_lookup(table, hash(&key), match, &key, &iter);
	node = cds_lfht_iter_get_node(&iter);
	return node ? container_of(node, struct name, node) : NULL;
}

void names_add(struct name *name)
{
	struct key key = {name->ns, name->bytes, name->length};

	rcu_tell_release(&name->node); /* KSEM_ORD_7 release */
	rcu_enter();
	cds_lfht_add_unique(table, hash(&key), match, &key, &name->node);
	rcu_leave();
	fetch_add_rlx(&count, 1); /* relaxed: a size to aim at */
}

bool names_remove(struct name *name)
{
	if (cds_lfht_del(table, &name->node) != 0)
		return false;
	fetch_sub_rlx(&count, 1); /* relaxed: a size to aim at */
	return true;
}

/* Resizes the table, with all signals blocked for the threads that liburcu may start. */
static void resize(size_t size)
{
	int saved_errno = errno;
	sigset_t before = signals_block();

	cds_lfht_resize(table, size);
	signals_restore(before);
	errno = saved_errno;
}

void names_make_room(void)
{
	size_t have = load_rlx(&buckets); /* relaxed: the compare-and-swap checks it */

	if (load_rlx(&count) <= have || have == NAMES_BUCKETS_MAX) /* relaxed: a size to aim at */
		return;
	if (cas_rlx(&buckets, &have, have * 2)) /* relaxed: only decides which thread grows the table */
		resize(have * 2);
}
