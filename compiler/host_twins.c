/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that have several names on the host. */
#include <stdlib.h>
#include <string.h>

#include "host_walk.h"

static size_t seen_slot(const struct host_seen *seen, const struct host_file *file)
{
	size_t i = (file->inode * 0x9E3779B97F4A7C15u ^ file->device) & (seen->room - 1);

	while (seen->slots[i] && (seen->slots[i]->host->inode != file->inode ||
					 seen->slots[i]->host->device != file->device))
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
			seen->slots[seen_slot(seen, n->host)] = n;
	}
	free(old.slots);
}

/* A file that is named twice is two files: whether the host gave it more names must not
 * matter. */
static int is_twin(const struct node *n, const struct node *of)
{
	return of->type == NODE_FILE && of->mode == n->mode &&
	       of->item->xattrs == n->item->xattrs && of->item->keep == n->item->keep &&
	       (strcmp(of->host->name, n->host->name) != 0 ||
		       strcmp(of->host->folder->path, n->host->folder->path) != 0);
}

int host_link_twin(struct host *h, struct node *n)
{
	struct host_seen *seen = &h->seen;
	struct node **slot;

	if ((seen->count + 1) * 2 > seen->room)
		grow_seen(seen);
	slot = &seen->slots[seen_slot(seen, n->host)];
	if (!*slot) {
		*slot = n;
		seen->count++;
		return 0;
	}
	if (!is_twin(n, *slot))
		return 0;
	tree_reset(h->tree, n, NODE_HARDLINK, n->mode);
	tree_link(n, *slot);
	return 1;
}
