/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arguments.h"
#include "base.h"
#include "chain.h"
#include "command.h"
#include "common/file.h"
#include "common/quantity.h"
#include "common/text.h"
#include "depfile.h"
#include "recipe.h"
#include "runtime/unit.h"
#include "unit.h"

static const char help[] =
	"usage: wuc build RECIPE [-o DIR] [OPTIONS]\n"
	"\n"
	"Compiles a recipe into a unit: disks, parameter CDs, run script and manifest. "
	"What is\n"
	"there already and would come out the same is kept.\n"
	"\n"
	"  -o DIR             the unit's folder (default: units/NAME)\n"
	"  --set NAME=VALUE   give every instance this value of a parameter\n"
	"  --only NAME=VALUE  keep the instances that have this value\n"
	"  --allow DIR        let the recipe read files below DIR too, not only beside "
	"itself\n"
	"  --locked           refuse a base whose pinned packages cannot be had\n"
	"  -B, --always-make  make every file anew (wurun verify finds damaged ones)\n"
	"  -n, --dry-run      say what would be made, make nothing\n"
	"  --why              say what caused each file to be made\n"
	"  -q, --quiet        say nothing but errors and warnings\n"
	"  -v, --verbose      --why, and name each file that is read\n"
	"  -MD                write what was read as a rule for make, to DIR.d\n"
	"  -MF FILE           the rule's file         -MT TARGET  the rule's target\n"
	"  -MP                add an empty rule for each file that was read\n"
	"  -h, --help         this text\n"
	"\n"
	"Time stamps are SOURCE_DATE_EPOCH or the recipe's epoch. A recipe that returns\n"
	"base { … } is built into the store, as by wuc base build.\n"
	"Exit status: 0 built or up to date, 1 the recipe or the build failed, 2 bad "
	"usage.\n";

struct build_arguments {
	struct arguments common;
	struct timespec started;
	const char *recipe, *folder;
	int locked, make_all, dry_run, why, verbose;
	int depfile, phony;
	const char *depfile_path, *depfile_target;
};

/* -MD, -MP, -MF FILE and -MT TARGET, as C compilers spell them. */
static int read_make_option(struct build_arguments *a, const char *letter, char **argv)
{
	if (strcmp(letter, "D") == 0)
		a->depfile = 1;
	else if (strcmp(letter, "P") == 0)
		a->phony = 1;
	else if (letter[0] == 'F' && (letter[1] || argv[optind]))
		a->depfile = 1, a->depfile_path = letter[1] ? letter + 1 : argv[optind++];
	else if (letter[0] == 'T' && (letter[1] || argv[optind]))
		a->depfile_target = letter[1] ? letter + 1 : argv[optind++];
	else
		return -1;
	return 0;
}

/* 0 to go on, 1 where the help was printed, -1 for bad usage. */
static int read_arguments(
	int argc, char **argv, struct build_arguments *a, struct diag *d)
{
	enum { LOCKED = ARGUMENT_OWN, WHY };
	static const struct option options[] = {
		ARGUMENT_CHOICES,
		ARGUMENT_COMMON,
		{"locked", no_argument, NULL, LOCKED},
		{"why", no_argument, NULL, WHY},
		{"output", required_argument, NULL, 'o'},
		{"always-make", no_argument, NULL, 'B'},
		{"dry-run", no_argument, NULL, 'n'},
		{"verbose", no_argument, NULL, 'v'},
		{0},
	};
	int c, rc = 0;

	while (rc == 0 &&
		(c = getopt_long(argc, argv, "o:BnqvhM:", options, NULL)) != -1) {
		switch (c) {
		case LOCKED:
			a->locked = 1;
			break;
		case WHY:
			a->why = 1;
			break;
		case 'o':
			a->folder = optarg;
			break;
		case 'B':
			a->make_all = 1;
			break;
		case 'n':
			a->dry_run = 1;
			break;
		case 'v':
			a->verbose = 1;
			break;
		case 'M':
			rc = read_make_option(a, optarg, argv);
			break;
		default:
			rc = arguments_take(&a->common, c, optarg, help, d);
		}
	}
	if (rc == 0 && argc - optind != 1)
		rc = diag_fail(d, "build: expected one recipe, found %d", argc - optind);
	a->recipe = argv[optind];
	return rc;
}

/* Finds or builds a base; strings live in the chain's arena. */
static int make_base(struct build_arguments *a, struct chain *chain,
	const struct plan *unit, struct base *base, struct diag *d)
{
	struct base_options o = {.locked = a->locked,
		.find_only = a->dry_run,
		.needs_partition = unit && unit->layout == LAYOUT_SINGLE};

	arguments_set_base_options(&a->common, &o);
	return base_build(chain, &o, base, &chain->arena, d);
}

static void add_inputs(struct arena *arena, const char ***list, size_t *count,
	const char *const *more, size_t more_count)
{
	const char **grown =
		arena_alloc(arena, (*count + more_count + 1) * sizeof(*grown));

	if (*count)
		memcpy(grown, *list, *count * sizeof(*grown));
	if (more_count)
		memcpy(grown + *count, more, more_count * sizeof(*grown));
	*list = grown;
	*count += more_count;
}

