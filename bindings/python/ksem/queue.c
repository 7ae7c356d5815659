/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The type Queue: a completion queue of one place. ksem/aio.py has one for each place and event loop.
 *
 * No call here waits, so none releases the GIL.
 */
#include "binding.h"

struct queue {
	PyObject_HEAD struct place *place;
	struct ksem_cq *cq; /* NULL: closed */
	struct ksem_completion completions[64];
	unsigned int next, end; /* completions[next] to [end - 1] were reaped, and Python hasn't seen them yet */
};

PyObject *queue_new(PyObject *type, struct semaphore *semaphore)
{
	struct queue *self = (struct queue *)PyType_GenericNew((PyTypeObject *)(void *)type, NULL, NULL);
	int error;

	if (!self)
		return NULL;
	error = ksem_cq_create(semaphore->place->proc, &self->cq);
	if (error) {
		Py_DECREF(self);
		return fail(error, NULL);
	}
	self->place = place_ref(semaphore->place);
	return (PyObject *)self;
}

static struct queue *open_queue(PyObject *object)
{
	struct queue *self = (struct queue *)object;

	if (self->cq)
		return self;
	PyErr_SetString(PyExc_ValueError, "the queue is closed");
	return NULL;
}

/* As many as go: another thread may have posted some of a semaphore with KSEM_UNDO meanwhile. */
static void give_back(struct ksem_proc *proc, ksem_id_t id, unsigned int count)
{
	for (unsigned int step = count; step > 0;) {
		if (ksem_post_many(proc, id, step) == 0) {
			count -= step;
			step = step < count ? step : count;
		} else {
			step /= 2;
		}
	}
}

/* Permits that were granted and not reaped go back to their semaphores. */
static void end(struct queue *self)
{
	for (; self->next < self->end; self->next++) {
		const struct ksem_completion *left = &self->completions[self->next];

		if (!left->error)
			give_back(self->place->proc, left->id, left->count);
	}
	if (self->cq)
		ksem_cq_destroy(self->cq);
	self->cq = NULL;
	if (self->place)
		place_unref(self->place);
	self->place = NULL;
}

static void queue_dealloc(PyObject *object)
{
	PyTypeObject *type = Py_TYPE(object);

	end((struct queue *)object);
	((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
	Py_DECREF(type);
}

static PyObject *queue_close(PyObject *object, PyObject *unused)
{
	(void)unused;
	end((struct queue *)object);
	Py_RETURN_NONE;
}

static PyObject *queue_fileno(PyObject *object, PyObject *unused)
{
	struct queue *self = open_queue(object);

	(void)unused;
	return self ? PyLong_FromLong(ksem_cq_fd(self->cq)) : NULL;
}

/* rest: (count, timeout, token) */
PyObject *queue_submit(PyObject *queue, struct semaphore *semaphore, PyObject *rest)
{
	struct queue *self = open_queue(queue);
	struct patience patience;
	unsigned long long token;
	unsigned int count;
	int error;

	if (!self || !semaphore_open(semaphore) ||
	    !PyArg_ParseTuple(rest, "O&O&K", as_count, &count, as_patience, &patience, &token))
		return NULL;
	if (self->place != semaphore->place) {
		PyErr_SetString(PyExc_ValueError, "the queue is for semaphores of another place");
		return NULL;
	}
	error = ksem_cq_submit(self->cq, semaphore->id, count, CLOCK_MONOTONIC,
			       patience.is_endless ? NULL : &patience.deadline, token);
	if (error)
		return fail(error, NULL);
	Py_RETURN_NONE;
}

/* cancel(token): whether there was a wait that could still be cancelled. */
static PyObject *queue_cancel(PyObject *object, PyObject *number)
{
	struct queue *self = open_queue(object);
	unsigned long long token;
	int error;

	if (!self)
		return NULL;
	token = PyLong_AsUnsignedLongLong(number);
	if (token == (unsigned long long)-1 && PyErr_Occurred())
		return NULL;
	error = ksem_cq_cancel(self->cq, token);
	if (error && error != ENOENT)
		return fail(error, NULL);
	return PyBool_FromLong(!error);
}

/*
 * reap(): the next (token, error number), or None. A completion counts as seen once Python has it: one that got lost
 * for lack of memory would be a permit that nobody has.
 */
static PyObject *queue_reap(PyObject *object, PyObject *unused)
{
	struct queue *self = open_queue(object);
	const struct ksem_completion *next;
	PyObject *result;
	int error;

	(void)unused;
	if (!self)
		return NULL;
	if (self->next == self->end) {
		self->next = self->end = 0;
		error = ksem_cq_reap(self->cq, self->completions,
				     sizeof(self->completions) / sizeof(*self->completions), &self->end);
		if (error)
			return fail(error, NULL);
		if (self->end == 0)
			Py_RETURN_NONE;
	}
	next = &self->completions[self->next];
	result = Py_BuildValue("(Ki)", (unsigned long long)next->user_data, next->error);
	if (result)
		self->next++;
	return result;
}

PyObject *queue_type(void)
{
	static PyMethodDef methods[] = {
		{"fileno", queue_fileno, METH_NOARGS, NULL},
		{"cancel", queue_cancel, METH_O, NULL},
		{"reap", queue_reap, METH_NOARGS, NULL},
		{"close", queue_close, METH_NOARGS, NULL},
		{NULL, NULL, 0, NULL},
	};
	static PyType_Slot slots[] = {
		{Py_tp_doc, "A completion queue; see ksem.aio."},
		{Py_tp_dealloc, queue_dealloc},
		{Py_tp_methods, methods},
		{0, NULL},
	};
	static PyType_Spec spec = {
		.name = "ksem._ksem.Queue",
		.basicsize = sizeof(struct queue),
		.flags = Py_TPFLAGS_DEFAULT,
		.slots = slots,
	};

	return PyType_FromSpec(&spec);
}
