/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program that has the permits of the process that starts it: for `ksem run`.
 *
 * The starter takes permits of semaphores with KSEM_UNDO, and makes a child that executes a program. From then on the
 * permits come back as soon as the program has ended, however that and the starter end, and not before. The starter may
 * give them back itself when the program has ended. No further process is needed.
 *
 * How it works. The child is made without fork handlers, so records, accounts and the description of the directory are
 * the starter's still. Just before it executes the program, it writes itself into them: pid and lifetime
 * (os/lifetime.h). It leaves out which program it executes, so that it may execute others. And it lets the program
 * inherit the description, by a descriptor that the program doesn't use.
 *
 * So others see the holder live as long as the child's lifetime lasts, whatever descriptors the program closes, and
 * whatever its own children keep open. In another pid namespace nobody can look at a lifetime. There the lock decides,
 * which the starter, the program and the program's children have in common. Without /proc, it decides everywhere.
 *
 * The starter must not end between the child's begin and the end of program_begin, or else the child must not execute
 * the program: until then the permits go by the starter's life. `ksem run` has the kernel kill the child (PDEATHSIG). A
 * process that looks reads the record before the account, and asks about the process in between. So it finds the child
 * in one of the two, unless the starter ended before the child wrote.
 */
#ifndef KSEM_SHARED_PROGRAM_H
#define KSEM_SHARED_PROGRAM_H

struct ksem_ns;

/* For a namespace in which nothing is open yet: what is opened from now on can be a program's. */
void program_prepare(struct ksem_ns *ns);

/* In the child. The semaphores can't be used afterwards. */
void program_begin(struct ksem_ns *ns);

#endif
