/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ext4_image: one image at work, and the stations of ext4.c's way in their order. Each
 * function returns 0, or -1 with messages. */
#ifndef COMPILER_EXT4_IMAGE_H
#define COMPILER_EXT4_IMAGE_H

#include <ext2fs/ext2fs.h>
#include <stdint.h>

#include "common/digest.h"
#include "ext4.h"
#include "ext4_extents.h"
#include "ext4_io.h"
#include "ext4_layout.h"
#include "ext4_xattr.h"

#define EXT4_FIRST_INODE 11
#define EXT4_FAST_SYMLINK_MAX 59
#define EXT4_LINKS_MAX 65000

/* What the tree takes of a disk besides the tables. */
struct ext4_need {
	uint64_t inodes;	/* with the reserved ones and a few to spare */
	uint64_t plain_blocks;	/* folders of one block, long symlinks, attributes */
	uint64_t folder_blocks; /* of larger folders, at most */
	uint64_t file_blocks;	/* if no file had a hole, and with all their extents */
};

struct ext4_image {
	struct tree *tree;
	const struct ext4_options *options;
	const char *name; /* what messages call it */
	struct ext4_need need;
	struct ext4_layout layout;
	struct ext4_geometry geometry;
	struct ext4_extents extents;
	struct ext4_xattr_table xattrs;
	struct ext4_layout xattr_layout; /* where their blocks come from */
	struct ext4_io io;
	struct digest *digest; /* of what the image holds, so far */
	unsigned char uuid[EXT4_UUID_BYTES];
	uint32_t hash_seed[4];	/* of folders */
	uint32_t checksum_seed; /* once the UUID is known */
	uint32_t last_inode;	/* that is used */
};

/* ext4_check.c: all that ext4 cannot hold, with the files' names, and m->need. */
int ext4_check(struct ext4_image *m, struct diag *d);

/* ext4_ids.c: the hash seed comes from names and the like; the UUID from these and the
 * contents, which ext4_contents.c adds to m->digest. */
void ext4_ids_start(struct ext4_image *m);
void ext4_ids_finish(struct ext4_image *m);

/* ext4_size.c: m->layout for an image that is large enough for the tree, and an error
 * where one is given that is not. Measures files only if it must know. */
int ext4_size_plan(struct ext4_image *m, struct diag *d);
/* m->geometry, once everything but the tables has its place. */
int ext4_size_finish(struct ext4_image *m, struct diag *d);

/* ext4_contents.c: every file's contents, in one stream. */
int ext4_contents_write(struct ext4_image *m, struct diag *d);

/* ext4_folder.c: folders in the tree's order. */
int ext4_folders_write(struct ext4_image *m, struct diag *d);
/* The blocks that a folder has: 1, or more with an index. */
uint64_t ext4_folder_blocks(const struct node *n, const uint32_t hash_seed[4]);

/* ext4_inode.c: numbers as the walk goes, the last of which is returned; long symlinks;
 * inodes, into the tables that m->geometry and fs have. */
uint32_t ext4_inodes_number(struct tree *t);
int ext4_inodes_write(struct ext4_image *m, ext2_filsys fs, struct diag *d);
int ext4_symlinks_write(struct ext4_image *m, struct diag *d);

/* ext4_super.c: tables, bitmaps, descriptors, superblocks. */
int ext4_tables_write(struct ext4_image *m, struct diag *d);

/* Keeps what the inode of this node is to say of its blocks: a map, or, NULL, where the
 * only run of them begins. */
void ext4_image_note(struct ext4_image *m, struct node *n, uint64_t physical,
	const struct ext4_map *map);

#endif
