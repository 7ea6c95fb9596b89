/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ext4_image.h"

#include <et/com_err.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define INODE_SIZE 256
#define LOG_GROUPS_PER_FLEX 4

int ext4_image_fail(struct ext4_image *m, errcode_t error, const char *what)
{
	int cause = ext4_io_error(m->io);

	if (cause)
		return diag_fail(m->diag, "%s: %s", m->name, strerror(cause));
	if (m->full)
		return diag_fail(m->diag, "%s: the image is full", m->name);
	return diag_fail(m->diag, "%s: %s: %s", m->name, what, error_message(error));
}

static void fill_parameters(struct ext2_super_block *s, uint64_t blocks, uint64_t inodes)
{
	memset(s, 0, sizeof(*s));
	s->s_log_block_size = 2; /* 4 KiB */
	s->s_rev_level = EXT2_DYNAMIC_REV;
	s->s_inode_size = INODE_SIZE;
	s->s_inodes_count = (uint32_t)inodes;
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
	ext2fs_blocks_count_set(s, blocks);
}

/* The UUID (as version 8 of RFC 9562, "custom") and the hash seed. */
static int pin_ids(struct ext2_super_block *s, const char *seed)
{
	unsigned char raw[EVP_MAX_MD_SIZE];

	if (!EVP_Digest(seed, strlen(seed), raw, NULL, EVP_sha256(), NULL))
		return -1;
	raw[6] = (raw[6] & 0x0f) | 0x80;
	raw[8] = (raw[8] & 0x3f) | 0x80;
	memcpy(s->s_uuid, raw, 16);
	memcpy(s->s_hash_seed, raw + 16, 16);
	return 0;
}

