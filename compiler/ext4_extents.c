/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ext4_extents.h"

#include <ext2fs/ext2fs.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "ext4_checksum.h"

#define IN_INODE 4

void ext4_extents_init(
	struct ext4_extents *e, struct ext4_io *io, struct ext4_layout *layout)
{
	*e = (struct ext4_extents){.io = io, .layout = layout};
}

void ext4_extents_clear(struct ext4_extents *e)
{
	free(e->list);
	free(e->written);
	*e = (struct ext4_extents){0};
}

void ext4_extents_start(struct ext4_extents *e, uint32_t inode)
{
	e->inode = inode;
	e->next = 0;
	e->blocks = 0;
	e->first = e->written_count;
	e->count = 0;
}

static void append(struct ext4_extents *e, const struct ext4_extent *new)
{
	if (e->count == e->room) {
		e->room = e->room ? e->room * 2 : 2 * EXT4_EXTENTS_PER_BLOCK;
		e->list = memory_resize(e->list, e->room * sizeof(*e->list));
	}
	e->list[e->count++] = *new;
}

/* Fills the last extent before it begins another: in how many pieces the blocks came
 * must not show. */
static void note(
	struct ext4_extents *e, uint64_t logical, uint64_t physical, uint64_t count)
{
	while (count > 0) {
		struct ext4_extent *last = e->count ? &e->list[e->count - 1] : NULL;
		uint64_t part =
			count < EXT4_EXTENT_BLOCKS_MAX ? count : EXT4_EXTENT_BLOCKS_MAX;

		if (last && last->logical + (uint64_t)last->count == logical &&
			last->physical + last->count == physical &&
			last->count < EXT4_EXTENT_BLOCKS_MAX) {
			if (part > EXT4_EXTENT_BLOCKS_MAX - last->count)
				part = EXT4_EXTENT_BLOCKS_MAX - last->count;
			last->count += (uint32_t)part;
		} else {
			append(e, &(struct ext4_extent){.logical = (uint32_t)logical,
					  .count = (uint32_t)part,
					  .physical = physical});
		}
		logical += part;
		physical += part;
		count -= part;
	}
}

static void fill_header(void *at, unsigned depth, size_t room, size_t count)
{
	*(struct ext3_extent_header *)at = (struct ext3_extent_header){
		.eh_magic = (EXT3_EXT_MAGIC),
		.eh_entries = ((uint16_t)count),
		.eh_max = ((uint16_t)room),
		.eh_depth = ((uint16_t)depth),
	};
}

static void fill_leaf(void *at, size_t room, const struct ext4_extent *list, size_t count)
{
	struct ext3_extent *x = EXT_FIRST_EXTENT(at);

	fill_header(at, 0, room, count);
	for (size_t i = 0; i < count; i++) {
		x[i] = (struct ext3_extent){
			.ee_block = (list[i].logical),
			.ee_len = ((uint16_t)list[i].count),
			.ee_start_hi = ((uint16_t)(list[i].physical >> 32)),
			.ee_start = ((uint32_t)list[i].physical),
		};
	}
}

static void fill_index(void *at, unsigned depth, size_t room,
	const struct ext4_extent_block *list, size_t count)
{
	struct ext3_extent_idx *x = EXT_FIRST_INDEX(at);

	fill_header(at, depth, room, count);
	for (size_t i = 0; i < count; i++) {
		x[i] = (struct ext3_extent_idx){
			.ei_block = (list[i].logical),
			.ei_leaf = ((uint32_t)list[i].block),
			.ei_leaf_hi = ((uint16_t)(list[i].block >> 32)),
		};
	}
}

static int put_block(
	struct ext4_extents *e, uint32_t logical, const void *bytes, struct diag *d)
{
	uint64_t count, block = ext4_layout_take(e->layout, 1, &count);

	if (e->written_count == e->written_room) {
		e->written_room = e->written_room ? e->written_room * 2 : 64;
		e->written =
			memory_resize(e->written, e->written_room * sizeof(*e->written));
	}
	e->written[e->written_count++] = (struct ext4_extent_block){
		.block = block, .logical = logical, .inode = e->inode};
	return ext4_io_put(e->io, block, bytes, d);
}

