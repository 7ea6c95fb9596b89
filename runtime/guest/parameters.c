/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "parameters.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "folder.h"
#include "runtime/unit.h"

#define FILE_NAME "params.txt"
#define NAME_LONGEST 64

static const char *const fixed[] = {
	"PATH=/app/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"HOME=/tmp",
	"LANG=C.UTF-8",
	"TMPDIR=/tmp",
};

static int fail(struct text *problem, const char *why, const char *line)
{
	text_add(problem, FILE_NAME ": ");
	text_add(problem, why);
	if (line) {
		text_add(problem, ": ");
		text_add_bytes(problem, line, strnlen(line, 80));
	}
	return -1;
}

static int is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* The length of the name before a line's '=', or 0 where it is none. */
static size_t name_length(const char *line)
{
	size_t n = 0;

	while (is_letter(line[n]) || (n && line[n] >= '0' && line[n] <= '9'))
		n++;
	return line[n] == '=' && n <= NAME_LONGEST ? n : 0;
}

/* 1 where both are of one name. */
static int is_same_name(const char *a, const char *b)
{
	size_t length = strcspn(a, "=") + 1;

	return !strncmp(a, b, length);
}

/* Takes the place of the variable of that name among the first ones. Invariant:
 * environment[count] is NULL. */
static void put_variable(struct parameters *p, char *variable, size_t first)
{
	for (size_t i = 0; i < first; i++)
		if (is_same_name(variable, p->environment[i])) {
			p->environment[i] = variable;
			return;
		}
	p->environment[p->count++] = variable;
	p->environment[p->count] = NULL;
}

static int add_variable(struct parameters *p, struct text *variables, const char *line,
	struct text *problem)
{
	size_t start = variables->size;

	if (!name_length(line))
		return fail(problem, "expected NAME=VALUE", line);
	text_add(variables, WU_ENVIRONMENT_PREFIX);
	text_add(variables, line);
	text_add_bytes(variables, "", 1);
	if (variables->cut || p->count >= PARAMETERS_COUNT)
		return fail(problem, "more parameters than an environment holds", NULL);
	put_variable(p, variables->bytes + start, p->shared);
	return 0;
}

static void put_shared(struct parameters *p, char *const *base)
{
	p->count = 0;
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		put_variable(p, (char *)(uintptr_t)fixed[i], 0);
	for (size_t i = 0; base[i] && p->count < PARAMETERS_COUNT; i++)
		put_variable(p, base[i], p->count);
	p->shared = p->count;
}

int parameters_parse(
	struct parameters *p, char *const *base, size_t size, struct text *problem)
{
	struct text variables = TEXT_IN(p->variables);
	char *line = p->file, *end;

	put_shared(p, base);
	if (strlen(p->file) != size)
		return fail(problem, "a NUL byte in it", NULL);
	for (; *line; line = end + 1) {
		end = strchr(line, '\n');
		if (!end)
			return fail(problem, "the last line has no end", line);
		*end = '\0';
		if (add_variable(p, &variables, line, problem) < 0)
			return -1;
	}
	return 0;
}

int parameters_read(
	struct parameters *p, char *const *base, const char *folder, struct text *problem)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ssize_t size = -1;

	if (fd >= 0) {
		size = folder_read_file(fd, FILE_NAME, p->file, sizeof(p->file));
		close(fd);
	}
	if (size < 0)
		return fail(problem, strerror(errno), NULL);
	return parameters_parse(p, base, (size_t)size, problem);
}
