/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Restartable sequences: an interpreter for the few instructions that the sequences of <ksem/inline.h> are made of, of
 * both processors. What it doesn't know it refuses, so a sequence that changes is either still explored or ends the
 * test; there is no model beside it to keep in step.
 *
 * Each access to memory is a point, at which the thread may be preempted; so is each instruction that follows a change
 * and is still covered by the descriptor. A sequence that was aborted at one that is covered goes on at 4, with its
 * registers and flags as they were, as the kernel does it.
 *
 * Orders: on x86-64 each load is an acquire and each store a release; on arm64 as the instruction says, and a load is
 * ordered after those that its address was computed from.
 */
#include "checker.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "object/ids.h"
#include "sequence.h"
#include "sequence_text.h"

#define MOST_STEPS 64
#define MOST_ABORT 8
#define LABELS     22
#define REGISTERS  32

/* Operands that have a name in the text. NONE: a number. */
enum operand_name {
	NONE,
	AREA,
	SEM,
	TABLE,
	ID,
	BASE,
	MASK,
	HOLDER,
	CELLS,
	PERCPU,
	STRIDE,
	MOST,
	TO_SAMPLE,
	TAKES,
	MASK_AT,
	HOMES_AT,
	ELSEWHERE_AT,
	USUAL,
	OPERAND_NAMES
};

static const char *const name_texts[OPERAND_NAMES] = {
	"",       "area",   "sem",  "table",     "id",    "base",    "mask",     "holder",       "slots",
	"percpu", "stride", "most", "to_sample", "takes", "mask_at", "homes_at", "shared_at", "usual"};

struct operand {
	enum { NOTHING, REGISTER, NUMBER, MEMORY, DESCRIPTOR, ELSEWHERE, LABEL, REFUSED, DONE } kind;
	unsigned width;               /* of a register; 0: as the instruction */
	int reg;                      /* or the base of a memory operand; -1: none */
	int index;                    /* -1: none */
	unsigned scale;               /* of the index, a shift */
	enum operand_name name, base; /* named part of a number or displacement; named base */
	int64_t number;               /* of a label or descriptor, its own */
};

enum what {
	IGNORE,
	ADDRESS,
	MOVE,
	MOVE_SIGNED,
	MOVE_EXCLUSIVE,
	COMPARE,
	TEST,
	ADD,
	SUB,
	AND,
	SHIFT,
	INCREMENT,
	EXCHANGE,
	IF_NOT_BELOW,
	IF_NOT_EQUAL,
	IF_EQUAL,
	IF_NOT_ZERO,
	IF_LESS,
	ALWAYS
};

struct instruction {
	const char *text;
	enum what what;
	unsigned width; /* 0: by register */
	enum order order;
};

/* clang-format off */

static const struct instruction x86_64[] = {
	{"leaq", ADDRESS, 8, RELAXED},
	{"movl", MOVE, 4, ACQUIRE},
	{"movq", MOVE, 8, ACQUIRE},
	{"movslq", MOVE_SIGNED, 4, ACQUIRE},
	{"movzwl", MOVE, 2, ACQUIRE},
	{"cmpb", COMPARE, 1, ACQUIRE},
	{"cmpl", COMPARE, 4, ACQUIRE},
	{"cmpq", COMPARE, 8, ACQUIRE},
	{"testl", TEST, 4, ACQUIRE},
	{"addq", ADD, 8, ACQUIRE},
	{"subl", SUB, 4, ACQUIRE},
	{"andq", AND, 8, ACQUIRE},
	{"shlq", SHIFT, 8, ACQUIRE},
	{"incl", INCREMENT, 4, ACQUIRE},
	{"lock cmpxchgq", EXCHANGE, 8, ACQ_REL},
	{"jae", IF_NOT_BELOW, 0, RELAXED},
	{"jne", IF_NOT_EQUAL, 0, RELAXED},
	{"je", IF_EQUAL, 0, RELAXED},
	{"js", IF_LESS, 0, RELAXED},
	{"jmp", ALWAYS, 0, RELAXED},
	{NULL, IGNORE, 0, RELAXED},
};

