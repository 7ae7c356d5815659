/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What <ksem/ksem.h> says, for header.rs to compare: sizes, places of members, constants.
 */
#include <ksem/ksem.h>

#include <stdalign.h>
#include <stdio.h>

static void say(const char *name, unsigned long long number)
{
	printf("%s %llu\n", name, number);
}

#define CONSTANT(name) say(#name, name)
#define MEMBER(type, member)                                                \
	do {                                                                \
		say(#type "." #member, offsetof(struct type, member));      \
		say("sizeof " #type "." #member, sizeof(of_##type.member)); \
	} while (0)
#define STRUCTURE(type)                          \
	static struct type of_##type;            \
	say("sizeof " #type, sizeof(of_##type)); \
	say("alignof " #type, alignof(struct type))

static void attributes(void)
{
	STRUCTURE(ksem_attr);
	MEMBER(ksem_attr, size);
	MEMBER(ksem_attr, limit);
	MEMBER(ksem_attr, order);
	MEMBER(ksem_attr, flags);
	MEMBER(ksem_attr, reserved);
}

static void namespaces(void)
{
	STRUCTURE(ksem_ns_options);
	MEMBER(ksem_ns_options, size);
	MEMBER(ksem_ns_options, dir);
	MEMBER(ksem_ns_options, max_sems);
	MEMBER(ksem_ns_options, max_name);
}

static void processes(void)
{
	STRUCTURE(ksem_cred);
	MEMBER(ksem_cred, uid);
	MEMBER(ksem_cred, gid);
}

static void completions(void)
{
	STRUCTURE(ksem_completion);
	MEMBER(ksem_completion, user_data);
	MEMBER(ksem_completion, id);
	MEMBER(ksem_completion, count);
	MEMBER(ksem_completion, error);
}

static void infos(void)
{
	STRUCTURE(ksem_info);
	MEMBER(ksem_info, id);
	MEMBER(ksem_info, name);
	MEMBER(ksem_info, value);
	MEMBER(ksem_info, waiters);
	MEMBER(ksem_info, refs);
	MEMBER(ksem_info, uid);
	MEMBER(ksem_info, gid);
	MEMBER(ksem_info, mode);
	MEMBER(ksem_info, limit);
	MEMBER(ksem_info, order);
	MEMBER(ksem_info, flags);
	MEMBER(ksem_info, held);
}

static void holders(void)
{
	STRUCTURE(ksem_holder);
	MEMBER(ksem_holder, pid);
	MEMBER(ksem_holder, refs);
	MEMBER(ksem_holder, held);
	MEMBER(ksem_holder, waiting);
	MEMBER(ksem_holder, oldest);
}

static void figures(void)
{
	STRUCTURE(ksem_metrics);
	MEMBER(ksem_metrics, size);
	MEMBER(ksem_metrics, waits);
	MEMBER(ksem_metrics, timeouts);
	MEMBER(ksem_metrics, interrupts);
	MEMBER(ksem_metrics, cancels);
	MEMBER(ksem_metrics, shutdowns);
	MEMBER(ksem_metrics, wait_ns);
	MEMBER(ksem_metrics, wait_max_ns);
	MEMBER(ksem_metrics, undone);
	MEMBER(ksem_metrics, waiters_max);
	MEMBER(ksem_metrics, reserved);
	MEMBER(ksem_metrics, histogram);
}

int main(void)
{
	CONSTANT(KSEM_VALUE_MAX);
	CONSTANT(KSEM_NAME_MAX);
	CONSTANT(KSEM_BARGING);
	CONSTANT(KSEM_FIFO);
	CONSTANT(KSEM_LIFO);
	CONSTANT(KSEM_UNDO);
	CONSTANT(KSEM_METRICS);
	CONSTANT(KSEM_SHUTDOWN);
	say("sizeof ksem_id_t", sizeof(ksem_id_t));
	attributes();
	namespaces();
	processes();
	completions();
	infos();
	holders();
	figures();
	return 0;
}
