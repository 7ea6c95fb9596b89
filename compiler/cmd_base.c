/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "base.h"
#include "bases.h"
#include "command.h"
#include "common/quantity.h"
#include "common/text.h"
#include "install.h"
#include "partitions.h"

#define UNUSED_DEFAULT_MS (30ull * 86400 * 1000)

static const char help[] =
	"usage: wuc base build [--update] [--locked] [--allow DIR] [-q] NAME|RECIPE\n"
	"       wuc base list\n"
	"       wuc base show NAME|DIGEST\n"
	"       wuc base path NAME|RECIPE\n"
	"       wuc base remove NAME|DIGEST\n"
	"       wuc base gc [--older-than TIME] [-n]\n"
	"       wuc base install-agent [--format F] -o NEW IMAGE[:PART]\n"
	"\n"
	"build makes a base in the store, if it is not there: its packages are those "
	"that the\n"
	"lock file beside the recipe pins. list prints every base in the store, show all of "
	"one,\n"
	"path the folder of one. remove takes a base away, gc what no build has used for "
	"long:\n"
	"bases, layers, images, packages. Units keep what they have. install-agent makes a\n"
	"raw copy of a bootable disk image whose own init (systemd, sysvinit, BusyBox's)\n"
	"starts the guest agent; the image itself is only read.\n"
	"\n"
	"  --update           take the newest packages and renew the lock file\n"
	"  --locked           refuse where a pinned package cannot be had\n"
	"  --allow DIR        let the recipe read files below DIR too\n"
	"  --older-than TIME  what has not been used for so long goes (30d)\n"
	"  -n, --dry-run      only say what would go\n"
	"  -o, --output NEW   the new image\n"
	"      --format F     the image's format, as qemu-img calls it\n"
	"  -q, --quiet        say nothing but errors and warnings\n"
	"  -h, --help         this text\n"
	"\n"
	"The store is $XDG_CACHE_HOME/workunit, else ~/.cache/workunit. Packages come\n"
	"from deb.debian.org or, where it is set, from $WU_DEBIAN_MIRROR.\n"
	"Exit status: 0 done, 1 failed or not in the store, 2 bad usage.\n";

struct base_arguments {
	struct arguments common;
	const char *name;
	int update, locked, dry_run;
	const char *output, *format;
	int has_unused;
	uint64_t unused_ms;
};

/* One word after `wuc base`. */
struct verb {
	const char *name;
	int takes_name, builds, collects, installs; /* which options are its own */
	int (*run)(struct base_arguments *a, struct diag *d); /* 0 or -1 */
};

/* "mini", or a path: with a slash or .lua at its end. */
static struct base_reference reference_of(const char *name)
{
	size_t length = strlen(name);
	int is_path = strchr(name, '/') ||
		      (length > 4 && strcmp(name + length - 4, ".lua") == 0);

	return (struct base_reference){
		.kind = is_path ? BASE_PATH : BASE_NAME, .text = name};
}

static void print_outcome(
	const struct base_arguments *a, const struct base *base, int find_only)
{
	if (find_only)
		puts(base->folder);
	else if (!a->common.quiet)
		printf("base %s: %s %s\n", base->name,
			base->built ? "built" : "up to date,", base->folder);
}

static int build_or_find(struct base_arguments *a, int find_only, struct diag *d)
{
	struct base_reference reference = reference_of(a->name);
	struct base_options o = {
		.locked = a->locked,
		.update = a->update,
		.find_only = find_only,
	};
	struct chain chain;
	struct base base;
	int rc;

	arguments_set_base_options(&a->common, &o);
	rc = chain_load(&chain, &reference, NULL, &a->common.recipe, d);
	if (rc == 0)
		rc = base_build(&chain, &o, &base, &chain.arena, d);
	if (rc == 0 && !base.folder)
		rc = diag_fail(d, "base %s: not in the store: wuc base build %s makes it",
			base.name, a->name);
	if (rc == 0)
		print_outcome(a, &base, find_only);
	chain_clear(&chain);
	return rc;
}

static int run_build(struct base_arguments *a, struct diag *d)
{
	return build_or_find(a, 0, d);
}

static int run_path(struct base_arguments *a, struct diag *d)
{
	return build_or_find(a, 1, d);
}

static uint64_t total_bytes(const struct base *base)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < base->file_count; i++)
		bytes += base->files[i].size_bytes;
	return bytes;
}