/* Everything that was read: the recipe, what it includes, the base's recipes, files. */
static int write_depfile(const struct build_arguments *a, const char *folder,
	const struct recipe *recipe, const struct base *base,
	const struct unit_report *report, struct diag *d)
{
	struct arena arena = {0};
	const char **list = NULL;
	size_t count = 0;
	const char *path = a->depfile_path, *target = a->depfile_target;
	int rc;

	if (!path)
		path = arena_printf(&arena, "%s.d", folder);
	if (!target)
		target = arena_printf(&arena, "%s/" WU_MANIFEST, folder);
	add_inputs(&arena, &list, &count, recipe->inputs, recipe->input_count);
	add_inputs(&arena, &list, &count, base->inputs, base->input_count);
	add_inputs(&arena, &list, &count, report->inputs, report->input_count);
	rc = depfile_write(path, target, list, count, a->phony, d);
	arena_clear(&arena);
	return rc;
}

static void print_inputs(const char *const *inputs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		fputs("read ", stdout);
		text_print(inputs[i], stdout);
		fputc('\n', stdout);
	}
}

static void print_report(const struct build_arguments *a, const struct plan *plan,
	const struct base *base, const char *folder, const struct unit_report *report)
{
	size_t instances = plan->sweep.instance_count;

	if (a->verbose) {
		print_inputs(base->inputs, base->input_count);
		print_inputs(report->inputs, report->input_count);
		printf("base %s %s\n", base->name, base->digest);
	}
	if (a->why || a->dry_run || a->verbose)
		text_print_lines(report->reasons.bytes, report->reasons.size, stdout);
	if (a->common.quiet)
		return;
	if (report->made == 0)
		printf("%s: up to date, %zu instance%s\n", folder, instances,
			instances == 1 ? "" : "s");
	else
		printf("%s: %zu instance%s, %zu file%s %s, %zu kept\n", folder, instances,
			instances == 1 ? "" : "s", report->made,
			report->made == 1 ? "" : "s", a->dry_run ? "to make" : "made",
			report->kept);
}

static int build_unit(
	struct build_arguments *a, const struct recipe *recipe, struct diag *d)
{
	const struct plan *plan = recipe->unit;
	struct unit_options o = {
		.started = a->started,
		.make_all = a->make_all,
		.dry_run = a->dry_run,
		.tell_inputs = a->depfile || a->verbose,
		.scan = {.folder = plan->recipe_folder,
			.allowed = a->common.recipe.allowed,
			.allowed_count = a->common.recipe.allowed_count},
	};
	char *folder = a->folder ? memory_strdup(a->folder)
				 : memory_printf("units/%s", plan->name);
	struct unit_report report = {0};
	struct chain chain;
	struct base base;
	int rc = chain_load(&chain, &plan->base, plan->recipe_path, &a->common.recipe, d);

	if (rc == 0)
		rc = unit_check_layout(plan, chain_is_disk(&chain), d);
	if (rc == 0)
		rc = chain_check_command(&chain, plan, d);
	if (rc == 0)
		rc = make_base(a, &chain, plan, &base, d);
	if (rc == 0)
		rc = unit_build(plan, recipe->sha256, &base, folder, &o, &report, d);
	if (rc == 0 && a->depfile && !a->dry_run)
		rc = write_depfile(a, folder, recipe, &base, &report, d);
	if (rc == 0)
		print_report(a, plan, &base, folder, &report);
	unit_report_clear(&report);
	chain_clear(&chain);
	free(folder);
	return rc;
}

/* What says how a unit is to be made says nothing of a base. */
static int refuse_units_options(const struct build_arguments *a, struct diag *d)
{
	if (!a->folder && !a->make_all && !a->depfile && !a->why &&
		a->common.recipe.choice_count == 0)
		return 0;
	return diag_fail(d,
		"%s: returns a base, which takes no -o, -B, -MD, --why, --set or --only",
		a->recipe);
}

static void print_base(const struct base *base)
{
	if (base->folder)
		printf("base %s %s: %s\n", base->name, base->digest, base->folder);
	else
		printf("base %s: to be built\n", base->name);
}

static int build_base(
	struct build_arguments *a, const struct recipe *recipe, struct diag *d)
{
	struct chain chain;
	struct base base;
	int rc = refuse_units_options(a, d);

	if (rc < 0)
		return -1;
	rc = chain_load_below(&chain, recipe->base, &a->common.recipe, d);
	if (rc == 0)
		rc = make_base(a, &chain, NULL, &base, d);
	if (rc == 0 && !a->common.quiet)
		print_base(&base);
	chain_clear(&chain);
	return rc;
}

int command_build(int argc, char **argv, struct diag *d)
{
	struct build_arguments a = {0};
	struct recipe recipe = {0};
	int rc = arguments_begin(&a.common, d);

	clock_gettime(CLOCK_REALTIME, &a.started);
	if (rc == 0)
		rc = read_arguments(argc, argv, &a, d);
	if (rc != 0)
		return arguments_stop(&a.common, rc, "wuc build", d);
	rc = recipe_load(&recipe, a.recipe, &a.common.recipe, d);
	text_print_lines(recipe.notes.bytes, recipe.notes.size, stderr);
	if (rc == 0)
		rc = recipe.unit ? build_unit(&a, &recipe, d)
				 : build_base(&a, &recipe, d);
	recipe_clear(&recipe);
	arguments_end(&a.common);
	return rc < 0 ? EXIT_FAILED : 0;
}
