/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tree.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "place.h"

static struct node *make_node(struct tree *t, struct node *parent, const char *name,
	size_t size, enum node_type type)
{
	struct node *n = arena_alloc(&t->arena, sizeof(*n) + size + 1);

	memcpy(n->name, name, size);
	n->parent = parent;
	n->type = (uint8_t)type;
	if (type == NODE_FOLDER)
		n->folder = arena_alloc(&t->arena, sizeof(*n->folder));
	n->mode = 0755;
	n->mtime = t->epoch;
	n->implied = 1;
	return n;
}

void tree_init(struct tree *t, int64_t epoch)
{
	*t = (struct tree){.epoch = epoch, .spool = -1, .notes_inputs = 1};
	t->root = make_node(t, NULL, "", 0, NODE_FOLDER);
}

static void free_entries(struct node *folder)
{
	for (size_t i = 0; i < folder->folder->count; i++)
		if (folder->folder->list[i]->type == NODE_FOLDER)
			free_entries(folder->folder->list[i]);
	free(folder->folder->list);
}

void tree_clear(struct tree *t)
{
	if (t->spool >= 0)
		close(t->spool);
	if (t->root)
		free_entries(t->root);
	free(t->index);
	free(t->hashes);
	free(t->inputs);
	arena_clear(&t->arena);
	*t = (struct tree){.spool = -1};
}

/* FNV-1a. A hostile recipe can make itself slow, nothing else. */
static uint32_t hash(const struct node *parent, const char *name, size_t size)
{
	uint64_t h = 14695981039346656037u ^ ((uintptr_t)parent >> 4);

	for (size_t i = 0; i < size; i++)
		h = (h ^ (unsigned char)name[i]) * 1099511628211u;
	return (uint32_t)(h ^ (h >> 32));
}

/* Where the node is, or would be. The hashes stand beside the nodes, which mostly are in
 * no cache any more. */
static size_t slot_of(const struct tree *t, uint32_t h, const struct node *parent,
	const char *name, size_t size)
{
	size_t i = h & (t->index_room - 1);
	struct node *n;

	while ((n = t->index[i]) &&
		(t->hashes[i] != h || n->parent != parent ||
			strncmp(n->name, name, size) != 0 || n->name[size]))
		i = (i + 1) & (t->index_room - 1);
	return i;
}

static void grow_index(struct tree *t)
{
	struct node **old = t->index;
	uint32_t *old_hashes = t->hashes;
	size_t old_room = t->index_room, mask;

	t->index_room = old_room ? old_room * 2 : 256;
	t->index = memory_alloc(t->index_room * sizeof(*t->index));
	t->hashes = memory_alloc(t->index_room * sizeof(*t->hashes));
	mask = t->index_room - 1;
	for (size_t i = 0; i < old_room; i++) {
		size_t to = old_hashes[i] & mask;

		if (!old[i])
			continue;
		while (t->index[to])
			to = (to + 1) & mask;
		t->index[to] = old[i];
		t->hashes[to] = old_hashes[i];
	}
	free(old);
	free(old_hashes);
}

struct node *tree_find_child(
	const struct tree *t, const struct node *folder, const char *name, size_t size)
{
	if (!t->index_room)
		return NULL;
	return t->index[slot_of(t, hash(folder, name, size), folder, name, size)];
}

static void drop_gaps(struct entries *e)
{
	size_t kept = 0;

	for (size_t i = 0; e->gaps && i < e->count; i++)
		if (!e->list[i]->removed)
			e->list[kept++] = e->list[i];
	if (e->gaps)
		e->count = kept;
	e->gaps = 0;
}

static void append_entry(struct entries *e, struct node *n)
{
	if (e->count == e->room && e->gaps > e->room / 2)
		drop_gaps(e);
	if (e->count == e->room) {
		e->room = e->room ? e->room * 2 : 4;
		e->list = memory_resize(e->list, e->room * sizeof(*e->list));
	}
	e->list[e->count++] = n;
}

