/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ext2disk_io: a part of an image's file as libext2fs reads and writes it. What it writes
 * is kept in memory until ext2disk_io_commit(): until then the file stays as it is. */
#ifndef COMPILER_EXT2DISK_IO_H
#define COMPILER_EXT2DISK_IO_H

#include <ext2fs/ext2fs.h>
#include <stddef.h>
#include <stdint.h>

#include "common/diag.h"

#define EXT2DISK_UNIT 1024 /* what is kept: the superblock is one */
#define EXT2DISK_SUPERBLOCK 1024
#define EXT2DISK_IO_NAME 40

struct ext2disk_io {
	int fd;		       /* borrowed */
	const char *name;      /* what messages call it */
	uint64_t offset, size; /* of the part, in bytes */
	void *kept;	       /* units that were written: tsearch */
	errcode_t failure;     /* the first one; it stays */
};

/* libext2fs's way to it: pass both to ext2fs_open2(). */
io_manager ext2disk_io_manager(void);
void ext2disk_io_path(const struct ext2disk_io *io, char path[EXT2DISK_IO_NAME]);
/* What was kept is lost. */
void ext2disk_io_clear(struct ext2disk_io *io);

/* Reads what the file holds; and writes it, at once. 0, or -1 with errno set. */
int ext2disk_io_read(const struct ext2disk_io *io, uint64_t at, void *bytes, size_t size);
int ext2disk_io_write(
	const struct ext2disk_io *io, uint64_t at, const void *bytes, size_t size);

/* Keeps no longer what was written there: the file gets something else. */
void ext2disk_io_forget(struct ext2disk_io *io, uint64_t at, size_t size);

/* Writes what was kept and differs from what is there, and syncs: first `unclean`, a
 * superblock that says that the file system is being changed, and the new superblock
 * last. 0 or -1. */
int ext2disk_io_commit(struct ext2disk_io *io, const void *unclean, struct diag *d);

#endif
