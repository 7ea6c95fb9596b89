/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <getopt.h>
#include <stdio.h>

#include "arguments.h"
#include "chain.h"
#include "command.h"
#include "common/quantity.h"
#include "common/text.h"
#include "recipe.h"
#include "scan.h"
#include "stream.h"
#include "unit.h"

static const char help[] =
	"usage: wuc check RECIPE [--set NAME=VALUE] [--only NAME=VALUE] [--allow DIR] [-q]\n"
	"\n"
	"Reads a recipe and looks at every file that it names, but builds nothing.\n"
	"Prints a line a mistake, each with its place in the recipe.\n"
	"Exit status: 0 the recipe is good, 1 it is not, 2 bad usage.\n";

struct check_arguments {
	struct arguments common;
	const char *recipe;
};

static int read_arguments(
	int argc, char **argv, struct check_arguments *a, struct diag *d)
{
	static const struct option options[] = {ARGUMENT_CHOICES, ARGUMENT_COMMON, {0}};
	int c, rc = 0;

	while (rc == 0 && (c = getopt_long(argc, argv, "qh", options, NULL)) != -1)
		rc = arguments_take(&a->common, c, optarg, help, d);
	if (rc == 0 && argc - optind != 1)
		rc = diag_fail(d, "check: expected one recipe, found %d", argc - optind);
	a->recipe = argv[optind];
	return rc;
}

struct totals {
	size_t files;
	uint64_t bytes;
};

static int add_to_totals(struct node *n, void *context)
{
	struct totals *t = context;

	if (n->type == NODE_FILE) {
		t->files++;
		t->bytes += n->size;
	}
	return 0;
}

static int check_files(const struct check_arguments *a, const struct plan *p,
	struct totals *totals, struct diag *d)
{
	struct scan_options o = {.folder = p->recipe_folder,
		.allowed = a->common.recipe.allowed,
		.allowed_count = a->common.recipe.allowed_count};
	struct tree t;
	int rc = 0;

	tree_init(&t, p->epoch);
	if (scan_items(&t, "app", &p->app, &o, d) < 0)
		rc = -1;
	if (scan_items(&t, "input", &p->input, &o, d) < 0)
		rc = -1;
	tree_finish(&t);
	/* What cannot be read is a mistake too. */
	if (rc == 0)
		rc = stream_files(&t, &(struct stream_options){.no_whole = 1}, NULL, d);
	tree_walk(&t, add_to_totals, totals);
	tree_clear(&t);
	return rc;
}

static int check_chain(struct check_arguments *a, const struct chain *chain,
	const struct plan *unit, struct diag *d)
{
	struct base_options o = {
		.needs_partition = unit && unit->layout == LAYOUT_SINGLE};

	arguments_set_base_options(&a->common, &o);
	return base_check(chain, &o, d);
}

static int check_unit(struct check_arguments *a, const struct plan *p, struct diag *d)
{
	struct totals totals = {0};
	struct chain chain;
	char size[QUANTITY_TEXT];
	int rc = check_files(a, p, &totals, d);

	if (chain_load(&chain, &p->base, p->recipe_path, &a->common.recipe, d) < 0 ||
		unit_check_layout(p, chain_is_disk(&chain), d) < 0 ||
		chain_check_command(&chain, p, d) < 0 || check_chain(a, &chain, p, d) < 0)
		rc = -1;
	chain_clear(&chain);
	if (rc == 0 && !a->common.quiet)
		printf("%s: unit %s is good: %zu instance%s, %zu file%s of %s\n",
			a->recipe, p->name, p->sweep.instance_count,
			p->sweep.instance_count == 1 ? "" : "s", totals.files,
			totals.files == 1 ? "" : "s",
			quantity_format_size(totals.bytes, size));
	return rc;
}

static int check_base(
	struct check_arguments *a, const struct base_plan *p, struct diag *d)
{
	struct chain chain;
	int rc = chain_load_below(&chain, p, &a->common.recipe, d);

	if (rc == 0)
		rc = check_chain(a, &chain, NULL, d);
	chain_clear(&chain);
	if (rc == 0 && !a->common.quiet)
		printf("%s: base %s is good\n", a->recipe, p->name);
	return rc;
}

int command_check(int argc, char **argv, struct diag *d)
{
	struct check_arguments a = {0};
	struct recipe recipe = {0};
	int rc = arguments_begin(&a.common, d);

	if (rc == 0)
		rc = read_arguments(argc, argv, &a, d);
	if (rc != 0)
		return arguments_stop(&a.common, rc, "wuc check", d);
	rc = recipe_load(&recipe, a.recipe, &a.common.recipe, d);
	text_print_lines(recipe.notes.bytes, recipe.notes.size, stderr);
	if (rc == 0 && recipe.unit)
		rc = check_unit(&a, recipe.unit, d);
	else if (rc == 0)
		rc = check_base(&a, recipe.base, d);
	recipe_clear(&recipe);
	arguments_end(&a.common);
	return rc < 0 ? EXIT_FAILED : 0;
}
