/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "tree.h"

#define LINKS_MAX 255 /* that a path may lead through */

static const char too_deep[] = "a path of more than 4095 bytes";
static const char too_many[] = "too many symbolic links";

/* A way through the tree. */
struct reach {
	struct tree *tree;
	int make;
	const struct place *place; /* what new folders get */
	unsigned links;		   /* followed so far */
	const char *why;	   /* what stands in the way */
};

static struct node *follow(struct reach *r, struct node *at, const char *path);

/* Links could make a tree of any depth. */
static int is_deep(const struct node *n, size_t size)
{
	for (; n->parent; n = n->parent)
		size += strlen(n->name) + 1;
	return size > TREE_PATH_MAX;
}

static struct node *make_folder(
	struct reach *r, struct node *at, const char *name, size_t size)
{
	char text[TREE_NAME_MAX + 1] = {0};
	struct diag d = {0};
	struct node *n;

	if (size > TREE_NAME_MAX) {
		r->why = "a name of more than 255 bytes";
		return NULL;
	}
	if (is_deep(at, size)) {
		r->why = too_deep;
		return NULL;
	}
	memcpy(text, name, size);
	n = tree_add_child(r->tree, at, text, NODE_FOLDER, 0755, r->place, &d);
	diag_clear(&d);
	if (n)
		n->implied = 1;
	return n;
}

static struct node *follow_link(struct reach *r, struct node *at, const struct node *link)
{
	if (r->links++ < LINKS_MAX)
		return follow(r, *link->target == '/' ? r->tree->root : at, link->target);
	r->why = too_many;
	return NULL;
}

static struct node *step(struct reach *r, struct node *at, const char *name, size_t size)
{
	struct node *n;

	if (size == 0 || (size == 1 && *name == '.'))
		return at;
	if (size == 2 && strncmp(name, "..", 2) == 0)
		return at->parent ? at->parent : at;
	n = tree_find_child(r->tree, at, name, size);
	if (n && n->type == NODE_SYMLINK)
		return follow_link(r, at, n);
	if (n && n->type != NODE_FOLDER) {
		if (!r->make || !r->tree->replaces) {
			r->why = "a file that is no folder";
			return NULL;
		}
		tree_remove(r->tree, n);
		n = NULL;
	}
	return n || !r->make ? n : make_folder(r, at, name, size);
}

static struct node *follow(struct reach *r, struct node *at, const char *path)
{
	while (at && *path) {
		size_t size = strcspn(path, "/");

		at = step(r, at, path, size);
		path += size + (path[size] == '/');
	}
	return at;
}

struct node *tree_reach(struct tree *t, struct node *from, const char *path, int make,
	const struct place *place, const char **why)
{
	struct reach r = {.tree = t, .make = make, .place = place};
	struct node *n = follow(&r, from, path);

	/* Something is to come into it. */
	if (n && make && is_deep(n, 0)) {
		r.why = too_deep;
		n = NULL;
	}
	*why = n ? NULL : r.why;
	return n;
}

struct node *tree_resolve(struct tree *t, struct node *n, const char **why)
{
	struct reach r = {.tree = t};

	while (n && n->type == NODE_SYMLINK && r.links++ < LINKS_MAX) {
		const char *slash = strrchr(n->target, '/'),
			   *name = slash ? slash + 1 : n->target;
		struct node *at = *n->target == '/' ? t->root : n->parent;
		struct arena a = {0};

		at = follow(
			&r, at, arena_memdup(&a, n->target, (size_t)(name - n->target)));
		n = at ? tree_find_child(t, at, name, strlen(name)) : NULL;
		arena_clear(&a);
	}
	if (n && n->type == NODE_SYMLINK) {
		r.why = too_many;
		n = NULL;
	}
	*why = n ? NULL : r.why;
	return n;
}

/* The folder of a path's last part, links on the way followed. */
static struct node *find_above(const struct tree *t, const char *path, size_t size)
{
	/* Nothing is made: the tree stays as it is. */
	struct reach r = {.tree = (struct tree *)(uintptr_t)t};
	struct arena a = {0};
	struct node *n = follow(&r, t->root, arena_memdup(&a, path, size));

	arena_clear(&a);
	return n;
}

struct node *tree_find(const struct tree *t, const char *path)
{
	const char *slash = t->replaces ? strrchr(path, '/') : NULL;
	struct node *n = t->root;

	if (slash) {
		n = find_above(t, path, (size_t)(slash - path));
		path = slash + 1;
	}
	while (n && *path) {
		size_t size = strcspn(path, "/");

		n = tree_find_child(t, n, path, size);
		path += size;
		if (*path == '/')
			path++;
	}
	return n;
}
