/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"
#include "runtime/unit.h"

#define SUPERBLOCK_OFFSET 1024

/* What the compiler writes, and what mke2fs would have written for the same use. Nothing
 * here needs a journal replayed or a key. */
#define COMPAT_ALLOWED                                                                   \
	(EXT2_FEATURE_COMPAT_DIR_PREALLOC | EXT2_FEATURE_COMPAT_EXT_ATTR |               \
		EXT2_FEATURE_COMPAT_RESIZE_INODE | EXT2_FEATURE_COMPAT_DIR_INDEX |       \
		EXT4_FEATURE_COMPAT_SPARSE_SUPER2)
#define INCOMPAT_ALLOWED                                                                 \
	(EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_EXTENTS |                \
		EXT4_FEATURE_INCOMPAT_64BIT | EXT4_FEATURE_INCOMPAT_FLEX_BG |            \
		EXT4_FEATURE_INCOMPAT_CSUM_SEED)
#define RO_COMPAT_ALLOWED                                                                \
	(EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |       \
		EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_GDT_CSUM |     \
		EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE |  \
		EXT4_FEATURE_RO_COMPAT_METADATA_CSUM)

/* What mke2fs writes by default, now and long ago, and the little more that does not
 * matter to who only reads. */
#define ANY_COMPAT                                                                       \
	(COMPAT_ALLOWED | EXT3_FEATURE_COMPAT_HAS_JOURNAL | COMPAT_FAST_COMMIT |         \
		COMPAT_ORPHAN_FILE | COMPAT_STABLE_INODES)
#define ANY_INCOMPAT                                                                     \
	(INCOMPAT_ALLOWED | EXT2_FEATURE_INCOMPAT_META_BG |                              \
		EXT4_FEATURE_INCOMPAT_LARGEDIR)
#define ANY_RO_COMPAT                                                                    \
	(RO_COMPAT_ALLOWED | RO_COMPAT_BTREE_DIR | EXT4_FEATURE_RO_COMPAT_QUOTA |        \
		EXT4_FEATURE_RO_COMPAT_PROJECT)
/* In newer headers; the numbers are the format's. */
#define COMPAT_FAST_COMMIT 0x0400
#define COMPAT_STABLE_INODES 0x0800
#define COMPAT_ORPHAN_FILE 0x1000
#define RO_COMPAT_BTREE_DIR 0x0004
#define RO_COMPAT_ORPHAN_PRESENT 0x10000

static int read_superblock(
	int fd, const struct image_place *p, struct ext2_super_block *s, struct diag *d)
{
	ssize_t n = pread(fd, s, sizeof(*s), (off_t)(p->offset + SUPERBLOCK_OFFSET));

	if (n < 0)
		return diag_fail_errno(d, "output disk");
	if (n != (ssize_t)sizeof(*s) || p->size_bytes < SUPERBLOCK_OFFSET + sizeof(*s) ||
		le16toh(s->s_magic) != EXT2_SUPER_MAGIC)
		return diag_fail(d, "output disk: no ext%s filesystem",
			p->folder ? "2, ext3 or ext4" : "4");
	return 0;
}

static int check_features(
	const struct image_place *p, const struct ext2_super_block *s, struct diag *d)
{
	uint32_t compat = le32toh(s->s_feature_compat) &
			  ~(uint32_t)(p->folder ? ANY_COMPAT : COMPAT_ALLOWED);
	uint32_t incompat = le32toh(s->s_feature_incompat) &
			    ~(uint32_t)(p->folder ? ANY_INCOMPAT : INCOMPAT_ALLOWED);
	uint32_t ro = le32toh(s->s_feature_ro_compat) &
		      ~(uint32_t)(p->folder ? ANY_RO_COMPAT : RO_COMPAT_ALLOWED);

	if (compat || incompat || ro)
		return diag_fail(d,
			"output disk: it has ext4 features that %s (%#" PRIx32
			", %#" PRIx32 ", %#" PRIx32 ")",
			p->folder ? "wurun does not read" : "no unit's disk has", compat,
			incompat, ro);
	return 0;
}

/* A guest that was ended while it had the filesystem mounted may have left anything half
 * done; what its journal holds is not in its place. */