static const struct instruction arm64[] = {
	{"adrp", ADDRESS, 8, RELAXED}, /* all of it */
	{"mov", MOVE, 0, RELAXED},
	{"mrs", MOVE, 0, RELAXED},
	{"ldr", MOVE, 0, RELAXED},
	{"ldrh", MOVE, 2, RELAXED},
	{"ldarb", MOVE, 1, ACQUIRE},
	{"ldrb", MOVE, 1, RELAXED}, /* for a planted bug */
	{"str", MOVE, 0, RELAXED},
	{"stlr", MOVE, 0, RELEASE},
	{"ldxr", MOVE_EXCLUSIVE, 0, RELAXED},
	{"ldaxr", MOVE_EXCLUSIVE, 0, ACQUIRE},
	{"stxr", EXCHANGE, 8, RELAXED},
	{"stlxr", EXCHANGE, 8, RELEASE},
	{"cmp", COMPARE, 0, RELAXED},
	{"tst", TEST, 0, RELAXED},
	{"add", ADD, 0, RELAXED},
	{"sub", SUB, 0, RELAXED},
	{"and", AND, 0, RELAXED},
	{"b.hs", IF_NOT_BELOW, 0, RELAXED},
	{"b.ne", IF_NOT_EQUAL, 0, RELAXED},
	{"b.eq", IF_EQUAL, 0, RELAXED},
	{"b.lt", IF_LESS, 0, RELAXED},
	{"cbnz", IF_NOT_ZERO, 0, RELAXED},
	{"b", ALWAYS, 0, RELAXED},
	{NULL, IGNORE, 0, RELAXED},
};

/* clang-format on */

struct step {
	const struct instruction *instruction;
	struct operand operands[4];
	unsigned n;
	bool stores;
};

/* What a descriptor covers. */
struct range {
	unsigned from, to;
};

struct sequence {
	struct step steps[MOST_STEPS], abort[MOST_ABORT];
	unsigned n, abort_n;
	unsigned labels[LABELS];      /* the steps that follow them */
	struct range covered[LABELS]; /* by the descriptor of that label: labels, until all is read */
};

static struct sequence sequences[2][SEQUENCE_WAYS][2]; /* processor, way, take */
static bool is_arm64;

/* ---- Reading the text ---- */

_Noreturn static void unknown(const char *text)
{
	fprintf(stderr, "sequence.c knows no such thing in a sequence: %.60s\n", text);
	exit(1);
}

static void skip_blanks(const char **text)
{
	while (**text == ' ' || **text == '\t')
		(*text)++;
}

static bool accept(const char **text, const char *what)
{
	skip_blanks(text);
	if (strncmp(*text, what, strlen(what)) != 0)
		return false;
	*text += strlen(what);
	return true;
}

static enum operand_name read_name(const char **text)
{
	for (enum operand_name name = AREA; name < OPERAND_NAMES; name++) {
		size_t length = strlen(name_texts[name]);

		if (strncmp(*text, name_texts[name], length) == 0 && (*text)[length] == ']') {
			*text += length + 1;
			return name;
		}
	}
	unknown(*text);
}

/* A register: %%rax, %%r9d; x9, w9. -1: it isn't one. */
static int read_register(const char **text, unsigned *width)
{
	static const char *const old[] = {"ax", "cx", "dx"};
	char *end;
	long number;

	skip_blanks(text);
	if (strncmp(*text, "%%", 2) == 0 && strncmp(*text, "%%fs:", 5) != 0) {
		*text += 2;
		*width = **text == 'e' ? 4 : 8;
		for (int i = 0; i < 3; i++) {
			if (strncmp(*text + 1, old[i], 2) == 0) {
				*text += 3;
				return i;
			}
		}
		number = strtol(*text + 1, &end, 10);
		*width = *end == 'd' ? 4 : 8;
		*text = end + (*end == 'd');
		return (int)number;
	}
	if (is_arm64 && (**text == 'x' || **text == 'w') && isdigit((unsigned char)(*text)[1])) {
		*width = **text == 'w' ? 4 : 8;
		number = strtol(*text + 1, &end, 10);
		*text = end;
		return (int)number;
	}
	return -1;
}

/* A sum of numbers, of which one may have a name; or a register. */
static void read_sum(const char **text, struct operand *operand)
{
	operand->kind = NUMBER;
	do {
		char *end;

		if (accept(text, "%c[") || accept(text, "%w[") || accept(text, "%[")) {
			operand->name = read_name(text);
			continue;
		}
		skip_blanks(text);
		accept(text, "$");
		if (!isdigit((unsigned char)**text) && **text != '-')
			unknown(*text);
		operand->number += strtol(*text, &end, 10);
		*text = end;
	} while (accept(text, "+"));
}

