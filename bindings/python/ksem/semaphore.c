/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The type Semaphore: the calls of ksem.h on one semaphore. ksem/__init__.py makes the public class of it.
 *
 * A wait first tries to take with the GIL held, which costs no switch to another thread. Only if there are too few
 * permits does it release the GIL and sleep. A signal ends the sleep with EINTR. Then Python's handlers run, and unless
 * one of them raises an exception, the wait goes on until the same deadline.
 *
 * Semaphores are used by their ids. An id is never used again, so a thread that calls while another closes the
 * semaphore finds that it has none. The place stays until the object is freed, since threads may wait in it.
 */
#include "binding.h"

struct semaphore *semaphore_open(struct semaphore *semaphore)
{
	if (semaphore->is_open)
		return semaphore;
	PyErr_SetString(PyExc_ValueError, "the semaphore is closed");
	return NULL;
}

/* ---- The life of an object ---- */

static struct place *find_place(PyObject *name, PyObject *dir)
{
	if (dir != Py_None)
		return place_directory(dir);
	return name == Py_None ? place_private() : place_default();
}

/* Whether the attributes are the default ones: then the semaphore is made without any, on every processor. */
static const struct ksem_attr *unless_default(const struct ksem_attr *attr)
{
	return attr->limit || attr->order != KSEM_BARGING || attr->flags ? attr : NULL;
}

static int make(struct semaphore *self, PyObject *name, const struct ksem_attr *attr, unsigned int value, int oflag,
		unsigned int mode)
{
	int error;

	self->is_named = name != Py_None;
	if (self->is_named)
		error = ksem_open_attr(self->place->proc, PyBytes_AsString(name), oflag, mode, unless_default(attr),
				       value, &self->id);
	else
		error = ksem_init_attr(self->place->proc, unless_default(attr), value, &self->id);
	self->is_open = !error;
	return error;
}

/* __init__(value, name, dir, limit, order, flags, oflag, mode): names as bytes or None; a limit of 0 is none. */
static int semaphore_init(PyObject *object, PyObject *args, PyObject *keywords)
{
	struct semaphore *self = (struct semaphore *)object;
	struct ksem_attr attr = {.size = sizeof(attr)};
	PyObject *name, *dir;
	unsigned int value, mode;
	int oflag, error;

	if (keywords && PyDict_Size(keywords) > 0) {
		PyErr_SetString(PyExc_TypeError, "no keywords here");
		return -1;
	}
	if (!PyArg_ParseTuple(args, "O&OOO&O&O&iI", as_value, &value, &name, &dir, as_value, &attr.limit, as_value,
			      &attr.order, as_value, &attr.flags, &oflag, &mode))
		return -1;
	if (name != Py_None && !PyBytes_AsString(name))
		return -1;
	if (self->place) {
		PyErr_SetString(PyExc_RuntimeError, "the semaphore was made before");
		return -1;
	}
	self->place = find_place(name, dir);
	if (!self->place)
		return -1;
	error = make(self, name, &attr, value, oflag, mode);
	if (!error)
		return 0;
	place_unref(self->place);
	self->place = NULL;
	fail(error, name);
	return -1;
}

static int end(struct semaphore *self)
{
	int error = 0;

	if (self->is_open)
		error = self->is_named ? ksem_close(self->place->proc, self->id) :
					 ksem_destroy(self->place->proc, self->id);
	if (!error)
		self->is_open = false;
	return error;
}

/*
 * If the semaphore can't end, as waits of a queue are pending, its reference stays with the place. No thread can wait
 * here: it would have a reference to the object.
 */
