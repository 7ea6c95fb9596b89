/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "arguments.h"
#include "base.h"
#include "chain.h"
#include "command.h"
#include "common/digest.h"
#include "common/quantity.h"
#include "common/text.h"
#include "diskimage.h"
#include "host.h"
#include "params.h"
#include "script.h"
#include "unit.h"

#define DEFAULT_HOME "/home/auto"
#define DEFAULT_EPOCH 946684800 /* as in recipes: 2000-01-01 */
#define DEFAULT_MEMORY ((uint64_t)256 << 20)
#define DEFAULT_OUTPUT ((uint64_t)64 << 20)
#define NAME_MAX_BYTES 64

static const char help[] =
	"usage: wuc wrap --image IMAGE[:PART] --app APP [OPTIONS]\n"
	"\n"
	"Makes a unit that is one disk: a copy of the image, which boots by itself, with "
	"the\n"
	"application, its input and the script autorun in its own file system (ext2, ext3 "
	"or\n"
	"ext4). The guest's init must start HOME/autorun. No recipe is needed.\n"
	"\n"
	"  --image IMAGE[:PART]  the disk, and which of its partitions\n"
	"  --app APP         a program, or a folder, which becomes /app in the guest\n"
	"  --input PATH      a file or a folder, which becomes /input\n"
	"  --output FOLDER   where wurun run leaves the results (relative)\n"
	"  --command CMD     a shell script, run in /output (default: APP with its input "
	"as\n"
	"                    its argument)\n"
	"  --home FOLDER     the folder in the image (default: " DEFAULT_HOME ")\n"
	"  --format FORMAT   of the image: raw, qcow2, vmdk … (default: what it says)\n"
	"  --memory SIZE     of the machine (default: 256M)\n"
	"  --time TIME       the limit on a run, such as 90s or 2h\n"
	"  -o DIR            the unit's folder (default: units/NAME, as APP is called)\n"
	"  -q, --quiet       say nothing but errors\n"
	"  -h, --help        this text\n"
	"\n"
	"Exit status: 0 made or up to date, 1 failed, 2 bad usage.\n";

struct wrap {
	struct arguments common;
	const char *image, *app, *input, *command, *folder;
	char current[PATH_MAX];
	struct base_plan base;
	struct plan plan;
	struct item items[2]; /* the application, its input */
	struct instance instance;
	struct script script;
	struct buffer text;
	struct arena arena;
};

static int read_quantities(struct wrap *w, int option, const char *text, struct diag *d)
{
	if (option == 'm') {
		if (quantity_parse_size(text, &w->plan.machine.memory_bytes) == 0 &&
			w->plan.machine.memory_bytes >= MACHINE_MEMORY_MIN &&
			w->plan.machine.memory_bytes <= MACHINE_MEMORY_MAX)
			return 0;
		return diag_fail(d,
			"--memory: expected a size from 96M to 16T, found \"%s\"", text);
	}
	if (quantity_parse_time(text, &w->plan.machine.time_ms) == 0)
		return 0;
	return diag_fail(
		d, "--time: expected a time such as 90s or 2h, found \"%s\"", text);
}

/* Parts with a slash between them, none of them "", "." or "..". */
static int is_plain(const char *path)
{
	for (;; path++) {
		size_t size = strcspn(path, "/");

		if (size == 0 || (size == 1 && path[0] == '.') ||
			(size == 2 && path[0] == '.' && path[1] == '.'))
			return 0;
		path += size;
		if (!*path)
			return 1;
	}
}

static const char *without_slashes(struct wrap *w, const char *path)
{
	size_t size = strlen(path);

	while (size > 1 && path[size - 1] == '/')
		size--;
	return arena_memdup(&w->arena, path, size);
}

/* A unit may be anybody's: its results go nowhere but below where it is run. */
static int read_results(struct wrap *w, const char *path, struct diag *d)
{
	w->plan.results = without_slashes(w, path);
	if (is_plain(w->plan.results))
		return 0;
	return diag_fail(d,
		"--output: expected a relative path without \".\" and \"..\", found "
		"\"%s\" (wurun run -o takes any)",
		path);
}

static int read_home(struct wrap *w, const char *path, struct diag *d)
{
	w->base.home = without_slashes(w, path);
	if (path[0] == '/' && is_plain(w->base.home + 1))
		return 0;
	return diag_fail(d,
		"--home: expected a path such as " DEFAULT_HOME ", found \"%s\"", path);
}

