/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "archive.h"
#include "common/file.h"
#include "host.h"
#include "match.h"
#include "place.h"
#include "resolve.h"

static int add_pattern(struct host *h, const char *pattern)
{
	const char *dest = h->item->dest ? h->item->dest : "";
	struct matches m;
	int rc = 0;

	if (host_expand(h, pattern, &m) < 0)
		return -1;
	for (size_t i = 0; i < m.folder_count; i++)
		tree_add_input(h->tree, m.folders[i]);
	if (m.count == 0)
		return place_fail(h->diag, &h->item->place,
			"expected a file, folder or pattern, found nothing that matches "
			"%s",
			pattern);
	for (size_t i = 0; i < m.count; i++) {
		const char *shown = host_shown(h, pattern, m.paths[i]);
		const char *name = host_last_part(shown, &h->scratch);

		if (host_add(h, m.paths[i], shown,
			    resolve_join(&h->scratch, dest, name)) < 0)
			rc = -1;
	}
	return rc;
}

/* "data/./x/" -> "data/x", so that one file has one name in a depfile. */
static const char *tidy(struct host *h, const char *path)
{
	char *out = arena_strdup(&h->scratch, path);
	size_t n = 0;

	for (const char *p = path; *p;) {
		size_t size = strcspn(p, "/");

		if (size && !(size == 1 && *p == '.')) {
			if (n && out[n - 1] != '/')
				out[n++] = '/';
			memmove(out + n, p, size);
			n += size;
		} else if (p == path && *p == '/') {
			out[n++] = '/';
		}
		p += size + (p[size] == '/');
	}
	out[n] = '\0';
	return out;
}

static const char *host_path(struct host *h, const char *source)
{
	const char *tidied = tidy(h, source);

	return *source == '/' ? tidied
			      : resolve_join(&h->scratch, h->options->folder, tidied);
}

static int scan_path(struct host *h)
{
	const char *source = h->item->source, *host = host_path(h, source);
	struct stat st;

	if (!*source)
		return place_fail(h->diag, &h->item->place,
			"expected a file, folder or pattern, found an empty text");
	if (lstat(host, &st) < 0 && match_is_pattern(source))
		return add_pattern(h, *source == '/' ? source : tidy(h, source));
	return host_add(h, host, source, h->item->dest);
}

