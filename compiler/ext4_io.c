/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ext4_io.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"

#define CACHED_MAX 8192 /* blocks: 32 MiB */
#define QUEUE_BLOCKS 256
#define SLOTS (CACHED_MAX * 2) /* a power of two, never full */

struct cached {
	uint64_t block;
	char *bytes; /* NULL: a free slot */
	int dirty;
	int on_disk; /* the file may hold something else than zeros there */
};

struct ext4_io {
	struct struct_io_manager manager;
	char name[32];
	int fd;
	int error; /* errno's value of the first that failed */
	struct cached *slots;
	size_t count;
	int evicted; /* blocks went out: what is not cached may be in the file */
	char *queue;
	uint64_t queue_start;
	size_t queue_count;
};

static struct ext4_io *io_of(io_channel channel)
{
	return channel->private_data;
}

/* Keeps the first error; returns this one. */
static int note(struct ext4_io *io, int error)
{
	if (error && !io->error)
		io->error = error;
	return error;
}

int ext4_io_error(const struct ext4_io *io)
{
	return io->error;
}

static int is_zero(const char *bytes)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, EXT4_BLOCK - 1) == 0;
}

static int put(struct ext4_io *io, const void *bytes, size_t size, uint64_t block)
{
	if (io->fd < 0)
		return 0;
	if (file_write_at(io->fd, bytes, size, (off_t)(block * EXT4_BLOCK)) < 0)
		return note(io, errno);
	return 0;
}

static int flush_queue(struct ext4_io *io)
{
	size_t count = io->queue_count;

	io->queue_count = 0;
	return count ? put(io, io->queue, count * EXT4_BLOCK, io->queue_start) : 0;
}

int ext4_io_write_data(
	struct ext4_io *io, uint64_t block, const void *bytes, size_t blocks)
{
	int error = 0;

	if (io->queue_count && (block != io->queue_start + io->queue_count ||
				       io->queue_count + blocks > QUEUE_BLOCKS))
		error = flush_queue(io);
	if (error)
		return error;
	if (blocks >= QUEUE_BLOCKS)
		return put(io, bytes, blocks * EXT4_BLOCK, block);
	if (!io->queue_count)
		io->queue_start = block;
	memcpy(io->queue + io->queue_count * EXT4_BLOCK, bytes, blocks * EXT4_BLOCK);
	io->queue_count += blocks;
	return 0;
}

static int by_block(const void *a, const void *b)
{
	const struct cached *const *x = a, *const *y = b;

	return ((*x)->block > (*y)->block) - ((*x)->block < (*y)->block);
}

/* Writes the dirty blocks in their order, neighbours at once. */
static int flush_cache(struct ext4_io *io)
{
	struct cached **dirty = memory_alloc((io->count + 1) * sizeof(*dirty));
	size_t n = 0;
	int error = 0;

	for (size_t i = 0; i < SLOTS; i++) {
		struct cached *c = &io->slots[i];

		if (!c->bytes || !c->dirty)
			continue;
		c->dirty = 0;
		if (!c->on_disk && is_zero(c->bytes))
			continue;
		c->on_disk = 1;
		dirty[n++] = c;
	}
	qsort(dirty, n, sizeof(*dirty), by_block);
	for (size_t i = 0; i < n && !error; i++)
		error = ext4_io_write_data(io, dirty[i]->block, dirty[i]->bytes, 1);
	free(dirty);
	if (!error)
		error = flush_queue(io);
	return error;
}

static void empty_cache(struct ext4_io *io)
{
	for (size_t i = 0; i < SLOTS; i++)
		free(io->slots[i].bytes);
	memset(io->slots, 0, SLOTS * sizeof(*io->slots));
	io->count = 0;
}

static struct cached *slot_of(struct ext4_io *io, uint64_t block)
{
	size_t i = (block * 0x9E3779B97F4A7C15u >> 40) & (SLOTS - 1);

	while (io->slots[i].bytes && io->slots[i].block != block)
		i = (i + 1) & (SLOTS - 1);
	return &io->slots[i];
}

