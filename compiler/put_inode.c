/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "put_inode.h"

#include <string.h>
#include <time.h>

#include "ext4.h"

#define LINKS_MAX 65000 /* as the kernel has it */
#define PIECE_BLOCKS 1024

static int fail(struct put *p, const char *path, errcode_t rc)
{
	if (rc == EXT2_ET_BLOCK_ALLOC_FAIL || rc == EXT2_ET_INODE_ALLOC_FAIL ||
		rc == EXT2_ET_EA_NO_SPACE) {
		p->full = 1;
		return -1;
	}
	return ext2disk_fail(p->x, path, rc, p->d);
}

/* Inodes of 128 bytes have no room for the two bits that go beyond 2038. */
static int check_time(struct put *p, const char *path, int64_t s, int large)
{
	int64_t most = large ? EXT4_SECONDS_MAX : INT32_MAX;

	if (s >= EXT4_SECONDS_MIN && s <= most)
		return 0;
	return diag_fail(p->d, "%s: %s: its time is none that %s can hold (1901 to %d)",
		p->x->name, path, large ? "ext4" : "inodes of this size",
		large ? 2446 : 2038);
}

/* All four are that of the last change of contents. */
static int set_times(
	struct put *p, ext2_ino_t ino, const struct node *n, const char *path)
{
	int64_t s = p->options->epoch >= 0 ? p->options->epoch : n->mtime;
	uint32_t ns = p->options->epoch >= 0 ? 0 : n->mtime_ns, unused;
	struct ext2_inode_large i = {0};
	struct ext2_inode *small = (struct ext2_inode *)&i;
	errcode_t rc = ext2fs_read_inode_full(p->x->fs, ino, small, sizeof(i));
	int large = EXT2_INODE_SIZE(p->x->fs->super) > EXT2_GOOD_OLD_INODE_SIZE &&
		    i.i_extra_isize >= 24;

	if (rc)
		return fail(p, path, rc);
	if (check_time(p, path, s, large) < 0)
		return -1;
	ext2disk_set_time(&i.i_mtime, large ? &i.i_mtime_extra : &unused, s, ns);
	ext2disk_set_time(&i.i_ctime, large ? &i.i_ctime_extra : &unused, s, ns);
	ext2disk_set_time(&i.i_atime, large ? &i.i_atime_extra : &unused, s, ns);
	if (large)
		ext2disk_set_time(&i.i_crtime, &i.i_crtime_extra, s, ns);
	rc = ext2fs_write_inode_full(
		p->x->fs, ino, small, large ? (int)sizeof(i) : EXT2_GOOD_OLD_INODE_SIZE);
	return rc ? fail(p, path, rc) : 0;
}

static errcode_t link_inode(
	struct put *p, ext2_ino_t folder, const char *name, ext2_ino_t ino)
{
	ext2_filsys fs = p->x->fs;
	errcode_t rc = ext2fs_link(fs, folder, name, ino, EXT2_FT_REG_FILE);

	if (rc != EXT2_ET_DIR_NO_SPACE)
		return rc;
	rc = ext2fs_expand_dir(fs, folder);
	return rc ? rc : ext2fs_link(fs, folder, name, ino, EXT2_FT_REG_FILE);
}

/* Each folder in it is a link to it. */
static int check_links(struct put *p, ext2_ino_t folder, const char *path)
{
	struct ext2_inode_large i;

	if (ext2disk_read_inode(p->x, folder, path, &i, p->d) < 0)
		return -1;
	if (i.i_links_count >= 2 && i.i_links_count < LINKS_MAX)
		return 0;
	return diag_fail(
		p->d, "%s: %s: its folder holds too many folders", p->x->name, path);
}

int put_inode_folder(struct put *p, ext2_ino_t folder, const struct node *n,
	const char *path, ext2_ino_t *ino)
{
	ext2_filsys fs = p->x->fs;
	struct ext2_inode i;
	errcode_t rc;

	if (check_links(p, folder, path) < 0)
		return -1;
	rc = ext2fs_mkdir(fs, folder, 0, n->name);
	if (rc == EXT2_ET_DIR_NO_SPACE) {
		rc = ext2fs_expand_dir(fs, folder);
		if (!rc)
			rc = ext2fs_mkdir(fs, folder, 0, n->name);
	}
	if (!rc)
		rc = ext2fs_lookup(fs, folder, n->name, (int)strlen(n->name), NULL, ino);
	if (!rc)
		rc = ext2fs_read_inode(fs, *ino, &i);
	if (!rc) {
		i.i_mode = (__u16)(LINUX_S_IFDIR | n->mode);
		rc = ext2fs_write_inode(fs, *ino, &i);
	}
	return rc ? fail(p, path, rc) : set_times(p, *ino, n, path);
}

