/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arguments.h"
#include "command.h"
#include "common/quantity.h"
#include "common/text.h"
#include "diskimage.h"
#include "host.h"
#include "put.h"
#include "scan.h"

#define MOST_PROBLEMS 20 /* that are shown */

static const char help[] =
	"usage: wuc put [OPTIONS] IMAGE[:PART] SRC… DEST\n"
	"\n"
	"Puts files and folders into an ext2, ext3 or ext4 file system of a raw disk "
	"image,\n"
	"in place and without a mount. DEST is a path in the file system: a folder that "
	"is\n"
	"there, or the new name of the one SRC. All is done, or nothing. Files belong to "
	"root,\n"
	"have mode 0644 or 0755, and keep their times.\n"
	"\n"
	"  -f, --force   replace files and symbolic links that are there already\n"
	"  --epoch TIME  every time stamp, in seconds since 1970\n"
	"  -q, --quiet   say nothing but errors\n"
	"  -h, --help    this text\n"
	"\n"
	"PART is the partition's number; 0 is the whole image. It may be left out where "
	"there\n"
	"is but one. SOURCE_DATE_EPOCH in the environment is a --epoch, which wins.\n"
	"Exit status: 0 done, 1 failed, 2 bad usage.\n";

struct put_arguments {
	struct arguments common;
	struct put_options put;
	const char *image, *dest;
	char **sources;
	size_t source_count;
};

