/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arguments.h"
#include "command.h"
#include "common/file.h"
#include "common/quantity.h"
#include "common/text.h"
#include "diskimage.h"
#include "get.h"
#include "host.h"

#define SKIPPED_LINES 100 /* a disk may have any number of them */

static const char help[] =
	"usage: wuc get [OPTIONS] IMAGE[:PART] SRC… DEST\n"
	"\n"
	"Takes files and folders out of an ext2, ext3 or ext4 file system of a raw disk "
	"image.\n"
	"SRC is a path in the file system. DEST is a folder that is there, or the new "
	"name of\n"
	"the one SRC; nothing is replaced. Devices, pipes and links that lead out stay "
	"behind.\n"
	"\n"
	"  -q, --quiet   say nothing but errors\n"
	"  -h, --help    this text\n"
	"\n"
	"PART is the partition's number; 0 is the whole image. It may be left out where "
	"there\n"
	"is but one.\n"
	"Exit status: 0 done, 1 failed or not all came out, 2 bad usage.\n";

struct get_arguments {
	struct arguments common;
	const char *image, *dest;
	char **sources;
	size_t source_count;
};

static int read_arguments(int argc, char **argv, struct get_arguments *a, struct diag *d)
{
	static const struct option options[] = {
		{"quiet", no_argument, NULL, 'q'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int c, rc = 0;

	while (rc == 0 && (c = getopt_long(argc, argv, "qh", options, NULL)) != -1)
		rc = arguments_take(&a->common, c, optarg, help, d);
	if (rc == 0 && argc - optind < 3)
		return diag_fail(d, "get: expected an image, paths in it and a place");
	if (rc == 0) {
		a->image = argv[optind];
		a->dest = argv[argc - 1];
		a->sources = argv + optind + 1;
		a->source_count = (size_t)(argc - optind - 2);
	}
	return rc;
}

/* `context` counts them. */
static void skipped(void *context, const char *path, const char *why)
{
	uint64_t *count = context;
	char *line;

	if ((*count)++ >= SKIPPED_LINES)
		return;
	line = memory_printf("%.1000s: %s", path, why);
	fputs("wuc: left out: ", stderr);
	text_print(line, stderr);
	fputc('\n', stderr);
	free(line);
}

static void end_skipped(uint64_t count)
{
	if (count > SKIPPED_LINES)
		fprintf(stderr, "wuc: … and %llu more left out\n",
			(unsigned long long)(count - SKIPPED_LINES));
}

/* Where the sources go. */
struct target {
	int folder;
	const char *shown; /* what messages call the folder; "": nothing */
	const char *name;  /* of the only source there; NULL: its own */
};

/* "a/b" is b in a. */
static int open_parent(
	struct diskimage *m, const char *dest, struct target *t, struct diag *d)
{
	const char *slash = strrchr(dest, '/');
	const char *parent =
		!slash		? "."
		: slash == dest ? "/"
				: arena_memdup(&m->arena, dest, (size_t)(slash - dest));

	t->name = host_last_part(dest, &m->arena);
	t->shown = slash ? parent : "";
	t->folder = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->folder < 0)
		return diag_fail_errno(d, "%s", parent);
	return 0;
}

static int open_target(struct diskimage *m, const struct get_arguments *a,
	struct target *t, struct diag *d)
{
	size_t size = strlen(a->dest);
	struct stat st;

	t->shown = a->dest;
	t->folder = open(a->dest, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->folder >= 0)
		return 0;
	if (errno != ENOENT && errno != ENOTDIR)
		return diag_fail_errno(d, "%s", a->dest);
	if (errno != ENOENT || size == 0 || a->dest[size - 1] == '/' ||
		lstat(a->dest, &st) == 0)
		return diag_fail(d, "%s: expected a folder, or a name that is free",
			size ? a->dest : "\"\"");
	if (a->source_count > 1)
		return diag_fail(d, "%s: expected a folder for %zu sources, found none",
			a->dest, a->source_count);
	return open_parent(m, a->dest, t, d);
}

static int get_one(struct diskimage *m, struct get *g, const char *source,
	const struct target *t, struct diag *d)
{
	const char *name = t->name ? t->name : host_last_part(source, &m->arena);
	struct ext2_inode_large i;
	ext2_ino_t ino;
	int rc = ext2disk_find(&m->disk, source, 1, &ino, d);

	if (rc < 0)
		return -1;
	if (rc == 0)
		return diag_fail(d, "%s: %s: there is none", m->name, source);
	if (ext2disk_read_inode(&m->disk, ino, source, &i, d) < 0)
		return -1;
	/* "/" has no name of its own. */
	if (!name && !LINUX_S_ISDIR(i.i_mode))
		return diag_fail(d, "%s: %s: expected a name", m->name, source);
	return get_inode(g, ino, source, name);
}

static int check_whole(const struct diskimage *m, const struct get *g, struct diag *d)
{
	int rc = 0;

	if (g->damaged)
		rc = diag_fail(d, "%s: is damaged: not all came out", m->name);
	if (g->limit)
		rc = diag_fail(
			d, "%s: not all came out, for a limit: %s", m->name, g->limit);
	return rc;
}

static int get_all(
	struct diskimage *m, const struct get_arguments *a, struct get *g, struct diag *d)
{
	struct target t = {.folder = -1};
	int rc = open_target(m, a, &t, d);

	g->top = t.folder;
	g->top_name = t.shown;
	get_begin(g);
	for (size_t i = 0; i < a->source_count && rc == 0; i++)
		rc = get_one(m, g, a->sources[i], &t, d);
	get_end(g);
	/* What was taken out may be the only copy soon. */
	if (rc == 0 && syncfs(t.folder) < 0)
		rc = diag_fail_errno(d, "%s", a->dest);
	file_close(&t.folder);
	return rc < 0 ? -1 : check_whole(m, g, d);
}

static void print_summary(const struct get_arguments *a, const struct get *g)
{
	char size[QUANTITY_TEXT];
	char *dest = text_visible(a->dest);

	printf("%s: %llu file%s, %s\n", dest, (unsigned long long)g->files,
		g->files == 1 ? "" : "s", quantity_format_size(g->bytes, size));
	free(dest);
}

int command_get(int argc, char **argv, struct diag *d)
{
	struct get_arguments a = {0};
	struct diskimage m;
	uint64_t count = 0;
	struct get g = {.x = &m.disk, .skipped = skipped, .context = &count, .d = d};
	int rc = arguments_begin(&a.common, d);

	if (rc == 0)
		rc = read_arguments(argc, argv, &a, d);
	if (rc != 0)
		return arguments_stop(&a.common, rc, "wuc get", d);
	rc = diskimage_open(&m, a.image, 0, d);
	if (rc == 0)
		rc = get_all(&m, &a, &g, d);
	end_skipped(count);
	if (rc == 0 && !a.common.quiet)
		print_summary(&a, &g);
	diskimage_close(&m);
	arguments_end(&a.common);
	return rc < 0 ? EXIT_FAILED : 0;
}
