/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ext4_io: where libext2fs and we write an image: a cache of metadata blocks and a queue
 * of data. The first error sticks: libext2fs swallows some of those it is given. Blocks
 * of zeros are not written, the file being new. */
#ifndef COMPILER_EXT4_IO_H
#define COMPILER_EXT4_IO_H

#include <ext2fs/ext2fs.h>
#include <stddef.h>
#include <stdint.h>

#define EXT4_BLOCK 4096

struct ext4_io; /* one image's */

/* Writes go to fd, which stays the caller's; -1: nowhere, all that is kept is the cache.
 */
struct ext4_io *ext4_io_new(int fd);
void ext4_io_free(struct ext4_io *io);

/* What libext2fs is to be called with: ext2fs_initialize(name, …, manager, …). */
io_manager ext4_io_manager(struct ext4_io *io);
const char *ext4_io_name(const struct ext4_io *io);

/* Reads or writes a metadata block, through the cache. Returns 0, or errno's value. */
int ext4_io_read(struct ext4_io *io, uint64_t block, void *bytes);
int ext4_io_write(struct ext4_io *io, uint64_t block, const void *bytes);
/* Writes blocks of a file's contents, which nothing reads again; neighbours are joined
 * into large writes. Returns 0, or errno's value. */
int ext4_io_write_data(
	struct ext4_io *io, uint64_t block, const void *bytes, size_t blocks);

/* Writes all that is cached or queued. Returns 0, or the first error that any write had.
 */
int ext4_io_flush(struct ext4_io *io);
/* The first error so far, as errno's value; 0: none. */
int ext4_io_error(const struct ext4_io *io);

#endif
