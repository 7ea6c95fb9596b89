/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "match.h"
#include "place.h"
#include "resolve.h"

/* One file or folder on the host, on its way into the tree. */
struct found {
	const char *real;  /* links resolved */
	const char *host;  /* as said: for depfiles */
	const char *shown; /* as said: for messages */
	const char *path;  /* in the tree */
};

const char *host_join(struct arena *a, const char *x, const char *y)
{
	size_t size = strlen(x);

	if (!size || !*y)
		return size ? x : y;
	return arena_printf(a, x[size - 1] == '/' ? "%s%s" : "%s/%s", x, y);
}

const char *host_kind_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFIFO:
		return "a named pipe";
	case S_IFSOCK:
		return "a socket";
	case S_IFDIR:
		return "a folder";
	case S_IFREG:
		return "a file";
	default:
		return "a device";
	}
}

static int is_allowed(const struct host *h, const char *real)
{
	for (size_t i = 0; i < h->root_count; i++) {
		if (resolve_lies_below(real, h->roots[i]))
			return 1;
	}
	return 0;
}

int host_may_read(const struct host *h, const char *path)
{
	char real[PATH_MAX];

	return realpath(path, real) && is_allowed(h, real);
}

static size_t seen_slot(const struct host_seen *seen, uint64_t device, uint64_t inode)
{
	size_t i = (inode * 0x9E3779B97F4A7C15u ^ device) & (seen->room - 1);

	while (seen->slots[i] && (seen->slots[i]->source.inode != inode ||
					 seen->slots[i]->source.device != device))
		i = (i + 1) & (seen->room - 1);
	return i;
}

static void grow_seen(struct host_seen *seen)
{
	struct host_seen old = *seen;

	seen->room = old.room ? old.room * 2 : 64;
	seen->slots = memory_alloc(seen->room * sizeof(struct node *));
	for (size_t i = 0; i < old.room; i++) {
		struct node *n = old.slots[i];

		if (n)
			seen->slots[seen_slot(seen, n->source.device, n->source.inode)] =
				n;
	}
	free(old.slots);
}

/* The node that is this file under another name on the host, or NULL. A file that is
 * named twice is two files: whether the host gave it more names must not matter. */
static struct node *find_twin(
	struct host *h, const struct found *f, const struct stat *st, mode_t mode)
{
	struct node *n;

	if (st->st_nlink < 2 || !h->seen.room)
		return NULL;
	n = h->seen.slots[seen_slot(&h->seen, st->st_dev, st->st_ino)];
	if (!n || n->type != NODE_FILE || strcmp(n->source.path, f->real) == 0 ||
		n->mode != mode || n->xattrs != h->item->xattrs)
		return NULL;
	return n;
}

static void note_names(struct host *h, struct node *n, const struct stat *st)
{
	size_t i;

	if (st->st_nlink < 2)
		return;
	if ((h->seen.count + 1) * 2 > h->seen.room)
		grow_seen(&h->seen);
	i = seen_slot(&h->seen, st->st_dev, st->st_ino);
	if (!h->seen.slots[i]) {
		h->seen.slots[i] = n;
		h->seen.count++;
	}
}

static int add_file(struct host *h, const struct found *f, const struct stat *st)
{
	mode_t mode = tree_mode(h->item, st->st_mode, h->options->keep_special_modes);
	struct node *twin = find_twin(h, f, st, mode), *n;
	struct diag problems = {0};

	tree_add_input(h->tree, f->host);
	n = tree_add(h->tree, f->path, twin ? NODE_HARDLINK : NODE_FILE, mode,
		&h->item->place, h->diag);
	if (!n)
		return -1;
	n->item = h->item;
	if (twin) {
		tree_link(n, twin);
		return 0;
	}
	n->xattrs = h->item->xattrs;
	n->xattr_count = h->item->xattr_count;
	n->size = (uint64_t)st->st_size;
	n->source = (struct source){
		.kind = SOURCE_HOST,
		.path = arena_strdup(&h->tree->arena, f->real),
		.name = arena_strdup(&h->tree->arena, f->shown),
		.mtime = st->st_mtim,
		.ctime = st->st_ctim,
		.inode = st->st_ino,
		.device = st->st_dev,
	};
	note_names(h, n, st);
	if (tree_measure(h->tree, n, &problems) < 0)
		return place_fail_all(h->diag, &h->item->place, &problems);
	return 0;
}

static int add_link(struct host *h, const struct found *f)
{
	char target[PATH_MAX];
	ssize_t size = readlink(f->real, target, sizeof(target) - 1);
	struct node *n;

	if (size < 0)
		return place_fail(
			h->diag, &h->item->place, "%s: %s", f->shown, strerror(errno));
	n = tree_add(h->tree, f->path, NODE_SYMLINK, 0777, &h->item->place, h->diag);
	if (!n)
		return -1;
	n->item = h->item;
	n->target = arena_memdup(&h->tree->arena, target, (size_t)size);
	return 0;
}

static int walk(struct host *h, const struct found *f);

static int walk_entry(
	struct host *h, const struct found *folder, const char *name, struct arena *a)
{
	struct found f = {
		.real = host_join(a, folder->real, name),
		.host = host_join(a, folder->host, name),
		.shown = host_join(a, folder->shown, name),
		.path = host_join(a, folder->path, name),
	};
	struct stat st;