static struct node *add_entry(struct tree *t, struct node *parent, const char *name,
	size_t size, enum node_type type)
{
	uint32_t h = hash(parent, name, size);
	struct node *n;
	size_t i;

	if ((t->node_count + 1) * 3 > t->index_room * 2)
		grow_index(t);
	n = make_node(t, parent, name, size, type);
	i = slot_of(t, h, parent, name, size);
	t->index[i] = n;
	t->hashes[i] = h;
	t->node_count++;
	append_entry(parent->folder, n);
	return n;
}

/* Nodes that stand behind it only because its slot was taken move up. */
static void take_from_index(struct tree *t, const struct node *n)
{
	size_t size = strlen(n->name), mask = t->index_room - 1;
	size_t gap = slot_of(t, hash(n->parent, n->name, size), n->parent, n->name, size);

	for (size_t i = (gap + 1) & mask; t->index[i]; i = (i + 1) & mask) {
		size_t from_home = (i - t->hashes[i]) & mask;

		if (from_home < ((i - gap) & mask))
			continue;
		t->index[gap] = t->index[i];
		t->hashes[gap] = t->hashes[i];
		gap = i;
	}
	t->index[gap] = NULL;
	t->node_count--;
}

/* A file that has other names stays what it is, outside of the tree. */
static void forget(struct tree *t, struct node *n)
{
	if (n->removed)
		return;
	take_from_index(t, n);
	n->removed = 1;
	if (n->type == NODE_HARDLINK)
		n->primary->link_count--;
	if (n->type == NODE_FILE) {
		n->link_count--;
		t->has_orphans = 1;
	}
	if (n->type != NODE_FOLDER)
		return;
	for (size_t i = 0; i < n->folder->count; i++)
		forget(t, n->folder->list[i]);
	free(n->folder->list);
	*n->folder = (struct entries){0};
}

/* It stays in its folder's list: to look for it there would take long where there are
 * many, and all of them may go. */
void tree_remove(struct tree *t, struct node *n)
{
	if (n->removed)
		return;
	n->parent->folder->gaps++;
	forget(t, n);
}

static int check_name(
	const char *name, size_t size, const struct place *place, struct diag *d)
{
	if (size > TREE_NAME_MAX)
		return place_fail(d, place,
			"expected a name of at most %d bytes, found %.*s", TREE_NAME_MAX,
			(int)size, name);
	return 0;
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
		if (check_name(p, size, place, d) < 0)
			return -1;
		if (!p[size])
			break;
		p += size + 1;
	}
	return 0;
}

static const char *describe_place(const struct node *n, struct arena *a)
{
	const struct place *p = n->place;

	if (!p || (!p->file && !p->field))
		return "elsewhere";
	if (!p->file)
		return p->field;
	if (!p->field)
		return arena_printf(a, "%s:%d", p->file, p->line);
	return arena_printf(a, "%s:%d: %s", p->file, p->line, p->field);
}

static void fail_taken(
	struct tree *t, const struct node *n, const struct place *place, struct diag *d)
{
	const char *path = tree_path(n, &t->arena);

	if (place && !place->file && place->field)
		place_fail(d, NULL, "%s: found in %s and again in %s", *path ? path : "/",
			describe_place(n, &t->arena), place->field);
	else
		place_fail(d, place,
			"expected a new name, found %s already there (from %s)", path,
			describe_place(n, &t->arena));
}

/* reach_parent() where what is in the way gives way, and links lead on. */
static struct node *reach_through(struct tree *t, const char *path, const char **last,
	const struct place *place, struct diag *d)
{
	const char *slash = strrchr(path, '/'), *why = NULL;
	struct arena a = {0};
	struct node *n = t->root;

	*last = slash ? slash + 1 : path;
	if (slash)
		n = tree_reach(t, n, arena_memdup(&a, path, (size_t)(slash - path)), 1,
			place, &why);
	if (!n)
		place_fail(d, place, "%s: %s on the way", path, why);
	arena_clear(&a);
	return n;
}

