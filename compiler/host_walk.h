/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host_walk: a file or a folder of the host, links resolved -> nodes, under directory
 * descriptors: what is put in a folder's place meanwhile is not followed. Nothing is
 * read but names, links and attributes. */
#ifndef COMPILER_HOST_WALK_H
#define COMPILER_HOST_WALK_H

#include "host.h"

/* Adds what is at `real` as `path` of the tree. `host` is the same as the recipe says it,
 * for depfiles, `shown` for messages. Goes on after a bad entry. 0 or -1. */
int host_walk_folder(struct host *h, const char *real, const char *host,
	const char *shown, const char *path);
int host_walk_file(struct host *h, const char *real, const char *host, const char *shown,
	const char *path);

/* What an entry of a folder (its path, open at fd) has as extended attributes, without
 * following a link, and the item's own, which win; in the tree's arena, NULL for none. 0,
 * or -1 with errno set. Needs /proc. */
int host_read_xattrs(struct host *h, const char *folder, int fd, const char *name,
	const struct xattrs **xattrs);

#endif
