/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ext4_folder: a folder's blocks: one with its entries in order, or an index (htree) and
 * leaves sorted by the hashes of the names. */
#ifndef COMPILER_EXT4_FOLDER_H
#define COMPILER_EXT4_FOLDER_H

#include <stdint.h>

#include "tree.h"

#define EXT4_FOLDER_ROOT_MAX 507 /* what the first block of an index points to */
#define EXT4_FOLDER_NODE_MAX 510 /* and each of those below it */
/* Without the feature large_dir, the kernel reads an index of two levels. */
#define EXT4_FOLDER_LEAVES_MAX ((uint64_t)EXT4_FOLDER_ROOT_MAX * EXT4_FOLDER_NODE_MAX)
#define EXT4_FOLDER_BLOCKS_MAX (1 + EXT4_FOLDER_ROOT_MAX + EXT4_FOLDER_LEAVES_MAX)

/* At most so many blocks, whatever the hashes are; exact if 1. */
uint64_t ext4_folder_blocks_max(const struct node *n);

#endif
