/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "host_files.h"
#include "match.h"
#include "place.h"
#include "resolve.h"

int host_fail(
	const struct host *h, const struct found *f, const char *what, struct diag *d)
{
	struct arena a = {0};

	place_fail(d, &h->item->place, "%s: %s", resolve_join(&a, f->in->shown, f->name),
		what);
	arena_clear(&a);
	return -1;
}

static int fail_errno(struct host *h, const struct found *f)
{
	return host_fail(h, f, strerror(errno), h->diag);
}

/* The folder as the tree keeps it, for the files in it. */
static const struct host_folder *remember(struct host *h, struct walked *w)
{
	struct arena *a = &h->tree->arena;
	struct host_folder *f;

	if (w->folder)
		return w->folder;
	f = arena_alloc(a, sizeof(*f));
	f->path = arena_strdup(a, w->real);
	f->name = arena_strdup(a, w->shown);
	f->device = w->st.st_dev;
	f->inode = w->st.st_ino;
	return w->folder = f;
}

static struct node *add_node(
	struct host *h, const struct found *f, enum node_type type, mode_t mode)
{
	const struct place *place = &h->item->place;
	struct node *n = f->path ? tree_add(h->tree, f->path, type, mode, place, h->diag)
				 : tree_add_child(h->tree, f->in->node, f->name, type,
					   mode, place, h->diag);

	if (n)
		n->item = h->item;
	return n;
}

static int fail_xattrs(const struct host *h, const struct found *f, struct diag *d)
{
	struct arena a = {0};
	const char *what = arena_printf(
		&a, "its extended attributes cannot be read: %s", strerror(errno));

	host_fail(h, f, what, d);
	arena_clear(&a);
	return -1;
}

int host_keep(const struct host *h, const struct found *f, struct node *n,
	struct arena *a, struct diag *d)
{
	unsigned what = h->item->keep;

	if (what & KEEP_OWNERS) {
		n->uid = f->st.st_uid;
		n->gid = f->st.st_gid;
	}
	if (what & KEEP_TIMES) {
		n->mtime = f->st.st_mtim.tv_sec;
		n->mtime_ns = (uint32_t)f->st.st_mtim.tv_nsec;
	}
	if (what & KEEP_XATTRS) {
		if (host_read_xattrs(
			    h->item, f->in->real, f->in->fd, f->name, &n->xattrs, a) < 0)
			return fail_xattrs(h, f, d);
	} else if (n->type == NODE_FILE) {
		n->xattrs = h->item->xattrs;
	}
	return 0;
}

static int keep(struct host *h, const struct found *f, struct node *n)
{
	return host_keep(h, f, n, &h->tree->arena, h->diag);
}

mode_t host_mode(const struct host *h, const struct stat *st)
{
	if ((h->item->keep & KEEP_MODES) && h->item->mode < 0)
		return st->st_mode & 07777;
	return tree_mode(h->item, st->st_mode, h->options->keep_special_modes);
}

static void add_input(struct host *h, const struct found *f)
{
	struct arena a = {0};

	if (h->tree->notes_inputs)
		tree_add_input(h->tree, resolve_join(&a, f->in->host, f->name));
	arena_clear(&a);
}

static int add_file(struct host *h, const struct found *f)
{
	struct arena *a = &h->tree->arena;
	struct node *n = add_node(h, f, NODE_FILE, 0);
	struct host_file *file;

	if (!n)
		return -1;
	add_input(h, f);
	file = arena_alloc(a, sizeof(*file));
	file->folder = remember(h, f->in);
	file->name = f->path ? arena_strdup(a, f->name) : n->name;
	n->source_kind = SOURCE_HOST;
	n->host = file;
	host_files_add(h->files, f->in, n, file);
	return 0;
}

static int add_link(struct host *h, const struct found *f)
{
	char target[PATH_MAX];
	ssize_t size = readlinkat(f->in->fd, f->name, target, sizeof(target) - 1);
	struct node *n;

	if (size < 0)
		return fail_errno(h, f);
	n = add_node(h, f, NODE_SYMLINK, 0777);
	if (!n)
		return -1;
	n->target = arena_memdup(&h->tree->arena, target, (size_t)size);
	return keep(h, f, n);
}

static int add_special(struct host *h, const struct found *f)
{
	mode_t format = f->st.st_mode & S_IFMT;
	enum node_type type = format == S_IFIFO	   ? NODE_FIFO
			      : format == S_IFSOCK ? NODE_SOCKET
			      : format == S_IFCHR  ? NODE_CHARACTER
						   : NODE_BLOCK;
	struct node *n;

	if (!(h->item->keep & KEEP_DEVICES))
		return place_fail(h->diag, &h->item->place,
			"expected files, folders and links, found %s at %s",
			host_kind_name(f->st.st_mode),
			resolve_join(&h->scratch, f->in->shown, f->name));
	n = add_node(h, f, type, host_mode(h, &f->st));
	if (!n)
		return -1;
	n->device = type == NODE_CHARACTER || type == NODE_BLOCK ? f->st.st_rdev : 0;
	return keep(h, f, n);
}

