/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The public calls that make, find, end and describe semaphores.
 */
#include <errno.h>

#include "api/attributes.h"
#include "api/common.h"
#include "registry/process.h"

PUBLIC int ksem_init_attr(struct ksem_proc *proc, const struct ksem_attr *attr, unsigned int value, ksem_id_t *id)
{
	struct attributes attributes;

	if (!proc)
		return EINVAL;
	if (!id)
		return EFAULT;
	if (attributes_read(attr, value, &attributes) != 0)
		return EINVAL;
	return ANSWERS(id, CONTROL(process_init(proc, &attributes, value, id)));
}

PUBLIC int ksem_init(struct ksem_proc *proc, unsigned int value, ksem_id_t *id)
{
	struct attributes attributes;

	if (!proc)
		return EINVAL;
	if (!id)
		return EFAULT;
	attributes_read(NULL, value, &attributes); /* can't fail */
	return ANSWERS(id, CONTROL(process_init(proc, &attributes, value, id)));
}

PUBLIC int ksem_destroy(struct ksem_proc *proc, ksem_id_t id)
{
	if (!proc)
		return EINVAL;
	return CONTROL(process_destroy(proc, id));
}

PUBLIC int ksem_open_attr(struct ksem_proc *proc, const char *name, int oflag, mode_t mode,
			  const struct ksem_attr *attr, unsigned int value, ksem_id_t *id)
{
	struct attributes attributes;

	if (!proc)
		return EINVAL;
	if (!name || !id)
		return EFAULT;
	if (attributes_read(attr, value, &attributes) != 0)
		return EINVAL;
	return ANSWERS(id, CONTROL(process_open(proc, name, oflag, mode, &attributes, value, id)));
}

PUBLIC int ksem_open(struct ksem_proc *proc, const char *name, int oflag, mode_t mode, unsigned int value,
		     ksem_id_t *id)
{
	struct attributes attributes;

	if (!proc)
		return EINVAL;
	if (!name || !id)
		return EFAULT;
	attributes_read(NULL, value, &attributes); /* can't fail */
	return ANSWERS(id, CONTROL(process_open(proc, name, oflag, mode, &attributes, value, id)));
}

PUBLIC int ksem_close(struct ksem_proc *proc, ksem_id_t id)
{
	if (!proc)
		return EINVAL;
	return CONTROL(process_close(proc, id));
}

PUBLIC int ksem_unlink(struct ksem_proc *proc, const char *name)
{
	if (!proc)
		return EINVAL;
	if (!name)
		return EFAULT;
	return CONTROL(process_unlink(proc, name));
}

PUBLIC int ksem_stat(struct ksem_proc *proc, ksem_id_t id, struct ksem_info *info)
{
	if (!proc)
		return EINVAL;
	if (!info)
		return EFAULT;
	return ANSWERS(info, CONTROL(process_stat(proc, id, info)));
}

/* The program's function may be a cancellation point, so it runs outside of the gate. */
PUBLIC int ksem_holders(struct ksem_proc *proc, ksem_id_t id, int (*visit)(const struct ksem_holder *holder, void *arg),
			void *arg)
{
	struct holders *holders;
	int result;

	if (!proc)
		return EINVAL;
	if (!visit)
		return EFAULT;
	result = CONTROL(process_holders(proc, id, &holders));
	if (result)
		return result;
	for (size_t i = 0; result == 0 && i < holders->count; i++) {
		const struct ksem_holder *holder = &holders->processes[i].shown;

		watch_wrote(holder, sizeof(*holder));
		result = visit(holder, arg);
	}
	fork_gate_enter();
	collected_end(&holders->collected);
	fork_gate_leave();
	return result;
}
