/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules of the model that can be broken: see model_rules.h.
 */
#include "model_rules.h"

/* A rule by its name, and what stands in its place. */
#define RULE(rule, text) [RULE_##rule] = {#rule, text}

const struct model_rule_text model_rules[RULES] = {
	RULE(NO_PROCESS_FIRST, "a NULL output before a NULL process"),
	RULE(NO_OUTPUT, "a NULL output is EINVAL"),
	RULE(NO_NAME, "a NULL name is EINVAL"),
	RULE(NO_DEADLINE, "a NULL deadline is EINVAL"),
	RULE(OPTIONS_SIZE, "options of any size"),
	RULE(OPTIONS_SHORT, "a member that isn't wholly within the size of options counts"),
	RULE(OPTIONS_BEYOND, "options with something beyond the members that are known"),
	RULE(OPTIONS_NAME_SHORT, "max_name 1"),
	RULE(OPTIONS_NAME_LONG, "max_name over KSEM_NAME_MAX"),
	RULE(OPTIONS_DIR, "dir is passed over"),
	RULE(NAMESPACE_BUSY, "a namespace is destroyed with processes in it"),
	RULE(FORK_EVERY_REFERENCE, "a fork copies one reference of several"),
	RULE(FORK_CREDENTIALS, "a fork's child is the superuser"),
	RULE(EXEC_DROPS, "exec keeps the references"),
	RULE(EXIT_DROPS, "exit leaves the references to nobody"),
	RULE(LIMIT, "one semaphore more than max_sems"),
	RULE(LIMIT_OF_NEW_ONLY, "ENFILE at the limit though the name exists"),
	RULE(DESTROY_ANONYMOUS_ONLY, "destroy of what was opened"),
	RULE(DESTROY_LAST_FREES, "destroy frees what others hold"),
	RULE(DESTROYED_REFUSES_PINS, "a pin works after destroy"),
	RULE(DESTROYED_GIVES_PLACE, "what is destroyed and pinned counts for the limit"),
	RULE(CLOSE_NAMED_ONLY, "close of an anonymous semaphore"),
	RULE(CLOSE_DROPS_ONE, "close drops every reference"),
	RULE(OPEN_ADDS_REFERENCE, "two opens are one reference"),
	RULE(OPEN_EXCLUSIVE, "O_EXCL is passed over"),
	RULE(OPEN_PERMISSION, "open without write permission"),
	RULE(OPEN_EXCLUSIVE_FIRST, "EPERM before EEXIST"),
	RULE(OPEN_ABSENT_FIRST, "EINVAL of a bad name without O_CREAT"),
	RULE(OPEN_KEEPS_MODE, "open sets the mode of what exists"),
	RULE(OPEN_KEEPS_VALUE, "open sets the value of what exists"),
	RULE(OTHER_FLAGS, "other flags are EINVAL"),
	RULE(NAME_NOT_EMPTY, "the name \"/\""),
	RULE(NAME_ONE_SLASH, "a second '/' in a name"),
	RULE(NAME_STARTS, "a name without '/' at its start"),
	RULE(NAME_LENGTH, "names one byte longer than max_name"),
	RULE(NAME_LENGTH_FIRST, "ENOENT before ENAMETOOLONG"),
	RULE(PERMIT_OWNER, "no permission by uid"),
	RULE(PERMIT_GROUP, "no permission by gid"),
	RULE(PERMIT_OTHERS, "no permission by S_IWOTH"),
	RULE(PERMIT_SUPERUSER, "no permission for uid 0"),
	RULE(PERMIT_ANY_ONE, "an owner is held to S_IWUSR alone"),
	RULE(UNLINK_PERMISSION, "anyone unlinks"),
	RULE(UNLINK_LEAVES_HOLDERS, "unlink ends the semaphore"),
	RULE(NAME_KEEPS, "a name without references goes"),
	RULE(NAME_AFTER_UNLINK, "an unlinked semaphore shows its name"),
	RULE(NAMES_PER_NAMESPACE, "one name in all namespaces"),
	RULE(HELD_BY_PROCESS, "an id works in every process"),
	RULE(OVERFLOW_EXACT, "EOVERFLOW one early"),
	RULE(POST_ALL_OR_NOTHING, "a batch that does not fit fills up"),
	RULE(POST_NOTHING, "count 0 is EOVERFLOW at the maximum"),
	RULE(POST_NOTHING_HELD, "count 0 is 0 whoever holds the semaphore"),
	RULE(TAKE_ONE, "trywait takes nothing"),
	RULE(LATE_TAKES, "a deadline that is past is ETIMEDOUT beside a permit"),
	RULE(DEADLINE_CLOCK, "any clock"),
	RULE(DEADLINE_NSEC_HIGH, "tv_nsec 1000000000"),
	RULE(DEADLINE_NSEC_LOW, "tv_nsec below 0"),
	RULE(DEADLINE_BESIDE_PERMIT, "a bad deadline is taken beside a permit"),
	RULE(PIN_KEEPS, "a pin keeps nothing"),
	RULE(PIN_NO_REFERENCE, "a pin is a reference"),
	RULE(FOREACH_STOPS, "foreach goes on after a non-zero result"),
};

static enum model_rule broken_rule = RULES; /* none */

void model_break(enum model_rule rule)
{
	broken_rule = rule;
}

bool broken(enum model_rule rule)
{
	return rule == broken_rule;
}