static int read_arguments(int argc, char **argv, struct put_arguments *a, struct diag *d)
{
	enum { EPOCH = ARGUMENT_OWN };
	static const struct option options[] = {
		{"force", no_argument, NULL, 'f'},
		{"epoch", required_argument, NULL, EPOCH},
		{"quiet", no_argument, NULL, 'q'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int c, rc = 0;

	while (rc == 0 && (c = getopt_long(argc, argv, "fqh", options, NULL)) != -1) {
		if (c == 'f')
			a->put.replace = 1;
		else if (c == EPOCH)
			rc = arguments_read_epoch(
				&a->common, "--epoch", optarg + (*optarg == '@'), d);
		else
			rc = arguments_take(&a->common, c, optarg, help, d);
	}
	if (rc == 0 && argc - optind < 3)
		return diag_fail(d, "put: expected an image, files and a place in it");
	if (rc == 0) {
		a->image = argv[optind];
		a->dest = argv[argc - 1];
		a->sources = argv + optind + 1;
		a->source_count = (size_t)(argc - optind - 2);
	}
	a->put.epoch = a->common.recipe.epoch;
	return rc;
}

/* Where the sources go. */
struct target {
	ext2_ino_t folder;
	const char *path; /* the folder's, for messages */
	const char *name; /* of the only source there; NULL: its own */
};

/* "a/b" is b in a, which must be a folder. */
static int find_parent(
	struct diskimage *m, const char *dest, struct target *t, struct diag *d)
{
	struct ext2_inode_large i;
	int rc;

	t->name = host_last_part(dest, &m->arena);
	t->path = t->name ? arena_memdup(&m->arena, dest, strlen(dest) - strlen(t->name))
			  : dest;
	rc = ext2disk_find(&m->disk, t->path, 1, &t->folder, d);
	if (rc == 1 && ext2disk_read_inode(&m->disk, t->folder, t->path, &i, d) < 0)
		rc = -1;
	if (rc == 1 && t->name && LINUX_S_ISDIR(i.i_mode))
		return 0;
	if (rc < 0)
		return -1;
	return diag_fail(d, "%s: %s: no such folder", m->name, *t->path ? t->path : "/");
}

static int find_target(struct diskimage *m, const struct put_arguments *a,
	struct target *t, struct diag *d)
{
	struct ext2_inode_large i = {0};
	size_t size = strlen(a->dest);
	int rc = ext2disk_find(&m->disk, a->dest, 1, &t->folder, d);

	if (rc == 1 && ext2disk_read_inode(&m->disk, t->folder, a->dest, &i, d) < 0)
		rc = -1;
	if (rc < 0)
		return -1;
	*t = (struct target){.folder = t->folder, .path = a->dest};
	if (rc == 1 && LINUX_S_ISDIR(i.i_mode))
		return 0;
	if (size && a->dest[size - 1] == '/')
		return diag_fail(d, "%s: %s: no such folder", m->name, a->dest);
	if (a->source_count > 1)
		return diag_fail(d, "%s: %s: expected a folder for %zu sources, found %s",
			m->name, a->dest, a->source_count,
			rc ? "something else" : "nothing");
	return find_parent(m, a->dest, t, d);
}

static int scan(struct tree *t, const struct put_arguments *a, const struct target *to,
	struct arena *arena, struct diag *d)
{
	static const char *const everywhere[] = {"/"};
	struct item *list = arena_alloc(arena, a->source_count * sizeof(*list));
	struct items items = {.list = list, .count = a->source_count};
	struct scan_options o = {.allowed = everywhere, .allowed_count = 1};
	char folder[PATH_MAX];

	if (!getcwd(folder, sizeof(folder)))
		return diag_fail_errno(d, "the current folder");
	o.folder = folder;
	t->notes_inputs = 0;
	for (size_t i = 0; i < a->source_count; i++)
		list[i] = (struct item){
			.kind = ITEM_PATH,
			.dest = to->name,
			.source = a->sources[i],
			.mode = -1,
			.keep = a->put.epoch < 0 ? KEEP_TIMES : 0,
			.place = {.field = a->sources[i]},
		};
	if (scan_items(t, "", &items, &o, d) < 0)
		return -1;
	tree_finish(t);
	return 0;
}

static int is_image(struct node *n, void *context)
{
	const struct stat *image = context;

	return n->type == NODE_FILE && n->source_kind == SOURCE_HOST &&
	       n->host->inode == (uint64_t)image->st_ino &&
	       n->host->device == (uint64_t)image->st_dev;
}

static int check_not_itself(const struct diskimage *m, struct tree *t, struct diag *d)
{
	struct stat st;

	if (fstat(m->fd, &st) < 0)
		return diag_fail_errno(d, "%s", m->path);
	if (tree_walk(t, is_image, &st) != 0)
		return diag_fail(d,
			"%s: is among the files to put: an image cannot be put into "
			"itself",
			m->path);
	return 0;
}

static int put_into(struct diskimage *m, const struct put_arguments *a,
	struct put_report *report, struct diag *d)
{
	struct target to = {0};
	struct tree t;
	int rc;

	if (find_target(m, a, &to, d) < 0)
		return -1;
	tree_init(&t, a->put.epoch < 0 ? 0 : a->put.epoch);
	rc = scan(&t, a, &to, &m->arena, d);
	if (rc == 0)
		rc = check_not_itself(m, &t, d);
	if (rc == 0)
		rc = put_tree(&m->disk, to.folder, to.path, &t, &a->put, report, d);
	tree_clear(&t);
	return rc;
}

static void print_summary(const struct diskimage *m, const struct put_report *r)
{
	char size[QUANTITY_TEXT];
	char *name = text_visible(m->name);

	printf("%s: %llu file%s, %s\n", name, (unsigned long long)r->files,
		r->files == 1 ? "" : "s", quantity_format_size(r->bytes, size));
	free(name);
}

int command_put(int argc, char **argv, struct diag *d)
{
	struct put_arguments a = {0};
	struct put_report report;
	struct diskimage m;
	int rc = arguments_begin(&a.common, d);

	if (rc == 0)
		rc = read_arguments(argc, argv, &a, d);
	if (rc != 0)
		return arguments_stop(&a.common, rc, "wuc put", d);
	rc = diskimage_open(&m, a.image, 1, d);
	if (rc == 0)
		rc = put_into(&m, &a, &report, d);
	if (rc == 0 && !a.common.quiet)
		print_summary(&m, &report);
	/* A folder may hold thousands of what cannot be put. */
	diag_cut_short(d, MOST_PROBLEMS);
	diskimage_close(&m);
	arguments_end(&a.common);
	return rc < 0 ? EXIT_FAILED : 0;
}