/* The very file that was seen is read, whatever has its name meanwhile. */
static int add_archive(struct host *h, const char *real)
{
	const struct item *item = h->item;
	struct witness *w = h->options->witness;
	CLEANUP(file_close)
	int fd = open(real, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat before, after;
	int rc;

	if (fd < 0 || fstat(fd, &before) < 0)
		return place_fail(
			h->diag, &item->place, "%s: %s", item->source, strerror(errno));
	if (w && !w->sealed)
		witness_add(w, &before);
	else if (w && !witness_saw(w, &before))
		return witness_fail(&item->place, item->source, h->diag);
	rc = archive_add(h->tree,
		resolve_join(&h->scratch, h->top, item->dest ? item->dest : ""),
		w ? arena_printf(&h->scratch, "/proc/self/fd/%d", fd) : real,
		item->source, item, h->options->keep_special_modes, h->diag);
	if (rc == 0 && w && w->sealed &&
		(fstat(fd, &after) < 0 || !witness_saw(w, &after)))
		return witness_fail(&item->place, item->source, h->diag);
	return rc;
}

static int scan_archive(struct host *h)
{
	const struct item *item = h->item;
	const char *host = host_path(h, item->source), *real;
	struct stat st;

	real = host_resolve(h, "an archive", host, item->source);
	if (!real)
		return -1;
	if (stat(real, &st) < 0)
		return place_fail(
			h->diag, &item->place, "%s: %s", item->source, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return place_fail(h->diag, &item->place,
			"expected an archive, found %s at %s", host_kind_name(st.st_mode),
			item->source);
	tree_add_input(h->tree, host);
	return add_archive(h, real);
}

/* Adds the one node that an item of a made-up file names. */
static struct node *add_made(struct host *h, enum node_type type, mode_t mode)
{
	const struct item *item = h->item;
	struct node *n;

	if (!item->dest || (!*item->dest && type != NODE_FOLDER)) {
		place_fail(h->diag, &item->place, "expected a name for it, found none");
		return NULL;
	}
	n = tree_add(h->tree, resolve_join(&h->scratch, h->top, item->dest), type, mode,
		&item->place, h->diag);
	if (!n)
		return NULL;
	n->item = item;
	if (type != NODE_SYMLINK && type != NODE_HARDLINK)
		n->xattrs = item->xattrs;
	return n;
}

static int scan_text(struct host *h)
{
	const struct item *item = h->item;
	int script = item->source_size > 2 && memcmp(item->source, "#!", 2) == 0;
	struct node *n;

	n = add_made(h, NODE_FILE,
		tree_mode(item, script ? 0755 : 0644, h->options->keep_special_modes));
	if (!n)
		return -1;
	tree_fill_text(n, item->source, item->source_size);
	return 0;
}

static int scan_symlink(struct host *h)
{
	const struct item *item = h->item;
	struct node *n;

	if (!*item->source || strlen(item->source) > TREE_PATH_MAX)
		return place_fail(h->diag, &item->place,
			"expected a target of 1 to %d bytes, found %zu", TREE_PATH_MAX,
			strlen(item->source));
	n = add_made(h, NODE_SYMLINK, 0777);
	if (!n)
		return -1;
	n->target = item->source;
	return 0;
}

static int scan_folder(struct host *h)
{
	int mode = h->item->mode;

	return add_made(h, NODE_FOLDER, mode < 0 ? 0755 : (mode_t)mode) ? 0 : -1;
}

static int scan_item(struct host *h)
{
	if (h->item->mode >= 0 && (h->item->mode & 06000) &&
		!(h->item->keep & KEEP_MODES) && !h->options->keep_special_modes)
		return place_fail(h->diag, &h->item->place,
			"expected a mode without set-id bits, found %04o", h->item->mode);
	switch (h->item->kind) {
	case ITEM_PATH:
		return scan_path(h);
	case ITEM_TEXT:
		return scan_text(h);
	case ITEM_ARCHIVE:
		return scan_archive(h);
	case ITEM_SYMLINK:
		return scan_symlink(h);
	case ITEM_FOLDER:
		return scan_folder(h);
	case ITEM_HARDLINK:
		return 0; /* when all else is there */
	case ITEM_PACKAGE_FILE:
		break;
	}
	return place_fail(h->diag, &h->item->place,
		"expected files of the host, found a package's file: only bases have "
		"those");
}

static int fail_hardlink(struct host *h, const struct node *to)
{
	if (to)
		return place_fail(h->diag, &h->item->place,
			"expected a file to link to, found %s at %s",
			to->type == NODE_FOLDER ? "a folder" : "a symlink",
			h->item->source);
	return place_fail(h->diag, &h->item->place,
		"expected a file of this disk to link to, found nothing at %s",
		h->item->source);
}

/* 1: linked, 0: what it links to is not there (yet), -1: failed. */
static int scan_hardlink(struct host *h)
{
	struct node *to =
		tree_find(h->tree, resolve_join(&h->scratch, h->top, h->item->source));
	struct node *n;

	if (!to)
		return 0;
	if (to->type != NODE_FILE && to->type != NODE_HARDLINK)
		return fail_hardlink(h, to);
	n = add_made(h, NODE_HARDLINK, to->mode);
	if (!n)
		return -1;
	tree_link(n, to);
	return 1;
}

/* A hard link may name another that comes later in the recipe. */
static int scan_hardlinks(struct host *h, const struct items *items)
{
	char *done = memory_alloc(items->count + 1);
	int progress, rc = 0;

	do {
		progress = 0;
		for (size_t i = 0; i < items->count; i++) {
			int linked;

			h->item = &items->list[i];
			if (h->item->kind != ITEM_HARDLINK || done[i])
				continue;
			linked = scan_hardlink(h);
			done[i] = linked != 0;
			progress |= linked > 0;
			if (linked < 0)
				rc = -1;
		}
	} while (progress);
	for (size_t i = 0; i < items->count; i++) {
		h->item = &items->list[i];
		if (h->item->kind == ITEM_HARDLINK && !done[i])
			rc = fail_hardlink(h, NULL);
	}
	free(done);
	return rc;
}

int scan_items(struct tree *t, const char *top, const struct items *items,
	const struct scan_options *o, struct diag *d)
{
	struct host h = {.tree = t, .top = top, .options = o, .diag = d};
	int rc = host_open(&h);

	if (rc == 0) {
		for (size_t i = 0; i < items->count; i++) {
			h.item = &items->list[i];
			if (scan_item(&h) < 0)
				rc = -1;
		}
		if (scan_hardlinks(&h, items) < 0)
			rc = -1;
	}
	host_close(&h);
	return rc;
}
