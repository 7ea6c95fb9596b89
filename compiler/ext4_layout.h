/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ext4_layout: which block of the image comes next, and where the tables go behind the
 * last. Blocks are counted from the image's start.
 *
 *     superblock, descriptors │ contents │ folders … │ bitmaps, inode tables │ free
 *
 * Groups with a backup of the superblock keep their first blocks for it: nothing is put
 * there. */
#ifndef COMPILER_EXT4_LAYOUT_H
#define COMPILER_EXT4_LAYOUT_H

#include <stdint.h>

#define EXT4_BLOCK 4096
#define EXT4_GROUP_BLOCKS 32768
#define EXT4_GROUP_INODES_MAX 32768
#define EXT4_GROUPS_MAX (512 * 1024) /* 64 TiB: descriptors in one place hold no more */
#define EXT4_INODE_BYTES 256
#define EXT4_INODES_PER_BLOCK (EXT4_BLOCK / EXT4_INODE_BYTES)
#define EXT4_DESCRIPTORS_PER_BLOCK 64

struct ext4_layout {
	uint64_t next;		    /* the first block that is nobody's yet */
	uint64_t descriptor_blocks; /* kept behind each superblock */
};

/* For an image of at most so many blocks. */
void ext4_layout_start(struct ext4_layout *l, uint64_t blocks);
/* This block, or the first behind the kept area that it is in. */
uint64_t ext4_layout_skip(const struct ext4_layout *l, uint64_t block);
/* How many blocks, at most `wanted`, lie together from this one on. */
uint64_t ext4_layout_run(const struct ext4_layout *l, uint64_t block, uint64_t wanted);
/* Takes up to `wanted` blocks that lie together, at least one. Returns the first. */
uint64_t ext4_layout_take(struct ext4_layout *l, uint64_t wanted, uint64_t *count);
/* Takes all of them in one place, at most a group's, leaving a gap if need be. */
uint64_t ext4_layout_take_together(struct ext4_layout *l, uint64_t count);

/* The groups and their tables. */
struct ext4_geometry {
	uint64_t blocks;
	uint32_t groups;
	uint32_t group_inodes; /* in each group */
	uint32_t table_blocks; /* in each group: its inode table */
	uint32_t descriptor_blocks;
};

/* An image of this size with at least so many inodes, its tables from l->next on; -1
 * where there is no room for them. */
int ext4_geometry_fit(const struct ext4_layout *l, uint64_t blocks, uint64_t inodes,
	struct ext4_geometry *g);
/* The smallest such image. -1 where that is more than EXT4_GROUPS_MAX. */
int ext4_geometry_smallest(
	const struct ext4_layout *l, uint64_t inodes, struct ext4_geometry *g);

#endif
