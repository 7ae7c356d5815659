/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every call of a sequence goes through: see run.h.
 */
#include "run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ERRNO 4711 /* before each call */

struct run run;

void __attribute__((format(printf, 1, 2), noreturn)) differs(const char *format, ...)
{
	va_list args;

	if (run.quiet)
		_exit(SEQUENCE_DIFFERS);
	fprintf(stderr, "call %u, %s: ", run.number, run.name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	abort();
}

void __attribute__((format(printf, 2, 3))) calling(const char *name, const char *format, ...)
{
	va_list args;

	run.name = name;
	run.number++;
	if (run.print) {
		printf("%3u %s(", run.number, name);
		va_start(args, format);
		vprintf(format, args);
		va_end(args);
		printf(")");
	}
	errno = ERRNO;
}

void answered(int answer, int expected)
{
	if (run.print)
		printf(" = %d\n", answer);
	if (answer != expected)
		differs("answered %d, not %d", answer, expected);
	if (errno != ERRNO)
		differs("errno became %d", errno);
}

void untouched(const void *output, size_t size)
{
	const uint8_t *bytes = output;

	for (size_t i = 0; i < size; i++) {
		if (bytes[i] != UNTOUCHED)
			differs("failed, and byte %zu of its output changed", i);
	}
}

void same_info(const struct ksem_info *shown, const struct model_sem *sem)
{
	struct ksem_info info;

	model_describe(sem, &info);
	if (!sem->opened)
		info.mode = shown->mode; /* the contract gives anonymous semaphores none */
	if (shown->id != info.id || strcmp(shown->name, info.name) != 0 || shown->value != info.value ||
	    shown->waiters != info.waiters || shown->refs != info.refs || shown->uid != info.uid ||
	    shown->gid != info.gid || shown->mode != info.mode || shown->limit != info.limit ||
	    shown->order != info.order || shown->flags != info.flags || shown->held != info.held)
		differs("shows id %llx '%s' value %u waiters %u refs %u uid %u gid %u mode %o, not "
			"id %llx '%s' value %u waiters %u refs %u uid %u gid %u mode %o; "
			"and limit %u order %u flags %x held %u, not limit %u order %u flags %x held %u",
			(unsigned long long)shown->id, shown->name, shown->value, shown->waiters, shown->refs,
			shown->uid, shown->gid, shown->mode, (unsigned long long)info.id, info.name, info.value,
			info.waiters, info.refs, info.uid, info.gid, info.mode, shown->limit, shown->order,
			shown->flags, shown->held, info.limit, info.order, info.flags, info.held);
}

struct proc_pair *any_proc(void)
{
	unsigned drawn = byte();

	return &run.procs[drawn == UINT8_MAX ? PROCESSES : drawn % PROCESSES];
}

struct ns_pair *any_namespace(void)
{
	unsigned drawn = byte();

	return &run.namespaces[drawn == UINT8_MAX ? NAMESPACES : drawn % NAMESPACES];
}

struct pin_pair *any_pin(void)
{
	return &run.pins[byte() % PINS];
}

struct cq_pair *any_queue(void)
{
	unsigned drawn = byte();

	return &run.queues[drawn == UINT8_MAX ? QUEUES : drawn % QUEUES];
}

ksem_id_t any_id(void)
{
	unsigned drawn = byte();
	ksem_id_t id;

	if (drawn == UINT8_MAX)
		return number_of_bytes(8);
	if (drawn == UINT8_MAX - 1 || run.id_count == 0)
		return 0;
	id = run.ids[run.id_count - 1 - drawn % run.id_count];
	return drawn == UINT8_MAX - 2 ? id ^ UINT64_C(1) << byte() % 64 : id;
}
