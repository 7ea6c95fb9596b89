/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tree.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "place.h"

void tree_init(struct tree *t, int64_t epoch)
{
	*t = (struct tree){.epoch = epoch, .spool = -1};
	t->root = arena_alloc(&t->arena, sizeof(*t->root));
	t->root->name = "";
	t->root->type = NODE_FOLDER;
	t->root->mode = 0755;
	t->root->mtime = epoch;
	t->root->implied = 1;
}

void tree_clear(struct tree *t)
{
	if (t->spool >= 0)
		close(t->spool);
	free(t->index);
	free(t->chunk);
	free(t->inputs);
	arena_clear(&t->arena);
	*t = (struct tree){.spool = -1};
}

/* FNV-1a. A hostile recipe can make itself slow, nothing else. */
static size_t hash(const struct node *parent, const char *name, size_t size)
{
	uint64_t h = 14695981039346656037u ^ ((uintptr_t)parent >> 4);

	for (size_t i = 0; i < size; i++)
		h = (h ^ (unsigned char)name[i]) * 1099511628211u;
	return (size_t)(h ^ (h >> 29));
}

static struct node **slot_of(
	const struct tree *t, const struct node *parent, const char *name, size_t size)
{
	size_t i = hash(parent, name, size) & (t->index_room - 1);
	struct node *n;

	while ((n = t->index[i]) &&
		(n->parent != parent || strncmp(n->name, name, size) != 0 ||
			n->name[size]))
		i = (i + 1) & (t->index_room - 1);
	return &t->index[i];
}

static void grow_index(struct tree *t)
{
	struct node **old = t->index;
	size_t old_room = t->index_room;

	t->index_room = old_room ? old_room * 2 : 256;
	t->index = memory_alloc(t->index_room * sizeof(*t->index));
	for (size_t i = 0; i < old_room; i++) {
		if (old[i])
			*slot_of(t, old[i]->parent, old[i]->name, strlen(old[i]->name)) =
				old[i];
	}
	free(old);
}

static struct node *find_child(
	const struct tree *t, const struct node *parent, const char *name, size_t size)
{
	return t->index_room ? *slot_of(t, parent, name, size) : NULL;
}

static void append_child(struct tree *t, struct node *parent, struct node *n)
{
	if (parent->child_count == parent->child_room) {
		size_t room = parent->child_room ? parent->child_room * 2 : 8;
		struct node **grown =
			arena_alloc(&t->arena, room * sizeof(*parent->children));

		if (parent->child_count)
			memcpy(grown, parent->children,
				parent->child_count * sizeof(*grown));
		parent->children = grown;
		parent->child_room = room;
	}
	parent->children[parent->child_count++] = n;
}

static struct node *add_child(
	struct tree *t, struct node *parent, const char *name, size_t size)
{
	struct node *n = arena_alloc(&t->arena, sizeof(*n));

	if ((t->node_count + 1) * 2 > t->index_room)
		grow_index(t);
	n->name = arena_memdup(&t->arena, name, size);
	n->parent = parent;
	n->type = NODE_FOLDER;
	n->mode = 0755;
	n->mtime = t->epoch;
	n->implied = 1;
	*slot_of(t, parent, name, size) = n;
	t->node_count++;
	append_child(t, parent, n);
	return n;
}

static int check_path(const char *path, const struct place *place, struct diag *d)
{
	const char *p = path;

	if (strlen(path) > TREE_PATH_MAX)
		return place_fail(d, place,
			"expected a path of at most %d bytes, found %s", TREE_PATH_MAX,
			path);
	while (*p || p != path) {
		size_t size = strcspn(p, "/");

		if (size == 0 || (size <= 2 && strncmp(p, "..", size) == 0))
			return place_fail(d, place,
				"expected a relative path without \".\", \"..\" or empty "
				"parts, found \"%s\"",
				path);
		if (size > TREE_NAME_MAX)
			return place_fail(d, place,
				"expected a name of at most %d bytes, found %.*s",
				TREE_NAME_MAX, (int)size, p);
		if (!p[size])
			break;
		p += size + 1;
	}
	return 0;
}

static const char *describe_place(const struct node *n, struct arena *a)
{
	if (!n->place.file)
		return "elsewhere";
	if (!n->place.field)
		return arena_printf(a, "%s:%d", n->place.file, n->place.line);
	return arena_printf(a, "%s:%d: %s", n->place.file, n->place.line, n->place.field);
}

static void fail_taken(
	struct tree *t, const struct node *n, const struct place *place, struct diag *d)
{
	place_fail(d, place, "expected a new name, found %s already there (from %s)",
		tree_path(n, &t->arena), describe_place(n, &t->arena));
}

/* Finds or makes the folders above the last part of path, and gives that part. */
static struct node *reach_parent(struct tree *t, const char *path, const char **last,
	const struct place *place, struct diag *d)
{
	struct node *n = t->root;
	const char *slash;

	while ((slash = strchr(path, '/'))) {
		size_t size = (size_t)(slash - path);
		struct node *next = find_child(t, n, path, size);

		if (!next) {
			next = add_child(t, n, path, size);
			if (place)
				next->place = *place;
		}
		if (next->type != NODE_FOLDER) {
			place_fail(d, place,
				"expected a folder, found %s as a file (from %s)",
				tree_path(next, &t->arena),
				describe_place(next, &t->arena));
			return NULL;
		}
		n = next;
		path = slash + 1;
	}
	*last = path;
	return n;
}

