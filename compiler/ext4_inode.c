/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <sys/sysmacros.h>

#include "ext4_image.h"

union inode {
	struct ext2_inode_large large;
	char bytes[EXT4_INODE_BYTES];
};

void ext4_image_note(struct ext4_image *m, struct node *n, uint64_t physical,
	const struct ext4_map *map)
{
	n->at_blocks = map != NULL;
	if (map) {
		n->at.blocks = arena_alloc(&m->tree->arena, sizeof(*map));
		memcpy(n->at.blocks, map, sizeof(*map));
	} else {
		n->at.block = physical;
	}
}

static int number_node(struct node *n, void *context)
{
	uint32_t *last = context;

	if (n->type != NODE_HARDLINK)
		n->mark = ++*last;
	return 0;
}

static int number_link(struct node *n, void *context)
{
	(void)context;
	if (n->type == NODE_HARDLINK)
		n->mark = n->primary->mark;
	return 0;
}

uint32_t ext4_inodes_number(struct tree *t)
{
	uint32_t last = EXT4_FIRST_INODE - 1;

	t->root->mark = EXT2_ROOT_INO;
	tree_walk(t, number_node, &last);
	tree_walk(t, number_link, NULL);
	return last;
}

struct writing {
	struct ext4_image *m;
	ext2_filsys fs;
	struct ext4_io xattr_io; /* lest it break up the tables' runs */
	struct diag *diag;
	uint64_t block; /* of the table, that is being filled; 0: none */
	_Alignas(8) char bytes[EXT4_BLOCK];
	struct ext4_xattr_bytes xattrs;
};

static int write_symlink(struct node *n, void *context)
{
	struct writing *w = context;
	char bytes[EXT4_BLOCK] = {0};
	uint64_t count, block;
	size_t length;

	if (n->type != NODE_SYMLINK)
		return 0;
	length = strlen(n->target);
	if (length <= EXT4_FAST_SYMLINK_MAX)
		return 0;
	block = ext4_layout_take(&w->m->layout, 1, &count);
	ext4_image_note(w->m, n, block, NULL);
	memcpy(bytes, n->target, length);
	return ext4_io_put(&w->m->io, block, bytes, w->diag);
}

int ext4_symlinks_write(struct ext4_image *m, struct diag *d)
{
	struct writing w = {.m = m, .diag = d};

	return tree_walk(m->tree, write_symlink, &w);
}

/* Seconds beyond 32 bits go to the two low bits of the extra word. */
static void set_times(struct ext2_inode_large *i, const struct node *n)
{
	uint32_t low = (uint32_t)n->mtime;
	uint32_t extra = (uint32_t)((n->mtime - (int32_t)low) >> 32) & EXT4_EPOCH_MASK;

	extra |= n->mtime_ns << EXT4_EPOCH_BITS;
	i->i_atime = i->i_ctime = i->i_mtime = i->i_crtime = low;
	i->i_atime_extra = i->i_ctime_extra = i->i_mtime_extra = i->i_crtime_extra =
		extra;
}

/* Old numbers where they do, as the kernel keeps them. */
static void set_device(struct ext2_inode_large *i, uint64_t device)
{
	uint32_t high = major(device), low = minor(device);

	if (high < 256 && low < 256)
		i->i_block[0] = high << 8 | low;
	else
		i->i_block[1] = (low & 0xff) | high << 8 | (low & ~0xffU) << 12;
}

static void set_size(struct ext2_inode_large *i, uint64_t size)
{
	i->i_size = (uint32_t)size;
	i->i_size_high = (uint32_t)(size >> 32);
}

static void add_blocks(struct ext2_inode_large *i, uint64_t count)
{
	uint64_t sectors = i->i_blocks | (uint64_t)i->osd2.linux2.l_i_blocks_hi << 32;

	sectors += count * (EXT4_BLOCK / 512);
	i->i_blocks = (uint32_t)sectors;
	i->osd2.linux2.l_i_blocks_hi = (uint16_t)(sectors >> 32);
}

/* The blocks of what has `count` of them if nothing else is noted. */
static uint64_t set_map(const struct ext4_image *m, struct ext2_inode_large *i,
	const struct node *n, uint64_t count)
{
	struct ext4_map map;

	if (n->at_blocks)
		memcpy(&map, n->at.blocks, sizeof(map));
	else
		ext4_extents_simple(&m->layout, n->at.block, count, &map);
	memcpy(i->i_block, map.bytes, sizeof(map.bytes));
	i->i_flags |= EXT4_EXTENTS_FL;
	add_blocks(i, (uint64_t)map.blocks + map.tree_blocks);
	return map.blocks;
}

static void set_folder(
	const struct ext4_image *m, struct ext2_inode_large *i, const struct node *n)
{
	uint64_t blocks = set_map(m, i, n, 1), links = 2;

	for (size_t k = 0; k < n->folder->count; k++)
		links += n->folder->list[k]->type == NODE_FOLDER;
	i->i_mode |= LINUX_S_IFDIR;
	i->i_links_count = links > EXT4_LINKS_MAX ? 1 : (uint16_t)links;
	if (blocks > 1)
		i->i_flags |= EXT2_INDEX_FL;
	set_size(i, blocks * EXT4_BLOCK);
}

static void set_symlink(
	const struct ext4_image *m, struct ext2_inode_large *i, const struct node *n)
{
	size_t length = strlen(n->target);

	i->i_mode = LINUX_S_IFLNK | 0777;
	set_size(i, length);
	if (length <= EXT4_FAST_SYMLINK_MAX)
		memcpy(i->i_block, n->target, length);
	else
		set_map(m, i, n, 1);
}

