/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "folder.h"
#include "mounts.h"
#include "runtime/unit.h"

#define TOO_MANY (-2) /* variables, by which a line of sense cannot be taken */
#define TEXT(number) TEXT_OF(number)
#define TEXT_OF(number) #number

static int take_root(struct base *b, char *rest)
{
	b->has_root = 1;
	return *rest ? -1 : 0;
}

static int take_init(struct base *b, char *rest)
{
	b->init = rest;
	return *rest == '/' ? 0 : -1;
}

static int take_folder(struct base *b, char *rest)
{
	b->folder = rest;
	return *rest == '/' ? 0 : -1;
}

/* -1, in whatever type, stands for no id at all. */
static int take_id(const char *word, uint32_t *id)
{
	uint64_t number;

	if (text_parse_number(word, &number) < 0 || number >= UINT32_MAX)
		return -1;
	*id = (uint32_t)number;
	return 0;
}

static int take_user(struct base *b, char *rest)
{
	struct user u = {0};
	char *left = rest, *user = strtok_r(rest, " ", &left),
	     *group = strtok_r(NULL, " ", &left);

	if (!user || !group || take_id(user, &u.id) < 0 || take_id(group, &u.group) < 0)
		return -1;
	while ((group = strtok_r(NULL, " ", &left)))
		if (u.group_count == USER_GROUPS ||
			take_id(group, &u.groups[u.group_count++]) < 0)
			return -1;
	b->user = u;
	return 0;
}

static int take_variable(struct base *b, char *rest)
{
	if (!strchr(rest, '=') || *rest == '=')
		return -1;
	if (b->variable_count == BASE_VARIABLES)
		return TOO_MANY;
	b->environment[b->variable_count++] = rest;
	b->environment[b->variable_count] = NULL;
	return 0;
}

static const struct {
	const char *word;
	int (*take)(struct base *b, char *rest);
} kinds[] = {
	{"root", take_root},
	{"init", take_init},
	{"user", take_user},
	{"folder", take_folder},
	{"environment", take_variable},
};

static int take_line(struct base *b, char *line)
{
	size_t length = strcspn(line, " ");

	if (!*line || *line == '#')
		return 0;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (length == strlen(kinds[i].word) &&
			!strncmp(line, kinds[i].word, length))
			return kinds[i].take(b, line + length + (line[length] == ' '));
	return -1;
}

void base_init(struct base *b)
{
	b->has_root = 0;
	b->init = NULL;
	b->folder = MOUNT_OUTPUT;
	b->user = (struct user){.id = WU_USER_ID, .group = WU_GROUP_ID};
	b->variable_count = 0;
	b->environment[0] = NULL;
}

static int fail(struct text *problem, const char *why, const char *what)
{
	text_add(problem, "/" WU_GUEST_BASE ": ");
	text_add(problem, why);
	text_add(problem, ": ");
	text_add(problem, what);
	return -1;
}

int base_parse(struct base *b, size_t size, struct text *problem)
{
	char *line = b->text, *end, shown[81];
	struct text whole;
	int rc;

	base_init(b);
	if (strlen(b->text) != size)
		return fail(problem, "cannot be read", "a NUL byte in it");
	for (; *line; line = end) {
		end = line + strcspn(line, "\n");
		if (*end)
			*end++ = '\0';
		/* A line that was taken apart cannot be shown any more. */
		whole = TEXT_IN(shown);
		text_add(&whole, line);
		rc = take_line(b, line);
		if (rc < 0)
			return fail(problem,
				rc == TOO_MANY
					? "more than " TEXT(BASE_VARIABLES) " variables"
					: "a line that makes no sense",
				shown);
	}
	if (b->init && !b->has_root)
		return fail(problem, "an init without a root disk", b->init);
	return 0;
}

int base_read(struct base *b, const char *path, struct text *problem)
{
	ssize_t size = folder_read_file(AT_FDCWD, path, b->text, sizeof(b->text));

	base_init(b);
	if (size < 0)
		return errno == ENOENT ? 0
				       : fail(problem, "cannot be read", strerror(errno));
	return base_parse(b, (size_t)size, problem);
}
