/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ext4_layout.h"

#define LAST_GROUP_SPARE 50 /* libext2fs gives up a last group with less room */
#define BLOCKS_MIN 64

static int is_power(uint64_t n, uint64_t base)
{
	while (n > 1 && n % base == 0)
		n /= base;
	return n == 1;
}

/* As the sparse_super feature has it. */
static int has_superblock(uint64_t group)
{
	return group <= 1 || is_power(group, 3) || is_power(group, 5) ||
	       is_power(group, 7);
}

static uint64_t divide_up(uint64_t n, uint64_t by)
{
	return n / by + (n % by != 0);
}

void ext4_layout_start(struct ext4_layout *l, uint64_t blocks)
{
	uint64_t groups = divide_up(blocks, EXT4_GROUP_BLOCKS);

	l->next = 0;
	l->descriptor_blocks = divide_up(groups, EXT4_DESCRIPTORS_PER_BLOCK);
	if (!l->descriptor_blocks)
		l->descriptor_blocks = 1;
}

uint64_t ext4_layout_skip(const struct ext4_layout *l, uint64_t block)
{
	uint64_t kept = 1 + l->descriptor_blocks;
	uint64_t in_group = block % EXT4_GROUP_BLOCKS;

	if (in_group < kept && has_superblock(block / EXT4_GROUP_BLOCKS))
		return block - in_group + kept;
	return block;
}

uint64_t ext4_layout_run(const struct ext4_layout *l, uint64_t block, uint64_t wanted)
{
	uint64_t group = block / EXT4_GROUP_BLOCKS, room;

	(void)l;
	do {
		group++;
		room = group * EXT4_GROUP_BLOCKS - block;
	} while (room < wanted && !has_superblock(group));
	return room < wanted ? room : wanted;
}

uint64_t ext4_layout_take(struct ext4_layout *l, uint64_t wanted, uint64_t *count)
{
	uint64_t start = ext4_layout_skip(l, l->next);

	*count = ext4_layout_run(l, start, wanted);
	l->next = start + *count;
	return start;
}

uint64_t ext4_layout_take_together(struct ext4_layout *l, uint64_t count)
{
	uint64_t start = ext4_layout_skip(l, l->next);
	uint64_t room = ext4_layout_run(l, start, count);

	if (room < count)
		start = ext4_layout_skip(l, start + room);
	l->next = start + count;
	return start;
}

/* Shares the inodes among the groups, whole blocks of them in each. */
static int share_inodes(struct ext4_geometry *g, uint64_t groups, uint64_t inodes)
{
	uint64_t each = divide_up(inodes, groups);

	if (groups > EXT4_GROUPS_MAX || each > EXT4_GROUP_INODES_MAX)
		return -1;
	g->groups = (uint32_t)groups;
	g->table_blocks = (uint32_t)divide_up(each, EXT4_INODES_PER_BLOCK);
	g->group_inodes = g->table_blocks * EXT4_INODES_PER_BLOCK;
	g->descriptor_blocks = (uint32_t)divide_up(groups, EXT4_DESCRIPTORS_PER_BLOCK);
	return 0;
}

/* What libext2fs wants the last group to have at least, or it drops the group. */
static uint64_t last_group_min(const struct ext4_geometry *g)
{
	uint64_t kept = has_superblock(g->groups - 1) ? 1 + g->descriptor_blocks : 0;

	return 2 + g->table_blocks + kept + LAST_GROUP_SPARE;
}

/* The first block behind the tables. */
static uint64_t find_end(const struct ext4_layout *l, const struct ext4_geometry *g)
{
	struct ext4_layout at = *l;
	uint64_t count;

	for (uint64_t left = 2 * (uint64_t)g->groups; left > 0; left -= count)
		ext4_layout_take(&at, left, &count);
	for (uint32_t i = 0; i < g->groups; i++)
		ext4_layout_take_together(&at, g->table_blocks);
	return at.next;
}

int ext4_geometry_fit(const struct ext4_layout *l, uint64_t blocks, uint64_t inodes,
	struct ext4_geometry *g)
{
	uint64_t last;

	for (;;) {
		if (blocks == 0 ||
			share_inodes(g, divide_up(blocks, EXT4_GROUP_BLOCKS), inodes) < 0)
			return -1;
		last = blocks % EXT4_GROUP_BLOCKS;
		if (last == 0 || last >= last_group_min(g))
			break;
		blocks -= last;
	}
	g->blocks = blocks;
	return find_end(l, g) <= blocks ? 0 : -1;
}

int ext4_geometry_smallest(
	const struct ext4_layout *l, uint64_t inodes, struct ext4_geometry *g)
{
	uint64_t groups = divide_up(l->next, EXT4_GROUP_BLOCKS);
	uint64_t least = divide_up(inodes, EXT4_GROUP_INODES_MAX);

	if (groups < least)
		groups = least;
	for (;; groups++) {
		uint64_t end, least_blocks;

		if (share_inodes(g, groups, inodes) < 0)
			return -1;
		end = find_end(l, g);
		if (end > groups * EXT4_GROUP_BLOCKS)
			continue;
		least_blocks = (groups - 1) * EXT4_GROUP_BLOCKS + last_group_min(g);
		if (least_blocks < BLOCKS_MIN)
			least_blocks = BLOCKS_MIN;
		g->blocks = end > least_blocks ? end : least_blocks;
		return 0;
	}
}
