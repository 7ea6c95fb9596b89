/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ext4_xattr: a node's extended attributes as ext4 keeps them: the first in the inode as
 * far as there is room, the others in a block, which equal ones share. */
#ifndef COMPILER_EXT4_XATTR_H
#define COMPILER_EXT4_XATTR_H

#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "ext4_layout.h"
#include "tree.h"

#define EXT4_XATTR_ROOM 96 /* in an inode, with the magic number */
#define EXT4_XATTR_PROBLEM 400

struct ext4_xattr_bytes {
	_Alignas(8) char inode[EXT4_XATTR_ROOM];
	_Alignas(8) char block[EXT4_BLOCK];
	int in_inode, in_block; /* what is used of these */
};

/* -1 with a text in `problem` where ext4 cannot hold them. */
int ext4_xattr_encode(const struct xattrs *x, struct ext4_xattr_bytes *bytes,
	char problem[EXT4_XATTR_PROBLEM]);

/* Which blocks there are. Every user is counted first, then asks for its block. */
struct ext4_xattr_table {
	struct ext4_xattr_set *sets;
	size_t count, room;
	uint32_t *slots; /* open addressing: 1 + an index of sets; 0: free */
	size_t slot_room;
	struct digest *digest;
	uint64_t blocks;
};

void ext4_xattr_table_count(struct ext4_xattr_table *t, const struct ext4_xattr_bytes *b);
/* The block of the next user of these. It is to be written if *references is not 0. */
uint64_t ext4_xattr_table_take(struct ext4_xattr_table *t,
	const struct ext4_xattr_bytes *b, struct ext4_layout *from, uint32_t *references);
void ext4_xattr_table_clear(struct ext4_xattr_table *t);

#endif
