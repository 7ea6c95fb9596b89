/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ext4_io: the image, a file or a part of one, written by blocks. It is new: blocks of
 * zeros that are put are left as holes. */
#ifndef COMPILER_EXT4_IO_H
#define COMPILER_EXT4_IO_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "common/diag.h"

/* One writer; a file may have several. */
struct ext4_io {
	int fd;		  /* borrowed */
	uint64_t offset;  /* where in the file the image begins */
	const char *name; /* what messages call it */
	char *buffer;	  /* blocks that wait for their neighbours */
	uint64_t start;
	size_t count;
	atomic_int cannot_clone; /* the filesystem has said so once */
};

void ext4_io_init(struct ext4_io *io, int fd, uint64_t offset, const char *name);
/* What was put and not flushed is lost. */
void ext4_io_clear(struct ext4_io *io);

/* Writes blocks at once. Any number of threads may. */
int ext4_io_write(const struct ext4_io *io, uint64_t block, const void *bytes,
	size_t count, struct diag *d);
/* Lets blocks share what another file has from an offset on, a multiple of their size. 1,
 * or 0 where the filesystem has no reflinks or the file is on another. Any number of
 * threads may. */
int ext4_io_clone(
	struct ext4_io *io, uint64_t block, int from, uint64_t offset, size_t count);
/* Puts one block into the buffer; neighbours are written together. */
int ext4_io_put(struct ext4_io *io, uint64_t block, const void *bytes, struct diag *d);
int ext4_io_flush(struct ext4_io *io, struct diag *d);
/* Reads a block that was written, and writes some of its bytes anew. */
int ext4_io_read(const struct ext4_io *io, uint64_t block, void *bytes, struct diag *d);
int ext4_io_patch(const struct ext4_io *io, uint64_t block, size_t from,
	const void *bytes, size_t size, struct diag *d);

#endif
