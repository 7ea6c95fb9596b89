/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ext2disk.h"

struct runs {
	struct ext2disk *x;
	int (*visit)(void *context, uint64_t logical, uint64_t physical, uint64_t count);
	void *context;
	uint64_t logical, physical, count; /* the run that may go on */
	errcode_t damage;
	int rc;
};

static int end_run(struct runs *r)
{
	if (r->count && r->rc == 0 && !r->damage)
		r->rc = r->visit(r->context, r->logical, r->physical, r->count);
	r->count = 0;
	return r->rc;
}

/* 0 to go on. */
static int add_run(struct runs *r, uint64_t logical, uint64_t physical, uint64_t count)
{
	uint64_t blocks = ext2fs_blocks_count(r->x->fs->super);

	if (physical == 0 || physical >= blocks || count > blocks - physical)
		r->damage = EXT2_ET_BAD_BLOCK_NUM;
	else if (logical < r->logical + r->count)
		r->damage = EXT2_ET_EXTENT_HEADER_BAD; /* they overlap */
	if (r->damage)
		return -1;
	if (logical == r->logical + r->count && physical == r->physical + r->count &&
		r->count) {
		r->count += count;
		return 0;
	}
	if (end_run(r) != 0)
		return -1;
	r->logical = logical;
	r->physical = physical;
	r->count = count;
	return 0;
}

static errcode_t visit_extents(struct runs *r, ext2_ino_t ino, struct ext2_inode *inode)
{
	ext2_extent_handle_t handle;
	struct ext2fs_extent e;
	errcode_t rc = ext2fs_extent_open2(r->x->fs, ino, inode, &handle);

	if (rc)
		return rc;
	rc = ext2fs_extent_get(handle, EXT2_EXTENT_ROOT, &e);
	while (rc == 0) {
		if ((e.e_flags & EXT2_EXTENT_FLAGS_LEAF) &&
			!(e.e_flags & (EXT2_EXTENT_FLAGS_SECOND_VISIT |
					      EXT2_EXTENT_FLAGS_UNINIT)) &&
			add_run(r, e.e_lblk, e.e_pblk, e.e_len) != 0)
			break;
		rc = ext2fs_extent_get(handle, EXT2_EXTENT_NEXT, &e);
	}
	ext2fs_extent_free(handle);
	/* An empty file has a root without a first node. */
	if (rc == EXT2_ET_EXTENT_NO_NEXT || rc == EXT2_ET_NO_CURRENT_NODE)
		return 0;
	return rc;
}

static int visit_block(ext2_filsys fs, blk64_t *block, e2_blkcnt_t logical,
	blk64_t reference, int offset, void *context)
{
	(void)fs, (void)reference, (void)offset;
	return add_run(context, (uint64_t)logical, *block, 1) == 0 ? 0 : BLOCK_ABORT;
}

int ext2disk_runs(struct ext2disk *x, ext2_ino_t ino, const char *path,
	int (*visit)(void *context, uint64_t logical, uint64_t physical, uint64_t count),
	void *context, struct diag *d)
{
	struct runs r = {.x = x, .visit = visit, .context = context};
	struct ext2_inode_large i;
	errcode_t rc = 0;

	if (ext2disk_read_inode(x, ino, path, &i, d) < 0)
		return -1;
	if (i.i_flags & EXT4_EXTENTS_FL)
		rc = visit_extents(&r, ino, (struct ext2_inode *)&i);
	else if (ext2fs_inode_has_valid_blocks2(x->fs, (struct ext2_inode *)&i))
		rc = ext2fs_block_iterate3(x->fs, ino,
			BLOCK_FLAG_READ_ONLY | BLOCK_FLAG_DATA_ONLY, NULL, visit_block,
			&r);
	end_run(&r);
	if (r.rc == 0 && (rc || r.damage))
		return ext2disk_fail(x, path, r.damage ? r.damage : rc, d);
	return r.rc;
}
