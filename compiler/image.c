/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "host.h"
#include "listing.h"
#include "outfile.h"
#include "resolve.h"
#include "scan.h"

struct build {
	const struct image_options *options;
	struct image_report *report;
	struct arena arena;
	struct items items;
	struct outfile image, listing;
	struct tree tree;
};

static int to_stdout(const struct build *b)
{
	return b->options->listing && strcmp(b->options->listing, "-") == 0;
}

static int to_file(const struct build *b)
{
	return b->options->listing && !to_stdout(b);
}

static int describe_source(
	const struct build *b, const char *source, struct item *item, struct diag *d)
{
	struct stat st;

	if (stat(source, &st) < 0)
		return diag_fail_errno(d, "%s", *source ? source : "\"\"");
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return diag_fail(d, "%s: expected a folder or an archive, found %s",
			source, host_kind_name(st.st_mode));
	*item = (struct item){
		.kind = S_ISDIR(st.st_mode) ? ITEM_PATH : ITEM_ARCHIVE,
		.dest = "",
		.source = source,
		.mode = -1,
		.keep = b->options->keep,
		.place = {.field = source},
	};
	return 0;
}

static int describe_sources(struct build *b, struct diag *d)
{
	const struct image_options *o = b->options;
	struct item *list = arena_alloc(&b->arena, o->source_count * sizeof(*list));
	int rc = 0;

	for (size_t i = 0; i < o->source_count; i++)
		if (describe_source(b, o->sources[i], &list[i], d) < 0)
			rc = -1;
	b->items = (struct items){.list = list, .count = o->source_count};
	return rc;
}

/* A source must not hold what is made of it. */
static int check_apart(const struct outfile *f, const struct item *source, struct diag *d)
{
	char real[PATH_MAX];
	const char *place = f->folder;

	if (!realpath(source->source, real))
		return diag_fail_errno(d, "%s", source->source);
	if (source->kind == ITEM_PATH && resolve_lies_below(place, real))
		return diag_fail(d,
			"%s: would be part of its own source %s: expected a place "
			"outside of it",
			f->path, source->source);
	if (source->kind == ITEM_ARCHIVE &&
		strcmp(strrchr(real, '/') + 1, f->name) == 0) {
		*strrchr(real, '/') = '\0';
		if (strcmp(*real ? real : "/", place) == 0)
			return diag_fail(
				d, "%s: is a source: expected another name", f->path);
	}
	return 0;
}

static int open_places(struct build *b, struct diag *d)
{
	const struct image_options *o = b->options;
	int rc = 0;

	if (outfile_open(&b->image, o->path, &b->arena, d) < 0)
		return -1;
	if (to_file(b) && outfile_open(&b->listing, o->listing, &b->arena, d) < 0)
		return -1;
	if (to_file(b) && strcmp(b->image.name, b->listing.name) == 0 &&
		strcmp(b->image.folder, b->listing.folder) == 0)
		return diag_fail(
			d, "%s: expected another file for the listing", o->listing);
	for (size_t i = 0; rc == 0 && i < b->items.count; i++) {
		rc = check_apart(&b->image, &b->items.list[i], d);
		if (rc == 0 && to_file(b))
			rc = check_apart(&b->listing, &b->items.list[i], d);
	}
	return rc;
}

struct survey {
	const struct outfile *image;
	struct stat folder;
	size_t files;
	const struct node *itself;
};

static int look_at(struct node *n, void *context)
{
	struct survey *s = context;

	if (n->type != NODE_FILE)
		return 0;
	s->files++;
	if (n->source_kind == SOURCE_HOST && n->host->folder->inode == s->folder.st_ino &&
		n->host->folder->device == s->folder.st_dev &&
		strcmp(n->host->name, s->image->name) == 0)
		s->itself = n;
	return 0;
}

/* Mounts may show the image's folder below a source under another path. */
static int survey(struct build *b, struct diag *d)
{
	struct survey s = {.image = &b->image};

	if (fstat(b->image.parent, &s.folder) < 0)
		return diag_fail_errno(d, "%s", b->image.path);
	tree_walk(&b->tree, look_at, &s);
	b->report->files = s.files;
	if (!s.itself)
		return 0;
	return diag_fail(d, "%s: is found in its own source, as %s", b->image.path,
		tree_path(s.itself, &b->arena));
}

static int scan(struct build *b, struct diag *d)
{
	static const char *const everywhere[] = {"/"};
	char folder[PATH_MAX];
	struct scan_options o = {
		.folder = folder, .allowed = everywhere, .allowed_count = 1};

	if (!getcwd(folder, sizeof(folder)))
		return diag_fail_errno(d, "the current folder");
	b->tree.notes_inputs = 0;
	if (scan_items(&b->tree, "", &b->items, &o, d) < 0)
		return -1;
	tree_finish(&b->tree);
	return survey(b, d);
}

static void add_text(void *context, const char *text, size_t size)
{
	fwrite(text, 1, size, context); /* the stream keeps the error */
}

static int print_listing(struct build *b, struct diag *d)
{
	tree_list(&b->tree, 1, add_text, stdout);
	if (fflush(stdout) < 0 || ferror(stdout))
		return diag_fail_errno(d, "standard output");
	return 0;
}

static int write_listing(struct build *b, struct diag *d)
{
	const struct outfile *f = &b->listing;

	return listing_write(&b->tree, f->work.fd, f->name, f->path, d);
}

static int write_all(struct build *b, struct diag *d)
{
	const struct ext4_options *o = &b->options->ext4;

	if (outfile_begin(&b->image, d) < 0 ||
		(to_file(b) && outfile_begin(&b->listing, d) < 0) ||
		ext4_write(b->image.work.fd, b->image.name, &b->tree, o, d) < 0)
		return -1;
	if (to_stdout(b) && print_listing(b, d) < 0)
		return -1;
	/* Where the image is, its listing is. */
	if (to_file(b) &&
		(write_listing(b, d) < 0 || outfile_publish(&b->listing, d) < 0))
		return -1;
	return outfile_publish(&b->image, d);
}

static int build(struct build *b, struct diag *d)
{
	if (describe_sources(b, d) < 0 || open_places(b, d) < 0 || scan(b, d) < 0 ||
		write_all(b, d) < 0)
		return -1;
	b->report->size_bytes = b->image.size_bytes;
	return 0;
}

int image_build(
	const struct image_options *o, struct image_report *report, struct diag *d)
{
	struct build b = {
		.options = o,
		.report = report,
		.image = OUTFILE_NONE,
		.listing = OUTFILE_NONE,
	};
	int rc;

	*report = (struct image_report){0};
	tree_init(&b.tree, o->epoch);
	rc = build(&b, d);
	outfile_close(&b.listing);
	outfile_close(&b.image);
	tree_clear(&b.tree);
	arena_clear(&b.arena);
	return rc;
}