/* Finds or makes the folders above the last part of path, and gives that part. */
static struct node *reach_parent(struct tree *t, const char *path, const char **last,
	const struct place *place, struct diag *d)
{
	struct node *n = t->root;
	const char *slash;

	if (t->replaces)
		return reach_through(t, path, last, place, d);
	while ((slash = strchr(path, '/'))) {
		size_t size = (size_t)(slash - path);
		struct node *next = tree_find_child(t, n, path, size);

		if (!next) {
			next = add_entry(t, n, path, size, NODE_FOLDER);
			next->place = place;
		}
		if (next->type != NODE_FOLDER && place && !place->file &&
			place != next->place) {
			fail_taken(t, next, place, d);
			return NULL;
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
	if (type != NODE_FOLDER)
		n->target = NULL;
	n->type = (uint8_t)type;
	n->mode = mode & 07777;
	n->link_count = type == NODE_FILE;
	n->implied = 0;
	if (place)
		n->place = place;
}

/* What stays of what is there when something takes its place: a folder for a folder, also
 * at the end of a link; else nothing. */
static struct node *make_room(
	struct tree *t, struct node *folder, struct node *n, enum node_type type)
{
	const char *why;
	struct node *to;

	if (type == NODE_FOLDER && n->type == NODE_SYMLINK) {
		to = tree_reach(t, folder, n->name, 0, NULL, &why);
		if (to)
			return to;
	}
	if (type == NODE_FOLDER && n->type == NODE_FOLDER)
		return n;
	tree_remove(t, n);
	return NULL;
}

/* The entry of a folder that is there, or a new one, made what is asked for. */
static struct node *settle(struct tree *t, struct node *folder, const char *name,
	enum node_type type, mode_t mode, const struct place *place, struct diag *d)
{
	size_t size = strlen(name);
	struct node *n = tree_find_child(t, folder, name, size);

	if (n && t->replaces)
		n = make_room(t, folder, n, type);
	if (n && (n->type != NODE_FOLDER || type != NODE_FOLDER)) {
		fail_taken(t, n, place, d);
		return NULL;
	}
	if (!n)
		n = add_entry(t, folder, name, size, type);
	fill(n, type, mode, place);
	return n;
}

struct node *tree_add_child(struct tree *t, struct node *folder, const char *name,
	enum node_type type, mode_t mode, const struct place *place, struct diag *d)
{
	if (check_name(name, strlen(name), place, d) < 0)
		return NULL;
	return settle(t, folder, name, type, mode, place, d);
}

struct node *tree_add(struct tree *t, const char *path, enum node_type type, mode_t mode,
	const struct place *place, struct diag *d)
{
	struct node *parent;
	const char *name;

	if (check_path(path, place, d) < 0)
		return NULL;
	if (*path) {
		parent = reach_parent(t, path, &name, place, d);
		return parent ? settle(t, parent, name, type, mode, place, d) : NULL;
	}
	if (type != NODE_FOLDER) {
		fail_taken(t, t->root, place, d);
		return NULL;
	}
	fill(t->root, type, mode, place);
	return t->root;
}

mode_t tree_mode(const struct item *item, mode_t mode, int keep_special_modes)
{
	mode_t special = keep_special_modes ? mode & 07000 : 0;

	if (item->mode >= 0)
		return (mode_t)item->mode;
	return (mode & 0111 ? 0755 : 0644) | special;
}

void tree_link(struct node *n, struct node *to)
{
	struct node *primary = to->type == NODE_HARDLINK ? to->primary : to;

	n->primary = primary;
	n->mode = primary->mode;
	primary->link_count++;
}

static void copy_attributes(struct node *n, const struct node *from)
{
	n->uid = from->uid;
	n->gid = from->gid;
	n->mtime = from->mtime;
	n->mtime_ns = from->mtime_ns;
	n->xattrs = from->xattrs;
}

void tree_copy_special(struct node *n, const struct node *from)
{
	if (from->type == NODE_SYMLINK)
		n->target = from->target;
	else
		n->device = from->device;
	copy_attributes(n, from);
}

/* Makes another name of a file the file. */
static void become(struct node *n, const struct node *from)
{
	n->type = NODE_FILE;
	n->size = from->size;
	n->source_kind = from->source_kind;
	n->offset = from->offset;
	copy_attributes(n, from);
	n->measured = from->measured;
	n->data_blocks = from->data_blocks;
	n->data_runs = from->data_runs;
	memcpy(n->sha256, from->sha256, sizeof(n->sha256));
	n->link_count = from->link_count;
}

/* The other names of a file keep it as that of a node that is removed. To find them now
 * would take a walk for each. */
static struct node *leave_to_others(
	struct tree *t, struct node *n, enum node_type type, mode_t mode)
{
	struct node *to;

	tree_remove(t, n);
	to = add_entry(t, n->parent, n->name, strlen(n->name), type);
	to->item = n->item;
	fill(to, type, mode, n->place);
	return to;
}

struct node *tree_reset(struct tree *t, struct node *n, enum node_type type, mode_t mode)
{
	if (n->type == NODE_FILE && n->link_count > 1)
		return leave_to_others(t, n, type, mode);
	if (n->type == NODE_HARDLINK)
		n->primary->link_count--;
	n->size = 0;
	n->measured = 0;
	n->uid = n->gid = 0;
	n->mtime = t->epoch;
	n->mtime_ns = 0;
	n->xattrs = NULL;
	fill(n, type, mode, NULL);
	return n;
}

void tree_drop_xattrs(struct tree *t, struct node *n, int (*is_dropped)(const char *name))
{
	size_t count = 0, found = n->xattrs ? n->xattrs->count : 0;
	struct xattr *list;
	struct xattrs *kept;

	for (size_t i = 0; i < found; i++)
		count += !is_dropped(n->xattrs->list[i].name);
	if (count == found)
		return;
	kept = arena_alloc(&t->arena, sizeof(*kept));
	list = arena_alloc(&t->arena, (count + 1) * sizeof(*list));
	*kept = (struct xattrs){.list = list};
	for (size_t i = 0; i < found; i++)
		if (!is_dropped(n->xattrs->list[i].name))
			list[kept->count++] = n->xattrs->list[i];
	n->xattrs = count ? kept : NULL;
}

void tree_add_input(struct tree *t, const char *path)
{
	if (!t->notes_inputs)
		return;
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

/* Host folders come sorted already. */
static int is_sorted(const struct entries *e)
{
	for (size_t i = 1; i < e->count; i++)
		if (strcmp(e->list[i - 1]->name, e->list[i]->name) > 0)
			return 0;
	return 1;
}

static int sort_children(struct node *n, void *context)
{
	(void)context;
	if (n->type == NODE_FOLDER)
		drop_gaps(n->folder);
	if (n->type == NODE_FOLDER && !is_sorted(n->folder))
		qsort(n->folder->list, n->folder->count, sizeof(struct node *), by_name);
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

/* The first name of a file that was removed becomes the file. */
static int settle_orphan(struct node *n, void *context)
{
	struct node *from;

	(void)context;
	if (n->type != NODE_HARDLINK || !n->primary->removed)
		return 0;
	from = n->primary;
	if (from->type == NODE_HARDLINK) {
		n->primary = from->primary;
		return 0;
	}
	become(n, from);
	from->type = NODE_HARDLINK;
	from->primary = n;
	return 0;
}

void tree_finish(struct tree *t)
{
	sort_children(t->root, NULL);
	tree_walk(t, sort_children, NULL);
	if (t->has_orphans)
		tree_walk(t, settle_orphan, NULL);
	t->has_orphans = 0;
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

	for (size_t i = 0; i < folder->folder->count && rc == 0; i++) {
		struct node *n = folder->folder->list[i];

		if (n->removed)
			continue;
		rc = visit(n, context);
		if (rc == 0 && n->type == NODE_FOLDER)
			rc = walk_children(n, visit, context);
	}
	return rc;
}

int tree_walk(struct tree *t, int (*visit)(struct node *n, void *context), void *context)
{
	return walk_children(t->root, visit, context);
}
