/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ext4_io.h"

#include <errno.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"
#include "ext4_layout.h"

#define BUFFER_BLOCKS 256

void ext4_io_init(struct ext4_io *io, int fd, uint64_t offset, const char *name)
{
	*io = (struct ext4_io){.fd = fd, .offset = offset, .name = name};
	io->buffer = memory_alloc((size_t)BUFFER_BLOCKS * EXT4_BLOCK);
}

void ext4_io_clear(struct ext4_io *io)
{
	free(io->buffer);
	io->buffer = NULL;
}

static off_t place_of(const struct ext4_io *io, uint64_t block)
{
	return (off_t)(io->offset + block * EXT4_BLOCK);
}

int ext4_io_write(const struct ext4_io *io, uint64_t block, const void *bytes,
	size_t count, struct diag *d)
{
	if (file_write_at(io->fd, bytes, count * EXT4_BLOCK, place_of(io, block)) < 0)
		return diag_fail_errno(d, "%s", io->name);
	return 0;
}

int ext4_io_clone(
	struct ext4_io *io, uint64_t block, int from, uint64_t offset, size_t count)
{
	const struct file_clone_range range = {
		.src_fd = from,
		.src_offset = offset,
		.src_length = count * EXT4_BLOCK,
		.dest_offset = (uint64_t)place_of(io, block),
	};

	if (io->cannot_clone)
		return 0;
	if (ioctl(io->fd, FICLONERANGE, &range) == 0)
		return 1;
	/* Whatever is wrong, writing says it better. */
	io->cannot_clone = 1;
	return 0;
}

int ext4_io_flush(struct ext4_io *io, struct diag *d)
{
	size_t count = io->count;

	io->count = 0;
	return count ? ext4_io_write(io, io->start, io->buffer, count, d) : 0;
}

int ext4_io_put(struct ext4_io *io, uint64_t block, const void *bytes, struct diag *d)
{
	if (memory_is_zero(bytes, EXT4_BLOCK))
		return 0;
	if (io->count && (block != io->start + io->count || io->count == BUFFER_BLOCKS) &&
		ext4_io_flush(io, d) < 0)
		return -1;
	if (!io->count)
		io->start = block;
	memcpy(io->buffer + io->count++ * EXT4_BLOCK, bytes, EXT4_BLOCK);
	return 0;
}

int ext4_io_read(const struct ext4_io *io, uint64_t block, void *bytes, struct diag *d)
{
	ssize_t n = file_read_at(io->fd, bytes, EXT4_BLOCK, place_of(io, block));

	if (n < 0)
		return diag_fail_errno(d, "%s", io->name);
	if (n < EXT4_BLOCK)
		return diag_fail(d, "%s: shorter than what was written", io->name);
	return 0;
}

int ext4_io_patch(const struct ext4_io *io, uint64_t block, size_t from,
	const void *bytes, size_t size, struct diag *d)
{
	if (file_write_at(io->fd, bytes, size, place_of(io, block) + (off_t)from) < 0)
		return diag_fail_errno(d, "%s", io->name);
	return 0;
}
