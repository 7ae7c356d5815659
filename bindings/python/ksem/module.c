/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The module ksem._ksem: its types, and the functions that need more than one of them.
 */
#include "binding.h"

struct state {
	PyObject *semaphore_type;
	PyObject *queue_type;
};

static struct state *state_of(PyObject *module)
{
	return PyModule_GetState(module);
}

/* queue(semaphore): a queue for the semaphores of its place */
static PyObject *module_queue(PyObject *module, PyObject *semaphore)
{
	if (!must_be(semaphore, state_of(module)->semaphore_type) || !semaphore_open((struct semaphore *)semaphore))
		return NULL;
	return queue_new(state_of(module)->queue_type, (struct semaphore *)semaphore);
}

/* submit(queue, semaphore, count, timeout, token) */
static PyObject *module_submit(PyObject *module, PyObject *args)
{
	PyObject *queue = PyTuple_GetItem(args, 0), *semaphore = queue ? PyTuple_GetItem(args, 1) : NULL;
	PyObject *rest, *result;

	if (!semaphore || !must_be(queue, state_of(module)->queue_type) ||
	    !must_be(semaphore, state_of(module)->semaphore_type))
		return NULL;
	rest = PyTuple_GetSlice(args, 2, PyTuple_Size(args));
	if (!rest)
		return NULL;
	result = queue_submit(queue, (struct semaphore *)semaphore, rest);
	Py_DECREF(rest);
	return result;
}

/* wait_any(semaphores, timeout) */
static PyObject *module_wait_any(PyObject *module, PyObject *args)
{
	return wait_any(state_of(module)->semaphore_type, args);
}

/* unlink(name, dir): bytes; or dir is None, for the default directory */
static PyObject *module_unlink(PyObject *module, PyObject *args)
{
	PyObject *name, *dir;
	struct place *place;
	int error;

	(void)module;
	if (!PyArg_ParseTuple(args, "SO:unlink", &name, &dir))
		return NULL;
	place = dir == Py_None ? place_default() : place_directory(dir);
	if (!place)
		return NULL;
	error = ksem_unlink(place->proc, PyBytes_AsString(name));
	place_unref(place);
	if (error)
		return fail(error, name);
	Py_RETURN_NONE;
}

static int traverse(PyObject *module, visitproc visit, void *arg)
{
	struct state *state = state_of(module);

	if (state) {
		Py_VISIT(state->semaphore_type);
		Py_VISIT(state->queue_type);
	}
	return 0;
}

static int clear(PyObject *module)
{
	struct state *state = state_of(module);

	if (state) {
		Py_CLEAR(state->semaphore_type);
		Py_CLEAR(state->queue_type);
	}
	return 0;
}

static void free_module(void *module)
{
	clear(module);
}

/* Gives the module a reference of its own: PyModule_AddObject takes one, if it succeeds. */
static int add(PyObject *module, const char *name, PyObject *object)
{
	if (!object)
		return -1;
	Py_INCREF(object);
	if (PyModule_AddObject(module, name, object)) {
		Py_DECREF(object);
		return -1;
	}
	return 0;
}

static int exec(PyObject *module)
{
	struct state *state = state_of(module);

	state->semaphore_type = semaphore_type();
	state->queue_type = queue_type();
	if (add(module, "Semaphore", state->semaphore_type) || add(module, "Queue", state->queue_type))
		return -1;
	if (PyModule_AddStringConstant(module, "version", ksem_version()) ||
	    PyModule_AddIntConstant(module, "UNDO", KSEM_UNDO) ||
	    PyModule_AddIntConstant(module, "METRICS", KSEM_METRICS) ||
	    PyModule_AddIntConstant(module, "SHUTDOWN", KSEM_SHUTDOWN))
		return -1;
	return 0;
}

PyMODINIT_FUNC PyInit__ksem(void);

PyMODINIT_FUNC PyInit__ksem(void)
{
	static PyMethodDef functions[] = {
		{"queue", module_queue, METH_O, NULL},
		{"submit", module_submit, METH_VARARGS, NULL},
		{"unlink", module_unlink, METH_VARARGS, NULL},
		{"wait_any", module_wait_any, METH_VARARGS, NULL},
		{NULL, NULL, 0, NULL},
	};
	static PyModuleDef_Slot slots[] = {
		{Py_mod_exec, exec},
		{0, NULL},
	};
	static struct PyModuleDef module = {
		PyModuleDef_HEAD_INIT,
		.m_name = "ksem._ksem",
		.m_doc = "The calls of ksem.h. Use the package ksem.",
		.m_size = sizeof(struct state),
		.m_methods = functions,
		.m_slots = slots,
		.m_traverse = traverse,
		.m_clear = clear,
		.m_free = free_module,
	};

	return PyModuleDef_Init(&module);
}
