/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What describes the file system. libext2fs makes these structures and their checksums in
 * memory; it swallows some write errors and stamps what it writes with the time, so we
 * write them. */
#include <et/com_err.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "ext4_image.h"

#define LOG_GROUPS_PER_FLEX 4
#define BITMAP_BITS (EXT4_BLOCK * 8)
#define MARKED_AT_ONCE (1u << 30) /* libext2fs counts in 32 bits */

/* An I/O manager that moves no byte. */

static errcode_t open_nothing(const char *name, int flags, io_channel *channel);

static errcode_t close_nothing(io_channel c)
{
	free(c);
	return 0;
}

static errcode_t set_block_size(io_channel c, int size)
{
	c->block_size = size;
	return 0;
}

static errcode_t refuse_read(io_channel c, unsigned long block, int count, void *bytes)
{
	(void)c, (void)block, (void)count, (void)bytes;
	return EXT2_ET_OP_NOT_SUPPORTED;
}

static errcode_t refuse_write(
	io_channel c, unsigned long block, int count, const void *bytes)
{
	(void)c, (void)block, (void)count, (void)bytes;
	return EXT2_ET_OP_NOT_SUPPORTED;
}

static errcode_t flush_nothing(io_channel c)
{
	(void)c;
	return 0;
}

static const struct struct_io_manager nowhere = {
	.magic = EXT2_ET_MAGIC_IO_MANAGER,
	.name = "nowhere",
	.open = open_nothing,
	.close = close_nothing,
	.set_blksize = set_block_size,
	.read_blk = refuse_read,
	.write_blk = refuse_write,
	.flush = flush_nothing,
};

static errcode_t open_nothing(const char *name, int flags, io_channel *channel)
{
	io_channel c = memory_alloc(sizeof(*c));

	(void)name, (void)flags;
	c->magic = EXT2_ET_MAGIC_IO_CHANNEL;
	c->manager = (io_manager)(uintptr_t)&nowhere;
	c->block_size = 1024;
	c->refcount = 1;
	*channel = c;
	return 0;
}

static void fill_parameters(struct ext2_super_block *s, const struct ext4_geometry *g)
{
	memset(s, 0, sizeof(*s));
	s->s_log_block_size = 2; /* 4 KiB */
	s->s_rev_level = EXT2_DYNAMIC_REV;
	s->s_inode_size = EXT4_INODE_BYTES;
	s->s_inodes_count = g->group_inodes * g->groups;
	s->s_log_groups_per_flex = LOG_GROUPS_PER_FLEX;
	s->s_errors = EXT2_ERRORS_CONTINUE;
	s->s_max_mnt_count = -1;
	s->s_default_mount_opts = EXT2_DEFM_XATTR_USER | EXT2_DEFM_ACL;
	s->s_feature_compat =
		EXT2_FEATURE_COMPAT_EXT_ATTR | EXT2_FEATURE_COMPAT_DIR_INDEX;
	s->s_feature_incompat =
		EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_EXTENTS |
		EXT4_FEATURE_INCOMPAT_64BIT | EXT4_FEATURE_INCOMPAT_FLEX_BG;
	s->s_feature_ro_compat =
		EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |
		EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_DIR_NLINK |
		EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE | EXT4_FEATURE_RO_COMPAT_METADATA_CSUM;
	ext2fs_blocks_count_set(s, g->blocks);
}

static void pin_superblock(struct ext2_super_block *s, const struct ext4_image *m)
{
	/* Unsigned here, unlike in inodes. */
	uint64_t epoch = m->options->epoch < 0 ? 0 : (uint64_t)m->options->epoch;

	memcpy(s->s_volume_name, m->options->label, strlen(m->options->label));
	memcpy(s->s_uuid, m->uuid, sizeof(s->s_uuid));
	memcpy(s->s_hash_seed, m->hash_seed, sizeof(s->s_hash_seed));
	s->s_mkfs_time = s->s_lastcheck = s->s_wtime = (uint32_t)epoch;
	s->s_mkfs_time_hi = s->s_lastcheck_hi = s->s_wtime_hi = (uint8_t)(epoch >> 32);
	s->s_mtime = 0;
	s->s_creator_os = EXT2_OS_LINUX;
	s->s_checksum_type = EXT2_CRC32C_CHKSUM;
	s->s_def_hash_version = EXT2_HASH_HALF_MD4;
	/* libext2fs asks the compiler whether char is signed; images are the same on all.
	 */
	s->s_flags &= ~(uint32_t)EXT2_FLAGS_UNSIGNED_HASH;
	s->s_flags |= EXT2_FLAGS_SIGNED_HASH;
	s->s_kbytes_written = 0;
}

