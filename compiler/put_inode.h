/* SPDX-License-Identifier: GPL-2.0-or-later */
/* put_inode: inodes, blocks and names for the nodes that are being put, in memory. */
#ifndef COMPILER_PUT_INODE_H
#define COMPILER_PUT_INODE_H

#include "put.h"
#include "source.h"

/* What the parts of put share. */
struct put {
	struct ext2disk *x;
	struct tree *tree;
	const struct put_options *options;
	struct put_report *report;
	uint64_t nodes; /* that take an inode */
	uint64_t free_blocks;
	uint32_t free_inodes;
	ext2_ino_t *replaced;
	size_t replaced_count, replaced_room;
	int full; /* there is no room: no use in going on */
	struct source_folder last_folder;
	struct diag *d;
};

/* A new folder. */
int put_inode_folder(struct put *p, ext2_ino_t folder, const struct node *n,
	const char *path, ext2_ino_t *ino);
int put_inode_symlink(
	struct put *p, ext2_ino_t folder, const struct node *n, const char *path);
/* A name of a NODE_FILE, which gets its inode and blocks with the first; the inode is its
 * `mark` then. */
int put_inode_name(struct put *p, ext2_ino_t folder, struct node *n, const char *path);

/* An inode has lost a name. Its blocks stay as they are until all is placed: nothing may
 * be written into them before the old file is gone for good. */
void put_inode_note_replaced(struct put *p, ext2_ino_t ino);
int put_inode_release_replaced(struct put *p);

#endif