int put_inode_symlink(
	struct put *p, ext2_ino_t folder, const struct node *n, const char *path)
{
	ext2_filsys fs = p->x->fs;
	size_t size = strlen(n->target);
	ext2_ino_t ino;
	errcode_t rc;

	if (size >= fs->blocksize || size >= EXT2DISK_TARGET_MAX)
		return diag_fail(p->d,
			"%s: %s: a symbolic link's target of %zu bytes does not fit",
			p->x->name, path, size);
	rc = ext2fs_symlink(fs, folder, 0, n->name, n->target);
	if (rc == EXT2_ET_DIR_NO_SPACE) {
		rc = ext2fs_expand_dir(fs, folder);
		if (!rc)
			rc = ext2fs_symlink(fs, folder, 0, n->name, n->target);
	}
	if (!rc)
		rc = ext2fs_lookup(fs, folder, n->name, (int)strlen(n->name), NULL, &ino);
	return rc ? fail(p, path, rc) : set_times(p, ino, n, path);
}

static errcode_t new_inode(
	struct put *p, ext2_ino_t folder, const struct node *n, ext2_ino_t *ino)
{
	ext2_filsys fs = p->x->fs;
	struct ext2_inode i = {
		.i_mode = (__u16)(LINUX_S_IFREG | n->mode),
		.i_links_count = (__u16)n->link_count,
	};
	ext2_extent_handle_t handle;
	errcode_t rc = ext2fs_new_inode(fs, folder, LINUX_S_IFREG | 0644, NULL, ino);

	if (rc)
		return rc;
	ext2fs_inode_alloc_stats2(fs, *ino, 1, 0);
	rc = ext2fs_inode_size_set(fs, &i, (ext2_off64_t)n->size);
	if (!rc && ext2fs_has_feature_extents(fs->super)) {
		rc = ext2fs_extent_open2(fs, *ino, &i, &handle);
		if (!rc)
			ext2fs_extent_free(handle);
	}
	return rc ? rc : ext2fs_write_new_inode(fs, *ino, &i);
}

/* Without extents libext2fs fills blocks with zeros, which are not to be kept in memory.
 */
static errcode_t forget_zeros(struct put *p, ext2_ino_t ino, uint64_t from, uint64_t end)
{
	size_t bytes = p->x->fs->blocksize;
	errcode_t rc = 0;
	blk64_t block;

	for (; from < end && !rc; from++) {
		rc = ext2fs_bmap2(p->x->fs, ino, NULL, NULL, 0, from, NULL, &block);
		if (!rc && block)
			ext2disk_io_forget(&p->x->io, block * bytes, bytes);
	}
	return rc;
}

static errcode_t allocate_blocks(
	struct put *p, ext2_ino_t ino, uint64_t from, uint64_t end)
{
	ext2_filsys fs = p->x->fs;
	int extents = ext2fs_has_feature_extents(fs->super);
	errcode_t rc = 0;

	while (from < end && !rc) {
		uint64_t count = end - from;

		if (!extents && count > PIECE_BLOCKS)
			count = PIECE_BLOCKS;
		rc = ext2fs_fallocate(
			fs, EXT2_FALLOCATE_FORCE_INIT, ino, NULL, ~0ULL, from, count);
		if (!rc && !extents)
			rc = forget_zeros(p, ino, from, from + count);
		from += count;
	}
	return rc;
}

/* The blocks from `next` on that hold these bytes. */
static errcode_t allocate(
	struct put *p, ext2_ino_t ino, uint64_t from, uint64_t to, uint64_t *next)
{
	uint64_t bytes = p->x->fs->blocksize;
	uint64_t first = from / bytes, end = (to + bytes - 1) / bytes;

	if (first < *next)
		first = *next;
	if (first >= end)
		return 0;
	*next = end;
	return allocate_blocks(p, ino, first, end);
}