static void fill(
	struct node *n, enum node_type type, mode_t mode, const struct place *place)
{
	n->type = type;
	n->mode = mode & 07777;
	n->link_count = type == NODE_FILE;
	n->implied = 0;
	if (place)
		n->place = *place;
}

struct node *tree_add(struct tree *t, const char *path, enum node_type type, mode_t mode,
	const struct place *place, struct diag *d)
{
	struct node *parent, *n = t->root;
	const char *name;

	if (check_path(path, place, d) < 0)
		return NULL;
	if (*path) {
		parent = reach_parent(t, path, &name, place, d);
		if (!parent)
			return NULL;
		n = find_child(t, parent, name, strlen(name));
		if (!n) {
			n = add_child(t, parent, name, strlen(name));
			fill(n, type, mode, place);
			return n;
		}
	}
	if (n->type != NODE_FOLDER || type != NODE_FOLDER) {
		fail_taken(t, n, place, d);
		return NULL;
	}
	fill(n, type, mode, place);
	return n;
}

mode_t tree_mode(const struct item *item, mode_t mode, int keep_special_modes)
{
	mode_t special = keep_special_modes ? mode & 07000 : 0;

	if (item->mode >= 0)
		return (mode_t)item->mode;
	return (mode & 0111 ? 0755 : 0644) | special;
}

struct node *tree_find(const struct tree *t, const char *path)
{
	struct node *n = t->root;

	while (n && *path) {
		size_t size = strcspn(path, "/");

		n = find_child(t, n, path, size);
		path += size;
		if (*path == '/')
			path++;
	}
	return n;
}

void tree_link(struct node *n, struct node *to)
{
	struct node *primary = to->type == NODE_HARDLINK ? to->primary : to;

	n->primary = primary;
	n->mode = primary->mode;
	n->size = 0;
	primary->link_count++;
}

struct heir {
	struct node *from, *to;
};

static int inherit(struct node *n, void *context)
{
	struct heir *h = context;

	if (n->type != NODE_HARDLINK || n->primary != h->from)
		return 0;
	if (h->to) {
		n->primary = h->to;
		return 0;
	}
	h->to = n;
	n->type = NODE_FILE;
	n->primary = NULL;
	n->size = h->from->size;
	n->source = h->from->source;
	n->measured = h->from->measured;
	n->data_blocks = h->from->data_blocks;
	n->data_runs = h->from->data_runs;
	memcpy(n->sha256, h->from->sha256, sizeof(n->sha256));
	n->xattrs = h->from->xattrs;
	n->xattr_count = h->from->xattr_count;
	n->link_count = h->from->link_count - 1;
	return 0;
}

void tree_reset(struct tree *t, struct node *n, enum node_type type, mode_t mode)
{
	struct heir h = {.from = n};

	if (n->type == NODE_FILE && n->link_count > 1)
		tree_walk(t, inherit, &h);
	if (n->type == NODE_HARDLINK)
		n->primary->link_count--;
	n->primary = NULL;
	n->target = NULL;
	n->size = 0;
	n->source = (struct source){0};
	n->measured = 0;
	n->xattrs = NULL;
	n->xattr_count = 0;
	n->sha256[0] = '\0';
	fill(n, type, mode, NULL);
}

void tree_add_input(struct tree *t, const char *path)
{
	if (t->input_count == t->input_room) {
		t->input_room = t->input_room ? t->input_room * 2 : 64;
		t->inputs = memory_resize(t->inputs, t->input_room * sizeof(*t->inputs));
	}
	t->inputs[t->input_count++] = arena_strdup(&t->arena, path);
}

static int by_name(const void *a, const void *b)
{
	const struct node *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static int by_text(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static int sort_children(struct node *n, void *context)
{
	(void)context;
	if (n->child_count > 1)
		qsort(n->children, n->child_count, sizeof(struct node *), by_name);
	return 0;
}

static void sort_inputs(struct tree *t)
{
	size_t kept = 0;

	if (t->input_count == 0)
		return;
	qsort(t->inputs, t->input_count, sizeof(*t->inputs), by_text);
	for (size_t i = 0; i < t->input_count; i++) {
		if (kept == 0 || strcmp(t->inputs[kept - 1], t->inputs[i]) != 0)
			t->inputs[kept++] = t->inputs[i];
	}
	t->input_count = kept;
}

void tree_finish(struct tree *t)
{
	sort_children(t->root, NULL);
	tree_walk(t, sort_children, NULL);
	sort_inputs(t);
}

const char *tree_path(const struct node *n, struct arena *a)
{
	const char *path = n->name;

	for (n = n->parent; n && n->parent; n = n->parent)
		path = arena_printf(a, "%s/%s", n->name, path);
	return path;
}

static int walk_children(
	struct node *folder, int (*visit)(struct node *n, void *context), void *context)
{
	int rc = 0;

	for (size_t i = 0; i < folder->child_count && rc == 0; i++) {
		rc = visit(folder->children[i], context);
		if (rc == 0)
			rc = walk_children(folder->children[i], visit, context);
	}
	return rc;
}

int tree_walk(struct tree *t, int (*visit)(struct node *n, void *context), void *context)
{
	return walk_children(t->root, visit, context);
}
