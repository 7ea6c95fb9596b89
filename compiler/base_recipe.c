/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base_recipe.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "place.h"

/* The folder of the ready recipes; the caller frees. */
static char *recipes_folder(struct diag *d)
{
	static const char *const beside[] = {"../recipes", "../share/workunit/recipes"};
	const char *named = getenv("WUC_RECIPES");
	char *program, *path = NULL;

	if (named && named[0])
		return memory_strdup(named);
	program = file_program_folder(d);
	if (!program)
		return NULL;
	for (size_t i = 0; i < sizeof(beside) / sizeof(*beside); i++) {
		free(path);
		path = memory_printf("%s/%s", program, beside[i]);
		if (access(path, F_OK) == 0)
			break;
	}
	free(program);
	return path;
}

/* The length of a recipe's name without .lua; 0 where it is no recipe. */
static size_t stem_length(const char *name)
{
	size_t length = strlen(name);

	return length > 4 && strcmp(name + length - 4, ".lua") == 0 ? length - 4 : 0;
}

static int is_recipe(const struct dirent *e)
{
	return stem_length(e->d_name) > 0;
}

static int by_stem(const struct dirent **x, const struct dirent **y)
{
	size_t a = stem_length((*x)->d_name), b = stem_length((*y)->d_name);
	int order = memcmp((*x)->d_name, (*y)->d_name, a < b ? a : b);

	return order ? order : (a > b) - (a < b);
}

/* "debian, debian-r, mini": the recipes in a folder, sorted. */
static void list_recipes(const char *folder, struct buffer *b)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, is_recipe, by_stem);

	for (int i = 0; i < count; i++) {
		buffer_printf(b, "%s%.*s", b->size ? ", " : "",
			(int)stem_length(entries[i]->d_name), entries[i]->d_name);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

char *base_recipe_path(const char *name, const struct place *p, struct diag *d)
{
	char *folder = recipes_folder(d);
	struct buffer known = {0};
	char *path;

	if (!folder)
		return NULL;
	path = memory_printf("%s/%s.lua", folder, name);
	if (strchr(name, '/') || access(path, R_OK) < 0) {
		list_recipes(folder, &known);
		if (known.size == 0)
			buffer_printf(&known,
				"none in %s; WUC_RECIPES names another folder", folder);
		place_fail(d, p,
			"expected a base's name or a path that ends in .lua, found %s "
			"(known: %s)",
			name, known.bytes);
		buffer_clear(&known);
		free(path);
		path = NULL;
	}
	free(folder);
	return path;
}

static const struct base_plan *load(const char *path, const char *text,
	const struct place *p, const struct recipe_options *o, struct recipe *holder,
	struct diag *d)
{
	/* A unit's --set and --only are not meant for its base. */
	struct recipe_options own = *o;

	own.choice_count = 0;
	if (access(path, F_OK) < 0 && errno == ENOENT) {
		place_fail(d, p, "expected a base's recipe, found nothing at %s", text);
		return NULL;
	}
	if (recipe_load(holder, path, &own, d) < 0)
		return NULL;
	/* A base that a unit makes on the spot has no other name than the unit's. */
	if (holder->unit && holder->unit->base.kind == BASE_INLINE)
		return holder->unit->base.plan;
	if (!holder->base)
		place_fail(d, p,
			"expected a recipe that returns base { … }, found a unit in %s",
			text);
	return holder->base;
}

const struct base_plan *base_recipe_find(const struct base_reference *reference,
	const char *beside, const struct recipe_options *o, struct recipe *holder,
	struct diag *d)
{
	const struct base_plan *plan = NULL;
	const char *slash = beside ? strrchr(beside, '/') : NULL;
	char *path;

	*holder = (struct recipe){0};
	if (reference->kind == BASE_INLINE)
		return reference->plan;
	if (reference->kind == BASE_NAME)
		path = base_recipe_path(reference->text, &reference->place, d);
	else if (reference->text[0] == '/' || !slash)
		path = memory_strdup(reference->text);
	else
		path = memory_printf(
			"%.*s/%s", (int)(slash - beside), beside, reference->text);
	if (path)
		plan = load(path, reference->text, &reference->place, o, holder, d);
	free(path);
	return plan;
}

const char *base_recipe_folder(
	const struct base_plan *plan, struct arena *a, struct diag *d)
{
	char real[PATH_MAX];
	char *slash;

	if (!realpath(plan->recipe_path, real)) {
		diag_fail_errno(d, "%s", plan->recipe_path);
		return NULL;
	}
	slash = strrchr(real, '/');
	slash[slash == real ? 1 : 0] = '\0';
	return arena_strdup(a, real);
}