static void open_folder(struct walked *w, int at, const char *name)
{
	w->fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int walk(struct host *h, struct walked *w);

static int add_folder(struct host *h, struct found *f)
{
	struct walked *w = host_walked_new();
	int rc = -1;

	w->real = resolve_join(&w->arena, f->in->real, f->name);
	w->host = resolve_join(&w->arena, f->in->host, f->name);
	w->shown = resolve_join(&w->arena, f->in->shown, f->name);
	open_folder(w, f->in->fd, f->name);
	if (w->fd < 0 && host_files_free_descriptors(h->files))
		open_folder(w, f->in->fd, f->name);
	if (w->fd < 0 || fstat(w->fd, &w->st) < 0) {
		fail_errno(h, f);
	} else {
		f->st = w->st;
		w->node = add_node(h, f, NODE_FOLDER,
			h->item->keep & KEEP_MODES ? w->st.st_mode & 07777 : 0755);
		if (w->node)
			rc = keep(h, f, w->node);
		if (w->node && walk(h, w) < 0)
			rc = -1;
	}
	host_walked_drop(w);
	return rc;
}

/* Of files and folders, their own descriptors and threads tell more. */
static int add_entry(struct host *h, struct found *f, unsigned char type)
{
	host_files_begin_entry(h->files);
	if (type != DT_REG && type != DT_DIR) {
		if (fstatat(f->in->fd, f->name, &f->st, AT_SYMLINK_NOFOLLOW) < 0)
			return fail_errno(h, f);
		type = (unsigned char)IFTODT(f->st.st_mode);
	}
	switch (type) {
	case DT_DIR:
		return add_folder(h, f);
	case DT_REG:
		return add_file(h, f);
	case DT_LNK:
		return add_link(h, f);
	default:
		return add_special(h, f);
	}
}

static int list_folder(struct host *h, const struct walked *w, struct names *names)
{
	if (match_list_folder(w->fd, ".", names) == 0)
		return 0;
	return host_files_free_descriptors(h->files)
		       ? match_list_folder(w->fd, ".", names)
		       : -1;
}

static int walk(struct host *h, struct walked *w)
{
	struct names names;
	int rc = 0;

	tree_add_input(h->tree, w->host);
	if (list_folder(h, w, &names) < 0)
		return place_fail(
			h->diag, &h->item->place, "%s: %s", w->shown, strerror(errno));
	for (size_t i = 0; i < names.count; i++) {
		struct found f = {.in = w, .name = names.list[i]};

		w->left = names.count - i - 1;
		if (add_entry(h, &f, match_name_type(&names, i)) < 0)
			rc = -1;
	}
	host_files_end_folder(h->files, w);
	match_names_clear(&names);
	return rc;
}

static int open_walked(struct host *h, struct walked *w)
{
	w->fd = file_open_plain(w->real, O_RDONLY | O_DIRECTORY);
	if (w->fd >= 0 && fstat(w->fd, &w->st) == 0)
		return 0;
	return place_fail(h->diag, &h->item->place, "%s: %s", w->shown, strerror(errno));
}

/* What the recipe says of a folder counts, else the last source that has it. */
static int place_folder(struct host *h, struct walked *w, const char *path)
{
	struct found f = {.in = w, .name = ".", .path = path, .st = w->st};

	w->node = tree_find(h->tree, path);
	if (w->node && w->node->type == NODE_FOLDER && w->node->item &&
		w->node->item->kind == ITEM_FOLDER)
		return 0;
	w->node = add_node(h, &f, NODE_FOLDER,
		h->item->keep & KEEP_MODES ? w->st.st_mode & 07777 : 0755);
	return w->node ? keep(h, &f, w->node) : -1;
}

static int end_walk(struct host *h, struct walked *w, int rc)
{
	host_walked_drop(w);
	return host_files_close(h->files) < 0 ? -1 : rc;
}

int host_walk_folder(struct host *h, const char *real, const char *host,
	const char *shown, const char *path)
{
	struct walked *w = host_walked_new();
	struct host_files files;
	int rc;

	host_files_open(&files, h);
	w->real = real;
	w->host = host;
	w->shown = shown;
	rc = open_walked(h, w);
	if (rc == 0)
		rc = place_folder(h, w, path);
	if (rc == 0)
		rc = walk(h, w);
	return end_walk(h, w, rc);
}

/* "a/b" -> "a"; "/b" -> "/"; "b" -> "". */
static const char *folder_of(struct host *h, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return "";
	return slash == path ? "/"
			     : arena_memdup(&h->scratch, path, (size_t)(slash - path));
}

int host_walk_file(struct host *h, const char *real, const char *host, const char *shown,
	const char *path, mode_t mode)
{
	struct walked *w = host_walked_new();
	struct found f = {.in = w, .name = strrchr(real, '/') + 1, .path = path};
	struct host_files files;
	int rc;

	host_files_open(&files, h);
	w->real = folder_of(h, real);
	w->host = folder_of(h, host);
	w->shown = folder_of(h, shown);
	rc = open_walked(h, w);
	if (rc == 0 && h->last && strcmp(h->last->path, w->real) == 0 &&
		strcmp(h->last->name, w->shown) == 0 && h->last->inode == w->st.st_ino &&
		h->last->device == w->st.st_dev)
		w->folder = h->last;
	if (rc == 0)
		rc = add_entry(h, &f, (unsigned char)IFTODT(mode));
	h->last = w->folder;
	return end_walk(h, w, rc);
}
