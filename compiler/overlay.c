/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "overlay.h"

#include <string.h>

#define OWN "trusted.overlay."

struct whiteouts {
	size_t count;
	const struct node *first;
};

int overlay_owns(const char *xattr)
{
	return strncmp(xattr, OWN, strlen(OWN)) == 0;
}

static int strip(struct node *n, void *context)
{
	tree_drop_xattrs(context, n, overlay_owns);
	return 0;
}

void overlay_strip(struct tree *t)
{
	strip(t->root, t);
	tree_walk(t, strip, t);
}

static int look_at(struct node *n, void *context)
{
	struct whiteouts *w = context;

	if (n->type != NODE_CHARACTER || n->device != 0)
		return 0;
	if (w->count++ == 0)
		w->first = n;
	return 0;
}

size_t overlay_find_whiteouts(struct tree *t, const char **first, struct arena *a)
{
	struct whiteouts w = {0};

	tree_walk(t, look_at, &w);
	*first = w.first ? tree_path(w.first, a) : NULL;
	return w.count;
}