/* What stands in ( ) or [ ]: a base and an index. */
static void read_address(const char **text, struct operand *operand, const char *close)
{
	unsigned width;

	operand->kind = MEMORY;
	operand->reg = read_register(text, &width);
	if (operand->reg < 0) {
		if (!accept(text, "%["))
			unknown(*text);
		operand->base = read_name(text);
	}
	if (accept(text, ",")) {
		operand->index = read_register(text, &width);
		if (operand->index < 0) {
			read_sum(text, operand);
			operand->kind = MEMORY;
		} else if (accept(text, ", lsl 3") || accept(text, ", 8")) {
			operand->scale = 3;
		}
	}
	if (!accept(text, close))
		unknown(*text);
}

/* The number of a label, which `end` follows; -1: it is something else. */
static int read_label(const char **text, const char *end)
{
	char *rest;
	long number;

	if (!isdigit((unsigned char)(*text)[0]))
		return -1;
	number = strtol(*text, &rest, 10);
	if (strncmp(rest, end, strlen(end)) != 0)
		return -1;
	if (number >= LABELS)
		unknown(*text);
	*text = rest + strlen(end);
	return (int)number;
}

/* A label, of what is before (3b) or behind (7f), or one in C. False: something else. */
static bool read_place(const char **text, struct operand *operand)
{
	bool rest = accept(text, ":lo12:"); /* arm64: of an address that is known whole */
	int label;

	if (accept(text, "%l[refused]")) {
		operand->kind = REFUSED;
	} else if (accept(text, "%l[done]")) {
		operand->kind = DONE;
	} else if ((label = read_label(text, "b")) >= 0) {
		operand->kind = rest ? ELSEWHERE : DESCRIPTOR;
		operand->number = label;
		accept(text, "(%%rip)");
	} else if ((label = read_label(text, "f")) >= 0) {
		operand->kind = LABEL;
		operand->number = label;
	} else {
		return false;
	}
	return true;
}

static void read_operand(const char **text, struct operand *operand)
{
	*operand = (struct operand){.reg = -1, .index = -1};
	skip_blanks(text);
	if (read_place(text, operand))
		return;
	if (accept(text, "tpidr_el0")) { /* as if it were 0 */
		operand->kind = NUMBER;
		return;
	}
	if (accept(text, "[")) {
		read_address(text, operand, "]");
		return;
	}
	operand->reg = read_register(text, &operand->width);
	if (operand->reg >= 0) {
		operand->kind = REGISTER;
		return;
	}
	if (accept(text, "lsl")) { /* arm64: of the operand before */
		read_sum(text, operand);
		return;
	}
	accept(text, "%%fs:");
	if (**text != '(')
		read_sum(text, operand);
	if (accept(text, "("))
		read_address(text, operand, ")");
	else if (operand->name == TABLE) /* itself an operand in memory */
		*operand = (struct operand){.kind = MEMORY, .reg = -1, .index = -1, .base = TABLE};
}

static void read_line(const char *line, struct step *steps, unsigned *n, unsigned most)
{
	const struct instruction *known = is_arm64 ? arm64 : x86_64;
	struct step *step = &steps[*n];
	size_t prefix = strncmp(line, "lock ", 5) == 0 ? 5 : 0;
	size_t length = prefix + strcspn(line + prefix, " \t");
	const char *text = line + length;

	while (known->text && (strlen(known->text) != length || strncmp(known->text, line, length) != 0))
		known++;
	if (!known->text || *n == most)
		unknown(line);
	step->instruction = known;
	step->n = 0;
	do {
		if (step->n == 4)
			unknown(line);
		read_operand(&text, &step->operands[step->n++]);
	} while (accept(&text, ","));
	skip_blanks(&text);
	if (*text)
		unknown(text);
	step->stores = known->what == MOVE && (is_arm64 ? known->text[0] == 's' : step->operands[1].kind == MEMORY);
	(*n)++;
}

