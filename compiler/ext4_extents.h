/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ext4_extents: where a file's blocks are, as ext4 keeps it: up to four extents in the
 * inode, more in blocks of their own, which are written as they fill up and get their
 * checksums in the end. */
#ifndef COMPILER_EXT4_EXTENTS_H
#define COMPILER_EXT4_EXTENTS_H

#include <stddef.h>
#include <stdint.h>

#include "ext4_io.h"
#include "ext4_layout.h"

#define EXT4_MAP_BYTES 60
#define EXT4_EXTENT_BLOCKS_MAX 32768 /* the most that one extent may have */
#define EXT4_EXTENTS_PER_BLOCK 340

struct ext4_extent {
	uint32_t logical, count;
	uint64_t physical;
};

/* A block of extents, or of an index to such. */
struct ext4_extent_block {
	uint64_t block;
	uint32_t logical; /* the first that it knows */
	uint32_t inode;
};

/* What an inode says of its blocks. */
struct ext4_map {
	unsigned char bytes[EXT4_MAP_BYTES]; /* as in the inode */
	uint32_t blocks;		     /* of the file */
	uint32_t tree_blocks;		     /* of its extents */
};

struct ext4_extents {
	struct ext4_io *io;	    /* borrowed */
	struct ext4_layout *layout; /* borrowed */
	/* Of the file at work: */
	uint32_t inode;
	uint64_t next; /* the logical block behind the last */
	uint64_t blocks;
	size_t first; /* in `written`, where its blocks begin */
	struct ext4_extent *list;
	size_t count, room;
	/* Of the image: */
	struct ext4_extent_block *written;
	size_t written_count, written_room;
};

void ext4_extents_init(
	struct ext4_extents *e, struct ext4_io *io, struct ext4_layout *layout);
void ext4_extents_clear(struct ext4_extents *e);

void ext4_extents_start(struct ext4_extents *e, uint32_t inode);
/* Takes blocks from the layout for those from `logical` on, which is behind all before.
 * Returns where the first is; the others follow as ext4_layout_skip() has it. */
int ext4_extents_add(struct ext4_extents *e, uint64_t logical, uint64_t count,
	uint64_t *physical, struct diag *d);
int ext4_extents_finish(struct ext4_extents *e, struct ext4_map *map, struct diag *d);
/* 1 where the file at work has one run from its first block on, and all its extents have
 * room in the inode: ext4_extents_simple() makes its map again. */
int ext4_extents_is_simple(const struct ext4_extents *e);
void ext4_extents_simple(const struct ext4_layout *l, uint64_t physical, uint64_t count,
	struct ext4_map *map);

/* Sets the checksums of all blocks written; io must have been flushed. */
int ext4_extents_seal(struct ext4_extents *e, uint32_t checksum_seed, struct diag *d);

#endif