static errcode_t allocate_runs(
	struct put *p, const struct source *s, const struct node *n, ext2_ino_t ino)
{
	uint64_t at = 0, end, next = 0;
	errcode_t rc = 0;

	while (!rc && at < n->size) {
		at = source_next_data(s, at);
		if (at >= n->size)
			break;
		end = source_next_hole(s, at);
		rc = allocate(p, ino, at, end < n->size ? end : n->size, &next);
		at = end;
	}
	return rc;
}

static int make_file(struct put *p, ext2_ino_t folder, struct node *n, const char *path)
{
	struct source s;
	ext2_ino_t ino;
	errcode_t rc;

	if (n->link_count > LINKS_MAX)
		return diag_fail(
			p->d, "%s: %s: a file of too many names", p->x->name, path);
	if (source_open(&s, p->tree, n, &p->last_folder, p->d) < 0)
		return -1;
	rc = new_inode(p, folder, n, &ino);
	if (!rc)
		rc = allocate_runs(p, &s, n, ino);
	source_drop(&s);
	if (rc)
		return fail(p, path, rc);
	n->mark = ino;
	return set_times(p, ino, n, path);
}

int put_inode_name(struct put *p, ext2_ino_t folder, struct node *n, const char *path)
{
	struct node *file = n->type == NODE_HARDLINK ? n->primary : n;
	errcode_t rc;

	if (file->mark == 0 && make_file(p, folder, file, path) < 0)
		return -1;
	rc = link_inode(p, folder, n->name, file->mark);
	return rc ? fail(p, path, rc) : 0;
}

void put_inode_note_replaced(struct put *p, ext2_ino_t ino)
{
	if (p->replaced_count == p->replaced_room) {
		p->replaced_room = p->replaced_room * 2 + 16;
		p->replaced = memory_resize(
			p->replaced, p->replaced_room * sizeof(*p->replaced));
	}
	p->replaced[p->replaced_count++] = ino;
}

static int release_block(ext2_filsys fs, blk64_t *block, e2_blkcnt_t logical,
	blk64_t reference, int offset, void *context)
{
	errcode_t *rc = context;

	(void)logical, (void)reference, (void)offset;
	/* Blocks that two files claim, or none, are a matter for e2fsck. */
	if (*block < fs->super->s_first_data_block ||
		*block >= ext2fs_blocks_count(fs->super) ||
		!ext2fs_test_block_bitmap2(fs->block_map, *block)) {
		*rc = EXT2_ET_BAD_BLOCK_NUM;
		return BLOCK_ABORT;
	}
	ext2fs_block_alloc_stats2(fs, *block, -1);
	return 0;
}

static errcode_t release_inode(struct put *p, ext2_ino_t ino, struct ext2_inode_large *i)
{
	ext2_filsys fs = p->x->fs;
	struct ext2_inode *small = (struct ext2_inode *)i;
	errcode_t bad = 0, rc = ext2fs_free_ext_attr(fs, ino, i);

	/* Its blocks are still to be found in it. */
	if (!rc && ext2fs_inode_has_valid_blocks2(fs, small))
		rc = ext2fs_block_iterate3(
			fs, ino, BLOCK_FLAG_READ_ONLY, NULL, release_block, &bad);
	if (rc || bad)
		return rc ? rc : bad;
	rc = ext2fs_read_inode(fs, ino, small);
	if (rc)
		return rc;
	i->i_links_count = 0;
	i->i_dtime = (__u32)(fs->now ? fs->now : time(NULL));
	ext2fs_inode_alloc_stats2(fs, ino, -1, 0);
	return ext2fs_write_inode(fs, ino, small);
}

static int release(struct put *p, ext2_ino_t ino)
{
	static const char path[] = "a file that is replaced";
	struct ext2_inode_large i;
	errcode_t rc;

	if (ext2disk_read_inode(p->x, ino, path, &i, p->d) < 0)
		return -1;
	if (i.i_links_count > 1) {
		i.i_links_count--;
		rc = ext2fs_write_inode(p->x->fs, ino, (struct ext2_inode *)&i);
	} else {
		rc = release_inode(p, ino, &i);
	}
	return rc ? ext2disk_fail(p->x, path, rc, p->d) : 0;
}

int put_inode_release_replaced(struct put *p)
{
	for (size_t i = 0; i < p->replaced_count; i++)
		if (release(p, p->replaced[i]) < 0)
			return -1;
	return 0;
}
