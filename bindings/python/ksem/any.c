/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wait_any: a permit of one of several semaphores. As each wait of this module, it first tries with the GIL held
 * (semaphore.c).
 */
#include "binding.h"

/* The semaphores of a wait, which their tuple keeps, and with them their place. */
struct several {
	PyObject *tuple;
	struct ksem_proc *proc;
	ksem_id_t ids[KSEM_ANY_MAX];
	unsigned int n;
};

static int is_wrong(const char *what)
{
	PyErr_SetString(PyExc_ValueError, what);
	return 0;
}

/* False, with an exception: a wait can't be for these. */
static int as_several(PyObject *tuple, PyObject *type, struct several *several)
{
	const Py_ssize_t n = PyTuple_Size(tuple);

	if (n < 1 || n > KSEM_ANY_MAX)
		return is_wrong("a wait is for 1 to 64 semaphores");
	several->tuple = tuple;
	several->n = (unsigned int)n;
	for (Py_ssize_t i = 0; i < n; i++) {
		struct semaphore *one = (struct semaphore *)PyTuple_GetItem(tuple, i);

		if (!must_be((PyObject *)one, type) || !semaphore_open(one))
			return 0;
		if (i == 0)
			several->proc = one->place->proc;
		if (one->place->proc != several->proc)
			return is_wrong("a wait is for semaphores of one directory, or for those without a name");
		several->ids[i] = one->id;
	}
	return 1;
}

/* As wait_for in semaphore.c. */
static int wait_for_one(const struct several *several, const struct patience *patience, unsigned int *which)
{
	const struct timespec *deadline = patience->is_endless ? NULL : &patience->deadline;
	int error;

	do {
		Py_BEGIN_ALLOW_THREADS error =
			ksem_wait_any(several->proc, several->ids, several->n, CLOCK_MONOTONIC, deadline, which);
		Py_END_ALLOW_THREADS if (error == EINTR && PyErr_CheckSignals()) return -1;
	} while (error == EINTR);
	return error;
}

/* Sets Shutdown, which knows the semaphore. */
static PyObject *fail_shut(PyObject *semaphore)
{
	PyObject *type, *error, *trace;

	fail(ESHUTDOWN, NULL);
	PyErr_Fetch(&type, &error, &trace);
	PyErr_NormalizeException(&type, &error, &trace);
	if (PyObject_SetAttrString(error, "semaphore", semaphore))
		PyErr_Clear(); /* the exception says enough without it */
	PyErr_Restore(type, error, trace);
	return NULL;
}

/* The semaphore, or None, or an exception. After a take nothing may fail. */
static PyObject *answer(const struct several *several, int error, unsigned int which)
{
	PyObject *semaphore;

	switch (error) {
	case -1:
		return NULL;
	case 0:
	case ESHUTDOWN:
		semaphore = PyTuple_GetItem(several->tuple, (Py_ssize_t)which);
		if (error)
			return fail_shut(semaphore);
		Py_INCREF(semaphore);
		return semaphore;
	case ETIMEDOUT:
		Py_RETURN_NONE;
	case EINVAL:
		is_wrong("a semaphore was closed meanwhile");
		return NULL;
	default:
		return fail(error, NULL);
	}
}

static PyObject *wait_in(PyObject *tuple, PyObject *type, const struct patience *patience)
{
	struct several several;
	unsigned int which = 0;
	int error;

	if (!as_several(tuple, type, &several))
		return NULL;
	error = ksem_trywait_any(several.proc, several.ids, several.n, &which);
	if (error == EAGAIN)
		error = wait_for_one(&several, patience, &which);
	return answer(&several, error, which);
}

PyObject *wait_any(PyObject *type, PyObject *args)
{
	struct patience patience;
	PyObject *semaphores, *tuple, *result;

	if (!PyArg_ParseTuple(args, "OO&:wait_any", &semaphores, as_patience, &patience))
		return NULL;
	tuple = PySequence_Tuple(semaphores);
	if (!tuple)
		return NULL;
	result = wait_in(tuple, type, &patience);
	Py_DECREF(tuple);
	return result;
}
