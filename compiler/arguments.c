/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "arguments.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "common/memory.h"
#include "common/text.h"

const int memory_exit_status = EXIT_FAILED;

#define LATEST_EPOCH 253402300799 /* the year 9999 */

int arguments_read_epoch(
	struct arguments *a, const char *name, const char *text, struct diag *d)
{
	char *end;

	errno = 0;
	a->recipe.epoch = strtoll(text, &end, 10);
	if (errno || *end || end == text || a->recipe.epoch < 0 ||
		a->recipe.epoch > LATEST_EPOCH)
		return diag_fail(
			d, "%s: expected seconds since 1970, found \"%s\"", name, text);
	return 0;
}

int arguments_begin(struct arguments *a, struct diag *d)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");

	*a = (struct arguments){.recipe.epoch = -1};
	if (!epoch || !epoch[0])
		return 0;
	return arguments_read_epoch(a, "SOURCE_DATE_EPOCH", epoch, d);
}

/* The list with one more place at its end. */
static void *grow(struct arena *a, const void *list, size_t count, size_t size)
{
	char *grown = arena_alloc(a, (count + 1) * size);

	if (count)
		memcpy(grown, list, count * size);
	return grown;
}

static int add_choice(
	struct arguments *a, const char *option, const char *text, struct diag *d)
{
	const char *equals = strchr(text, '=');
	struct recipe_choice *list;
	size_t n = a->recipe.choice_count;

	if (!equals || equals == text)
		return diag_fail(
			d, "--%s: expected name=value, found \"%s\"", option, text);
	list = grow(&a->arena, a->recipe.choices, n, sizeof(*list));
	list[n].option = option;
	list[n].name = arena_memdup(&a->arena, text, (size_t)(equals - text));
	list[n].value = equals + 1;
	a->recipe.choices = list;
	a->recipe.choice_count = n + 1;
	return 0;
}

static int add_allowed(struct arguments *a, const char *folder, struct diag *d)
{
	size_t n = a->recipe.allowed_count;
	char real[PATH_MAX];
	const char **list;

	if (!realpath(folder, real))
		return diag_fail_errno(d, "--allow %s", folder);
	list = grow(&a->arena, a->recipe.allowed, n, sizeof(*list));
	list[n] = arena_strdup(&a->arena, real);
	a->recipe.allowed = list;
	a->recipe.allowed_count = n + 1;
	return 0;
}

int arguments_take(struct arguments *a, int option, const char *value, const char *help,
	struct diag *d)
{
	switch (option) {
	case ARGUMENT_SET:
		return add_choice(a, "set", value, d);
	case ARGUMENT_ONLY:
		return add_choice(a, "only", value, d);
	case ARGUMENT_ALLOW:
		return add_allowed(a, value, d);
	case 'q':
		a->quiet = 1;
		return 0;
	case 'h':
		fputs(help, stdout);
		return 1;
	default:
		return -1;
	}
}

static void say(void *context, int warning, const char *text)
{
	const struct arguments *a = context;

	if (!warning && a->quiet)
		return;
	fputs(warning ? "wuc: warning: " : "", stderr);
	text_print(text, stderr);
	fputc('\n', stderr);
}

void arguments_set_base_options(struct arguments *a, struct base_options *o)
{
	o->allowed = a->recipe.allowed;
	o->allowed_count = a->recipe.allowed_count;
	o->say = say;
	o->say_context = a;
}

void arguments_end(struct arguments *a)
{
	arena_clear(&a->arena);
}

int arguments_stop(struct arguments *a, int rc, const char *command, struct diag *d)
{
	arguments_end(a);
	if (rc > 0)
		return 0;
	diag_fail(d, "%s --help says how to use it", command);
	return EXIT_USAGE;
}
