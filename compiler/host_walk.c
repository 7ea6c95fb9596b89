/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "match.h"
#include "place.h"
#include "resolve.h"

/* An open folder of the host and what it becomes. */
struct walked {
	int fd;
	const struct host_folder *folder; /* NULL until a file needs it */
	const char *real, *host, *shown;
	struct stat st;
	struct node *node;
};

/* One entry of it, on its way into the tree. */
struct found {
	struct walked *in;
	const char *name; /* in that folder */
	const char *path; /* in the tree, from the root; NULL: name, in in->node */
	struct stat st;
};

static const char *shown_of(struct host *h, const struct found *f)
{
	return resolve_join(&h->scratch, f->in->shown, f->name);
}

static int fail_errno(struct host *h, const struct found *f)
{
	return place_fail(
		h->diag, &h->item->place, "%s: %s", shown_of(h, f), strerror(errno));
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

static size_t seen_slot(const struct host_seen *seen, uint64_t device, uint64_t inode)
{
	size_t i = (inode * 0x9E3779B97F4A7C15u ^ device) & (seen->room - 1);

	while (seen->slots[i] && (seen->slots[i]->host->inode != inode ||
					 seen->slots[i]->host->device != device))
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
			seen->slots[seen_slot(seen, n->host->device, n->host->inode)] = n;
	}
	free(old.slots);
}

/* The node that is this file under another name on the host, or NULL. A file that is
 * named twice is two files: whether the host gave it more names must not matter. */
static struct node *find_twin(struct host *h, const struct found *f, mode_t mode)
{
	const struct item *item;
	struct node *n;

	if (f->st.st_nlink < 2 || !h->seen.room)
		return NULL;
	n = h->seen.slots[seen_slot(&h->seen, f->st.st_dev, f->st.st_ino)];
	if (!n || n->type != NODE_FILE || n->mode != mode)
		return NULL;
	item = n->item;
	if (item->xattrs != h->item->xattrs || item->keep != h->item->keep ||
		(strcmp(n->host->name, f->name) == 0 &&
			strcmp(n->host->folder->path, f->in->real) == 0))
		return NULL;
	return n;
}

static void note_names(struct host *h, struct node *n, const struct found *f)
{
	size_t i;

	if (f->st.st_nlink < 2)
		return;
	if ((h->seen.count + 1) * 2 > h->seen.room)
		grow_seen(&h->seen);
	i = seen_slot(&h->seen, f->st.st_dev, f->st.st_ino);
	if (!h->seen.slots[i]) {
		h->seen.slots[i] = n;
		h->seen.count++;
	}
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

/* What the item wants kept of the entry. */
static int keep(struct host *h, const struct found *f, struct node *n)
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
		if (host_read_xattrs(h, f->in->real, f->in->fd, f->name, &n->xattrs) < 0)
			return place_fail(h->diag, &h->item->place,
				"%s: its extended attributes cannot be read: %s",
				shown_of(h, f), strerror(errno));
	} else if (n->type == NODE_FILE) {
		n->xattrs = h->item->xattrs;
	}
	return 0;
}

static mode_t mode_of(const struct host *h, const struct found *f)
{
	if ((h->item->keep & KEEP_MODES) && h->item->mode < 0)
		return f->st.st_mode & 07777;
	return tree_mode(h->item, f->st.st_mode, h->options->keep_special_modes);
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
	mode_t mode = mode_of(h, f);
	struct node *twin = find_twin(h, f, mode), *n;
	struct arena *a = &h->tree->arena;
	struct host_file *file;

	add_input(h, f);
	n = add_node(h, f, twin ? NODE_HARDLINK : NODE_FILE, mode);
	if (!n)
		return -1;
	if (twin) {
		tree_link(n, twin);
		return 0;
	}
	file = arena_alloc(a, sizeof(*file));
	*file = (struct host_file){
		.folder = remember(h, f->in),
		.name = f->path ? arena_strdup(a, f->name) : n->name,
		.device = f->st.st_dev,
		.inode = f->st.st_ino,
		.mtime = tree_stamp(&f->st.st_mtim),
		.ctime = tree_stamp(&f->st.st_ctim),
	};
	n->source_kind = SOURCE_HOST;
	n->host = file;
	n->size = (uint64_t)f->st.st_size;
	note_names(h, n, f);
	return keep(h, f, n);
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
			host_kind_name(f->st.st_mode), shown_of(h, f));
	n = add_node(h, f, type, mode_of(h, f));
	if (!n)
		return -1;
	n->device = type == NODE_CHARACTER || type == NODE_BLOCK ? f->st.st_rdev : 0;
	return keep(h, f, n);
}

static int walk(struct host *h, struct walked *w);

static int add_folder(struct host *h, const struct found *f)
{
	struct arena a = {0};
	struct walked w = {
		.real = resolve_join(&a, f->in->real, f->name),
		.host = resolve_join(&a, f->in->host, f->name),
		.shown = resolve_join(&a, f->in->shown, f->name),
	};
	int rc = -1;

	w.fd = openat(
		f->in->fd, f->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (w.fd < 0 || fstat(w.fd, &w.st) < 0) {
		fail_errno(h, f);
	} else {
		w.node = add_node(h, f, NODE_FOLDER,
			h->item->keep & KEEP_MODES ? w.st.st_mode & 07777 : 0755);
		if (w.node)
			rc = keep(h, f, w.node);
		if (w.node && walk(h, &w) < 0)
			rc = -1;
	}
	file_close(&w.fd);
	arena_clear(&a);
	return rc;
}

static int add_entry(struct host *h, struct found *f)
{
	if (fstatat(f->in->fd, f->name, &f->st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(h, f);
	switch (f->st.st_mode & S_IFMT) {
	case S_IFDIR:
		return add_folder(h, f);
	case S_IFREG:
		return add_file(h, f);
	case S_IFLNK:
		return add_link(h, f);
	default:
		return add_special(h, f);
	}
}

static int walk(struct host *h, struct walked *w)
{
	struct names names;
	int rc = 0;

	tree_add_input(h->tree, w->host);
	if (match_list_folder(w->fd, ".", &names) < 0)
		return place_fail(
			h->diag, &h->item->place, "%s: %s", w->shown, strerror(errno));
	for (size_t i = 0; i < names.count; i++) {
		struct found f = {.in = w, .name = names.list[i]};

		if (add_entry(h, &f) < 0)
			rc = -1;
	}
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

int host_walk_folder(struct host *h, const char *real, const char *host,
	const char *shown, const char *path)
{
	struct walked w = {.fd = -1, .real = real, .host = host, .shown = shown};
	int rc = open_walked(h, &w);

	if (rc == 0)
		rc = place_folder(h, &w, path);
	if (rc == 0)
		rc = walk(h, &w);
	file_close(&w.fd);
	return rc;
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
	const char *path)
{
	struct walked w = {
		.fd = -1,
		.real = folder_of(h, real),
		.host = folder_of(h, host),
		.shown = folder_of(h, shown),
	};
	struct found f = {.in = &w, .name = strrchr(real, '/') + 1, .path = path};
	int rc = open_walked(h, &w);

	if (rc == 0 && h->last && strcmp(h->last->path, w.real) == 0 &&
		strcmp(h->last->name, w.shown) == 0 && h->last->inode == w.st.st_ino &&
		h->last->device == w.st.st_dev)
		w.folder = h->last;
	if (rc == 0)
		rc = add_entry(h, &f);
	h->last = w.folder;
	file_close(&w.fd);
	return rc;
}
