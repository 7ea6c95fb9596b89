/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ext4_checksum: CRC-32C of what belongs to an inode. libext2fs has functions for each
 * kind of block, but they read the inode from the disk first, where ours is not yet. */
#ifndef COMPILER_EXT4_CHECKSUM_H
#define COMPILER_EXT4_CHECKSUM_H

#include <ext2fs/ext2fs.h>
#include <stddef.h>
#include <stdint.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	"libext2fs's structures are written as they are in memory");

/* Of bytes that belong to an inode of generation 0. */
static inline uint32_t ext4_checksum(
	uint32_t seed, uint32_t inode, const void *bytes, size_t size)
{
	uint32_t owner[2] = {ext2fs_cpu_to_le32(inode), 0};

	seed = ext2fs_crc32c_le(seed, (const unsigned char *)owner, sizeof(owner));
	return ext2fs_crc32c_le(seed, bytes, size);
}

#endif