/* A line of another section: of the descriptor; or of what follows 4, where the kernel goes on. */
static void read_elsewhere(const char *line, struct sequence *sequence, int *label)
{
	unsigned from, to, again, abort;
	int all = 0, number = read_label(&line, ":");

	if (number >= 0)
		*label = number;
	if (number < 0 && *label == 4)
		read_line(line, sequence->abort, &sequence->abort_n, MOST_ABORT);
	if (strncmp(line, ".quad", 5) != 0)
		return;
	if (sscanf(line, ".quad %2uf, %2uf - %2uf, %2uf%n", &from, &to, &again, &abort, &all) != 4 || line[all] ||
	    again != from || abort != 4 || from >= LABELS || to >= LABELS)
		unknown(line);
	sequence->covered[*label] = (struct range){from, to};
}

static void read_text(const char *text, struct sequence *sequence)
{
	bool elsewhere = false;
	int label = 0;

	while (*text) {
		char line[128];
		const char *rest;
		size_t length = strcspn(text, "\n");
		int number;

		if (length >= sizeof(line))
			unknown(text);
		memcpy(line, text, length);
		line[length] = '\0';
		text += length + (text[length] == '\n');
		rest = line + strspn(line, " \t");
		if (strncmp(rest, ".pushsection", 12) == 0) {
			elsewhere = true;
			label = 0;
		} else if (strncmp(rest, ".popsection", 11) == 0)
			elsewhere = false;
		else if (elsewhere)
			read_elsewhere(rest, sequence, &label);
		else if ((number = read_label(&rest, ":")) >= 0)
			sequence->labels[number] = sequence->n;
		else if (*rest)
			read_line(rest, sequence->steps, &sequence->n, MOST_STEPS);
	}
	for (int i = 0; i < LABELS; i++)
		sequence->covered[i] = (struct range){sequence->labels[sequence->covered[i].from],
						      sequence->labels[sequence->covered[i].to]};
}

void sequences_start(void)
{
	const struct sequence_text *texts[2] = {&sequence_text_x86_64, &sequence_text_arm64};

	for (unsigned processor = 0; processor < 2; processor++) {
		is_arm64 = processor == 1;
		for (unsigned way = 0; way < SEQUENCE_WAYS; way++) {
			for (unsigned take = 0; take < 2; take++)
				read_text(texts[processor]->ways[way][take], &sequences[processor][way][take]);
		}
	}
	is_arm64 = false;
}

void sequences_of_arm64(bool yes)
{
	is_arm64 = yes;
}

/* ---- Running ---- */

struct flags {
	uint64_t left, right; /* compared last */
	unsigned width;
};

struct run {
	const struct sequence *sequence;
	unsigned at;          /* the step that it is at */
	struct range covered; /* by the descriptor that it announced last */
	bool changed;         /* it has made a change */
	uint64_t exclusive;   /* arm64: what was loaded by an exclusive load, */
	bool acquired;        /* and whether that was an acquire */
	bool aborted;         /* it must go on at 4 */
	struct flags flags;
	uint64_t registers[REGISTERS];
	bool came[REGISTERS];
	uint64_t named[OPERAND_NAMES];
	struct view came_with[REGISTERS]; /* arm64: what the value came with */
};

/* Or else it was aborted where it is. */
static bool goes_on(struct run *run)
{
	if (run->at >= run->covered.from && run->at < run->covered.to && !sequence_goes_on())
		run->aborted = true;
	return !run->aborted;
}

static void set_flags(struct run *run, uint64_t left, uint64_t right, unsigned width)
{
	run->flags = (struct flags){left, right, width};
}

static int64_t with_sign(uint64_t value, unsigned width)
{
	return width == 8 ? (int64_t)value : (int64_t)(value << (64 - 8 * width)) >> (64 - 8 * width);
}

static bool is_less(const struct flags *flags)
{
	return with_sign(flags->left, flags->width) < with_sign(flags->right, flags->width);
}

static uint64_t low(uint64_t value, unsigned width)
{
	return width == 8 ? value : value & ((UINT64_C(1) << 8 * width) - 1);
}

static void came_also_with(struct run *run, struct view *all, bool *any, int reg)
{
	if (reg < 0 || !run->came[reg])
		return;
	if (*any)
		memory_join(all, &run->came_with[reg]);
	else
		*all = run->came_with[reg];
	*any = true;
}

static uint64_t address_of(const struct run *run, const struct operand *at)
{
	uint64_t address = at->reg >= 0 ? run->registers[at->reg] : run->named[at->base];

	address += run->named[at->name] + (uint64_t)at->number;
	if (at->index >= 0)
		address += run->registers[at->index] << at->scale;
	return address;
}