static int check_clean(const struct ext2_super_block *s, struct diag *d)
{
	uint16_t state = le16toh(s->s_state);

	if (le32toh(s->s_feature_incompat) & EXT3_FEATURE_INCOMPAT_RECOVER)
		return diag_fail(d,
			"output disk: its filesystem was not left clean: the journal "
			"needs recovery (the guest did not unmount it)");
	if (!(state & EXT2_VALID_FS) ||
		(le32toh(s->s_feature_ro_compat) & RO_COMPAT_ORPHAN_PRESENT))
		return diag_fail(d,
			"output disk: its filesystem was not left clean (the guest did "
			"not unmount it)");
	if (state & EXT2_ERROR_FS)
		return diag_fail(
			d, "output disk: the guest found errors in its filesystem");
	return 0;
}

static uint64_t count_blocks(const struct ext2_super_block *s)
{
	uint64_t blocks = le32toh(s->s_blocks_count);

	if (le32toh(s->s_feature_incompat) & EXT4_FEATURE_INCOMPAT_64BIT)
		blocks |= (uint64_t)le32toh(s->s_blocks_count_hi) << 32;
	return blocks;
}

static int check_kind(const struct ext2_super_block *s, struct diag *d)
{
	char label[sizeof(s->s_volume_name) + 1] = "";

	memcpy(label, s->s_volume_name, sizeof(s->s_volume_name));
	if (strcmp(label, WU_OUTPUT_LABEL) != 0)
		return diag_fail(d, "output disk: its label is not " WU_OUTPUT_LABEL);
	if (le32toh(s->s_log_block_size) != 2)
		return diag_fail(d, "output disk: its blocks have not %d bytes",
			IMAGE_BLOCK_BYTES);
	return 0;
}

static int check_geometry(int fd, const struct image_place *p,
	const struct ext2_super_block *s, struct diag *d)
{
	uint32_t shift = le32toh(s->s_log_block_size);
	uint64_t blocks = count_blocks(s), room;
	struct stat st;

	if (shift > 2)
		return diag_fail(d, "output disk: its blocks have more than %d bytes",
			IMAGE_BLOCK_BYTES);
	if (fstat(fd, &st) < 0)
		return diag_fail_errno(d, "output disk");
	room = (uint64_t)st.st_size > p->offset ? (uint64_t)st.st_size - p->offset : 0;
	if (room > p->size_bytes)
		room = p->size_bytes;
	if (blocks == 0 || blocks > room / (1024u << shift))
		return diag_fail(d,
			"output disk: its filesystem is larger than the disk (%" PRIu64
			" blocks in %" PRIu64 " bytes)",
			blocks, room);
	if (le32toh(s->s_inodes_count) == 0 ||
		le32toh(s->s_inodes_count) > blocks * ((1024u << shift) / 128))
		return diag_fail(d, "output disk: it has no such number of inodes");
	return 0;
}

static int check_same(const struct ext2_super_block *s, const struct ext2_super_block *p,
	struct diag *d)
{
	if (count_blocks(s) != count_blocks(p) ||
		s->s_inodes_count != p->s_inodes_count ||
		s->s_blocks_per_group != p->s_blocks_per_group ||
		s->s_inodes_per_group != p->s_inodes_per_group ||
		s->s_inode_size != p->s_inode_size || s->s_first_ino != p->s_first_ino ||
		s->s_desc_size != p->s_desc_size ||
		memcmp(s->s_uuid, p->s_uuid, sizeof(s->s_uuid)) != 0)
		return diag_fail(
			d, "output disk: it is not the filesystem that the unit has");
	return 0;
}

int image_check(int fd, const struct image_place *p, struct diag *d)
{
	const struct image_place whole = {.size_bytes = UINT64_MAX, .pristine = -1};
	struct ext2_super_block s, pristine;

	if (read_superblock(fd, p, &s, d) < 0 || (!p->folder && check_kind(&s, d) < 0) ||
		check_geometry(fd, p, &s, d) < 0)
		return -1;
	/* Before features: what needs recovery is said in these words. */
	if (p->folder && check_clean(&s, d) < 0)
		return -1;
	if (check_features(p, &s, d) < 0)
		return -1;
	if (p->pristine < 0)
		return 0;
	if (read_superblock(p->pristine, &whole, &pristine, d) < 0)
		return -1;
	return check_same(&s, &pristine, d);
}

/* An I/O manager that can do nothing but read: libext2fs gets no path, and no way to
 * write or to ask the descriptor for anything else. The name is the descriptor's number,
 * and where its bytes begin and end. */