/* Writes the first extents of the list as one block. */
static int put_leaf(struct ext4_extents *e, struct diag *d)
{
	_Alignas(8) char bytes[EXT4_BLOCK] = {0};
	size_t n = e->count < EXT4_EXTENTS_PER_BLOCK ? e->count : EXT4_EXTENTS_PER_BLOCK;

	fill_leaf(bytes, EXT4_EXTENTS_PER_BLOCK, e->list, n);
	if (put_block(e, e->list[0].logical, bytes, d) < 0)
		return -1;
	e->count -= n;
	memmove(e->list, e->list + n, e->count * sizeof(*e->list));
	return 0;
}

int ext4_extents_add(struct ext4_extents *e, uint64_t logical, uint64_t count,
	uint64_t *physical, struct diag *d)
{
	uint64_t at, got;

	/* Only between runs: a run's blocks are found again from its first. */
	while (logical != e->next && e->count >= EXT4_EXTENTS_PER_BLOCK) {
		if (put_leaf(e, d) < 0)
			return -1;
	}
	e->next = logical + count;
	e->blocks += count;
	*physical = ext4_layout_skip(e->layout, e->layout->next);
	for (; count > 0; count -= got, logical += got) {
		at = ext4_layout_take(e->layout, count, &got);
		note(e, logical, at, got);
	}
	return 0;
}

/* Writes the blocks of an index to those from `from` on, which become its entries. */
static int put_index(struct ext4_extents *e, size_t from, unsigned depth, struct diag *d)
{
	size_t end = e->written_count;

	for (size_t i = from; i < end; i += EXT4_EXTENTS_PER_BLOCK) {
		_Alignas(8) char bytes[EXT4_BLOCK] = {0};
		size_t n = end - i < EXT4_EXTENTS_PER_BLOCK ? end - i
							    : EXT4_EXTENTS_PER_BLOCK;

		fill_index(bytes, depth, EXT4_EXTENTS_PER_BLOCK, e->written + i, n);
		if (put_block(e, e->written[i].logical, bytes, d) < 0)
			return -1;
	}
	return 0;
}

int ext4_extents_finish(struct ext4_extents *e, struct ext4_map *map, struct diag *d)
{
	_Alignas(8) char bytes[EXT4_MAP_BYTES] = {0};
	size_t level = e->first;
	unsigned depth = 1;

	if (e->count > IN_INODE || e->written_count > e->first) {
		while (e->count > 0) {
			if (put_leaf(e, d) < 0)
				return -1;
		}
		while (e->written_count - level > IN_INODE) {
			size_t above = e->written_count;

			if (put_index(e, level, depth++, d) < 0)
				return -1;
			level = above;
		}
		fill_index(bytes, depth, IN_INODE, e->written + level,
			e->written_count - level);
	} else {
		fill_leaf(bytes, IN_INODE, e->list, e->count);
	}
	*map = (struct ext4_map){
		.blocks = (uint32_t)e->blocks,
		.tree_blocks = (uint32_t)(e->written_count - e->first),
	};
	memcpy(map->bytes, bytes, sizeof(bytes));
	return 0;
}

int ext4_extents_is_simple(const struct ext4_extents *e)
{
	return e->count <= IN_INODE && e->written_count == e->first &&
	       e->blocks == e->next;
}

void ext4_extents_simple(const struct ext4_layout *l, uint64_t physical, uint64_t count,
	struct ext4_map *map)
{
	struct ext4_extent list[IN_INODE];
	struct ext4_layout at = {physical, l->descriptor_blocks};
	struct ext4_extents e = {.list = list, .room = IN_INODE, .layout = &at};
	uint64_t first;

	/* Nothing is written or allocated for so few. */
	if (count > 0)
		ext4_extents_add(&e, 0, count, &first, NULL);
	ext4_extents_finish(&e, map, NULL);
}

int ext4_extents_seal(struct ext4_extents *e, uint32_t checksum_seed, struct diag *d)
{
	const size_t tail = sizeof(struct ext3_extent_header) +
			    EXT4_EXTENTS_PER_BLOCK * sizeof(struct ext3_extent);
	char bytes[EXT4_BLOCK];

	for (size_t i = 0; i < e->written_count; i++) {
		const struct ext4_extent_block *b = &e->written[i];
		uint32_t checksum;

		if (ext4_io_read(e->io, b->block, bytes, d) < 0)
			return -1;
		checksum = (ext4_checksum(checksum_seed, b->inode, bytes, tail));
		if (ext4_io_patch(e->io, b->block, tail, &checksum, sizeof(checksum), d) <
			0)
			return -1;
	}
	return 0;
}