static ext2_filsys open_fs(struct ext4_image *m, struct diag *d)
{
	const struct ext4_geometry *g = &m->geometry;
	struct ext2_super_block parameters;
	ext2_filsys fs = NULL;
	errcode_t error;

	initialize_ext2_error_table();
	fill_parameters(&parameters, g);
	error = ext2fs_initialize("nowhere", EXT2_FLAG_64BITS, &parameters,
		(io_manager)(uintptr_t)&nowhere, &fs);
	if (error) {
		diag_fail(d, "%s: %s", m->name, error_message(error));
		return NULL;
	}
	if (ext2fs_blocks_count(fs->super) != g->blocks ||
		fs->group_desc_count != g->groups ||
		fs->super->s_blocks_per_group != EXT4_GROUP_BLOCKS ||
		fs->super->s_inodes_per_group != g->group_inodes ||
		fs->desc_blocks != g->descriptor_blocks ||
		fs->desc_blocks > m->layout.descriptor_blocks) {
		diag_fail(d, "%s: libext2fs would lay it out otherwise", m->name);
		ext2fs_free(fs);
		return NULL;
	}
	pin_superblock(fs->super, m);
	ext2fs_init_csum_seed(fs);
	return fs;
}

static void mark_used(
	ext2_filsys fs, const struct ext4_layout *l, uint64_t from, uint64_t end)
{
	uint64_t count, block = ext4_layout_skip(l, from);

	for (; block < end; block = ext4_layout_skip(l, block + count)) {
		count = end - block < MARKED_AT_ONCE ? end - block : MARKED_AT_ONCE;
		count = ext4_layout_run(l, block, count);
		ext2fs_block_alloc_stats_range(fs, block, (blk_t)count, +1);
	}
}

/* Bitmaps of all groups, one behind the other, then the inode tables. */
static void place_tables(struct ext4_image *m, ext2_filsys fs)
{
	struct ext4_layout *l = &m->layout;
	uint64_t count, block;

	mark_used(fs, l, 0, l->next);
	block = l->next;
	for (dgrp_t g = 0; g < fs->group_desc_count; g++)
		ext2fs_block_bitmap_loc_set(fs, g, ext4_layout_take(l, 1, &count));
	for (dgrp_t g = 0; g < fs->group_desc_count; g++)
		ext2fs_inode_bitmap_loc_set(fs, g, ext4_layout_take(l, 1, &count));
	mark_used(fs, l, block, l->next);
	for (dgrp_t g = 0; g < fs->group_desc_count; g++) {
		block = ext4_layout_take_together(l, m->geometry.table_blocks);
		ext2fs_inode_table_loc_set(fs, g, block);
		ext2fs_block_alloc_stats_range(fs, block, m->geometry.table_blocks, +1);
	}
}

/* The numbers that are given out are the first ones. */
static uint32_t used_inodes(const struct ext4_image *m, dgrp_t g)
{
	uint64_t before = (uint64_t)g * m->geometry.group_inodes;

	if (m->last_inode <= before)
		return 0;
	return m->last_inode - before < m->geometry.group_inodes
		       ? (uint32_t)(m->last_inode - before)
		       : m->geometry.group_inodes;
}

static void count_inodes(struct ext4_image *m, ext2_filsys fs)
{
	uint32_t each = m->geometry.group_inodes;

	for (dgrp_t g = 0; g < fs->group_desc_count; g++) {
		uint32_t used = used_inodes(m, g);

		ext2fs_bg_free_inodes_count_set(fs, g, each - used);
		ext2fs_bg_itable_unused_set(fs, g, each - used);
		if (used)
			ext2fs_bg_flags_clear(fs, g, EXT2_BG_INODE_UNINIT);
		/* The file is new: its tables are zeros without anyone writing them. */
		ext2fs_bg_flags_set(fs, g, EXT2_BG_INODE_ZEROED);
	}
	fs->super->s_free_inodes_count = fs->super->s_inodes_count - m->last_inode;
}