static void set_by_type(
	const struct ext4_image *m, struct ext2_inode_large *i, const struct node *n)
{
	i->i_mode = n->mode & 07777;
	i->i_links_count = 1;
	switch ((enum node_type)n->type) {
	case NODE_FOLDER:
		set_folder(m, i, n);
		break;
	case NODE_FILE:
		i->i_mode |= LINUX_S_IFREG;
		i->i_links_count = (uint16_t)n->link_count;
		set_size(i, n->size);
		set_map(m, i, n, n->data_blocks);
		break;
	case NODE_SYMLINK:
		set_symlink(m, i, n);
		break;
	case NODE_FIFO:
		i->i_mode |= LINUX_S_IFIFO;
		break;
	case NODE_SOCKET:
		i->i_mode |= LINUX_S_IFSOCK;
		break;
	case NODE_CHARACTER:
		i->i_mode |= LINUX_S_IFCHR;
		set_device(i, n->device);
		break;
	case NODE_BLOCK:
		i->i_mode |= LINUX_S_IFBLK;
		set_device(i, n->device);
		break;
	case NODE_HARDLINK:
		break; /* never here */
	}
}

static int put_xattr_block(struct writing *w, struct ext2_inode_large *i)
{
	struct ext2_ext_attr_header *h = (struct ext2_ext_attr_header *)w->xattrs.block;
	uint32_t references;
	uint64_t block = ext4_xattr_table_take(
		&w->m->xattrs, &w->xattrs, &w->m->xattr_layout, &references);

	i->i_file_acl = (uint32_t)block;
	i->osd2.linux2.l_i_file_acl_high = (uint16_t)(block >> 32);
	add_blocks(i, 1);
	if (!references)
		return 0;
	h->h_refcount = references;
	/* It reads nothing, and does not fail. */
	(void)ext2fs_ext_attr_block_csum_set(w->fs, 0, block, h);
	return ext4_io_put(&w->xattr_io, block, w->xattrs.block, w->diag);
}

static int set_xattrs(struct writing *w, union inode *inode, const struct node *n)
{
	char problem[EXT4_XATTR_PROBLEM];

	if (ext4_xattr_encode(n->xattrs, &w->xattrs, problem) < 0)
		return diag_fail(w->diag, "%s: %s", w->m->name, problem);
	if (w->xattrs.in_inode)
		memcpy(inode->bytes + EXT4_INODE_BYTES - EXT4_XATTR_ROOM, w->xattrs.inode,
			EXT4_XATTR_ROOM);
	return w->xattrs.in_block ? put_xattr_block(w, &inode->large) : 0;
}

/* Goes on to the block of the tables that has this inode. */
static int turn_to(struct writing *w, uint64_t block)
{
	if (block == w->block)
		return 0;
	if (w->block && ext4_io_put(&w->m->io, w->block, w->bytes, w->diag) < 0)
		return -1;
	w->block = block;
	memset(w->bytes, 0, sizeof(w->bytes));
	return 0;
}

static int put_inode(struct writing *w, uint32_t number, const union inode *inode)
{
	uint32_t each = w->m->geometry.group_inodes;
	uint32_t group = (number - 1) / each, index = (number - 1) % each;

	if (turn_to(w, ext2fs_inode_table_loc(w->fs, group) +
			       index / EXT4_INODES_PER_BLOCK) < 0)
		return -1;
	memcpy(w->bytes + index % EXT4_INODES_PER_BLOCK * EXT4_INODE_BYTES, inode,
		EXT4_INODE_BYTES);
	if (LINUX_S_ISDIR(inode->large.i_mode))
		ext2fs_bg_used_dirs_count_set(
			w->fs, group, ext2fs_bg_used_dirs_count(w->fs, group) + 1);
	return 0;
}

static int write_inode(struct node *n, void *context)
{
	struct writing *w = context;
	union inode inode = {0};
	struct ext2_inode_large *i = &inode.large;

	if (n->type == NODE_HARDLINK)
		return 0;
	set_by_type(w->m, i, n);
	set_times(i, n);
	i->i_uid = (uint16_t)n->uid;
	i->i_gid = (uint16_t)n->gid;
	i->osd2.linux2.l_i_uid_high = (uint16_t)(n->uid >> 16);
	i->osd2.linux2.l_i_gid_high = (uint16_t)(n->gid >> 16);
	i->i_extra_isize = sizeof(*i) - EXT2_GOOD_OLD_INODE_SIZE;
	if (n->xattrs && n->xattrs->count && set_xattrs(w, &inode, n) < 0)
		return -1;
	(void)ext2fs_inode_csum_set(w->fs, n->mark, i);
	return put_inode(w, n->mark, &inode);
}

int ext4_inodes_write(struct ext4_image *m, ext2_filsys fs, struct diag *d)
{
	struct writing w = {.m = m, .fs = fs, .diag = d};
	int rc;

	ext4_io_init(&w.xattr_io, m->io.fd, m->io.offset, m->name);
	rc = write_inode(m->tree->root, &w);
	if (rc == 0)
		rc = tree_walk(m->tree, write_inode, &w);
	if (rc == 0)
		rc = turn_to(&w, 0);
	if (rc == 0)
		rc = ext4_io_flush(&w.xattr_io, d);
	ext4_io_clear(&w.xattr_io);
	return rc;
}
