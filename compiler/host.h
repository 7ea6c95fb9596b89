/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host: files and folders of the host -> a tree, if they lie below one of the roots. */
#ifndef COMPILER_HOST_H
#define COMPILER_HOST_H

#include "match.h"
#include "plan.h"
#include "scan.h"
#include "tree.h"

/* Files that have several names on the host, by inode. */
struct host_seen {
	struct node **slots;
	size_t room, count;
};

struct host {
	struct tree *tree;
	const char *top; /* the section, in the tree */
	const struct scan_options *options;
	const struct item *item; /* the one at work */
	struct diag *diag;
	struct arena scratch;
	const char **roots; /* the folders that may be read, links resolved */
	size_t root_count;
	struct host_seen seen;
	struct host_files *files;	/* of the walk that is on its way */
	const struct host_folder *last; /* the folder of the last single file */
};

/* Finds the roots of a host of which tree, top, options and diag are set. Fails where one
 * is not there; host_close() in any case. */
int host_open(struct host *h);
void host_close(struct host *h);

/* The path with links resolved, in scratch; NULL with a message where there is nothing
 * (it names what was `wanted`) or where it leads out of the roots. `shown` is what
 * messages call it. */
const char *host_resolve(
	struct host *h, const char *wanted, const char *path, const char *shown);

/* 1 where the path is there and, links resolved, lies below the roots. */
int host_may_read(const struct host *h, const char *path);

/* What a pattern names (match_expand), in folders that it may read; strings live in
 * h->scratch. 0, or -1 at the item's place. */
int host_expand(struct host *h, const char *pattern, struct matches *m);
/* A match as the recipe would name it, which has a relative pattern relative. */
const char *host_shown(const struct host *h, const char *pattern, const char *match);

/* Adds a file or a folder with all that is in it at `dest` in the section; NULL: under
 * its own name. Goes on after a bad entry, so that all are reported. */
int host_add(struct host *h, const char *path, const char *shown, const char *dest);

/* The last part of a path, without slashes; NULL for "", "." and "..". */
const char *host_last_part(const char *path, struct arena *a);
/* "a file", "a named pipe" … */
const char *host_kind_name(mode_t mode);

#endif
