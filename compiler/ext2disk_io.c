/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ext2disk_io.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"

#define RUN_BYTES (256 * 1024)

struct unit {
	uint64_t number;
	char bytes[EXT2DISK_UNIT];
};

static int compare(const void *a, const void *b)
{
	const struct unit *one = a, *other = b;

	return one->number < other->number ? -1 : one->number > other->number;
}

/* Nothing outside of the part, whatever the file system says of itself. */
static int is_inside(const struct ext2disk_io *io, uint64_t at, size_t size)
{
	return at <= io->size && size <= io->size - at;
}

int ext2disk_io_read(const struct ext2disk_io *io, uint64_t at, void *bytes, size_t size)
{
	ssize_t n;

	errno = EINVAL;
	if (!is_inside(io, at, size))
		return -1;
	n = file_read_at(io->fd, bytes, size, (off_t)(io->offset + at));
	if (n >= 0 && (size_t)n < size)
		errno = ENODATA;
	return n == (ssize_t)size ? 0 : -1;
}

int ext2disk_io_write(
	const struct ext2disk_io *io, uint64_t at, const void *bytes, size_t size)
{
	errno = EINVAL;
	if (!is_inside(io, at, size))
		return -1;
	return file_write_at(io->fd, bytes, size, (off_t)(io->offset + at));
}

static struct unit *find(const struct ext2disk_io *io, uint64_t number)
{
	const struct unit wanted = {.number = number};
	void *found = tfind(&wanted, &io->kept, compare);

	return found ? *(struct unit **)found : NULL;
}

static void keep(struct ext2disk_io *io, uint64_t number, const char *bytes)
{
	struct unit *u = find(io, number);

	if (!u) {
		u = memory_alloc(sizeof(*u));
		u->number = number;
		if (!tsearch(u, &io->kept, compare))
			memory_stop();
	}
	memcpy(u->bytes, bytes, EXT2DISK_UNIT);
}

void ext2disk_io_forget(struct ext2disk_io *io, uint64_t at, size_t size)
{
	uint64_t end = (at + size) / EXT2DISK_UNIT;

	for (uint64_t i = at / EXT2DISK_UNIT; i < end; i++) {
		struct unit *u = find(io, i);

		if (u)
			tdelete(u, &io->kept, compare);
		free(u);
	}
}

static errcode_t fail(struct ext2disk_io *io, errcode_t failure)
{
	if (!io->failure)
		io->failure = failure;
	return failure;
}

/* A negative count is a number of bytes. */
static errcode_t measure(
	io_channel c, unsigned long long block, int count, uint64_t *at, size_t *size)
{
	const struct ext2disk_io *io = c->private_data;

	*size = count < 0 ? (size_t) - (long)count
			  : (size_t)count * (size_t)c->block_size;
	if (__builtin_mul_overflow(block, (uint64_t)c->block_size, at) ||
		!is_inside(io, *at, *size))
		return EXT2_ET_LLSEEK_FAILED;
	return 0;
}

static errcode_t read_blocks(
	io_channel c, unsigned long long block, int count, void *data)
{
	struct ext2disk_io *io = c->private_data;
	uint64_t at;
	size_t size;
	errcode_t rc = measure(c, block, count, &at, &size);

	if (rc)
		return rc;
	if (ext2disk_io_read(io, at, data, size) < 0)
		return errno;
	for (size_t done = 0; io->kept && done < size;) {
		size_t within = (at + done) % EXT2DISK_UNIT,
		       part = EXT2DISK_UNIT - within;
		const struct unit *u = find(io, (at + done) / EXT2DISK_UNIT);

		if (part > size - done)
			part = size - done;
		if (u)
			memcpy((char *)data + done, u->bytes + within, part);
		done += part;
	}
	return 0;
}

static errcode_t write_blocks(
	io_channel c, unsigned long long block, int count, const void *data)
{
	struct ext2disk_io *io = c->private_data;
	uint64_t at;
	size_t size;
	errcode_t rc = measure(c, block, count, &at, &size);

	/* libext2fs writes blocks and superblocks; anything else is a surprise. */
	if (!rc && (at % EXT2DISK_UNIT || size % EXT2DISK_UNIT))
		rc = EXT2_ET_INVALID_ARGUMENT;
	if (rc)
		return fail(io, rc);
	for (size_t done = 0; done < size; done += EXT2DISK_UNIT)
		keep(io, (at + done) / EXT2DISK_UNIT, (const char *)data + done);
	return 0;
}

static errcode_t read_blocks_32(io_channel c, unsigned long block, int count, void *data)
{
	return read_blocks(c, block, count, data);
}

