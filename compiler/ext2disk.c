/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ext2disk.h"

#include <e2p/e2p.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "magic.h"

#define BLOCK_BITS_MAX 6 /* 64 KiB */

/* What libext2fs changes so that the kernel and e2fsck are content. The others take more:
 * quotas want to be counted, encrypted folders a key. */
#define COMPAT_WRITTEN                                                                   \
	(EXT2_FEATURE_COMPAT_DIR_PREALLOC | EXT3_FEATURE_COMPAT_HAS_JOURNAL |            \
		EXT2_FEATURE_COMPAT_EXT_ATTR | EXT2_FEATURE_COMPAT_RESIZE_INODE |        \
		EXT2_FEATURE_COMPAT_DIR_INDEX | EXT4_FEATURE_COMPAT_SPARSE_SUPER2 |      \
		EXT4_FEATURE_COMPAT_FAST_COMMIT | EXT4_FEATURE_COMPAT_ORPHAN_FILE)
#define INCOMPAT_WRITTEN                                                                 \
	(EXT2_FEATURE_INCOMPAT_FILETYPE | EXT2_FEATURE_INCOMPAT_META_BG |                \
		EXT3_FEATURE_INCOMPAT_EXTENTS | EXT4_FEATURE_INCOMPAT_64BIT |            \
		EXT4_FEATURE_INCOMPAT_FLEX_BG | EXT4_FEATURE_INCOMPAT_CSUM_SEED |        \
		EXT4_FEATURE_INCOMPAT_INLINE_DATA)
#define RO_COMPAT_WRITTEN                                                                \
	(EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |       \
		EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_GDT_CSUM |     \
		EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE |  \
		EXT4_FEATURE_RO_COMPAT_METADATA_CSUM)

int ext2disk_fail(
	const struct ext2disk *x, const char *path, errcode_t failure, struct diag *d)
{
	return diag_fail(d, "%s: %s: %s", x->name, path, error_message(failure));
}

static int read_superblock(struct ext2disk *x, struct ext2_super_block *s, struct diag *d)
{
	const struct ext2disk_io *io = &x->io;
	const char *what;

	if (io->size >= EXT2DISK_SUPERBLOCK + sizeof(*s) &&
		ext2disk_io_read(io, EXT2DISK_SUPERBLOCK, s, sizeof(*s)) < 0)
		return diag_fail_errno(d, "%s", x->name);
	if (io->size >= EXT2DISK_SUPERBLOCK + sizeof(*s) &&
		le16toh(s->s_magic) == EXT2_SUPER_MAGIC)
		return 0;
	what = magic_of_contents(io->fd, io->offset, io->size);
	return diag_fail(d, "%s: expected an ext2, ext3 or ext4 file system, found %s",
		x->name, what ? what : "none");
}

static int check_geometry(
	struct ext2disk *x, const struct ext2_super_block *s, struct diag *d)
{
	uint32_t bits = le32toh(s->s_log_block_size);
	uint64_t blocks = le32toh(s->s_blocks_count);

	if (le32toh(s->s_feature_incompat) & EXT4_FEATURE_INCOMPAT_64BIT)
		blocks |= (uint64_t)le32toh(s->s_blocks_count_hi) << 32;
	if (bits > BLOCK_BITS_MAX || blocks == 0 ||
		blocks > x->io.size >> (EXT2_MIN_BLOCK_LOG_SIZE + bits))
		return diag_fail(d,
			"%s: its file system is larger than what it lies in (%" PRIu64
			" blocks in %" PRIu64 " bytes)",
			x->name, blocks, x->io.size);
	return 0;
}

/* What a journal or a list of orphans says counts for more than what the blocks say. */
static int check_clean(
	struct ext2disk *x, const struct ext2_super_block *s, struct diag *d)
{
	const char *why = NULL;

	if (le32toh(s->s_feature_incompat) & EXT3_FEATURE_INCOMPAT_RECOVER)
		why = "its journal is to be recovered";
	else if (le16toh(s->s_state) & EXT2_ERROR_FS)
		why = "it has errors";
	else if (!(le16toh(s->s_state) & EXT2_VALID_FS))
		why = "it was not left clean";
	else if (le32toh(s->s_last_orphan) ||
		 (le32toh(s->s_feature_ro_compat) &
			 EXT4_FEATURE_RO_COMPAT_ORPHAN_PRESENT) ||
		 (le16toh(s->s_state) & EXT3_ORPHAN_FS))
		why = "it has files that wait to be removed";
	if (!why)
		return 0;
	return diag_fail(d,
		"%s: %s: expected a clean file system (e2fsck, or a guest that boots "
		"from it and shuts down, makes it clean)",
		x->name, why);
}

static void add_features(struct buffer *b, int kind, uint32_t bits)
{
	for (unsigned i = 0; i < 32; i++)
		if (bits & (1u << i))
			buffer_printf(b, "%s%s", b->size ? ", " : "",
				e2p_feature2string(kind, 1u << i));
}

