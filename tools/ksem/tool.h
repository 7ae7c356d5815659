/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of ksem have in common: see ksem(1).
 */
#ifndef KSEM_TOOL_H
#define KSEM_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <ksem/ksem.h>

enum exit_code {
	DONE = 0,
	FAILED = 1,
	USAGE = 2,
	NO_PERMIT = 3, /* in time */
};

struct options {
	const char *directory; /* constant after enter(), as is all, but for enter_again() */
	const char *name;      /* the first operand, or --name */
	char **names;          /* the operands, and NULL; the names come first */
	bool json;
	bool names0; /* ls: the names alone */
	unsigned int value, count;
	bool has_value, undo, metrics; /* create */
	bool has_limit;                /* create; limit: a new one is given */
	uint32_t limit, order;
	mode_t mode;
	double timeout;     /* seconds; below 0: none */
	double interval;    /* seconds */
	unsigned int times; /* 0: for ever */
};

extern struct options options;
extern struct ksem_ns *ns;
extern struct ksem_proc *proc;
extern bool directory_is_missing; /* the default one: ns is an empty namespace */

/* Prints a message, in which what isn't safe to print is escaped (text.c). */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

/* The same, and ends the program. */
__attribute__((noreturn, format(printf, 2, 3))) void die(enum exit_code code, const char *format, ...);

/* Ends the program where a call for `what` failed. */
void must(int error, const char *what);

/* What an error number means. */
const char *description(int error);

/* What an error of a call for a semaphore means, as a user understands it. */
const char *explain(int error, const char *name);

/* Ends the program if stdout took less than was written. */
void must_have_written(void);

/*
 * Opens the namespace of options.directory, or of the default directory, which KSEM_DIR may name. If that isn't there:
 * makes it, if `make` says so, else takes it for an empty one. 0, ENOENT, ...
 */
int enter(bool make);

/* The same, where directory_is_missing: the default directory may be there now. */
int enter_again(void);

/* ---- The command line (ksem.c). ---- */

/* Calls visit for each command, or for each option of a command (NULL: of ksem itself), in the order of ksem(1). */
void for_commands(void (*visit)(const char *word, void *arg), void *arg);
void for_options(const char *command, void (*visit)(const char *word, void *arg), void *arg);

/* Does the command take a name after that many? */
bool takes_names(const char *command, int operands);

/* Calls visit for each value of --order. */
void for_orders(void (*visit)(const char *word, void *arg), void *arg);

/* What --order calls it. */
const char *order_name(uint32_t order);

/* Does the option have a value? */
bool has_value(const char *option);

/* ---- Text (text.c). ---- */

void text_start(void);

/* Does the user's locale say that the terminal reads UTF-8? */
bool locale_is_utf8(void);

/* May UTF-8 be written there? A terminal may read something else; elsewhere UTF-8 is what is written. */
bool takes_utf8(int fd);

/* The length of the UTF-8 character at `text`; 0: there is none. */
size_t utf8_next(const char *text, uint32_t *code);

/* The length of the character at `text`, and its columns, if it is safe to show; 0: its first byte is to be escaped. */
size_t showable(const char *text, bool utf8, unsigned int *columns);

/* The text, with what isn't safe to show escaped. */
void put_text(FILE *to, const char *text, bool utf8);

/* The same, as it may be written there; to be freed. NULL: no memory. */
char *safe_text(const char *text, int fd);

/* A string of JSON. False: the text is no UTF-8, and U+FFFD stands for each byte that isn't. */
bool put_json_string(FILE *to, const char *text, bool utf8);

/* ---- Looking (details.c). ---- */

#define HOLDERS_KNOWN 128

/* What a semaphore's file says beyond struct ksem_info. */
struct details {
	uint64_t made;           /* nanoseconds of CLOCK_REALTIME; 0: unknown */
	bool limited;            /* it was made with a limit */
	uint32_t limit, highest; /* that is in force; that could be */
	uint32_t debt;           /* permits that posts must pay before the value rises */
	uint64_t waits;          /* that ever began: a wait that finds its permits doesn't */
	bool undo;               /* it was made with --undo */
	bool measured;           /* there are metrics */
	struct ksem_metrics metrics;
	unsigned int holders_count;
	struct ksem_holder holders[HOLDERS_KNOWN]; /* the OS processes that have it */
	bool more_holders;                         /* there are some more */
};