static void pin_superblock(struct ext2_super_block *s, const struct ext4_options *o)
{
	/* Unsigned here, unlike in inodes. */
	uint64_t epoch = o->epoch < 0 ? 0 : (uint64_t)o->epoch;

	strncpy((char *)s->s_volume_name, o->label, sizeof(s->s_volume_name));
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

static errcode_t alloc_for_library(ext2_filsys fs, blk64_t goal, blk64_t *block)
{
	struct ext4_image *m = fs->priv_data;
	uint64_t count;

	(void)goal;
	if (m->free_start == m->free_end) {
		uint64_t start;

		if (ext4_image_take(m, 0, &start, &count) < 0)
			return EXT2_ET_BLOCK_ALLOC_FAIL;
	}
	*block = m->free_start++; /* the library marks it */
	return 0;
}

/* Finds the next free run after the one that is used up. */
static int next_run(struct ext4_image *m)
{
	uint64_t last = ext2fs_blocks_count(m->fs->super) - 1;
	blk64_t start, end;

	if (m->free_end > last || ext2fs_find_first_zero_block_bitmap2(m->fs->block_map,
					  m->free_end, last, &start) != 0) {
		m->full = 1;
		return ext4_image_fail(m, 0, "");
	}
	if (ext2fs_find_first_set_block_bitmap2(m->fs->block_map, start, last, &end) != 0)
		end = last + 1;
	m->free_start = start;
	m->free_end = end;
	return 0;
}

int ext4_image_take(
	struct ext4_image *m, uint64_t wanted, uint64_t *start, uint64_t *count)
{
	uint64_t left = m->free_end - m->free_start;

	if (left == 0) {
		if (next_run(m) < 0)
			return -1;
		left = m->free_end - m->free_start;
	}
	*start = m->free_start;
	*count = left < wanted ? left : wanted;
	m->free_start += *count;
	if (*count)
		ext2fs_block_alloc_stats_range(m->fs, *start, (blk_t)*count, +1);
	return 0;
}

/* Numbers below 11 are reserved; they count as used, with the root among them. */
static void reserve_inodes(struct ext4_image *m)
{
	for (ext2_ino_t i = 1; i < EXT2_FIRST_INODE(m->fs->super); i++)
		ext2fs_inode_alloc_stats2(m->fs, i, +1, i == EXT2_ROOT_INO);
	/* The file is new: its inode tables are zeros without anyone writing them. */
	for (dgrp_t g = 0; g < m->fs->group_desc_count; g++) {
		ext2fs_bg_flags_set(m->fs, g, EXT2_BG_INODE_ZEROED);
		ext2fs_group_desc_csum_set(m->fs, g);
	}
}

int ext4_image_open(struct ext4_image *m, uint64_t blocks, uint64_t inodes, int fd,
	uint64_t *free_blocks)
{
	struct ext2_super_block parameters;
	errcode_t error;

	initialize_ext2_error_table();
	*free_blocks = 0;
	m->io = ext4_io_new(fd);
	fill_parameters(&parameters, blocks, inodes);
	error = ext2fs_initialize(ext4_io_name(m->io), EXT2_FLAG_64BITS, &parameters,
		ext4_io_manager(m->io), &m->fs);
	if (error == EXT2_ET_TOOSMALL || error == EXT2_ET_TOO_MANY_INODES) {
		m->fs = NULL;
		return 0;
	}
	if (error)
		return ext4_image_fail(m, error, "cannot be laid out");
	m->fs->priv_data = m;
	m->fs->now = 1; /* not the clock's time; what is meant is written last */
	if (pin_ids(m->fs->super, m->options->id_seed) < 0)
		return ext4_image_fail(m, 0, "no SHA-256");
	pin_superblock(m->fs->super, m->options);
	ext2fs_init_csum_seed(m->fs);
	error = ext2fs_allocate_tables(m->fs);
	if (error == EXT2_ET_BLOCK_ALLOC_FAIL)
		return 0;
	if (error)
		return ext4_image_fail(m, error, "cannot be laid out");
	*free_blocks = ext2fs_free_blocks_count(m->fs->super);
	ext2fs_set_alloc_block_callback(m->fs, alloc_for_library, NULL);
	reserve_inodes(m);
	return 0;
}

void ext4_image_close(struct ext4_image *m)
{
	if (m->fs)
		ext2fs_free(m->fs);
	ext4_io_free(m->io);
	free(m->extents);
	free(m->chunk);
	m->fs = NULL;
	m->io = NULL;
	m->extents = NULL;
	m->extent_room = 0;
	m->chunk = NULL;
}

/* libext2fs stamps each superblock that it writes with the time, and takes 0 for none. */
static int pin_written_superblock(struct ext4_image *m, uint64_t block, size_t offset)
{
	union {
		char bytes[EXT4_BLOCK];
		struct ext2_super_block super;
	} u;
	struct ext2_super_block super;
	errcode_t error;

	if (ext4_io_read(m->io, block, u.bytes) != 0)
		return ext4_image_fail(m, 0, "superblock");
	memcpy(&super, u.bytes + offset, sizeof(super));
	pin_superblock(&super, m->options);
	error = ext2fs_superblock_csum_set(m->fs, &super);
	memcpy(u.bytes + offset, &super, sizeof(super));
	if (error || ext4_io_write(m->io, block, u.bytes) != 0)
		return ext4_image_fail(m, error, "superblock");
	return 0;
}

int ext4_image_finish(struct ext4_image *m)
{
	errcode_t error = ext2fs_set_gdt_csum(m->fs);

	if (!error)
		error = ext2fs_flush2(m->fs, 0);
	if (error)
		return ext4_image_fail(m, error, "cannot be finished");
	for (dgrp_t g = 0; g < m->fs->group_desc_count; g++) {
		if (ext2fs_bg_has_super(m->fs, g) &&
			pin_written_superblock(m, ext2fs_group_first_block2(m->fs, g),
				g == 0 ? SUPERBLOCK_OFFSET : 0) < 0)
			return -1;
	}
	if (ext4_io_flush(m->io) != 0)
		return ext4_image_fail(m, 0, "");
	return 0;
}