static void semaphore_dealloc(PyObject *object)
{
	struct semaphore *self = (struct semaphore *)object;
	PyTypeObject *type = Py_TYPE(object);

	if (self->place) {
		end(self);
		place_unref(self->place);
	}
	((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
	Py_DECREF(type);
}

static PyObject *semaphore_close(PyObject *object, PyObject *unused)
{
	const int error = end((struct semaphore *)object);

	(void)unused;
	if (error)
		return fail(error, NULL);
	Py_RETURN_NONE;
}

/* ---- Taking and posting ---- */

static int take(const struct semaphore *self, unsigned int count)
{
	return count == 1 ? ksem_trywait(self->place->proc, self->id) :
			    ksem_trywait_many(self->place->proc, self->id, count);
}

/* 0 or an error number; -1: a signal handler raised an exception. */
static int wait_for(const struct semaphore *self, unsigned int count, const struct patience *patience)
{
	const struct timespec *deadline = patience->is_endless ? NULL : &patience->deadline;
	int error;

	do {
		Py_BEGIN_ALLOW_THREADS error =
			ksem_wait_many(self->place->proc, self->id, count, CLOCK_MONOTONIC, deadline);
		Py_END_ALLOW_THREADS if (error == EINTR && PyErr_CheckSignals()) return -1;
	} while (error == EINTR);
	return error;
}

/* True or False, or an exception. */
static PyObject *answer(int error)
{
	switch (error) {
	case -1:
		return NULL;
	case 0:
		Py_RETURN_TRUE;
	case EAGAIN:
	case ETIMEDOUT:
		Py_RETURN_FALSE;
	case EINVAL:
		PyErr_SetString(PyExc_ValueError, "count is over the limit, or the semaphore was closed meanwhile");
		return NULL;
	default:
		return fail(error, NULL);
	}
}

/* acquire(blocking=True, timeout=None, count=1) */
static PyObject *semaphore_acquire(PyObject *object, PyObject *args, PyObject *keywords)
{
	static char *names[] = {"blocking", "timeout", "count", NULL};
	struct semaphore *self = semaphore_open((struct semaphore *)object);
	struct patience patience = {.is_endless = true};
	PyObject *timeout = Py_None;
	unsigned int count = 1;
	int is_blocking = 1, error;

	if (!self || !PyArg_ParseTupleAndKeywords(args, keywords, "|pOO&:acquire", names, &is_blocking, &timeout,
						  as_count, &count))
		return NULL;
	if (!is_blocking && timeout != Py_None) {
		PyErr_SetString(PyExc_ValueError, "can't specify timeout for non-blocking acquire");
		return NULL;
	}
	if (!as_patience(timeout, &patience))
		return NULL;
	error = take(self, count);
	if (error == EAGAIN && is_blocking)
		error = wait_for(self, count, &patience);
	return answer(error);
}

static PyObject *semaphore_enter(PyObject *object, PyObject *unused)
{
	struct semaphore *self = semaphore_open((struct semaphore *)object);
	const struct patience patience = {.is_endless = true};
	int error;

	(void)unused;
	if (!self)
		return NULL;
	error = take(self, 1);
	return answer(error == EAGAIN ? wait_for(self, 1, &patience) : error);
}

/* try_acquire(count=1) */
static PyObject *semaphore_try_acquire(PyObject *object, PyObject *args)
{
	struct semaphore *self = semaphore_open((struct semaphore *)object);
	unsigned int count = 1;

	if (!self || !PyArg_ParseTuple(args, "|O&:try_acquire", as_count, &count))
		return NULL;
	return answer(take(self, count));
}

/* try_acquire_upto(count) */
static PyObject *semaphore_try_acquire_upto(PyObject *object, PyObject *number)
{
	struct semaphore *self = semaphore_open((struct semaphore *)object);
	unsigned int count, got = 0;
	int error;

	if (!self || !as_count(number, &count))
		return NULL;
	error = ksem_trywait_upto(self->place->proc, self->id, count, &got);
	if (error && error != EAGAIN)
		return answer(error);
	return PyLong_FromUnsignedLong(got);
}

static PyObject *nothing_or(int error)
{
	if (error)
		return fail(error, NULL);
	Py_RETURN_NONE;
}

/* release(count=1) */
static PyObject *semaphore_release(PyObject *object, PyObject *args, PyObject *keywords)
{
	static char *names[] = {"count", NULL};
	struct semaphore *self = semaphore_open((struct semaphore *)object);
	unsigned int count = 1;

	if (!self || !PyArg_ParseTupleAndKeywords(args, keywords, "|O&:release", names, as_count, &count))
		return NULL;
	return nothing_or(ksem_post_many(self->place->proc, self->id, count));
}

static PyObject *semaphore_exit(PyObject *object, PyObject *unused)
{
	struct semaphore *self = semaphore_open((struct semaphore *)object);

	(void)unused;
	return self ? nothing_or(ksem_post(self->place->proc, self->id)) : NULL;
}

static PyObject *semaphore_shutdown(PyObject *object, PyObject *unused)
{
	struct semaphore *self = semaphore_open((struct semaphore *)object);

	(void)unused;
	return self ? nothing_or(ksem_shutdown(self->place->proc, self->id)) : NULL;
}

static PyObject *semaphore_set_limit(PyObject *object, PyObject *number)
{
	struct semaphore *self = semaphore_open((struct semaphore *)object);
	unsigned int limit;
	int error;

	if (!self || !as_value(number, &limit))
		return NULL;
	error = ksem_set_limit(self->place->proc, self->id, limit);
	if (error == EINVAL) {
		PyErr_SetString(PyExc_ValueError,
				"the semaphore was made without a limit, or its order allows no such limit");
		return NULL;
	}
	return nothing_or(error);
}

/* ---- Looking ---- */

static PyObject *get_value(PyObject *object, void *unused)
{
	struct semaphore *self = semaphore_open((struct semaphore *)object);
	unsigned int value;
	int error;

	(void)unused;
	if (!self)
		return NULL;
	error = ksem_getvalue(self->place->proc, self->id, &value);
	return error ? fail(error, NULL) : PyLong_FromUnsignedLong(value);
}

static PyObject *get_closed(PyObject *object, void *unused)
{
	(void)unused;
	return PyBool_FromLong(!((struct semaphore *)object)->is_open);
}

/* A number that two semaphores have in common if they are in the same place: one queue can serve both. */
static PyObject *get_place(PyObject *object, void *unused)
{
	struct semaphore *self = semaphore_open((struct semaphore *)object);

	(void)unused;
	return self ? PyLong_FromVoidPtr(self->place) : NULL;
}

/* A tuple, in the order of ksem.Info: but the order and the flags are numbers. */
static PyObject *semaphore_info(PyObject *object, PyObject *unused)
{
	struct semaphore *self = semaphore_open((struct semaphore *)object);
	struct ksem_info info;
	PyObject *name, *result;
	int error;

	(void)unused;
	if (!self)
		return NULL;
	error = ksem_stat(self->place->proc, self->id, &info);
	if (error)
		return fail(error, NULL);
	name = PyUnicode_DecodeFSDefault(info.name);
	result = name ? Py_BuildValue("(KOIIIIIIIIII)", (unsigned long long)info.id, name, info.value, info.waiters,
				      info.refs, (unsigned int)info.uid, (unsigned int)info.gid,
				      (unsigned int)info.mode, (unsigned int)info.limit, (unsigned int)info.order,
				      (unsigned int)info.flags, (unsigned int)info.held) :
			NULL;
	Py_XDECREF(name);
	return result;
}

static PyObject *histogram_of(const struct ksem_metrics *metrics)
{
	const Py_ssize_t length = (Py_ssize_t)(sizeof(metrics->histogram) / sizeof(metrics->histogram[0]));
	PyObject *histogram = PyTuple_New(length);

	for (Py_ssize_t i = 0; histogram && i < length; i++) {
		PyObject *count = PyLong_FromUnsignedLongLong(metrics->histogram[i]);

		if (!count || PyTuple_SetItem(histogram, i, count)) {
			Py_DECREF(histogram);
			histogram = NULL;
		}
	}
	return histogram;
}

/* A tuple, in the order of ksem.Metrics, with times in nanoseconds. */
static PyObject *semaphore_metrics(PyObject *object, PyObject *unused)
{
	struct semaphore *self = semaphore_open((struct semaphore *)object);
	struct ksem_metrics metrics = {.size = sizeof(metrics)};
	PyObject *histogram, *result;
	int error;

	(void)unused;
	if (!self)
		return NULL;
	error = ksem_metrics(self->place->proc, self->id, &metrics);
	if (error)
		return fail(error, NULL);
	histogram = histogram_of(&metrics);
	if (!histogram)
		return NULL;
	result = Py_BuildValue("(KKKKKKKKIO)", (unsigned long long)metrics.waits, (unsigned long long)metrics.timeouts,
			       (unsigned long long)metrics.interrupts, (unsigned long long)metrics.cancels,
			       (unsigned long long)metrics.shutdowns, (unsigned long long)metrics.wait_ns,
			       (unsigned long long)metrics.wait_max_ns, (unsigned long long)metrics.undone,
			       (unsigned int)metrics.waiters_max, histogram);
	Py_DECREF(histogram);
	return result;
}

static int add_holder(const struct ksem_holder *holder, void *list)
{
	PyObject *one =
		Py_BuildValue("(iIIII)", (int)holder->pid, (unsigned int)holder->refs, (unsigned int)holder->held,
			      (unsigned int)holder->waiting, (unsigned int)holder->oldest);
	const int error = !one || PyList_Append(list, one) ? -1 : 0;

	Py_XDECREF(one);
	return error;
}

/* A list of tuples, in the order of ksem.Holder. */
static PyObject *semaphore_holders(PyObject *object, PyObject *unused)
{
	struct semaphore *self = semaphore_open((struct semaphore *)object);
	PyObject *list = self ? PyList_New(0) : NULL;
	int error;

	(void)unused;
	if (!list)
		return NULL;
	error = ksem_holders(self->place->proc, self->id, add_holder, list);
	if (!error)
		return list;
	Py_DECREF(list);
	return error == -1 ? NULL : fail(error, NULL);
}

/* ---- The type ---- */

#define WITH_KEYWORDS(function) ((PyCFunction)(void (*)(void))(function))

static PyMethodDef methods[] = {
	{"acquire", WITH_KEYWORDS(semaphore_acquire), METH_VARARGS | METH_KEYWORDS,
	 "acquire($self, blocking=True, timeout=None, count=1)\n--\n\n"
	 "Take count permits at one instant. Wait for them if blocking, at most timeout seconds.\n\n"
	 "Returns False if they don't come in time. Raises Shutdown if the semaphore was shut down."},
	{"release", WITH_KEYWORDS(semaphore_release), METH_VARARGS | METH_KEYWORDS,
	 "release($self, count=1)\n--\n\n"
	 "Add count permits, and wake waiters for whom they suffice. Never waits.\n\n"
	 "Raises LimitReached, and adds none, if the value would pass the limit."},
	{"try_acquire", semaphore_try_acquire, METH_VARARGS,
	 "try_acquire($self, count=1, /)\n--\n\nTake count permits at one instant, or none, and never wait."},
	{"try_acquire_upto", semaphore_try_acquire_upto, METH_O,
	 "try_acquire_upto($self, count, /)\n--\n\nTake as many permits as there are, at most count; return how many."},
	{"shutdown", semaphore_shutdown, METH_NOARGS,
	 "shutdown($self)\n--\n\nEnd all waits with Shutdown, now and for ever."},
	{"set_limit", semaphore_set_limit, METH_O,
	 "set_limit($self, limit, /)\n--\n\nChange the limit of a semaphore that was made with one; the value moves by "
	 "as "
	 "much."},
	{"close", semaphore_close, METH_NOARGS,
	 "close($self)\n--\n\nStop using the semaphore. Others keep it, and its name stays."},
	{"_info", semaphore_info, METH_NOARGS, NULL},
	{"_holders", semaphore_holders, METH_NOARGS, NULL},
	{"_metrics", semaphore_metrics, METH_NOARGS, NULL},
	{"__enter__", semaphore_enter, METH_NOARGS, NULL},
	{"__exit__", semaphore_exit, METH_VARARGS, NULL},
	{NULL, NULL, 0, NULL},
};

static PyGetSetDef properties[] = {
	{"value", get_value, NULL, "How many permits can be taken now.", NULL},
	{"closed", get_closed, NULL, "Whether close() was called.", NULL},
	{"_place", get_place, NULL, NULL, NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

PyObject *semaphore_type(void)
{
	static PyType_Slot slots[] = {
		{Py_tp_doc, "The calls of ksem.h on one semaphore; see ksem.Semaphore."},
		{Py_tp_init, semaphore_init},
		{Py_tp_dealloc, semaphore_dealloc},
		{Py_tp_methods, methods},
		{Py_tp_getset, properties},
		{0, NULL},
	};
	static PyType_Spec spec = {
		.name = "ksem._ksem.Semaphore",
		.basicsize = sizeof(struct semaphore),
		.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
		.slots = slots,
	};

	return PyType_FromSpec(&spec);
}