struct channel {
	int fd;
	uint64_t offset, size_bytes;
};

static errcode_t close_channel(io_channel c)
{
	free(c->private_data);
	free(c->name);
	free(c);
	return 0;
}

static errcode_t set_block_size(io_channel c, int size)
{
	c->block_size = size;
	return 0;
}

/* A negative count is a number of bytes. */
static errcode_t read_blocks(
	io_channel c, unsigned long long block, int count, void *data)
{
	const struct channel *part = c->private_data;
	size_t size = count < 0 ? (size_t) - (long)count
				: (size_t)count * (size_t)c->block_size;
	uint64_t at;
	ssize_t n;

	if (__builtin_mul_overflow(block, (unsigned long long)c->block_size, &at) ||
		at > part->size_bytes)
		return EXT2_ET_LLSEEK_FAILED;
	if (size > part->size_bytes - at)
		return EXT2_ET_SHORT_READ;
	n = file_read_at(part->fd, data, size, (off_t)(part->offset + at));
	if (n < 0)
		return errno;
	return (size_t)n < size ? EXT2_ET_SHORT_READ : 0;
}

static errcode_t read_blocks_32(io_channel c, unsigned long block, int count, void *data)
{
	return read_blocks(c, block, count, data);
}

static errcode_t refuse_blocks(
	io_channel c, unsigned long long block, int count, const void *data)
{
	(void)c, (void)block, (void)count, (void)data;
	return EXT2_ET_RO_FILSYS;
}

static errcode_t refuse_blocks_32(
	io_channel c, unsigned long block, int count, const void *data)
{
	return refuse_blocks(c, block, count, data);
}

static errcode_t flush(io_channel c)
{
	(void)c;
	return 0;
}

#define CHANNEL_NAME "%d+%" SCNu64 "+%" SCNu64

static errcode_t open_channel(const char *name, int flags, io_channel *channel);

static struct struct_io_manager reader = {
	.magic = EXT2_ET_MAGIC_IO_MANAGER,
	.name = "wurun's reader",
	.open = open_channel,
	.close = close_channel,
	.set_blksize = set_block_size,
	.read_blk = read_blocks_32,
	.read_blk64 = read_blocks,
	.write_blk = refuse_blocks_32,
	.write_blk64 = refuse_blocks,
	.flush = flush,
};

static errcode_t open_channel(const char *name, int flags, io_channel *channel)
{
	io_channel c = memory_alloc(sizeof(*c));
	struct channel *part = memory_alloc(sizeof(*part));

	(void)flags;
	if (sscanf(name, CHANNEL_NAME, &part->fd, &part->offset, &part->size_bytes) != 3)
		abort();
	c->magic = EXT2_ET_MAGIC_IO_CHANNEL;
	c->manager = &reader;
	c->name = memory_strdup(name);
	c->block_size = SUPERBLOCK_OFFSET;
	c->refcount = 1;
	c->private_data = part;
	*channel = c;
	return 0;
}

ext2_filsys image_open(int fd, const struct image_place *p, struct diag *d)
{
	ext2_filsys fs = NULL;
	char name[64];
	errcode_t rc;

	initialize_ext2_error_table();
	snprintf(name, sizeof(name), "%d+%" PRIu64 "+%" PRIu64, fd, p->offset,
		p->size_bytes);
	rc = ext2fs_open(name, EXT2_FLAG_64BITS, 0, 0, &reader, &fs);
	if (rc) {
		diag_fail(d, "output disk: %s", error_message(rc));
		return NULL;
	}
	return fs;
}

/* Links on the way are followed, within the filesystem. */
ext2_ino_t image_find_folder(ext2_filsys fs, const struct image_place *p, struct diag *d)
{
	ext2_ino_t inode = EXT2_ROOT_INO;
	errcode_t rc = 0;

	if (p->folder && p->folder[1])
		rc = ext2fs_namei_follow(
			fs, EXT2_ROOT_INO, EXT2_ROOT_INO, p->folder, &inode);
	if (rc == 0)
		rc = ext2fs_check_directory(fs, inode);
	if (rc == 0)
		return inode;
	diag_fail(d, "output disk: %s: %s", p->folder,
		rc == EXT2_ET_FILE_NOT_FOUND ? "no such folder in it"
		: rc == EXT2_ET_NO_DIRECTORY ? "is no folder"
					     : error_message(rc));
	return 0;
}