	if (lstat(f.real, &st) < 0)
		return place_fail(
			h->diag, &h->item->place, "%s: %s", f.shown, strerror(errno));
	switch (st.st_mode & S_IFMT) {
	case S_IFDIR:
		return walk(h, &f);
	case S_IFREG:
		return add_file(h, &f, &st);
	case S_IFLNK:
		return add_link(h, &f);
	default:
		return place_fail(h->diag, &h->item->place,
			"expected files, folders and links, found %s at %s",
			host_kind_name(st.st_mode), f.shown);
	}
}

static int walk(struct host *h, const struct found *f)
{
	struct arena a = {0};
	const char **names;
	struct node *n;
	size_t count;
	int rc = 0;

	n = tree_find(h->tree, f->path);
	if (!n || n->implied || n->type != NODE_FOLDER) {
		n = tree_add(
			h->tree, f->path, NODE_FOLDER, 0755, &h->item->place, h->diag);
		if (!n)
			return -1;
		n->item = h->item;
	}
	tree_add_input(h->tree, f->host);
	names = match_list_folder(f->real, &count, &a);
	if (!names)
		rc = place_fail(
			h->diag, &h->item->place, "%s: %s", f->shown, strerror(errno));
	for (size_t i = 0; names && i < count; i++) {
		if (walk_entry(h, f, names[i], &a) < 0)
			rc = -1;
	}
	arena_clear(&a);
	return rc;
}

static int fail_missing(struct host *h, const char *wanted, const char *shown)
{
	const char *near = match_nearest(h->options->folder, shown, &h->scratch);
	char real[PATH_MAX];

	/* Names outside are no business of a recipe's. */
	if (near &&
		realpath(*near == '/' ? near
				      : host_join(&h->scratch, h->options->folder, near),
			real) &&
		is_allowed(h, real))
		return place_fail(h->diag, &h->item->place,
			"expected %s, found nothing at %s (did you mean %s?)", wanted,
			shown, near);
	return place_fail(h->diag, &h->item->place, "expected %s, found nothing at %s",
		wanted, shown);
}

/* Resolves what the recipe says and looks whether it may. */
const char *host_resolve(
	struct host *h, const char *wanted, const char *host, const char *shown)
{
	char real[PATH_MAX];

	if (!realpath(host, real)) {
		if (errno == ENOENT || errno == ENOTDIR)
			fail_missing(h, wanted, shown);
		else
			place_fail(h->diag, &h->item->place, "%s: %s", shown,
				strerror(errno));
		return NULL;
	}
	if (!is_allowed(h, real)) {
		place_fail(h->diag, &h->item->place,
			"expected a file below the recipe's folder, found %s (allow its "
			"folder with --allow)",
			strcmp(real, host) == 0 || *shown == '/' ? shown : real);
		return NULL;
	}
	return arena_strdup(&h->scratch, real);
}

/* The last part of a path, without slashes after it; NULL where it names no entry. */
const char *host_last_part(const char *path, struct arena *a)
{
	size_t end = strlen(path), start;

	while (end > 0 && path[end - 1] == '/')
		end--;
	start = end;
	while (start > 0 && path[start - 1] != '/')
		start--;
	if (start == end ||
		(end - start <= 2 && strncmp(path + start, "..", end - start) == 0))
		return NULL;
	return arena_memdup(a, path + start, end - start);
}

/* dest: where in the section, or NULL for its own name at the top. */
int host_add(struct host *h, const char *host, const char *shown, const char *dest)
{
	static const char wanted[] = "a file, folder or pattern";
	struct found f = {.host = host, .shown = shown};
	const char *name = host_last_part(shown, &h->scratch);
	struct stat st;

	f.real = host_resolve(h, wanted, host, shown);
	if (!f.real)
		return -1;
	if (stat(f.real, &st) < 0)
		return place_fail(
			h->diag, &h->item->place, "%s: %s", shown, strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return place_fail(h->diag, &h->item->place, "expected %s, found %s at %s",
			wanted, host_kind_name(st.st_mode), shown);
	if (!dest)
		dest = name ? name
			    : ""; /* the contents of "." have no name of their own */
	if (S_ISREG(st.st_mode) && !*dest)
		return place_fail(h->diag, &h->item->place,
			"expected a folder for the top of %s, found the file %s", h->top,
			shown);
	f.path = host_join(&h->scratch, h->top, dest);
	return S_ISDIR(st.st_mode) ? walk(h, &f) : add_file(h, &f, &st);
}

int host_open(struct host *h)
{
	const struct scan_options *o = h->options;
	char real[PATH_MAX];

	h->roots = arena_alloc(&h->scratch, (o->allowed_count + 1) * sizeof(*h->roots));
	if (!realpath(o->folder, real))
		return diag_fail_errno(h->diag, "%s", o->folder);
	h->roots[h->root_count++] = arena_strdup(&h->scratch, real);
	for (size_t i = 0; i < o->allowed_count; i++) {
		if (!realpath(o->allowed[i], real))
			return diag_fail_errno(h->diag, "%s", o->allowed[i]);
		h->roots[h->root_count++] = arena_strdup(&h->scratch, real);
	}
	return 0;
}

void host_close(struct host *h)
{
	free(h->seen.slots);
	arena_clear(&h->scratch);
}