static int check_arguments(struct wrap *w, int argc, char **argv, struct diag *d)
{
	if (optind < argc)
		return diag_fail(
			d, "wrap: expected options only, found \"%s\"", argv[optind]);
	if (!w->image || !w->app)
		return diag_fail(d, "wrap: expected a disk image and an application, "
				    "with --image IMAGE --app APP");
	if (w->command && !w->command[strspn(w->command, " \t\r\n\v\f")])
		return diag_fail(
			d, "--command: expected a script, found \"%s\"", w->command);
	if (w->folder && !*w->folder)
		return diag_fail(d, "wrap: -o: expected a folder, found \"\"");
	return 0;
}

static int read_arguments(int argc, char **argv, struct wrap *w, struct diag *d)
{
	enum { IMAGE = ARGUMENT_OWN, APP, INPUT, OUTPUT, COMMAND, HOME, FORMAT };
	static const struct option options[] = {
		{"image", required_argument, NULL, IMAGE},
		{"app", required_argument, NULL, APP},
		{"input", required_argument, NULL, INPUT},
		{"output", required_argument, NULL, OUTPUT},
		{"command", required_argument, NULL, COMMAND},
		{"home", required_argument, NULL, HOME},
		{"format", required_argument, NULL, FORMAT},
		{"memory", required_argument, NULL, 'm'},
		{"time", required_argument, NULL, 't'},
		{"quiet", no_argument, NULL, 'q'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int c, rc = 0;

	while (rc == 0 && (c = getopt_long(argc, argv, "o:qh", options, NULL)) != -1) {
		if (c == IMAGE)
			w->image = optarg;
		else if (c == APP)
			w->app = optarg;
		else if (c == INPUT)
			w->input = optarg;
		else if (c == OUTPUT)
			rc = read_results(w, optarg, d);
		else if (c == COMMAND)
			w->command = optarg;
		else if (c == HOME)
			rc = read_home(w, optarg, d);
		else if (c == FORMAT)
			w->base.disk_format = optarg;
		else if (c == 'm' || c == 't')
			rc = read_quantities(w, c, optarg, d);
		else if (c == 'o')
			w->folder = optarg;
		else
			rc = arguments_take(&w->common, c, optarg, help, d);
	}
	return rc ? rc : check_arguments(w, argc, argv, d);
}

/* A file keeps its name, of a folder comes what is in it. */
static int set_item(struct wrap *w, struct item *item, struct items *items,
	const char *path, struct diag *d)
{
	struct stat st;

	if (!path)
		return 0;
	if (stat(path, &st) < 0)
		return diag_fail_errno(d, "%s", path);
	*item = (struct item){
		.kind = ITEM_PATH,
		.source = path,
		.dest = S_ISDIR(st.st_mode) ? "" : host_last_part(path, &w->arena),
		.mode = -1,
		.place = {.field = path},
	};
	*items = (struct items){.list = item, .count = 1};
	return 0;
}

/* "fit.awk" -> "fit": letters, digits, dots, _ and -, and no leading dot. */
static const char *make_name(struct wrap *w)
{
	const char *last = host_last_part(w->app, &w->arena);
	char *name = arena_strdup(&w->arena, last ? last : "unit");
	char *dot = strrchr(name, '.');

	if (dot && dot > name)
		*dot = '\0';
	if (strlen(name) > NAME_MAX_BYTES)
		name[NAME_MAX_BYTES] = '\0';
	for (char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && (p == name || !strchr("._-", *p)))
			*p = p == name ? 'u' : '_';
	return name;
}

static const char *place_of(struct wrap *w, const char *top, const struct items *items)
{
	return items->count && *items->list->dest
		       ? arena_printf(&w->arena, "%s/%s", top, items->list->dest)
		       : top;
}

static int make_script(struct wrap *w, struct diag *d)
{
	const char *words[2];

	if (w->command) {
		buffer_printf(&w->text, "#!/bin/sh\nset -e\n%s\n", w->command);
	} else if (!*w->items[0].dest) {
		return diag_fail(d,
			"%s: is a folder: expected what is run, with --command CMD",
			w->app);
	} else {
		w->items[0].mode = 0755;
		words[0] = place_of(w, "/app", &w->plan.app);
		words[1] = place_of(w, "/input", &w->plan.input);
		script_render_command(&w->text, words, w->input ? 2 : 1);
	}
	w->script = (struct script){.name = "10-main", .text = w->text.bytes};
	w->plan.scripts = &w->script;
	w->plan.script_count = 1;
	return 0;
}

static void set_up(struct wrap *w)
{
	w->base = (struct base_plan){
		.partition = PARTITION_ANY, .home = DEFAULT_HOME, .agent = AGENT_NONE};
	w->plan = (struct plan){
		.recipe_path = "wuc wrap",
		.recipe_folder = w->current,
		.layout = LAYOUT_SINGLE,
		.output.size_bytes = DEFAULT_OUTPUT,
		.machine = {.cpus = 1,
			.memory_bytes = DEFAULT_MEMORY,
			.network = "none",
			.user = "base"},
		.sweep = {.instances = &w->instance, .instance_count = 1},
	};
	params_set_id(&w->instance, &w->plan.sweep);
}

static int make_plan(struct wrap *w, struct diag *d)
{
	struct plan *p = &w->plan;
	struct base_plan *b = &w->base;
	const char *path;

	if (!getcwd(w->current, sizeof(w->current)))
		return diag_fail_errno(d, "the current folder");
	if (diskimage_split(w->image, &w->arena, &path, &b->partition, d) < 0 ||
		set_item(w, &w->items[0], &p->app, w->app, d) < 0 ||
		set_item(w, &w->items[1], &p->input, w->input, d) < 0 ||
		make_script(w, d) < 0)
		return -1;
	p->name = make_name(w);
	p->epoch = w->common.recipe.epoch >= 0 ? w->common.recipe.epoch : DEFAULT_EPOCH;
	b->name = host_last_part(path, &w->arena);
	b->disk = path[0] == '/' ? path
				 : arena_printf(&w->arena, "%s/%s", w->current, path);
	b->recipe_path = b->disk;
	b->epoch = p->epoch;
	return 0;
}

/* What a recipe that says the same would hold. */
static void digest_plan(const struct wrap *w, char sha256[DIGEST_HEX])
{
	CLEANUP(buffer_clear) struct buffer text = {0};

	buffer_printf(&text, "%s\n%d %s\n%s\n%s", w->plan.name, w->base.partition,
		w->base.home, w->plan.results ? w->plan.results : "", w->text.bytes);
	digest_of_bytes(text.bytes, text.size, sha256);
}

static void print_summary(const struct wrap *w, const char *folder, size_t made)
{
	if (w->common.quiet)
		return;
	text_print(folder, stdout);
	printf(made ? ": made; wurun run starts it\n" : ": up to date\n");
}

static int build(struct wrap *w, const struct timespec *started, struct diag *d)
{
	static const char *const everywhere[] = {"/"};
	struct unit_options o = {.started = *started,
		.scan = {
			.folder = w->current, .allowed = everywhere, .allowed_count = 1}};
	const char *folder =
		w->folder ? w->folder : arena_printf(&w->arena, "units/%s", w->plan.name);
	struct base_options from = {0};
	struct unit_report report = {0};
	char sha256[DIGEST_HEX];
	struct chain chain;
	struct base base;
	int rc;

	digest_plan(w, sha256);
	arguments_set_base_options(&w->common, &from);
	from.allowed = everywhere;
	from.allowed_count = 1;
	from.needs_partition = 1;
	rc = chain_load_below(&chain, &w->base, &w->common.recipe, d);
	if (rc == 0)
		rc = base_build(&chain, &from, &base, &chain.arena, d);
	if (rc == 0)
		rc = unit_build(&w->plan, sha256, &base, folder, &o, &report, d);
	if (rc == 0)
		print_summary(w, folder, report.made);
	unit_report_clear(&report);
	chain_clear(&chain);
	return rc;
}

int command_wrap(int argc, char **argv, struct diag *d)
{
	struct wrap w = {0};
	struct timespec started;
	int rc = arguments_begin(&w.common, d);

	clock_gettime(CLOCK_REALTIME, &started);
	set_up(&w);
	if (rc == 0)
		rc = read_arguments(argc, argv, &w, d);
	if (rc != 0) {
		arena_clear(&w.arena);
		return arguments_stop(&w.common, rc, "wuc wrap", d);
	}
	rc = make_plan(&w, d);
	if (rc == 0)
		rc = build(&w, &started, d);
	buffer_clear(&w.text);
	arena_clear(&w.arena);
	arguments_end(&w.common);
	return rc < 0 ? EXIT_FAILED : 0;
}