static int load(struct ext4_io *io, struct cached *c)
{
	size_t got = 0;

	while (got < EXT4_BLOCK) {
		ssize_t n = pread(io->fd, c->bytes + got, EXT4_BLOCK - got,
			(off_t)(c->block * EXT4_BLOCK + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return note(io, errno);
		if (n == 0)
			break; /* past the end are zeros */
		got += (size_t)n;
	}
	return 0;
}

/* The cached block, read from the file where it may be there and `fresh` does not say
 * that all of it is about to be written. */
static struct cached *get(struct ext4_io *io, uint64_t block, int fresh, int *error)
{
	struct cached *c = slot_of(io, block);

	*error = 0;
	if (c->bytes)
		return c;
	if (io->count == CACHED_MAX && io->fd >= 0) {
		*error = flush_cache(io);
		empty_cache(io);
		io->evicted = 1;
		c = slot_of(io, block);
	} else if (io->count == SLOTS - 1) {
		*error = note(io, ENOMEM);
		return c;
	}
	c->block = block;
	c->bytes = memory_alloc(EXT4_BLOCK);
	c->dirty = 0;
	c->on_disk = io->evicted;
	io->count++;
	if (!*error && io->evicted && !fresh)
		*error = load(io, c);
	return c;
}

int ext4_io_read(struct ext4_io *io, uint64_t block, void *bytes)
{
	int error;
	struct cached *c = get(io, block, 0, &error);

	if (!error)
		memcpy(bytes, c->bytes, EXT4_BLOCK);
	return error;
}

static int write_part(
	struct ext4_io *io, uint64_t block, size_t from, const void *bytes, size_t size)
{
	int error;
	struct cached *c = get(io, block, size == EXT4_BLOCK, &error);

	if (error)
		return error;
	memcpy(c->bytes + from, bytes, size);
	c->dirty = 1;
	return 0;
}

int ext4_io_write(struct ext4_io *io, uint64_t block, const void *bytes)
{
	return write_part(io, block, 0, bytes, EXT4_BLOCK);
}

int ext4_io_flush(struct ext4_io *io)
{
	flush_queue(io);
	flush_cache(io);
	return io->error;
}

/* Reads or writes any range of bytes. */
static errcode_t transfer(
	struct ext4_io *io, uint64_t at, size_t size, char *in, const char *out)
{
	while (size > 0) {
		uint64_t block = at / EXT4_BLOCK;
		size_t from = at % EXT4_BLOCK;
		size_t part = EXT4_BLOCK - from < size ? EXT4_BLOCK - from : size;
		int error;

		if (out) {
			error = write_part(io, block, from, out, part);
			out += part;
		} else {
			struct cached *c = get(io, block, 0, &error);

			if (!error)
				memcpy(in, c->bytes + from, part);
			in += part;
		}
		if (error)
			return error;
		at += part;
		size -= part;
	}
	return 0;
}

/* libext2fs: a negative count is of bytes. */
static size_t bytes_of(io_channel channel, int count)
{
	return count < 0 ? (size_t) - (int64_t)count
			 : (size_t)count * (size_t)channel->block_size;
}

static errcode_t channel_read64(
	io_channel channel, unsigned long long block, int count, void *bytes)
{
	return transfer(io_of(channel), block * (uint64_t)channel->block_size,
		bytes_of(channel, count), bytes, NULL);
}

static errcode_t channel_read(
	io_channel channel, unsigned long block, int count, void *bytes)
{
	return channel_read64(channel, block, count, bytes);
}

static errcode_t channel_write64(
	io_channel channel, unsigned long long block, int count, const void *bytes)
{
	return transfer(io_of(channel), block * (uint64_t)channel->block_size,
		bytes_of(channel, count), NULL, bytes);
}

static errcode_t channel_write(
	io_channel channel, unsigned long block, int count, const void *bytes)
{
	return channel_write64(channel, block, count, bytes);
}

static errcode_t channel_write_byte(
	io_channel channel, unsigned long offset, int count, const void *bytes)
{
	return transfer(io_of(channel), offset, (size_t)count, NULL, bytes);
}

static errcode_t channel_zeroout(
	io_channel channel, unsigned long long block, unsigned long long count)
{
	static const char zeros[EXT4_BLOCK];

	for (unsigned long long i = 0; i < count; i++) {
		errcode_t error =
			channel_write64(channel, block + i, -channel->block_size, zeros);

		if (error)
			return error;
	}
	return 0;
}

static errcode_t channel_set_block_size(io_channel channel, int block_size)
{
	channel->block_size = block_size;
	return 0;
}

/* Bytes go to the file when we say so: ext4_io_flush() has the verdict. */
static errcode_t channel_flush(io_channel channel)
{
	return io_of(channel)->error;
}

static errcode_t channel_open(const char *name, int flags, io_channel *channel)
{
	uintptr_t address;
	io_channel c;

	(void)flags;
	/* The one way in is the name: it carries our address. */
	if (sscanf(name, "ext4_io:%" SCNxPTR, &address) != 1)
		return EXT2_ET_BAD_DEVICE_NAME;
	c = memory_alloc(sizeof(*c));
	c->magic = EXT2_ET_MAGIC_IO_CHANNEL;
	c->private_data = (struct ext4_io *)address; /* NOLINT */
	c->manager = &io_of(c)->manager;
	c->name = memory_strdup(name);
	c->block_size = 1024;
	c->refcount = 1;
	*channel = c;
	return 0;
}

static errcode_t channel_close(io_channel channel)
{
	errcode_t error = io_of(channel)->error;

	if (--channel->refcount > 0)
		return 0;
	free(channel->name);
	free(channel);
	return error;
}

struct ext4_io *ext4_io_new(int fd)
{
	struct ext4_io *io = memory_alloc(sizeof(*io));

	io->fd = fd;
	snprintf(io->name, sizeof(io->name), "ext4_io:%" PRIxPTR, (uintptr_t)io);
	io->slots = memory_alloc(SLOTS * sizeof(*io->slots));
	io->queue = memory_alloc((size_t)QUEUE_BLOCKS * EXT4_BLOCK);
	io->manager = (struct struct_io_manager){
		.magic = EXT2_ET_MAGIC_IO_MANAGER,
		.name = "workunit image",
		.open = channel_open,
		.close = channel_close,
		.set_blksize = channel_set_block_size,
		.read_blk = channel_read,
		.write_blk = channel_write,
		.flush = channel_flush,
		.write_byte = channel_write_byte,
		.read_blk64 = channel_read64,
		.write_blk64 = channel_write64,
		.zeroout = channel_zeroout,
	};
	return io;
}

void ext4_io_free(struct ext4_io *io)
{
	if (!io)
		return;
	empty_cache(io);
	free(io->slots);
	free(io->queue);
	free(io);
}

io_manager ext4_io_manager(struct ext4_io *io)
{
	return &io->manager;
}

const char *ext4_io_name(const struct ext4_io *io)
{
	return io->name;
}