static int check_features(
	struct ext2disk *x, const struct ext2_super_block *s, struct diag *d)
{
	struct buffer names = {0};

	add_features(&names, E2P_FEATURE_COMPAT,
		le32toh(s->s_feature_compat) & ~(uint32_t)COMPAT_WRITTEN);
	add_features(&names, E2P_FEATURE_INCOMPAT,
		le32toh(s->s_feature_incompat) & ~(uint32_t)INCOMPAT_WRITTEN);
	add_features(&names, E2P_FEATURE_RO_INCOMPAT,
		le32toh(s->s_feature_ro_compat) & ~(uint32_t)RO_COMPAT_WRITTEN);
	if (!names.size)
		return 0;
	diag_fail(d,
		"%s: cannot put files into a file system with features that are not "
		"known here: %s",
		x->name, names.bytes);
	buffer_clear(&names);
	return -1;
}

static int check_superblock(struct ext2disk *x, int writable, struct diag *d)
{
	struct ext2_super_block s;

	if (read_superblock(x, &s, d) < 0 || check_geometry(x, &s, d) < 0 ||
		check_clean(x, &s, d) < 0)
		return -1;
	return writable ? check_features(x, &s, d) : 0;
}

/* Before anything is changed. */
static int note_unclean(struct ext2disk *x, struct diag *d)
{
	struct ext2_super_block s;

	if (ext2disk_io_read(&x->io, EXT2DISK_SUPERBLOCK, &s, sizeof(s)) < 0)
		return diag_fail_errno(d, "%s", x->name);
	s.s_state &= (uint16_t)~htole16(EXT2_VALID_FS);
	(void)ext2fs_superblock_csum_set(x->fs, &s);
	memcpy(x->unclean, &s, sizeof(s));
	return 0;
}

int ext2disk_open(struct ext2disk *x, int fd, const char *name, uint64_t offset,
	uint64_t size, int writable, struct diag *d)
{
	int flags = EXT2_FLAG_64BITS | (writable ? EXT2_FLAG_RW : 0);
	char path[EXT2DISK_IO_NAME];
	errcode_t rc;

	*x = (struct ext2disk){
		.io = {.fd = fd, .name = name, .offset = offset, .size = size},
		.name = name};
	initialize_ext2_error_table();
	if (check_superblock(x, writable, d) < 0)
		return -1;
	ext2disk_io_path(&x->io, path);
	rc = ext2fs_open2(path, NULL, flags, 0, 0, ext2disk_io_manager(), &x->fs);
	if (!rc && writable)
		rc = ext2fs_read_bitmaps(x->fs);
	if (rc)
		return diag_fail(d, "%s: %s", name, error_message(rc));
	/* The kernel leaves the superblock's copies alone, too. */
	x->fs->flags |= EXT2_FLAG_MASTER_SB_ONLY;
	return writable ? note_unclean(x, d) : 0;
}

int ext2disk_commit(struct ext2disk *x, struct diag *d)
{
	errcode_t rc;

	ext2fs_mark_super_dirty(x->fs);
	rc = ext2fs_flush2(x->fs, EXT2_FLAG_FLUSH_NO_SYNC);
	if (rc)
		return diag_fail(d, "%s: %s", x->name, error_message(rc));
	return ext2disk_io_commit(&x->io, x->unclean, d);
}

void ext2disk_close(struct ext2disk *x)
{
	if (x->fs)
		ext2fs_free(x->fs);
	x->fs = NULL;
	ext2disk_io_clear(&x->io);
}

int ext2disk_read_inode(struct ext2disk *x, ext2_ino_t ino, const char *path,
	struct ext2_inode_large *inode, struct diag *d)
{
	errcode_t rc;

	memset(inode, 0, sizeof(*inode));
	rc = ext2fs_read_inode_full(
		x->fs, ino, (struct ext2_inode *)inode, sizeof(*inode));
	if (rc)
		return ext2disk_fail(x, path, rc, d);
	if (EXT2_INODE_SIZE(x->fs->super) <= EXT2_GOOD_OLD_INODE_SIZE)
		memset((char *)inode + EXT2_GOOD_OLD_INODE_SIZE, 0,
			sizeof(*inode) - EXT2_GOOD_OLD_INODE_SIZE);
	return 0;
}

struct timespec ext2disk_mtime(const struct ext2_inode_large *i)
{
	struct timespec t = {.tv_sec = (int32_t)i->i_mtime};

	if (i->i_extra_isize >= 12) {
		t.tv_sec += (time_t)(i->i_mtime_extra & 3) << 32;
		t.tv_nsec = (i->i_mtime_extra >> 2) % 1000000000;
	}
	return t;
}

void ext2disk_set_time(__u32 *seconds, __u32 *extra, int64_t s, uint32_t ns)
{
	*seconds = (__u32)s;
	*extra = ns << 2 | (__u32)(((s - (int32_t)s) >> 32) & 3);
}
