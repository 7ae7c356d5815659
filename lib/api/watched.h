/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Some calls have two variants in the shared library: a plain one (any.c, control.c, many.c, permits.c, pins.c,
 * queues.c), and one that informs a tool that watches the program (api/watched.c; base/watch.h). The dynamic loader
 * binds a program to one of them, so the plain one needs no instruction for tools.
 *
 * These are the calls that post, wait, try to take, reap, shut down, or tell the value: by them the tool learns what
 * comes before what. In libksem.a, and where the loader can't choose (musl), there is only the plain variant, and it
 * has the public name.
 */
#ifndef KSEM_API_WATCHED_H
#define KSEM_API_WATCHED_H

#include "base/compiler.h"
#include "ksem/ksem.h"

#ifdef KSEM_WATCHED

/* Comes before the definition of the plain variant, which is written under the public name. */
#define PLAIN HIDDEN

extern PLAIN __typeof__(ksem_post) plain_ksem_post;
extern PLAIN __typeof__(ksem_post_many) plain_ksem_post_many;
extern PLAIN __typeof__(ksem_wait) plain_ksem_wait;
extern PLAIN __typeof__(ksem_trywait) plain_ksem_trywait;
extern PLAIN __typeof__(ksem_clockwait) plain_ksem_clockwait;
extern PLAIN __typeof__(ksem_getvalue) plain_ksem_getvalue;
extern PLAIN __typeof__(ksem_pinned_post) plain_ksem_pinned_post;
extern PLAIN __typeof__(ksem_pinned_post_many) plain_ksem_pinned_post_many;
extern PLAIN __typeof__(ksem_pinned_wait) plain_ksem_pinned_wait;
extern PLAIN __typeof__(ksem_pinned_trywait) plain_ksem_pinned_trywait;
extern PLAIN __typeof__(ksem_pinned_clockwait) plain_ksem_pinned_clockwait;
extern PLAIN __typeof__(ksem_pinned_getvalue) plain_ksem_pinned_getvalue;
extern PLAIN __typeof__(ksem_trywait_many) plain_ksem_trywait_many;
extern PLAIN __typeof__(ksem_trywait_upto) plain_ksem_trywait_upto;
extern PLAIN __typeof__(ksem_pinned_trywait_many) plain_ksem_pinned_trywait_many;
extern PLAIN __typeof__(ksem_pinned_trywait_upto) plain_ksem_pinned_trywait_upto;
extern PLAIN __typeof__(ksem_trywait_any) plain_ksem_trywait_any;
extern PLAIN __typeof__(ksem_wait_any) plain_ksem_wait_any;
extern PLAIN __typeof__(ksem_wait_many) plain_ksem_wait_many;
extern PLAIN __typeof__(ksem_pinned_wait_many) plain_ksem_pinned_wait_many;
extern PLAIN __typeof__(ksem_shutdown) plain_ksem_shutdown;
extern PLAIN __typeof__(ksem_pinned_shutdown) plain_ksem_pinned_shutdown;
extern PLAIN __typeof__(ksem_cq_reap) plain_ksem_cq_reap;

#ifndef KSEM_WATCHED_BOTH /* api/watched.c uses both variants */
#define ksem_post                plain_ksem_post
#define ksem_post_many           plain_ksem_post_many
#define ksem_wait                plain_ksem_wait
#define ksem_trywait             plain_ksem_trywait
#define ksem_clockwait           plain_ksem_clockwait
#define ksem_getvalue            plain_ksem_getvalue
#define ksem_pinned_post         plain_ksem_pinned_post
#define ksem_pinned_post_many    plain_ksem_pinned_post_many
#define ksem_pinned_wait         plain_ksem_pinned_wait
#define ksem_pinned_trywait      plain_ksem_pinned_trywait
#define ksem_pinned_clockwait    plain_ksem_pinned_clockwait
#define ksem_pinned_getvalue     plain_ksem_pinned_getvalue
#define ksem_trywait_many        plain_ksem_trywait_many
#define ksem_trywait_upto        plain_ksem_trywait_upto
#define ksem_pinned_trywait_many plain_ksem_pinned_trywait_many
#define ksem_pinned_trywait_upto plain_ksem_pinned_trywait_upto
#define ksem_trywait_any         plain_ksem_trywait_any
#define ksem_wait_any            plain_ksem_wait_any
#define ksem_wait_many           plain_ksem_wait_many
#define ksem_pinned_wait_many    plain_ksem_pinned_wait_many
#define ksem_shutdown            plain_ksem_shutdown
#define ksem_pinned_shutdown     plain_ksem_pinned_shutdown
#define ksem_cq_reap             plain_ksem_cq_reap
#endif

#else

#define PLAIN PUBLIC

#endif

#endif
