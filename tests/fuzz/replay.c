/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replays files of bytes as sequences of calls, each compared with the model (sequence.h); without a fuzzer.
 *
 *   replay FILE-OR-FOLDER ...               all of them; ends with 0 if the library and the model never differ
 *   replay --print FILE ...                 prints each call
 *   replay --can-fail FILE-OR-FOLDER ...    once for each rule of the model, broken: some file must show it, each time
 */
#include "../support.h"

#include <dirent.h>
#include <sys/stat.h>

#include "model.h"
#include "sequence.h"

#define FILES_MAX 4096

static struct file {
	uint8_t bytes[SEQUENCE_BYTES_MAX];
	size_t size;
} * files[FILES_MAX];
static unsigned file_count;

static void load_file(const char *path)
{
	FILE *stream = fopen(path, "rb");
	struct file *file = calloc(1, sizeof(*file));

	MUST(stream && file && file_count < FILES_MAX);
	file->size = fread(file->bytes, 1, sizeof(file->bytes), stream);
	MUST(!ferror(stream));
	fclose(stream);
	files[file_count++] = file;
}

static void load(const char *path)
{
	struct dirent **entries;
	struct stat info;
	int n;

	MUST(stat(path, &info) == 0);
	if (!S_ISDIR(info.st_mode)) {
		load_file(path);
		return;
	}
	n = scandir(path, &entries, NULL, alphasort);
	MUST(n >= 0);
	for (int i = 0; i < n; i++) {
		char inside[4096];

		snprintf(inside, sizeof(inside), "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.')
			load_file(inside);
		free(entries[i]);
	}
	free(entries);
}

static void replay_all(bool print, bool quiet)
{
	for (unsigned i = 0; i < file_count; i++)
		sequence_run(files[i]->bytes, files[i]->size, print, quiet);
}

/* In an OS process of its own, which the first difference ends. */
static bool is_shown(enum model_rule rule)
{
	pid_t child = fork();
	int status;

	MUST(child >= 0);
	if (child == 0) {
		model_break(rule);
		replay_all(false, true);
		_exit(0);
	}
	MUST(waitpid(child, &status, 0) == child);
	return WIFEXITED(status) && WEXITSTATUS(status) == SEQUENCE_DIFFERS;
}

static int show_every_rule(void)
{
	unsigned missed = 0;

	for (int rule = 0; rule < RULES; rule++) {
		if (!is_shown((enum model_rule)rule)) {
			printf("no file shows rule %s: %s\n", model_rules[rule].name, model_rules[rule].broken);
			missed++;
		}
	}
	printf("%u rules broken, %u not shown by %u files\n", (unsigned)RULES, missed, file_count);
	return missed > 0;
}

int main(int argc, char **argv)
{
	bool print = argc > 1 && strcmp(argv[1], "--print") == 0;
	bool can_fail = argc > 1 && strcmp(argv[1], "--can-fail") == 0;

	for (int i = 1 + print + can_fail; i < argc; i++)
		load(argv[i]);
	if (file_count == 0) {
		fprintf(stderr, "usage: replay [--print | --can-fail] FILE-OR-FOLDER ...\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IONBF, 0);
	if (can_fail)
		return show_every_rule();
	replay_all(print, false);
	printf("%u files: the library and the model never differ\n", file_count);
	for (unsigned i = 0; i < file_count; i++)
		free(files[i]);
	return 0;
}
