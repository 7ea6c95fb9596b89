/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What inodes point to: extents, contents, directories, links, attributes. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ext4_image.h"

#define EXTENTS_IN_INODE 4
#define EXTENTS_IN_BLOCK 340
#define FAST_SYMLINK_MAX 59
#define DIR_TAIL 12
#define INODE_SIZE 256

union inode {
	struct ext2_inode_large large;
	struct ext2_inode small;
	char bytes[INODE_SIZE];
};

static int is_zero(const char *bytes)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, EXT4_BLOCK - 1) == 0;
}

/* Blocks of the tree that holds so many extents, without the part in the inode. */
static uint64_t extent_tree_blocks(uint64_t extents)
{
	uint64_t total = 0;

	while (extents > EXTENTS_IN_INODE) {
		extents = (extents + EXTENTS_IN_BLOCK - 1) / EXTENTS_IN_BLOCK;
		total += extents;
	}
	return total;
}

static size_t entry_size(const char *name)
{
	return (8 + strlen(name) + 3) & ~(size_t)3;
}

static uint64_t dir_blocks(const struct node *n)
{
	uint64_t blocks = 1;
	size_t used = 12 + 12; /* "." and ".." */

	for (size_t i = 0; i < n->child_count; i++) {
		size_t size = entry_size(n->children[i]->name);

		if (used + size > EXT4_BLOCK - DIR_TAIL) {
			blocks++;
			used = 0;
		}
		used += size;
	}
	return blocks;
}

uint64_t ext4_image_blocks_of(const struct node *n)
{
	uint64_t blocks = n->xattr_count ? 1 : 0;

	switch (n->type) {
	case NODE_FOLDER:
		return blocks + dir_blocks(n);
	case NODE_SYMLINK:
		return blocks + (strlen(n->target) > FAST_SYMLINK_MAX);
	case NODE_FILE:
		return blocks + n->data_blocks +
		       extent_tree_blocks(
			       n->data_runs + n->data_blocks / EXT4_EXTENT_BLOCKS);
	case NODE_HARDLINK:
		break;
	}
	return 0;
}

static void add_extent(
	struct ext4_image *m, uint64_t logical, uint64_t physical, uint64_t count)
{
	struct extent *last = m->extent_count ? &m->extents[m->extent_count - 1] : NULL;

	if (last && last->logical + last->count == logical &&
		last->physical + last->count == physical &&
		last->count + count <= EXT4_EXTENT_BLOCKS) {
		last->count += (uint32_t)count;
		return;
	}
	if (m->extent_count == m->extent_room) {
		m->extent_room = m->extent_room ? m->extent_room * 2 : 64;
		m->extents =
			memory_resize(m->extents, m->extent_room * sizeof(*m->extents));
	}
	m->extents[m->extent_count++] = (struct extent){
		.logical = (uint32_t)logical,
		.count = (uint32_t)count,
		.physical = physical,
	};
}

/* Writes blocks of contents where there is room, noting where that is. */
static int put_run(
	struct ext4_image *m, uint64_t logical, const char *bytes, uint64_t count)
{
	while (count > 0) {
		uint64_t physical, taken;

		if (ext4_image_take(m, count, &physical, &taken) < 0)
			return -1;
		if (ext4_io_write_data(m->io, physical, bytes, taken) != 0)
			return ext4_image_fail(m, 0, "");
		add_extent(m, logical, physical, taken);
		logical += taken;
		bytes += taken * EXT4_BLOCK;
		count -= taken;
	}
	return 0;
}

struct tally {
	uint64_t blocks, runs;
	int in_run;
};

/* Splits a chunk into runs of blocks that are not all zeros. What a block holds decides,
 * not what the host's file system kept as a hole. */
static int put_chunk(struct ext4_image *m, uint64_t logical, const char *bytes,
	uint64_t count, struct tally *t)
{
	uint64_t i = 0;

	while (i < count) {
		uint64_t start = i;

		while (i < count && is_zero(bytes + i * EXT4_BLOCK))
			i++;
		if (i > start)
			t->in_run = 0;
		start = i;
		while (i < count && !is_zero(bytes + i * EXT4_BLOCK))
			i++;
		if (i == start)
			continue;
		t->blocks += i - start;
		t->runs += !t->in_run;
		t->in_run = 1;
		if (put_run(m, logical + start, bytes + start * EXT4_BLOCK, i - start) <
			0)
			return -1;
	}
	return 0;
}

