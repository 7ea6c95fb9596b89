/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How large the image is, or whether the tree has room in a given one. */
#include <inttypes.h>
#include <string.h>

#include "common/quantity.h"
#include "ext4_folder.h"
#include "ext4_image.h"

#define BYTES_PER_INODE 16384 /* where the size is given: room for what a guest makes */
#define INODES_MIN 64
/* Each group may round its share up. */
#define INODES_MAX (UINT32_MAX - EXT4_GROUPS_MAX * EXT4_INODES_PER_BLOCK)
/* Extents that a file has more because it goes around kept areas: a few blocks in all. */
#define EXTRA_BLOCKS 64
/* 512 GiB: descriptors for so many blocks may be kept for nothing. */
#define BOUND_MAX ((uint64_t)128 * 1024 * 1024)

/* Blocks that a file takes as it was measured, at least. */
static uint64_t file_blocks(const struct node *n)
{
	uint64_t blocks = n->data_blocks;
	uint64_t level = (blocks + EXT4_EXTENT_BLOCKS_MAX - 1) / EXT4_EXTENT_BLOCKS_MAX;

	if (level < n->data_runs)
		level = n->data_runs;
	while (level > 4) {
		level = (level + EXT4_EXTENTS_PER_BLOCK - 1) / EXT4_EXTENTS_PER_BLOCK;
		blocks += level;
	}
	return blocks;
}

struct sum {
	const struct ext4_image *m;
	uint64_t blocks;
};

static int add_node(struct node *n, void *context)
{
	struct sum *s = context;

	if (n->type == NODE_FILE)
		s->blocks += file_blocks(n);
	if (n->type == NODE_FOLDER && ext4_folder_blocks_max(n) > 1)
		s->blocks += ext4_folder_blocks(n, s->m->hash_seed);
	return 0;
}

/* What all but the tables takes: reads every file that nobody has measured yet. */
static int sum_exactly(const struct ext4_image *m, uint64_t *blocks, struct diag *d)
{
	struct sum s = {m, m->need.plain_blocks};

	if (stream_files(m->tree, &m->options->stream, NULL, d) < 0)
		return -1;
	add_node(m->tree->root, &s);
	tree_walk(m->tree, add_node, &s);
	*blocks = s.blocks;
	return 0;
}

static uint64_t sum_at_most(const struct ext4_image *m)
{
	return m->need.file_blocks + m->need.folder_blocks + m->need.plain_blocks +
	       EXTRA_BLOCKS;
}

/* The layout once so many blocks were taken. */
static struct ext4_layout advance(const struct ext4_layout *from, uint64_t blocks)
{
	struct ext4_layout l = *from;
	uint64_t count;

	for (; blocks > 0; blocks -= count)
		ext4_layout_take(&l, blocks, &count);
	return l;
}

/* The size rounded up as it is told, so that who gives it gives enough. */
static uint64_t round_up(uint64_t bytes)
{
	uint64_t unit = 1024, step;

	while (bytes / unit >= 1024)
		unit *= 1024;
	if (bytes % unit == 0)
		return bytes;
	step = unit / 10 + 1;
	return (bytes + step - 1) / step * step;
}

static int fail_size(struct ext4_image *m, const struct ext4_layout *l, struct diag *d)
{
	char needed[QUANTITY_TEXT], given[QUANTITY_TEXT];
	struct ext4_geometry g;

	if (ext4_geometry_smallest(l, m->need.inodes, &g) < 0)
		return diag_fail(d, "%s: needs more than 64 TiB", m->name);
	quantity_format_size(round_up(g.blocks * EXT4_BLOCK), needed);
	quantity_format_size(m->options->size_bytes, given);
	/* What differs by less than such numbers show is told in bytes. */
	if (strcmp(needed, given) == 0)
		return diag_fail(d, "%s: needs %" PRIu64 " bytes, given %" PRIu64,
			m->name, g.blocks * EXT4_BLOCK, m->options->size_bytes);
	return diag_fail(d, "%s: needs %s, given %s", m->name, needed, given);
}

static int plan_given(struct ext4_image *m, struct diag *d)
{
	uint64_t blocks = m->options->size_bytes / EXT4_BLOCK, taken;
	struct ext4_geometry g;
	struct ext4_layout end;

	ext4_layout_start(&m->layout, blocks);
	end = advance(&m->layout, sum_at_most(m));
	if (ext4_geometry_fit(&end, blocks, m->need.inodes, &g) == 0)
		return 0;
	/* Blocks of zeros may make it fit. */
	if (sum_exactly(m, &taken, d) < 0)
		return -1;
	end = advance(&m->layout, taken);
	if (ext4_geometry_fit(&end, blocks, m->need.inodes, &g) == 0)
		return 0;
	return fail_size(m, &end, d);
}

static int plan_smallest(struct ext4_image *m, struct diag *d)
{
	uint64_t blocks = sum_at_most(m);
	struct ext4_geometry g;
	struct ext4_layout end;

	if (blocks > BOUND_MAX) {
		if (sum_exactly(m, &blocks, d) < 0)
			return -1;
		blocks += EXTRA_BLOCKS;
	}
	ext4_layout_start(&m->layout, blocks);
	end = advance(&m->layout, blocks);
	if (ext4_geometry_smallest(&end, m->need.inodes, &g) < 0)
		return diag_fail(d, "%s: needs more than 64 TiB", m->name);
	/* Tables may make it larger. */
	ext4_layout_start(&m->layout, g.blocks + EXT4_GROUP_BLOCKS);
	return 0;
}

int ext4_size_plan(struct ext4_image *m, struct diag *d)
{
	return m->options->size_bytes ? plan_given(m, d) : plan_smallest(m, d);
}

/* As many inodes as a guest may want, or as few as the tree needs where room is short. */
int ext4_size_finish(struct ext4_image *m, struct diag *d)
{
	uint64_t blocks = m->options->size_bytes / EXT4_BLOCK;
	uint64_t many = m->options->size_bytes / BYTES_PER_INODE;

	if (!m->options->size_bytes) {
		if (ext4_geometry_smallest(&m->layout, m->need.inodes, &m->geometry) == 0)
			return 0;
		return diag_fail(d, "%s: needs more than 64 TiB", m->name);
	}
	if (many < INODES_MIN)
		many = INODES_MIN;
	if (many > INODES_MAX)
		many = INODES_MAX;
	if (many < m->need.inodes)
		many = m->need.inodes;
	if (ext4_geometry_fit(&m->layout, blocks, many, &m->geometry) == 0 ||
		ext4_geometry_fit(&m->layout, blocks, m->need.inodes, &m->geometry) == 0)
		return 0;
	return fail_size(m, &m->layout, d);
}