/* Loads; what the value came with goes to register `to`, or nowhere (-1). */
static uint64_t load(struct run *run, const struct operand *at, unsigned width, enum order order, int to)
{
	const void *address = (void *)(uintptr_t)address_of(run, at);
	struct view before, with;
	bool any = false;
	uint64_t value = 0;

	if (at->base == AREA) {
		if (to >= 0)
			run->came[to] = false;
		return processor_of_thread();
	}
	if ((uintptr_t)address == run->named[TAKES]) { /* the thread's own */
		memcpy(&value, address, width);
		return value;
	}
	point();
	if (!goes_on(run))
		return 0; /* and no more is done */
	if (is_arm64) {
		came_also_with(run, &before, &any, at->reg);
		came_also_with(run, &before, &any, at->index);
		memset(&with, 0, sizeof(with));
	}
	if (at->name == MASK_AT || at->name == ELSEWHERE_AT) { /* constants of what was published */
		struct view saved = *memory_view(current_thread());

		if (any)
			memory_join(memory_view(current_thread()), &before);
		memory_plain(address, width, false);
		*memory_view(current_thread()) = saved;
		memcpy(&value, (const void *)(uintptr_t)address, width);
	} else {
		value = memory_load_now(address, width, order, any ? &before : NULL, is_arm64 ? &with : NULL,
					"sequence");
	}
	if (is_arm64 && to >= 0) {
		if (any)
			memory_join(&with, &before);
		run->came_with[to] = with;
		run->came[to] = true;
	}
	return value;
}

static uint64_t value_of(struct run *run, const struct operand *operand, unsigned width, enum order order, int to)
{
	switch (operand->kind) {
	case REGISTER:
		return low(run->registers[operand->reg], width);
	case NUMBER:
		return low(run->named[operand->name] + (uint64_t)operand->number, width);
	case MEMORY:
		return load(run, operand, width, order, to);
	case DESCRIPTOR:
		return (uint64_t)operand->number;
	case NOTHING:
	case ELSEWHERE:
	case LABEL:
	case REFUSED:
	case DONE:
		break;
	}
	return 0;
}

/* False: aborted before. */
static bool store(struct run *run, const struct operand *to, uint64_t value, unsigned width, enum order order)
{
	void *address = (void *)(uintptr_t)address_of(run, to);

	if (to->base == AREA) {
		sequence_begin();
		run->covered = run->sequence->covered[value]; /* announced */
		return true;
	}
	if ((uintptr_t)address == run->named[TAKES]) {
		memcpy(address, &value, width);
		return true;
	}
	point();
	if (!goes_on(run))
		return false;
	memory_store_now(address, width, value, is_arm64 ? order : RELEASE, "sequence");
	run->changed = true;
	return true;
}

/*
 * A compare-and-swap; or arm64's exclusive store, which is taken for one, with its load: that may succeed where the
 * processor's would not, never the other way round. False: aborted before.
 */
static bool exchange(struct run *run, const struct step *step)
{
	const struct operand *status = is_arm64 ? &step->operands[0] : NULL;
	const struct operand *from = &step->operands[is_arm64 ? 1 : 0], *to = &step->operands[is_arm64 ? 2 : 1];
	uint64_t *expected = is_arm64 ? &run->exclusive : &run->registers[0];
	bool acquires = !is_arm64 || run->acquired, releases = step->instruction->order != RELAXED;
	enum order success = acquires ? (releases ? ACQ_REL : ACQUIRE) : releases ? RELEASE : RELAXED;
	bool done;

	point();
	if (!goes_on(run))
		return false;
	done = memory_cas_now((void *)(uintptr_t)address_of(run, to), 8, expected, run->registers[from->reg], success,
			      acquires ? ACQUIRE : RELAXED, "sequence");
	run->changed = done;
	if (!is_arm64)
		set_flags(run, !done, 0, 8);
	if (status)
		run->registers[status->reg] = !done;
	return true;
}

/*
 * x86-64: of memory, in one instruction; here its load and its store are two points, which is more than can happen.
 * False: aborted before.
 */
static bool increment_memory(struct run *run, const struct step *step, unsigned width)
{
	const struct operand *at = &step->operands[0];
	uint64_t value = load(run, at, width, step->instruction->order, -1);

	set_flags(run, low(value + 1, width), 0, width);
	return store(run, at, low(value + 1, width), width, RELEASE);
}

