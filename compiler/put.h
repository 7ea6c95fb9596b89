/* SPDX-License-Identifier: GPL-2.0-or-later */
/* put: a tree's files -> a folder of a file system that is there already, in place.
 *
 *     names, inodes, blocks: in memory ─▶ contents: into free blocks ─▶ the rest, at once
 *
 * Until the last step nothing that the file system holds is touched. */
#ifndef COMPILER_PUT_H
#define COMPILER_PUT_H

#include <stdint.h>

#include "common/diag.h"
#include "ext2disk.h"
#include "tree.h"

struct put_options {
	int replace; /* files and symlinks that are there already; folders merge always */
	int64_t epoch; /* every time stamp, or -1: those of the tree's nodes */
};

struct put_report {
	uint64_t files, folders, links, bytes;
};

/* Puts what lies below the root of a finished tree into the folder, whose path is for
 * messages. Uses the nodes' `mark`. 0, or -1: then the disk is as it was, or, where its
 * image could not be written, says that it wants e2fsck. */
int put_tree(struct ext2disk *x, ext2_ino_t folder, const char *path, struct tree *t,
	const struct put_options *o, struct put_report *report, struct diag *d);

#endif