static int run_list(struct base_arguments *a, struct diag *d)
{
	char size[QUANTITY_TEXT];
	struct bases b;
	int rc = bases_read(&b, d);

	(void)a;
	for (size_t i = 0; rc == 0 && i < b.count; i++)
		printf("%-14s %.12s %10s  %s\n", b.list[i].name, b.list[i].digest,
			quantity_format_size(total_bytes(&b.list[i]), size),
			b.list[i].folder);
	bases_clear(&b);
	return rc;
}

static int for_each_called(struct base_arguments *a, int with_damaged,
	int (*each)(
		const struct base_arguments *a, const struct base *base, struct diag *d),
	struct diag *d)
{
	struct bases b;
	int rc = bases_read(&b, d), found = 0;

	for (size_t i = 0; rc == 0 && i < b.count; i++)
		if (bases_is_called(&b.list[i], a->name)) {
			rc = each(a, &b.list[i], d);
			found = 1;
		}
	for (size_t i = 0; with_damaged && rc == 0 && i < b.damaged_count; i++)
		if (bases_is_called(&b.damaged[i], a->name)) {
			rc = each(a, &b.damaged[i], d);
			found = 1;
		}
	if (rc == 0 && !found)
		rc = diag_fail(d,
			"base %s: not in the store (wuc base list says what is)",
			a->name);
	bases_clear(&b);
	return rc;
}

static void show_disk(const struct base_disk *disk)
{
	static const char *const agents[] = {[AGENT_GUEST] = "has the agent",
		[AGENT_SEED] = "gets the agent from a CD",
		[AGENT_NONE] = "has no agent"};

	printf("%-12s %s, %s, home %s", "disk", disk->format, agents[disk->agent],
		disk->home);
	if (disk->partition != PARTITION_ANY)
		printf(", partition %d", disk->partition);
	putchar('\n');
}

static int show(const struct base_arguments *a, const struct base *base, struct diag *d)
{
	char size[QUANTITY_TEXT];

	(void)a;
	(void)d;
	printf("%-12s %s\n%-12s %s\n%-12s %s\n", "name", base->name, "digest",
		base->digest, "folder", base->folder);
	if (*base->description)
		printf("%-12s %s\n", "description", base->description);
	if (base->disk)
		show_disk(base->disk);
	else
		printf("%-12s %s\n", "append", base->append);
	for (size_t i = 0; i < base->command_count; i++)
		printf("%-12s %s\n", i ? "" : "command", base->command[i]);
	for (size_t i = 0; i < base->file_count; i++)
		printf("%-12s %-10s %10s  %s\n", i ? "" : "files", base->files[i].name,
			quantity_format_size(base->files[i].size_bytes, size),
			base->files[i].sha256);
	for (size_t i = 0; i < base->package_count; i++)
		printf("%-12s %s %s\n", i ? "" : "packages", base->packages[i].name,
			base->packages[i].version);
	return 0;
}

static int run_show(struct base_arguments *a, struct diag *d)
{
	return for_each_called(a, 0, show, d);
}

static int remove_one(
	const struct base_arguments *a, const struct base *base, struct diag *d)
{
	if (bases_remove(base, d) < 0)
		return -1;
	if (!a->common.quiet)
		printf("base %s: %.12s removed\n", base->name ? base->name : "(damaged)",
			base->digest);
	return 0;
}

static int run_remove(struct base_arguments *a, struct diag *d)
{
	return for_each_called(a, 1, remove_one, d);
}

static void print_garbage(void *context, const char *place, uint64_t bytes)
{
	const struct base_arguments *a = context;
	char size[QUANTITY_TEXT];

	if (!a->common.quiet)
		printf("%10s  %s\n", quantity_format_size(bytes, size), place);
}

static int run_gc(struct base_arguments *a, struct diag *d)
{
	struct bases_garbage garbage;
	char size[QUANTITY_TEXT];

	if (!a->has_unused)
		a->unused_ms = UNUSED_DEFAULT_MS;
	if (bases_collect((int64_t)(a->unused_ms / 1000), a->dry_run, print_garbage, a,
		    &garbage, d) < 0)
		return -1;
	if (!a->common.quiet)
		printf("%zu %s, %s %s\n", garbage.count,
			garbage.count == 1 ? "entry" : "entries",
			quantity_format_size(garbage.bytes, size),
			a->dry_run ? "to free" : "freed");
	return 0;
}

static int run_install(struct base_arguments *a, struct diag *d)
{
	const struct install i = {
		.image = a->name,
		.format = a->format,
		.output = a->output,
		.epoch = a->common.recipe.epoch,
	};
	struct installed made;
	char size[QUANTITY_TEXT];

	if (install_agent(&i, &made, &a->common.arena, d) < 0)
		return -1;
	if (!a->common.quiet) {
		text_print(a->output, stdout);
		printf(": %s, %s starts the agent\n",
			quantity_format_size(made.size_bytes, size), made.init);
	}
	return 0;
}