static int put_reader(struct ext4_image *m, struct source_reader *r, struct tally *t)
{
	const struct node *n = r->node;
	int holes = n->data_blocks * TREE_BLOCK < n->size;

	for (uint64_t at = 0; at < n->size; at += TREE_CHUNK) {
		uint64_t blocks, data = holes ? source_next_data(r, at) : at;
		ssize_t got;

		if (data > at) {
			t->in_run = 0;
			at = data;
		}
		got = source_read(r, m->chunk, TREE_CHUNK, at, m->diag);
		if (got < 0)
			return -1;
		blocks = ((uint64_t)got + EXT4_BLOCK - 1) / EXT4_BLOCK;
		memset(m->chunk + got, 0, blocks * EXT4_BLOCK - (uint64_t)got);
		if (put_chunk(m, at / EXT4_BLOCK, m->chunk, blocks, t) < 0)
			return -1;
	}
	return 0;
}

static int put_contents(struct ext4_image *m, struct node *n)
{
	struct source_reader r;
	struct tally t = {0};

	if (n->size == 0)
		return 0;
	if (source_open(m->tree, n, &r, m->diag) < 0)
		return -1;
	if (!m->chunk)
		m->chunk = memory_alloc(TREE_CHUNK);
	if (put_reader(m, &r, &t) < 0) {
		source_drop(&r);
		return -1;
	}
	if (source_close(&r, m->diag) < 0)
		return -1;
	/* The image was sized by these. */
	if (t.blocks != n->data_blocks || t.runs != n->data_runs)
		return diag_fail(m->diag, "%s: changed while it was read",
			tree_path(n, &m->tree->arena));
	return 0;
}

static void fill_leaf(
	struct ext3_extent_header *h, const struct extent *list, size_t count)
{
	struct ext3_extent *e = EXT_FIRST_EXTENT(h);

	for (size_t i = 0; i < count; i++) {
		e[i].ee_block = ext2fs_cpu_to_le32(list[i].logical);
		e[i].ee_len = ext2fs_cpu_to_le16((uint16_t)list[i].count);
		e[i].ee_start = ext2fs_cpu_to_le32((uint32_t)list[i].physical);
		e[i].ee_start_hi = ext2fs_cpu_to_le16((uint16_t)(list[i].physical >> 32));
	}
}

static void fill_index(
	struct ext3_extent_header *h, const struct extent *list, size_t count)
{
	struct ext3_extent_idx *e = EXT_FIRST_INDEX(h);

	for (size_t i = 0; i < count; i++) {
		e[i].ei_block = ext2fs_cpu_to_le32(list[i].logical);
		e[i].ei_leaf = ext2fs_cpu_to_le32((uint32_t)list[i].physical);
		e[i].ei_leaf_hi = ext2fs_cpu_to_le16((uint16_t)(list[i].physical >> 32));
		e[i].ei_unused = 0;
	}
}

static void fill_extents(struct ext3_extent_header *h, unsigned depth, size_t room,
	const struct extent *list, size_t count)
{
	h->eh_magic = ext2fs_cpu_to_le16(EXT3_EXT_MAGIC);
	h->eh_entries = ext2fs_cpu_to_le16((uint16_t)count);
	h->eh_max = ext2fs_cpu_to_le16((uint16_t)room);
	h->eh_depth = ext2fs_cpu_to_le16((uint16_t)depth);
	h->eh_generation = 0;
	if (depth == 0)
		fill_leaf(h, list, count);
	else
		fill_index(h, list, count);
}

/* Writes one level of the extent tree; the list becomes that of the level above. */
static int put_extent_level(struct ext4_image *m, ext2_ino_t inode, unsigned depth)
{
	size_t above = 0;

	for (size_t i = 0; i < m->extent_count; i += EXTENTS_IN_BLOCK) {
		union {
			char bytes[EXT4_BLOCK];
			struct ext3_extent_header header;
		} u = {{0}};
		size_t left = m->extent_count - i;
		size_t n = left < EXTENTS_IN_BLOCK ? left : EXTENTS_IN_BLOCK;
		uint64_t block, count;
		errcode_t error;

		if (ext4_image_take(m, 1, &block, &count) < 0)
			return -1;
		fill_extents(&u.header, depth, EXTENTS_IN_BLOCK, m->extents + i, n);
		error = ext2fs_extent_block_csum_set(m->fs, inode, &u.header);
		if (error || ext4_io_write(m->io, block, u.bytes) != 0)
			return ext4_image_fail(m, error, "extents");
		m->extents[above].logical = m->extents[i].logical;
		m->extents[above++].physical = block;
	}
	m->extent_count = above;
	return 0;
}