static uint64_t compute(enum what what, uint64_t left, uint64_t right)
{
	switch (what) {
	case ADD:
		return left + right;
	case SUB:
		return left - right;
	case AND:
		return left & right;
	case SHIFT:
		return left << right;
	default:
		return left + 1;
	}
}

/* arm64: where an operand's value came from is where the result comes from. */
static void carry_on(struct run *run, int to, const struct operand *from)
{
	if (!is_arm64 || from->kind != REGISTER || !run->came[from->reg] || from->reg == to)
		return;
	if (run->came[to])
		memory_join(&run->came_with[to], &run->came_with[from->reg]);
	else
		run->came_with[to] = run->came_with[from->reg];
	run->came[to] = true;
}

/* One with a result in a register: two operands on x86-64, of which the last is the result; else the first is. */
static void calculate(struct run *run, const struct step *step, unsigned width)
{
	const struct operand *to = &step->operands[is_arm64 ? 0 : step->n - 1];
	const struct operand *left = is_arm64 ? &step->operands[1] : to, *right = &step->operands[is_arm64 ? 2 : 0];
	uint64_t first = value_of(run, left, width, step->instruction->order, -1);
	uint64_t second = value_of(run, right, width, step->instruction->order, -1);

	if (step->n == 4)
		second <<= value_of(run, &step->operands[3], 8, RELAXED, -1);
	if (is_arm64 && left->kind != REGISTER && right->kind != REGISTER)
		run->came[to->reg] = false;
	if (is_arm64 && left->kind == REGISTER && left->reg != to->reg &&
	    !(right->kind == REGISTER && right->reg == to->reg))
		run->came[to->reg] = false;
	run->registers[to->reg] = low(compute(step->instruction->what, first, second), width);
	if (!is_arm64)
		set_flags(run, run->registers[to->reg], 0, width);
	carry_on(run, to->reg, left);
	carry_on(run, to->reg, right);
}

static bool move(struct run *run, const struct step *step, unsigned width)
{
	bool result_first = is_arm64 && !step->stores;
	const struct operand *to = &step->operands[!result_first], *from = &step->operands[result_first];
	uint64_t value;

	if (step->stores)
		return store(run, to, value_of(run, from, width, RELAXED, -1), width, step->instruction->order);
	value = value_of(run, from, width, step->instruction->order, to->reg);
	if (step->instruction->what == MOVE_SIGNED)
		value = (uint64_t)with_sign(value, width);
	run->registers[to->reg] = value;
	if (from->kind == NUMBER)
		run->came[to->reg] = false;
	if (step->n == 3) /* arm64: the base moves on */
		run->registers[from->reg] += (uint64_t)step->operands[2].number;
	return true;
}

/* To the place that the last operand names, if so. */
static bool jump_if(struct run *run, const struct step *step, bool so)
{
	const struct operand *to = &step->operands[step->n - 1];

	if (!so)
		return true;
	if (to->kind == DONE)
		run->at = run->sequence->n - 1;
	else if (to->kind == LABEL || to->kind == DESCRIPTOR)
		run->at = run->sequence->labels[to->number] - 1;
	return to->kind != REFUSED;
}

