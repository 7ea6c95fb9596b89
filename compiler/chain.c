/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "chain.h"

#include <stdlib.h>
#include <string.h>

#include "base_recipe.h"
#include "place.h"

#define LONGEST 16
#define DEFAULT_SUITE "bookworm"

/* The base whose kernel others take. */
static const struct base_reference standard = {.kind = BASE_NAME, .text = "mini"};

/* While the chain is read: from the base itself downwards. */
struct loading {
	struct chain *chain;
	const struct recipe_options *options;
	const struct base_plan *found[LONGEST];
	size_t count;
	struct diag *diag;
};

static const struct base_plan *load(
	struct loading *l, const struct base_reference *reference, const char *beside)
{
	struct chain *c = l->chain;

	c->recipes =
		memory_resize(c->recipes, (c->recipe_count + 1) * sizeof(*c->recipes));
	return base_recipe_find(
		reference, beside, l->options, &c->recipes[c->recipe_count++], l->diag);
}

static int load_below(struct loading *l, const struct base_plan *plan)
{
	while (plan) {
		if (l->count == LONGEST)
			return place_fail(l->diag, &l->found[0]->place,
				"expected at most %d bases that go on from one another "
				"(does one go on from itself?)",
				LONGEST);
		if (plan->disk && l->count > 0)
			return place_fail(l->diag, &l->found[l->count - 1]->from->place,
				"expected a base with files to go on from, found a disk "
				"image");
		l->found[l->count++] = plan;
		if (!plan->from)
			return 0;
		plan = load(l, plan->from, plan->recipe_path);
	}
	return -1;
}

/* What a base leaves out it has from the one that it goes on from. */
static const struct base_plan *complete(
	struct chain *c, const struct base_plan *plan, const struct base_plan *below)
{
	struct base_plan *p =
		(struct base_plan *)(void *)arena_memdup(&c->arena, plan, sizeof(*plan));

	if (!p->suite)
		p->suite = below ? below->suite : DEFAULT_SUITE;
	if (!p->append && below)
		p->append = below->append;
	return p;
}

static void order(struct loading *l)
{
	struct chain *c = l->chain;
	const struct base_plan **plans =
		arena_alloc(&c->arena, l->count * sizeof(*plans));

	c->count = c->root = l->count;
	for (size_t i = 0; i < l->count; i++) {
		plans[i] = complete(
			c, l->found[l->count - 1 - i], i > 0 ? plans[i - 1] : NULL);
		if (plans[i]->kernel_package)
			c->kernel = i;
		if (plans[i]->root != ROOT_NONE && c->root == c->count)
			c->root = i;
	}
	c->plans = plans;
}

/* Adds what is not there yet. */
static void merge(struct chain *c, const char *const **list, size_t *count,
	const char *const *more, size_t more_count)
{
	const char **all =
		arena_alloc(&c->arena, (*count + more_count + 1) * sizeof(*all));
	size_t n = *count;

	if (n > 0)
		memcpy(all, *list, n * sizeof(*all));
	for (size_t i = 0; i < more_count; i++) {
		size_t k = 0;

		while (k < n && strcmp(all[k], more[i]) != 0)
			k++;
		if (k == n)
			all[n++] = more[i];
	}
	*list = all;
	*count = n;
}

static void describe_boot(struct chain *c)
{
	static const char *const overlay[] = {"overlay"};
	struct base_plan *b = &c->boot;

	*b = *c->plans[c->count - 1];
	b->kernel_package = c->plans[c->kernel]->kernel_package;
	b->module_count = b->driver_count = 0;
	for (size_t i = c->kernel; i < c->count; i++) {
		const struct base_plan *p = c->plans[i];

		merge(c, &b->modules, &b->module_count, p->modules, p->module_count);
		merge(c, &b->drivers, &b->driver_count, p->drivers, p->driver_count);
	}
	if (chain_has_root(c))
		merge(c, &b->modules, &b->module_count, overlay, 1);
}

static int check(const struct chain *c, struct diag *d)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct base_plan *p = c->plans[i];

		if (c->root > i && p->files.count > 0)
			return place_fail(d, &p->files.list[0].place,
				"expected a base with a root disk to place files on");
		if (c->root > i && p->init)
			return place_fail(d, &p->place,
				"init: expected a base with a root disk of its own to "
				"start");
		if (c->root < i && p->root == ROOT_PACKAGES &&
			c->plans[c->root]->root != ROOT_PACKAGES)
			return place_fail(d, &p->place,
				"packages: expected a base of Debian packages below, "
				"found %s at %s:%d",
				c->plans[c->root]->root == ROOT_IMAGE
					? "a container image"
					: "folders and archives",
				c->plans[c->root]->place.file,
				c->plans[c->root]->place.line);
		if (c->root < i && p->root == ROOT_PACKAGES &&
			strcmp(p->suite, c->plans[c->root]->suite) != 0)
			return place_fail(d, &p->place,
				"suite: expected %s, as %s below has it, found %s",
				c->plans[c->root]->suite, c->plans[c->root]->name,
				p->suite);
	}
	return 0;
}

static void list_inputs(struct chain *c)
{
	size_t count = 0;

	for (size_t i = 0; i < c->recipe_count; i++)
		count += c->recipes[i].input_count;
	c->inputs = arena_alloc(&c->arena, (count + 1) * sizeof(*c->inputs));
	for (size_t i = 0; i < c->recipe_count; i++)
		for (size_t k = 0; k < c->recipes[i].input_count; k++)
			c->inputs[c->input_count++] = c->recipes[i].inputs[k];
}

static int finish(struct loading *l)
{
	int has_kernel = l->found[0]->disk != NULL; /* of its own */

	for (size_t i = 0; i < l->count; i++)
		has_kernel = has_kernel || l->found[i]->kernel_package;
	if (!has_kernel && load_below(l, load(l, &standard, NULL)) < 0)
		return -1;
	order(l);
	describe_boot(l->chain);
	list_inputs(l->chain);
	return check(l->chain, l->diag);
}

int chain_load_below(struct chain *c, const struct base_plan *plan,
	const struct recipe_options *o, struct diag *d)
{
	struct loading l = {.chain = c, .options = o, .diag = d};

	*c = (struct chain){0};
	return load_below(&l, plan) < 0 ? -1 : finish(&l);
}

int chain_load(struct chain *c, const struct base_reference *reference,
	const char *beside, const struct recipe_options *o, struct diag *d)
{
	struct loading l = {.chain = c, .options = o, .diag = d};

	*c = (struct chain){0};
	return load_below(&l, load(&l, reference, beside)) < 0 ? -1 : finish(&l);
}

void chain_clear(struct chain *c)
{
	for (size_t i = 0; i < c->recipe_count; i++)
		recipe_clear(&c->recipes[i]);
	free(c->recipes);
	arena_clear(&c->arena);
	*c = (struct chain){0};
}

int chain_is_disk(const struct chain *c)
{
	return c->plans[0]->disk != NULL;
}

int chain_has_root(const struct chain *c)
{
	return c->root < c->count;
}

int chain_uses_initrd(const struct chain *c, size_t plan)
{
	return !chain_has_root(c) || plan >= c->root;
}

int chain_check_command(const struct chain *c, const struct plan *unit, struct diag *d)
{
	int has_image = chain_has_root(c) && c->plans[c->root]->root == ROOT_IMAGE;

	if (unit->script_count > 0 || has_image)
		return 0;
	return place_fail(
		d, &unit->place, "expected a command, found nothing (command = \"…\")");
}