/* Of the semaphore of that name. False, and nothing is known: it isn't there, or hasn't that id (0: any will do). */
bool find_details(const char *name, ksem_id_t id, struct details *details);

/* The name of the command that a process runs, up to 15 bytes. False: it isn't known. */
bool command_of(pid_t pid, char command[16]);

/* Why there is no semaphore of that name to show; NULL: there is one. */
const char *why_not(const char *name);

/* The same, if a file has the name that isn't a semaphore, or that the library refuses; else NULL. */
const char *why_unusable(const char *name);

/* ---- Showing (show.c, table.c, metrics.c, rates.c, keys.c, watch.c). ---- */

#define SECOND UINT64_C(1000000000) /* in nanoseconds */

/* In nanoseconds. */
uint64_t age_of(const struct details *details);

/* Seconds in the largest unit of which there are two; to be freed. */
char *age_text(uint64_t seconds);

/*
 * A table, to which semaphores are added before it is printed. Watched: the names come first, and there are rates.
 * `columns` of the terminal: longer names are cut, and CUT stands for the rest; 0: none is.
 */
#define CUT '\1'

struct table *new_table(bool watched);
void add_to_table(struct table *table, const struct ksem_info *info, const struct details *details);
size_t rows_of_table(const struct table *table);
void print_table(FILE *to, const struct table *table, size_t columns);
void free_table(struct table *table);

/* What tables are sorted by; largest numbers first, unless `reversed`. */
enum sort { BY_NAME, BY_VALUE, BY_WAITERS, BY_RATE, BY_MEAN, BY_REFS, BY_AGE, SORTS };

void sort_table(struct table *table, enum sort sort, bool reversed);

/* All semaphores with names, or that of options.name, sorted by name. *error: 0, or why some are missing. */
struct table *find_table(bool watched, int *error);

/* The same as JSON. How many there were. */
unsigned int print_json_all(FILE *to, bool watched, int *error);

/* What happened to a semaphore since the last look (rates.c). */
struct rates {
	bool known;         /* it was there then */
	double waits;       /* that began, in a second */
	bool ended;         /* waits that are measured have ended; else there are no times */
	uint64_t mean, p99; /* how long those took, on average, and 99 of 100 at most; in nanoseconds */
};

/* Around a look at all semaphores. */
void begin_look(void);
void end_look(void);

struct rates rates_of(const struct ksem_info *info, const struct details *details);

/* Reads keys from the terminal, if this program may, until end_keys, which a signal handler may call (keys.c). */
void begin_keys(void);
void end_keys(void);
bool keys_are_read(void);

/* Calls act for each key that there is. */
void read_keys(void (*act)(char key));

int list(void);
int show(void);
int watch_semaphores(void);
int metrics(void);

/* ---- Completion (complete.c). ---- */

/* Answers the shell: see completion.bash. */
int complete(const char *text, const char *line);

/* ---- Using (use.c, run.c, keeper.c). ---- */

int create(void);
int post(void);
int wait_for(void);
int limit(void);
int shut_down(void);
int unlink_names(void);

/* The semaphore options.name. Ends the program if that can't be. */
ksem_id_t open_name(void);

/* Takes options.count permits by options.timeout. 0, ETIMEDOUT, ... */
int take(ksem_id_t id);

/* Runs a program while holding a permit; the exit status. run_kept: of a semaphore without KSEM_UNDO. */
int run(char **command);
int run_kept(ksem_id_t id, char **command);

/* Signals that would end ksem go to that process. */
void pass_signals_on(pid_t child);

/* Waits for the end of a child; its exit status, as a shell has it. */
int status_of(pid_t child);

/* In a child: executes the program; why it couldn't. Then says so; the exit status. */
int execute(char **command);
int cannot_execute(char **command, int error);

#endif
