/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "slurm_ask.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "child.h"
#include "common/memory.h"

#define ANSWER_LIMIT_BYTES (256u << 20)

/* The first line that is not empty, without what the program puts before it. */
static char *find_complaint(const char *output)
{
	const char *line = output + strspn(output, " \n");
	char *text = memory_printf("%.*s", (int)strcspn(line, "\n"), line);
	char *error = strstr(text, "error: ");
	char *rest = memory_strdup(error ? error + strlen("error: ") : text);

	free(text);
	return rest;
}

static int complain(const char *program, const char *output, int status, struct diag *d)
{
	char *text = find_complaint(output);

	if (*text)
		diag_fail(d, "slurm: %s: %s", program, text);
	else
		diag_fail(d, "slurm: %s: it failed (status %d)", program,
			WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	free(text);
	return -1;
}

static char *find(const char *name, struct diag *d)
{
	char *path = child_find_program(name);

	if (!path)
		diag_fail(d,
			"slurm: %s: not found in PATH: this is for a host from which "
			"jobs are submitted (Debian: apt install slurm-client)",
			name);
	return path;
}

int slurm_find(struct diag *d)
{
	char *path = find(SLURM_SBATCH, d);

	free(path);
	return path ? 0 : -1;
}

/* argv[0] is a name in PATH. Returns what it says, or NULL. */
static char *ask(char **argv, struct diag *d)
{
	const char *name = argv[0];
	char *path = find(name, d), *output = NULL;
	int status = 0, rc;

	if (!path)
		return NULL;
	argv[0] = path;
	rc = child_read_output(argv, ANSWER_LIMIT_BYTES, &output, &status, d);
	argv[0] = (char *)(uintptr_t)name;
	free(path);
	if (rc == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return output;
	if (rc == 0)
		complain(name, output, status, d);
	free(output);
	return NULL;
}

long slurm_find_array_size(const char *config)
{
	long size = -1;

	for (const char *line = config; line && size < 0; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sscanf(line, "MaxArraySize = %ld", &size) != 1)
			size = -1;
	}
	return size;
}

int slurm_ask_array_limit(size_t *tasks, struct diag *d)
{
	char words[][16] = {"scontrol", "show", "config"};
	char *argv[] = {words[0], words[1], words[2], NULL};
	char *config = ask(argv, d);
	long size;

	if (!config)
		return -1;
	size = slurm_find_array_size(config);
	free(config);
	if (size < 0)
		return diag_fail(d, "slurm: scontrol show config: no MaxArraySize in it");
	if (size < 2)
		return diag_fail(d,
			"slurm: this cluster takes no job arrays (MaxArraySize is %ld)",
			size);
	*tasks = (size_t)size - 1;
	return 0;
}

void slurm_mark_queued(const char *lines, struct submit_sent *sent)
{
	while (*lines) {
		size_t length = strcspn(lines, "\n");
		char *line = memory_printf("%.*s", (int)length, lines);
		char *blank = strrchr(line, ' ');

		if (blank && isdigit((unsigned char)blank[1])) {
			*blank = '\0';
			submit_sent_mark(sent, line, strtoul(blank + 1, NULL, 10));
		}
		free(line);
		lines += length + (lines[length] == '\n');
	}
}

static char *ask_queue(const char *names, struct diag *d)
{
	char words[][16] = {"squeue", "--noheader", "--array", "--format=%j %K"};
	char *named = memory_printf("--name=%s", names);
	char *argv[] = {words[0], words[1], words[2], words[3], named, NULL};
	char *lines = ask(argv, d);

	free(named);
	return lines;
}

int slurm_ask_queue(struct submit_sent *sent, struct diag *d)
{
	struct buffer names = {0};
	char *lines;

	if (sent->count == 0)
		return 0;
	for (size_t i = 0; i < sent->count; i++)
		buffer_printf(&names, "%s%s", i ? "," : "", sent->list[i].name);
	lines = ask_queue(names.bytes, d);
	buffer_clear(&names);
	if (!lines)
		return -1;
	slurm_mark_queued(lines, sent);
	free(lines);
	return 0;
}

int slurm_ask_name(const char *name)
{
	CLEANUP(diag_clear) struct diag ignored = {0};
	char *lines = ask_queue(name, &ignored);
	int known = lines ? strstr(lines, name) != NULL : -1;

	free(lines);
	return known;
}

int slurm_is_job(const char *line, size_t *length)
{
	*length = strspn(line, "0123456789");
	return *length > 0 &&
	       (line[*length] == '\0' || line[*length] == '\n' || line[*length] == ';');
}

char *slurm_send(char *const *argv, struct diag *d)
{
	size_t count = 0, length;
	char **words, *output;

	while (argv[count])
		count++;
	words = memory_alloc((count + 1) * sizeof(*words));
	memcpy(words, argv, count * sizeof(*words));
	output = ask(words, d);
	free(words);
	if (!output)
		return NULL;
	for (const char *line = output; *line; line += *line == '\n') {
		if (slurm_is_job(line, &length)) {
			char *job = memory_printf("%.*s", (int)length, line);

			free(output);
			return job;
		}
		line += strcspn(line, "\n");
	}
	diag_fail(d, "slurm: sbatch: it does not say the job's id");
	free(output);
	return NULL;
}