/* False: refused, or aborted. */
static bool do_step(struct run *run, const struct step *step)
{
	const struct instruction *instruction = step->instruction;
	const struct operand *first = &step->operands[0], *second = &step->operands[1];
	const struct operand *result = is_arm64 ? first : second, *from = is_arm64 ? second : first;
	unsigned width = instruction->width ? instruction->width : first->width ? first->width : 8;
	uint64_t left, right;

	if (step->n == 3 && step->operands[2].kind == ELSEWHERE)
		return true; /* the rest of an address */
	switch (instruction->what) {
	case IGNORE:
		return true;
	case ADDRESS:
		run->registers[result->reg] =
			from->kind == MEMORY ? address_of(run, from) : value_of(run, from, width, RELAXED, -1);
		return true;
	case MOVE:
	case MOVE_SIGNED:
		return move(run, step, width);
	case MOVE_EXCLUSIVE:
		move(run, step, width);
		run->exclusive = run->registers[first->reg];
		run->acquired = instruction->order == ACQUIRE;
		return true;
	case COMPARE: /* AT&T's order is the other one */
		left = value_of(run, is_arm64 ? first : second, width, instruction->order, -1);
		right = value_of(run, is_arm64 ? second : first, width, instruction->order, -1);
		set_flags(run, left, right, width);
		return true;
	case TEST:
		left = value_of(run, first, width, instruction->order, -1) &
		       value_of(run, second, width, instruction->order, -1);
		set_flags(run, left, 0, width);
		return true;
	case EXCHANGE:
		return exchange(run, step);
	case IF_NOT_BELOW:
		return jump_if(run, step, run->flags.left >= run->flags.right);
	case IF_NOT_EQUAL:
		return jump_if(run, step, run->flags.left != run->flags.right);
	case IF_EQUAL:
		return jump_if(run, step, run->flags.left == run->flags.right);
	case IF_NOT_ZERO:
		return jump_if(run, step, value_of(run, first, width, RELAXED, -1) != 0);
	case IF_LESS:
		return jump_if(run, step, is_less(&run->flags));
	case ALWAYS:
		return jump_if(run, step, true);
	case INCREMENT:
		if (first->kind == MEMORY)
			return increment_memory(run, step, width);
		calculate(run, step, width);
		return true;
	default:
		calculate(run, step, width);
		return true;
	}
}

/* The step that it is at, or nothing of it: then it has been aborted. False: refused. */
static bool do_step_or_abort(struct run *run, const struct step *step)
{
	struct run before;
	bool done;

	memcpy(&before, run, offsetof(struct run, came_with));
	done = goes_on(run) && do_step(run, step);
	if (!run->aborted)
		return done;
	memcpy(run, &before, offsetof(struct run, came_with));
	run->aborted = true;
	return true;
}

/* What follows 4: true if it finds that the change was made. */
static bool go_on_at_4(struct run *run)
{
	const struct sequence *sequence = run->sequence;

	run->aborted = false;
	run->covered = (struct range){0, 0};
	for (unsigned at = 0; at < sequence->abort_n; at++) {
		run->at = 0;
		if (!do_step(run, &sequence->abort[at]))
			return false;
		if (run->at != 0)
			return true; /* it is done */
	}
	unknown("what follows 4 leads nowhere");
}

static uint64_t mask_of(const struct ids *ids)
{
	return ids ? ids->mask : 0;
}

int sequence_run(void *with, uint64_t id, int way, int take)
{
	const struct sequence *sequence = &sequences[is_arm64][way][take];
	const struct ids *ids = way == SEQUENCE_BY_ID ? with : NULL;
	struct run run;
	bool done = true;

	if (may(EVENTS) && choose(2, "a sequence is aborted") == 1) {
		spend(EVENTS);
		return 0;
	}
	memset(&run, 0, offsetof(struct run, came_with));
	run.sequence = sequence;
	memcpy(run.named,
	       (uint64_t[OPERAND_NAMES]){
		       [SEM] = (uintptr_t)with,
		       [TABLE] = ids ? (uintptr_t)&ids->table : (uintptr_t)with,
		       [ID] = id,
		       [BASE] = ids ? (uintptr_t)ids->base : 0,
		       [MASK] = mask_of(ids),
		       [HOLDER] = ids ? ids->holder : 0,
		       [CELLS] = (uintptr_t)rseq_slots,
		       [PERCPU] = KSEM_INLINE_PERCPU,
		       [STRIDE] = KSEM_INLINE_STRIDE,
		       [MOST] = KSEM_INLINE_SLOT_MAX,
		       [TO_SAMPLE] = PERCPU_SAMPLE_PERIOD - 1,
		       [TAKES] = (uintptr_t)&percpu_takes,
		       [MASK_AT] = offsetof(struct ids_table, mask),
		       [HOMES_AT] = offsetof(struct ids_table, home),
		       [ELSEWHERE_AT] =
			       offsetof(struct object_shared, sem) - offsetof(struct object_shared, ksem),
		       [USUAL] = WORD_USUAL,
	       },
	       sizeof(run.named));
	for (; done && !run.aborted && run.at < sequence->n; run.at++) {
		if (run.changed && run.at >= run.covered.from && run.at < run.covered.to)
			point();
		done = do_step_or_abort(&run, &sequence->steps[run.at]);
	}
	if (done && run.aborted)
		done = go_on_at_4(&run);
	sequence_end();
	return done;
}