/* Makes the noted extents the inode's; *blocks grows by those of their tree. */
static int put_extents(
	struct ext4_image *m, ext2_ino_t number, union inode *inode, uint64_t *blocks)
{
	struct ext3_extent_header *h = (struct ext3_extent_header *)inode->large.i_block;
	unsigned depth = 0;

	while (m->extent_count > EXTENTS_IN_INODE) {
		if (put_extent_level(m, number, depth) < 0)
			return -1;
		*blocks += m->extent_count;
		depth++;
	}
	fill_extents(h, depth, EXTENTS_IN_INODE, m->extents, m->extent_count);
	inode->large.i_flags |= EXT4_EXTENTS_FL;
	return 0;
}

static int type_of(const struct node *n)
{
	switch (n->type) {
	case NODE_FOLDER:
		return EXT2_FT_DIR;
	case NODE_SYMLINK:
		return EXT2_FT_SYMLINK;
	default:
		return EXT2_FT_REG_FILE;
	}
}

/* A directory's blocks, one at a time. */
struct dir {
	struct ext4_image *image;
	ext2_ino_t number;
	char bytes[EXT4_BLOCK];
	size_t used;
	struct ext2_dir_entry *last;
	uint64_t blocks;
};

static int put_dir_block(struct dir *d)
{
	struct ext4_image *m = d->image;
	uint64_t block, count;
	errcode_t error;

	error = ext2fs_set_rec_len(m->fs,
		(unsigned)(EXT4_BLOCK - DIR_TAIL - ((char *)d->last - d->bytes)),
		d->last);
	ext2fs_initialize_dirent_tail(
		m->fs, (struct ext2_dir_entry_tail *)(d->bytes + EXT4_BLOCK - DIR_TAIL));
	if (ext4_image_take(m, 1, &block, &count) < 0)
		return -1;
	if (!error)
		error = ext2fs_write_dir_block4(m->fs, block, d->bytes, 0, d->number);
	if (error)
		return ext4_image_fail(m, error, "directory");
	add_extent(m, d->blocks++, block, 1);
	memset(d->bytes, 0, sizeof(d->bytes));
	d->used = 0;
	return 0;
}

static int put_entry(struct dir *d, const char *name, ext2_ino_t number, int type)
{
	size_t size = entry_size(name);
	struct ext2_dir_entry *e;

	if (d->used + size > EXT4_BLOCK - DIR_TAIL && put_dir_block(d) < 0)
		return -1;
	e = (struct ext2_dir_entry *)(d->bytes + d->used);
	e->inode = number;
	if (ext2fs_set_rec_len(d->image->fs, (unsigned)size, e) != 0)
		return ext4_image_fail(d->image, EXT2_ET_DIR_CORRUPTED, "directory");
	ext2fs_dirent_set_name_len(e, (int)strlen(name));
	ext2fs_dirent_set_file_type(e, type);
	memcpy(e->name, name, strlen(name));
	d->last = e;
	d->used += size;
	return 0;
}

static int put_folder(
	struct ext4_image *m, struct node *n, union inode *inode, uint64_t *size)
{
	struct dir *d = memory_alloc(sizeof(*d));
	struct node *parent = n->parent ? n->parent : n;
	unsigned links = 2;
	int rc;

	d->image = m;
	d->number = (ext2_ino_t)n->mark;
	rc = put_entry(d, ".", d->number, EXT2_FT_DIR);
	if (rc == 0)
		rc = put_entry(d, "..", (ext2_ino_t)parent->mark, EXT2_FT_DIR);
	for (size_t i = 0; i < n->child_count && rc == 0; i++) {
		struct node *c = n->children[i];

		links += c->type == NODE_FOLDER;
		rc = put_entry(d, c->name, (ext2_ino_t)c->mark, type_of(c));
	}
	if (rc == 0)
		rc = put_dir_block(d);
	inode->large.i_links_count = links > EXT4_LINKS_MAX ? 1 : (uint16_t)links;
	*size = d->blocks * EXT4_BLOCK;
	free(d);
	return rc;
}

