/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the Python module ksem._ksem share.
 *
 * The GIL protects all data here. It is released only where a wait must sleep (semaphore.c, any.c). The module uses the
 * limited API of Python 3.9, so one build serves all later versions.
 */
#ifndef KSEM_PYTHON_BINDING_H
#define KSEM_PYTHON_BINDING_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <ksem/ksem.h>

/*
 * A namespace that this OS process uses, and the process in it. All semaphores of one directory share a place. So a
 * semaphore that the program opens twice is one semaphore with two references, as the library has it.
 */
struct place {
	struct place *next;
	struct ksem_proc *proc;
	struct ksem_ns *ns; /* NULL: the place of ksem_private() or of ksem_self(), which is never freed */
	dev_t device;       /* these two tell directories apart */
	ino_t inode;
	Py_ssize_t refs;
};

/* Each returns a new reference, or NULL with an exception. dir is a path, as bytes. */
struct place *place_private(void);
struct place *place_default(void);
struct place *place_directory(PyObject *dir);

struct place *place_ref(struct place *place);
void place_unref(struct place *place);

/* An object of the type Semaphore. */
struct semaphore {
	PyObject_HEAD struct place *place; /* NULL: __init__ didn't succeed */
	ksem_id_t id;
	bool is_named;
	bool is_open;
};

PyObject *semaphore_type(void);

/* The semaphore, if the object is an open one; else NULL with an exception. */
struct semaphore *semaphore_open(struct semaphore *semaphore);

/* wait_any(semaphores, timeout): args has both. type: that of semaphores. */
PyObject *wait_any(PyObject *type, PyObject *args);

PyObject *queue_type(void);

/* A queue for the place of that semaphore. */
PyObject *queue_new(PyObject *type, struct semaphore *semaphore);

/* Begins a wait. rest: the tuple (count, timeout, token). */
PyObject *queue_submit(PyObject *queue, struct semaphore *semaphore, PyObject *rest);

/* Sets the exception for an error number of the library, and returns NULL. about: a name or a path, or NULL. */
PyObject *fail(int error, PyObject *about);

/* Whether the object is of that type, whatever its __class__ says; if not, sets a TypeError. */
int must_be(PyObject *object, PyObject *type);

/* For PyArg_Parse's "O&": a whole number from 0, or from 1, to KSEM_VALUE_MAX; else a ValueError or a TypeError. */
int as_value(PyObject *number, void *value);
int as_count(PyObject *number, void *count);

/* How long a wait may take. */
struct patience {
	bool is_endless;
	struct timespec deadline; /* of CLOCK_MONOTONIC */
};

/* For "O&": None, or seconds, from now on. Below 0 is 0. */
int as_patience(PyObject *timeout, void *patience);

#endif
