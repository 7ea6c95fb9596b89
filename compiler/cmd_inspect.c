/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "common/file.h"
#include "common/quantity.h"
#include "common/text.h"
#include "manifest.h"
#include "runtime/unit.h"

static const char help[] =
	"usage: wuc inspect UNIT [--json] [-a]\n"
	"\n"
	"Shows what a unit holds: its machine, disks, files and instances.\n"
	"\n"
	"  --json      print the manifest as it is\n"
	"  -a, --all   every instance and every file, however many\n"
	"  -h, --help  this text\n"
	"Exit status: 0 shown, 1 there is no such unit, 2 bad usage.\n";

#define SHOWN_AT_MOST 20

static const char *text_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static long long whole_at(const json_t *object, const char *key)
{
	return (long long)json_integer_value(json_object_get(object, key));
}

static void print_field(FILE *out, const char *name, const char *value)
{
	if (value[0])
		fprintf(out, "%-12s %s\n", name, value);
}

/* What the firmware boots, where it is not QEMU that starts a kernel. */
static void print_disk(FILE *out, const json_t *root)
{
	const json_t *disk = json_object_get(root, "disk");
	const json_t *output = json_object_get(disk, "output");

	if (!disk)
		return;
	fprintf(out, "%-12s %s, %s%s%s", "boots", text_at(disk, "file"),
		text_at(disk, "format"),
		json_is_true(json_object_get(root, "seed")) ? ", with a seed" : "",
		json_is_true(json_object_get(root, "floppy")) ? ", with a floppy" : "");
	if (output)
		fprintf(out, ", output in %s at byte %lld", text_at(output, "folder"),
			whole_at(output, "offset"));
	fputc('\n', out);
}

static void print_head(FILE *out, const json_t *root)
{
	const json_t *machine = json_object_get(root, "machine");
	const json_t *base = json_object_get(root, "base");
	char memory[QUANTITY_TEXT], time[QUANTITY_TEXT];
	uint64_t limit = (uint64_t)whole_at(machine, "time_ms");

	print_field(out, "unit", text_at(root, "name"));
	print_field(out, "description", text_at(root, "description"));
	print_field(out, "version", text_at(root, "release"));
	print_field(out, "licence", text_at(root, "licence"));
	fprintf(out, "%-12s %s %.12s\n", "base", text_at(base, "name"),
		text_at(base, "digest"));
	print_field(out, "layout", text_at(root, "layout"));
	print_disk(out, root);
	print_field(out, "results", text_at(root, "results"));
	fprintf(out, "%-12s %lld CPU%s, %s, %s%s, network %s, scripts run as %s\n",
		"machine", whole_at(machine, "cpus"),
		whole_at(machine, "cpus") == 1 ? "" : "s",
		quantity_format_size((uint64_t)whole_at(machine, "memory_bytes"), memory),
		limit ? "at most " : "no time limit",
		limit ? quantity_format_time(limit, time) : "",
		text_at(machine, "network"), text_at(machine, "user"));
}

static void print_files(FILE *out, const json_t *root)
{
	json_t *files = json_object_get(root, "files"), *entry;
	const char *path;

	json_object_foreach(files, path, entry)
	{
		char size[QUANTITY_TEXT];

		quantity_format_size((uint64_t)whole_at(entry, "size"), size);
		fprintf(out, "  %-14s %10s  %.12s\n", path, size,
			text_at(entry, "sha256"));
	}
}

/* The files of the app disk, from its listing. */
static void print_listing(FILE *out, int dirfd, int all)
{
	struct diag ignored = {0};
	size_t size, shown = 0, left = 0;
	char *text = file_read(dirfd, WU_APP_LISTING, (size_t)1 << 30, &size, &ignored);
	char *line, *rest = text;

	diag_clear(&ignored);
	while (text && (line = strsep(&rest, "\n"))) {
		char *path = strsep(&line, " ");

		if (strncmp(path, "./", 2) != 0 || (line && strstr(line, "type=dir")))
			continue;
		if (all || shown < SHOWN_AT_MOST)
			fprintf(out, "  %s\n", path + 1), shown++;
		else
			left++;
	}
	if (left)
		fprintf(out, "  … and %zu more (--all shows them)\n", left);
	free(text);
}

static void print_instances(FILE *out, const json_t *root, int all)
{
	json_t *instances = json_object_get(root, "instances"), *instance;
	size_t i;

	json_array_foreach(instances, i, instance)
	{
		const json_t *params = json_object_get(instance, "params");
		char *values;

		if (!all && i == SHOWN_AT_MOST) {
			fprintf(out, "  … and %zu more (--all shows them)\n",
				json_array_size(instances) - i);
			break;
		}
		values = json_dumps(
			params, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(15));
		fprintf(out, "  %s %s\n", text_at(instance, "id"), values ? values : "");
		free(values);
	}
}

static void describe(FILE *out, const json_t *root, int dirfd, int all)
{
	size_t instances;

	print_head(out, root);
	fputs("files\n", out);
	print_files(out, root);
	fputs(text_at(root, "layout")[0] ? "on the disk\n" : "on the app disk\n", out);
	print_listing(out, dirfd, all);
	instances = json_array_size(json_object_get(root, "instances"));
	fprintf(out, "%zu instance%s\n", instances, instances == 1 ? "" : "s");
	print_instances(out, root, all);
}

/* A unit comes from anyone: nothing in it may drive the terminal. */
static int print_unit(const json_t *root, int dirfd, int all, struct diag *d)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int failed;

	if (!out)
		return diag_fail_errno(d, "inspect");
	describe(out, root, dirfd, all);
	failed = fclose(out) != 0;
	if (failed)
		diag_fail_errno(d, "inspect");
	else
		text_print_lines(text, size, stdout);
	free(text);
	return failed ? -1 : 0;
}

static int inspect(const char *path, int as_json, int all, struct diag *d)
{
	CLEANUP(file_close)
	int dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct old_unit unit;
	char *text;
	size_t size;
	int rc;

	if (dirfd < 0)
		return diag_fail_errno(d, "%s", path);
	old_unit_read(&unit, dirfd);
	if (!unit.root)
		return diag_fail(d,
			"%s: no unit: expected a folder with a " WU_MANIFEST
			" of version %d",
			path, WU_MANIFEST_VERSION);
	if (as_json) {
		text = file_read(dirfd, WU_MANIFEST, (size_t)1 << 30, &size, d);
		if (text)
			fwrite(text, 1, size, stdout);
		free(text);
		rc = text ? 0 : -1;
	} else {
		rc = print_unit(unit.root, dirfd, all, d);
	}
	old_unit_clear(&unit);
	return rc;
}

int command_inspect(int argc, char **argv, struct diag *d)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{"all", no_argument, NULL, 'a'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int c, as_json = 0, all = 0;

	while ((c = getopt_long(argc, argv, "ah", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			as_json = 1;
			break;
		case 'a':
			all = 1;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			diag_fail(d, "wuc inspect --help says how to use it");
			return EXIT_USAGE;
		}
	}
	if (argc - optind != 1) {
		diag_fail(d, "inspect: expected one unit, found %d", argc - optind);
		return EXIT_USAGE;
	}
	return inspect(argv[optind], as_json, all, d) < 0 ? EXIT_FAILED : 0;
}