static errcode_t write_blocks_32(
	io_channel c, unsigned long block, int count, const void *data)
{
	return write_blocks(c, block, count, data);
}

static errcode_t set_block_size(io_channel c, int size)
{
	c->block_size = size;
	return 0;
}

static errcode_t flush(io_channel c)
{
	(void)c;
	return 0;
}

static errcode_t close_channel(io_channel c)
{
	free(c->name);
	free(c);
	return 0;
}

static errcode_t open_channel(const char *name, int flags, io_channel *channel);

static struct struct_io_manager manager = {
	.magic = EXT2_ET_MAGIC_IO_MANAGER,
	.name = "a part of an image",
	.open = open_channel,
	.close = close_channel,
	.set_blksize = set_block_size,
	.read_blk = read_blocks_32,
	.read_blk64 = read_blocks,
	.write_blk = write_blocks_32,
	.write_blk64 = write_blocks,
	.flush = flush,
};

/* The name is where the struct is: no other word reaches this function. */
static errcode_t open_channel(const char *name, int flags, io_channel *channel)
{
	void *io = NULL;
	io_channel c;

	(void)flags;
	if (sscanf(name, "%p", &io) != 1)
		return EXT2_ET_INVALID_ARGUMENT;
	c = memory_alloc(sizeof(*c));
	c->magic = EXT2_ET_MAGIC_IO_CHANNEL;
	c->manager = &manager;
	c->name = memory_strdup(name);
	c->block_size = EXT2DISK_UNIT;
	c->refcount = 1;
	c->private_data = io;
	*channel = c;
	return 0;
}

io_manager ext2disk_io_manager(void)
{
	return &manager;
}

void ext2disk_io_path(const struct ext2disk_io *io, char path[EXT2DISK_IO_NAME])
{
	snprintf(path, EXT2DISK_IO_NAME, "%p", (const void *)io);
}

void ext2disk_io_clear(struct ext2disk_io *io)
{
	tdestroy(io->kept, free);
	io->kept = NULL;
}

/* Neighbours are written together. */
struct commit {
	struct ext2disk_io *io;
	char *run;
	uint64_t start;
	size_t size;
	int problem; /* an errno */
};

static void write_run(struct commit *c)
{
	if (c->size && !c->problem &&
		ext2disk_io_write(c->io, c->start, c->run, c->size) < 0)
		c->problem = errno;
	c->size = 0;
}

static void commit_unit(const void *node, VISIT visit, void *context)
{
	const struct unit *u = *(const struct unit *const *)node;
	struct commit *c = context;
	uint64_t at = u->number * EXT2DISK_UNIT;
	char there[EXT2DISK_UNIT];

	if ((visit != postorder && visit != leaf) || c->problem ||
		at == EXT2DISK_SUPERBLOCK)
		return;
	if (ext2disk_io_read(c->io, at, there, sizeof(there)) < 0) {
		c->problem = errno;
		return;
	}
	/* Holes of the image stay holes, too. */
	if (memcmp(there, u->bytes, sizeof(there)) == 0)
		return;
	if (at != c->start + c->size || c->size == RUN_BYTES)
		write_run(c);
	if (c->size == 0)
		c->start = at;
	memcpy(c->run + c->size, u->bytes, sizeof(there));
	c->size += sizeof(there);
}

static int commit_units(struct ext2disk_io *io)
{
	struct commit c = {.io = io, .run = memory_alloc(RUN_BYTES)};

	twalk_r(io->kept, commit_unit, &c);
	write_run(&c);
	free(c.run);
	errno = c.problem;
	return c.problem ? -1 : 0;
}

static int write_superblock(const struct ext2disk_io *io, const void *bytes)
{
	if (ext2disk_io_write(io, EXT2DISK_SUPERBLOCK, bytes, EXT2DISK_UNIT) < 0)
		return -1;
	return fsync(io->fd);
}

int ext2disk_io_commit(struct ext2disk_io *io, const void *unclean, struct diag *d)
{
	const struct unit *u = find(io, EXT2DISK_SUPERBLOCK / EXT2DISK_UNIT);

	if (io->failure)
		return diag_fail(d, "%s: %s", io->name, error_message(io->failure));
	if (!u)
		return diag_fail(d, "%s: there is no superblock to write", io->name);
	/* The contents of new files are to be there before anything names them. */
	if (fsync(io->fd) < 0)
		return diag_fail_errno(d, "%s", io->name);
	if (write_superblock(io, unclean) < 0 || commit_units(io) < 0 ||
		fsync(io->fd) < 0 || write_superblock(io, u->bytes) < 0) {
		diag_fail_errno(d, "%s", io->name);
		return diag_fail(
			d, "%s: is half written: e2fsck mends what it holds", io->name);
	}
	return 0;
}
