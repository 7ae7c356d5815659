/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A semaphore with a line, in this OS process's own memory: one that was made with other than the default attributes.
 */
#ifndef KSEM_PRIVATE_LINED_H
#define KSEM_PRIVATE_LINED_H

#include "line/line.h"
#include "object/kind.h"
#include "object/making.h"

struct lined_metrics;

struct lined {
	struct line_view view;
	struct attributes attributes;  /* constant */
	struct lined_metrics *metrics; /* NULL: not measured */
	struct line line;
};

static inline struct lined *lined_of(const struct ksem *ksem)
{
	return semaphore_cold(&ksem->sem)->instead;
}

extern const struct semaphore_ops lined_semaphore_ops;

/* One that no semaphore has yet. NULL: no memory. */
struct lined *lined_new(const struct making *making);

/* Gives it to a semaphore that was initialized, and that nobody sees yet. */
void lined_give(struct lined *lined, struct ksem *ksem);

/* Frees it, and all that it has. No thread uses it any more. */
void lined_free(struct lined *lined);

/* EINVAL: it is dead. */
int lined_describe(struct ksem *ksem, struct ksem_info *info);

/* In a fork's child. True: it is an orphan, and the caller ends it. */
bool lined_after_fork(struct ksem *ksem);

#endif
