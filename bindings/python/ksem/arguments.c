/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between Python's objects and the library's numbers: arguments, deadlines, and exceptions.
 *
 * The exceptions are made by ksem._errors, in Python. So the extension needs no state for them.
 */
#include "binding.h"

#include <math.h>

#define LONGEST 9e9 /* seconds: 285 years. As nanoseconds they fit in 64 bits */

PyObject *fail(int error, PyObject *about)
{
	PyObject *errors = PyImport_ImportModule("ksem._errors");
	PyObject *made = NULL;

	if (errors)
		made = PyObject_CallMethod(errors, "exception", "iO", error, about ? about : Py_None);
	if (made)
		PyErr_SetObject((PyObject *)Py_TYPE(made), made);
	Py_XDECREF(made);
	Py_XDECREF(errors);
	return NULL;
}

int must_be(PyObject *object, PyObject *type)
{
	if (PyObject_TypeCheck(object, (PyTypeObject *)(void *)type))
		return 1;
	PyErr_Format(PyExc_TypeError, "%R isn't a %R", object, type);
	return 0;
}

static int as_number(PyObject *number, unsigned int least, unsigned int *value)
{
	PyObject *index = PyNumber_Index(number);
	long long whole;
	int overflow;

	if (!index)
		return 0;
	whole = PyLong_AsLongLongAndOverflow(index, &overflow);
	Py_DECREF(index);
	if (overflow || whole < least || whole > KSEM_VALUE_MAX) {
		PyErr_Format(PyExc_ValueError, "%R isn't from %u to %u", number, least, KSEM_VALUE_MAX);
		return 0;
	}
	*value = (unsigned int)whole;
	return 1;
}

int as_value(PyObject *number, void *value)
{
	return as_number(number, 0, value);
}

int as_count(PyObject *number, void *count)
{
	return as_number(number, 1, count);
}

int as_patience(PyObject *timeout, void *patience)
{
	struct patience *result = patience;
	double seconds;

	result->is_endless = true;
	if (timeout == Py_None)
		return 1;
	seconds = PyFloat_AsDouble(timeout);
	if (seconds == -1 && PyErr_Occurred())
		return 0;
	if (isnan(seconds)) {
		PyErr_SetString(PyExc_ValueError, "a timeout must be a number of seconds");
		return 0;
	}
	if (seconds >= LONGEST)
		return 1;
	result->is_endless = false;
	result->deadline = ksem_deadline_after(seconds > 0 ? (uint64_t)ceil(seconds * 1e9) : 0);
	return 1;
}
