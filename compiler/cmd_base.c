/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "base.h"
#include "base_recipe.h"
#include "command.h"
#include "common/text.h"

static const char help[] =
	"usage: wuc base build [--update] [--locked] [--allow DIR] [-q] NAME|RECIPE\n"
	"       wuc base path NAME|RECIPE\n"
	"       wuc base list\n"
	"\n"
	"build makes a base in the store, if it is not there: its packages are those "
	"that the\n"
	"lock file beside the recipe pins. path prints the folder of one that is there. "
	"list\n"
	"prints every base in the store.\n"
	"\n"
	"  --update     take the newest packages and renew the lock file\n"
	"  --locked     refuse where a pinned package cannot be had\n"
	"  --allow DIR  let the recipe read files below DIR too\n"
	"  -q, --quiet  say nothing but errors and warnings\n"
	"  -h, --help   this text\n"
	"\n"
	"The store is $XDG_CACHE_HOME/workunit, else ~/.cache/workunit. Packages come\n"
	"from deb.debian.org or, where it is set, from $WU_DEBIAN_MIRROR.\n"
	"Exit status: 0 done, 1 failed or not in the store, 2 bad usage.\n";

struct base_arguments {
	struct arguments common;
	const char *verb, *name;
	int update, locked;
};

static int read_arguments(int argc, char **argv, struct base_arguments *a, struct diag *d)
{
	enum { UPDATE = ARGUMENT_OWN, LOCKED };
	static const struct option options[] = {
		{"update", no_argument, NULL, UPDATE},
		{"locked", no_argument, NULL, LOCKED},
		ARGUMENT_COMMON,
		{0},
	};
	int c, rc = 0;

	while (rc == 0 && (c = getopt_long(argc, argv, "qh", options, NULL)) != -1) {
		switch (c) {
		case UPDATE:
			a->update = 1;
			break;
		case LOCKED:
			a->locked = 1;
			break;
		default:
			rc = arguments_take(&a->common, c, optarg, help, d);
		}
	}
	if (rc == 0 && optind == argc)
		rc = diag_fail(d, "base: expected build, path or list");
	if (rc == 0 && a->update && a->locked)
		rc = diag_fail(d, "base: --update and --locked exclude each other");
	if (rc == 0) {
		a->verb = argv[optind++];
		a->name = optind < argc ? argv[optind++] : NULL;
		if (optind < argc)
			rc = diag_fail(
				d, "base: expected one base, found %s too", argv[optind]);
	}
	return rc;
}

/* "mini", or a path: with a slash or .lua at its end. */
static struct base_reference reference_of(const char *name)
{
	size_t length = strlen(name);
	int is_path = strchr(name, '/') ||
		      (length > 4 && strcmp(name + length - 4, ".lua") == 0);

	return (struct base_reference){
		.kind = is_path ? BASE_PATH : BASE_NAME, .text = name};
}

static int build_or_find(struct base_arguments *a, int find_only, struct diag *d)
{
	struct base_reference reference = reference_of(a->name);
	struct base_options o = {
		.locked = a->locked,
		.update = a->update,
		.find_only = find_only,
	};
	struct recipe holder = {0};
	const struct base_plan *plan;
	struct base base;
	int rc;

	arguments_set_base_options(&a->common, &o);
	plan = base_recipe_find(&reference, NULL, &a->common.recipe, &holder, d);
	rc = plan ? base_build(plan, &o, &base, &holder.arena, d) : -1;

	if (rc == 0 && !base.folder)
		rc = diag_fail(d, "base %s: not in the store: wuc base build %s makes it",
			base.name, a->name);
	else if (rc == 0 && find_only)
		puts(base.folder);
	else if (rc == 0 && !a->common.quiet)
		printf("base %s: %s %s\n", base.name,
			base.built ? "built" : "up to date,", base.folder);
	recipe_clear(&holder);
	return rc;
}

static int print_base(const struct base *base, void *context)
{
	(void)context;
	printf("%-12s %.12s  %s\n", base->name, base->digest, base->folder);
	return 0;
}

static int run_verb(struct base_arguments *a, struct diag *d)
{
	int is_build = strcmp(a->verb, "build") == 0,
	    is_path = strcmp(a->verb, "path") == 0;

	if (strcmp(a->verb, "list") == 0 && !a->name)
		return base_list(print_base, NULL, d) < 0 ? EXIT_FAILED : 0;
	if ((is_build || is_path) && a->name)
		return build_or_find(a, is_path, d) < 0 ? EXIT_FAILED : 0;
	if (is_build || is_path)
		diag_fail(d, "base %s: expected a base's name or recipe", a->verb);
	else
		diag_fail(d, "base: expected build NAME, path NAME or list, found %s",
			a->verb);
	diag_fail(d, "wuc base --help says how to use it");
	return EXIT_USAGE;
}

int command_base(int argc, char **argv, struct diag *d)
{
	struct base_arguments a = {0};
	int rc = arguments_begin(&a.common, d);

	if (rc == 0)
		rc = read_arguments(argc, argv, &a, d);
	if (rc != 0)
		return arguments_stop(&a.common, rc, "wuc base", d);
	rc = run_verb(&a, d);
	arguments_end(&a.common);
	return rc;
}
