/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ext4_image: an empty ext4 file system by libext2fs, with every id and time pinned, and
 * what fills it: blocks, inodes, contents. ext4.c decides sizes and order. */
#ifndef COMPILER_EXT4_IMAGE_H
#define COMPILER_EXT4_IMAGE_H

#include <ext2fs/ext2fs.h>
#include <stdint.h>

#include "ext4.h"
#include "ext4_io.h"

#define EXT4_EXTENT_BLOCKS 32768 /* the most that one extent may have */
#define EXT4_LINKS_MAX 65000

/* A run of a file's blocks that lie together on the disk. */
struct extent {
	uint32_t logical;
	uint32_t count;
	uint64_t physical;
};

struct ext4_image {
	ext2_filsys fs;
	struct ext4_io *io;
	const struct ext4_options *options;
	const char *name; /* what messages call it */
	struct tree *tree;
	struct diag *diag;
	uint64_t free_start, free_end; /* the free run that blocks are taken from */
	int full;		       /* a block was wanted where none was left */
	struct extent *extents;	       /* of the file at work */
	size_t extent_count, extent_room;
	char *chunk; /* TREE_CHUNK bytes */
};

/* Lays out the file system; nothing is written yet. A size that holds no file system
 * gives 0 free blocks and no fs. Returns 0 or -1; ext4_image_close() in any case. */
int ext4_image_open(struct ext4_image *m, uint64_t blocks, uint64_t inodes, int fd,
	uint64_t *free_blocks);
void ext4_image_close(struct ext4_image *m);

/* Takes up to `wanted` blocks that lie together, at least one; -1 with m->full. */
int ext4_image_take(
	struct ext4_image *m, uint64_t wanted, uint64_t *start, uint64_t *count);

/* Writes a node's inode and what it points to; children have their inodes' numbers in
 * `mark`. */
int ext4_image_put(struct ext4_image *m, struct node *n);

/* Blocks that a node takes besides its inode, at most; its directory blocks if it is a
 * folder. */
uint64_t ext4_image_blocks_of(const struct node *n);

/* Writes bitmaps, descriptors and superblocks with pinned times, and all that is cached.
 */
int ext4_image_finish(struct ext4_image *m);

/* Adds a message for an error of libext2fs, or of the disk if that is why. Returns -1. */
int ext4_image_fail(struct ext4_image *m, errcode_t error, const char *what);

#endif