static const struct verb verbs[] = {
	{"build", 1, 1, 0, 0, run_build},
	{"list", 0, 0, 0, 0, run_list},
	{"show", 1, 0, 0, 0, run_show},
	{"path", 1, 0, 0, 0, run_path},
	{"remove", 1, 0, 0, 0, run_remove},
	{"gc", 0, 0, 1, 0, run_gc},
	{"install-agent", 1, 0, 0, 1, run_install},
};

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

/* Reads what stands behind the options. */
static int read_words(int argc, char **argv, struct base_arguments *a,
	const struct verb **verb, struct diag *d)
{
	static const char wanted[] =
		"build, list, show, path, remove, gc or install-agent";

	if (optind == argc)
		return diag_fail(d, "base: expected %s", wanted);
	*verb = find_verb(argv[optind]);
	if (!*verb)
		return diag_fail(d, "base: expected %s, found %s", wanted, argv[optind]);
	optind++;
	if ((*verb)->takes_name && optind == argc)
		return diag_fail(d, "base %s: expected %s", (*verb)->name,
			(*verb)->installs ? "a disk image" : "a base's name or recipe");
	if ((*verb)->takes_name)
		a->name = argv[optind++];
	if ((a->update || a->locked) && !(*verb)->builds)
		return diag_fail(
			d, "base %s: --update and --locked are for build", (*verb)->name);
	if ((a->dry_run || a->has_unused) && !(*verb)->collects)
		return diag_fail(d, "base %s: --dry-run and --older-than are for gc",
			(*verb)->name);
	if ((a->output != NULL) != (*verb)->installs || (a->format && !(*verb)->installs))
		return diag_fail(d, "base %s: %s", (*verb)->name,
			(*verb)->installs
				? "expected -o NEW, the new image"
				: "--output and --format are for install-agent");
	if (a->output && strcmp(a->output, "-") == 0)
		return diag_fail(d,
			"base %s: -o: expected the new image's name, found - (./- is a "
			"file of that name)",
			(*verb)->name);
	if (optind < argc)
		return diag_fail(d, "base %s: expected %s, found %s too", (*verb)->name,
			(*verb)->installs     ? "one image"
			: (*verb)->takes_name ? "one base"
					      : "nothing more",
			argv[optind]);
	return 0;
}

static int read_arguments(int argc, char **argv, struct base_arguments *a,
	const struct verb **verb, struct diag *d)
{
	enum { UPDATE = ARGUMENT_OWN, LOCKED, OLDER_THAN, FORMAT };
	static const struct option options[] = {
		{"update", no_argument, NULL, UPDATE},
		{"locked", no_argument, NULL, LOCKED},
		{"older-than", required_argument, NULL, OLDER_THAN},
		{"dry-run", no_argument, NULL, 'n'},
		{"output", required_argument, NULL, 'o'},
		{"format", required_argument, NULL, FORMAT},
		ARGUMENT_COMMON,
		{0},
	};
	int c, rc = 0;

	while (rc == 0 && (c = getopt_long(argc, argv, "no:qh", options, NULL)) != -1) {
		switch (c) {
		case UPDATE:
			a->update = 1;
			break;
		case LOCKED:
			a->locked = 1;
			break;
		case OLDER_THAN:
			a->has_unused = 1;
			if (quantity_parse_time(optarg, &a->unused_ms) < 0)
				rc = diag_fail(d,
					"--older-than: expected a time such as 30d, found %s",
					optarg);
			break;
		case 'n':
			a->dry_run = 1;
			break;
		case 'o':
			a->output = optarg;
			break;
		case FORMAT:
			a->format = optarg;
			break;
		default:
			rc = arguments_take(&a->common, c, optarg, help, d);
		}
	}
	if (rc == 0 && a->update && a->locked)
		rc = diag_fail(d, "base: --update and --locked exclude each other");
	return rc == 0 ? read_words(argc, argv, a, verb, d) : rc;
}

int command_base(int argc, char **argv, struct diag *d)
{
	struct base_arguments a = {0};
	const struct verb *verb = NULL;
	int rc = arguments_begin(&a.common, d);

	if (rc == 0)
		rc = read_arguments(argc, argv, &a, &verb, d);
	if (rc != 0)
		return arguments_stop(&a.common, rc, "wuc base", d);
	rc = verb->run(&a, d) < 0 ? EXIT_FAILED : 0;
	arguments_end(&a.common);
	return rc;
}