static int put_symlink(
	struct ext4_image *m, struct node *n, union inode *inode, uint64_t *length)
{
	char bytes[EXT4_BLOCK] = {0};
	size_t size = strlen(n->target);

	inode->large.i_links_count = 1;
	*length = size;
	if (size <= FAST_SYMLINK_MAX) {
		memcpy(inode->large.i_block, n->target, size);
		return 0;
	}
	memcpy(bytes, n->target, size);
	return put_run(m, 0, bytes, 1);
}

static uint16_t mode_of(const struct node *n)
{
	switch (n->type) {
	case NODE_FOLDER:
		return (uint16_t)(LINUX_S_IFDIR | n->mode);
	case NODE_SYMLINK:
		return LINUX_S_IFLNK | 0777;
	default:
		return (uint16_t)(LINUX_S_IFREG | n->mode);
	}
}

/* Seconds beyond 32 bits go to the two low bits of the extra word. */
static void set_times(struct ext2_inode_large *i, int64_t seconds)
{
	uint32_t low = (uint32_t)seconds;
	uint32_t extra = (uint32_t)((seconds - (int32_t)low) >> 32) & 3;

	i->i_atime = i->i_ctime = i->i_mtime = i->i_crtime = low;
	i->i_atime_extra = i->i_ctime_extra = i->i_mtime_extra = i->i_crtime_extra =
		extra;
}

static int put_xattrs(struct ext4_image *m, const struct node *n)
{
	struct ext2_xattr_handle *h = NULL;
	errcode_t error = ext2fs_xattrs_open(m->fs, (ext2_ino_t)n->mark, &h);

	for (size_t i = 0; i < n->xattr_count && !error; i++)
		error = ext2fs_xattr_set(
			h, n->xattrs[i].name, n->xattrs[i].value, n->xattrs[i].size);
	if (h)
		ext2fs_xattrs_close(&h);
	if (error == EXT2_ET_EA_NO_SPACE)
		return diag_fail(m->diag,
			"%s: its extended attributes take more than 4 KiB",
			tree_path(n, &m->tree->arena));
	return error ? ext4_image_fail(m, error, "extended attributes") : 0;
}

static int put_by_type(
	struct ext4_image *m, struct node *n, union inode *inode, uint64_t *size)
{
	switch (n->type) {
	case NODE_FOLDER:
		return put_folder(m, n, inode, size);
	case NODE_SYMLINK:
		return put_symlink(m, n, inode, size);
	default:
		inode->large.i_links_count = (uint16_t)n->link_count;
		*size = n->size;
		return put_contents(m, n);
	}
}

int ext4_image_put(struct ext4_image *m, struct node *n)
{
	ext2_ino_t number = (ext2_ino_t)n->mark;
	union inode inode = {0};
	uint64_t blocks = 0, size = 0;
	errcode_t error;

	m->extent_count = 0;
	if (put_by_type(m, n, &inode, &size) < 0)
		return -1;
	inode.large.i_mode = mode_of(n);
	inode.large.i_extra_isize =
		sizeof(struct ext2_inode_large) - EXT2_GOOD_OLD_INODE_SIZE;
	set_times(&inode.large, n->mtime);
	for (size_t i = 0; i < m->extent_count; i++)
		blocks += m->extents[i].count;
	if (!(n->type == NODE_SYMLINK && size <= FAST_SYMLINK_MAX) &&
		put_extents(m, number, &inode, &blocks) < 0)
		return -1;
	error = ext2fs_inode_size_set(m->fs, &inode.small, (ext2_off64_t)size);
	if (!error)
		error = ext2fs_iblk_set(m->fs, &inode.small, blocks);
	if (!error)
		error = ext2fs_write_inode_full(
			m->fs, number, &inode.small, sizeof(inode));
	if (error)
		return ext4_image_fail(m, error, n->name);
	return n->xattr_count ? put_xattrs(m, n) : 0;
}