static int put_block_bitmap(
	struct ext4_image *m, ext2_filsys fs, dgrp_t g, struct diag *d)
{
	uint64_t first = (uint64_t)g * EXT4_GROUP_BLOCKS;
	char bytes[EXT4_BLOCK];
	errcode_t error;

	if (ext2fs_bg_flags_test(fs, g, EXT2_BG_BLOCK_UNINIT))
		return 0;
	error = ext2fs_get_block_bitmap_range2(fs->block_map, first, BITMAP_BITS, bytes);
	if (error)
		return diag_fail(d, "%s: %s", m->name, error_message(error));
	/* What is behind the end counts as used. */
	for (uint64_t i = m->geometry.blocks - first; i < BITMAP_BITS; i++)
		ext2fs_set_bit((unsigned)i, bytes);
	(void)ext2fs_block_bitmap_csum_set(fs, g, bytes, EXT4_BLOCK);
	return ext4_io_put(&m->io, ext2fs_block_bitmap_loc(fs, g), bytes, d);
}

static int put_inode_bitmap(
	struct ext4_image *m, ext2_filsys fs, dgrp_t g, struct diag *d)
{
	uint32_t each = m->geometry.group_inodes, used = used_inodes(m, g);
	char bytes[EXT4_BLOCK];

	if (!used)
		return 0;
	memset(bytes, 0, sizeof(bytes));
	memset(bytes, 0xff, used / 8);
	for (uint32_t i = used & ~7u; i < used; i++)
		ext2fs_set_bit(i, bytes);
	memset(bytes + each / 8, 0xff, sizeof(bytes) - each / 8);
	(void)ext2fs_inode_bitmap_csum_set(fs, g, bytes, (int)each / 8);
	return ext4_io_put(&m->io, ext2fs_inode_bitmap_loc(fs, g), bytes, d);
}

static int put_bitmaps(struct ext4_image *m, ext2_filsys fs, struct diag *d)
{
	for (dgrp_t g = 0; g < fs->group_desc_count; g++) {
		if (put_block_bitmap(m, fs, g, d) < 0)
			return -1;
	}
	for (dgrp_t g = 0; g < fs->group_desc_count; g++) {
		if (put_inode_bitmap(m, fs, g, d) < 0)
			return -1;
	}
	return 0;
}

/* The superblock and descriptors of one group. */
static int put_super(struct ext4_image *m, ext2_filsys fs, dgrp_t g, struct diag *d)
{
	uint64_t first = (uint64_t)g * EXT4_GROUP_BLOCKS;
	struct ext2_super_block s = *fs->super;
	char bytes[EXT4_BLOCK] = {0};

	s.s_block_group_nr = (uint16_t)(g < UINT16_MAX ? g : UINT16_MAX);
	(void)ext2fs_superblock_csum_set(fs, &s);
	memcpy(bytes + (g == 0 ? SUPERBLOCK_OFFSET : 0), &s, sizeof(s));
	if (ext4_io_put(&m->io, first, bytes, d) < 0)
		return -1;
	for (dgrp_t i = 0; i < fs->desc_blocks; i++) {
		if (ext4_io_put(&m->io, first + 1 + i,
			    (char *)fs->group_desc + (size_t)i * EXT4_BLOCK, d) < 0)
			return -1;
	}
	return 0;
}

/* The backups first: what has no superblock at its start is no file system yet. */
static int put_supers(struct ext4_image *m, ext2_filsys fs, struct diag *d)
{
	for (dgrp_t g = 0; g < fs->group_desc_count; g++)
		ext2fs_group_desc_csum_set(fs, g);
	for (dgrp_t g = fs->group_desc_count; g-- > 0;) {
		if (ext2fs_bg_has_super(fs, g) && put_super(m, fs, g, d) < 0)
			return -1;
	}
	return ext4_io_flush(&m->io, d);
}

int ext4_tables_write(struct ext4_image *m, struct diag *d)
{
	ext2_filsys fs = open_fs(m, d);
	int rc;

	if (!fs)
		return -1;
	place_tables(m, fs);
	count_inodes(m, fs);
	rc = put_bitmaps(m, fs, d);
	if (rc == 0)
		rc = ext4_inodes_write(m, fs, d);
	if (rc == 0)
		rc = put_supers(m, fs, d);
	ext2fs_free(fs);
	return rc;
}
