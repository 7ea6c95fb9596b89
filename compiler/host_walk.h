/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host_walk: a file or a folder of the host, links resolved -> nodes, under directory
 * descriptors: what is put in a folder's place meanwhile is not followed. Nothing is
 * read but names, links and attributes. */
#ifndef COMPILER_HOST_WALK_H
#define COMPILER_HOST_WALK_H

#include "host.h"

/* Adds what is at `real` as `path` of the tree. `host` is the same as the recipe says it,
 * for depfiles, `shown` for messages; `mode` has the file's type. Goes on after a bad
 * entry. 0 or -1. */
int host_walk_folder(struct host *h, const char *real, const char *host,
	const char *shown, const char *path);
int host_walk_file(struct host *h, const char *real, const char *host, const char *shown,
	const char *path, mode_t mode);

/* An entry of a folder that was walked; its st is set. */
struct found {
	struct walked *in;
	const char *name; /* in that folder */
	const char *path; /* in the tree, from the root; NULL: name, in in->node */
	struct stat st;
};

/* Fills in what the item wants kept of the entry, and its extended attributes, in a. 0 or
 * -1. By any thread. */
int host_keep(const struct host *h, const struct found *f, struct node *n,
	struct arena *a, struct diag *d);
/* The mode that the entry gets, where it is no folder or link. */
mode_t host_mode(const struct host *h, const struct stat *st);
/* Adds "folder/name: what". Returns -1. */
int host_fail(
	const struct host *h, const struct found *f, const char *what, struct diag *d);

/* What an entry of a folder (its path, open at fd) has as extended attributes, without
 * following a link, and the item's own, which win; in a, NULL for none. 0, or -1 with
 * errno set. Needs /proc. By any thread. */
int host_read_xattrs(const struct item *item, const char *folder, int fd,
	const char *name, const struct xattrs **xattrs, struct arena *a);

/* Makes the node a hard link, where an earlier one is the same file under another name;
 * else later ones may be made links to it. 1 where it did. For files with several names,
 * in the tree's order. */
int host_link_twin(struct host *h, struct node *n);

#endif
