/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ext4.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/quantity.h"
#include "ext4_image.h"

#define FIRST_INODE 11
#define SPARE_INODES 4
#define BYTES_PER_INODE 16384 /* where the size is given: room for what a guest makes */
#define INODES_MIN 64
#define BLOCKS_MIN 64
#define TRIES 8

/* What the tree takes of a disk. */
struct need {
	uint64_t inodes, blocks;
	struct tree *tree;
	struct diag *diag;
};

static int count_node(struct node *n, void *context)
{
	struct need *need = context;

	if (n->type == NODE_FILE && !n->measured &&
		tree_measure(need->tree, n, need->diag) < 0)
		return -1;
	if (n->type == NODE_FILE && n->link_count > EXT4_LINKS_MAX)
		return diag_fail(need->diag, "%s: %u names, more than ext4's %d",
			tree_path(n, &need->tree->arena), n->link_count, EXT4_LINKS_MAX);
	if (n->type == NODE_FILE && n->size > (uint64_t)UINT32_MAX * EXT4_BLOCK)
		return diag_fail(need->diag, "%s: larger than ext4's 16 TiB",
			tree_path(n, &need->tree->arena));
	if (n->type != NODE_HARDLINK)
		n->mark = need->inodes++;
	need->blocks += ext4_image_blocks_of(n);
	return 0;
}

static int link_node(struct node *n, void *context)
{
	(void)context;
	if (n->type == NODE_HARDLINK)
		n->mark = n->primary->mark;
	return 0;
}

/* Numbers the inodes in the order of the walk and counts what they need. */
static int count_tree(struct tree *t, struct need *need, struct diag *d)
{
	*need = (struct need){.inodes = FIRST_INODE, .tree = t, .diag = d};
	t->root->mark = EXT2_ROOT_INO;
	need->blocks = ext4_image_blocks_of(t->root);
	if (tree_walk(t, count_node, need) != 0)
		return -1;
	tree_walk(t, link_node, NULL);
	need->inodes += SPARE_INODES;
	if (need->inodes > UINT32_MAX)
		return diag_fail(d, "more than %u files for one disk", UINT32_MAX);
	return 0;
}

/* How many blocks are free in an empty image of this size. */
static int try_layout(const struct ext4_image *like, uint64_t blocks, uint64_t inodes,
	uint64_t *free_blocks)
{
	struct ext4_image m = *like;
	int rc = ext4_image_open(&m, blocks, inodes, -1, free_blocks);

	ext4_image_close(&m);
	return rc;
}

/* The smallest image that has room: libext2fs itself says what its tables take. */
static int find_size(const struct ext4_image *like, const struct need *need,
	uint64_t extra_blocks, uint64_t *blocks)
{
	uint64_t wanted = need->blocks + extra_blocks, free_blocks;

	*blocks = wanted > BLOCKS_MIN ? wanted : BLOCKS_MIN;
	for (;;) {
		if (try_layout(like, *blocks, need->inodes, &free_blocks) < 0)
			return -1;
		if (free_blocks >= wanted)
			return 0;
		/* No file system at all yet, or too few blocks. */
		*blocks += free_blocks ? wanted - free_blocks : *blocks / 16 + 8;
	}
}

static int check_options(const struct ext4_options *o, const char *name, struct diag *d)
{
	if (strlen(o->label) > EXT2_LABEL_LEN)
		return diag_fail(d,
			"%s: expected a label of at most %d bytes, found \"%s\"", name,
			EXT2_LABEL_LEN, o->label);
	if (o->epoch < INT32_MIN || o->epoch > ((int64_t)3 << 32) + INT32_MAX)
		return diag_fail(d, "%s: expected a time that ext4 can hold, found %lld",
			name, (long long)o->epoch);
	return 0;
}

int ext4_size_needed(struct tree *t, uint64_t *size_bytes, struct diag *d)
{
	static const struct ext4_options any = {.label = "", .id_seed = ""};
	struct ext4_image like = {.options = &any, .name = "image", .tree = t, .diag = d};
	struct need need;
	uint64_t blocks;

	if (count_tree(t, &need, d) < 0 || find_size(&like, &need, 0, &blocks) < 0)
		return -1;
	*size_bytes = blocks * EXT4_BLOCK;
	return 0;
}

static int put_node(struct node *n, void *context)
{
	struct ext4_image *m = context;

	if (n->type == NODE_HARDLINK)
		return 0;
	if (n->mark != EXT2_ROOT_INO)
		ext2fs_inode_alloc_stats2(
			m->fs, (ext2_ino_t)n->mark, +1, n->type == NODE_FOLDER);
	return ext4_image_put(m, n);
}

static int fill_image(struct ext4_image *m)
{
	if (put_node(m->tree->root, m) < 0 || tree_walk(m->tree, put_node, m) != 0)
		return -1;
	return ext4_image_finish(m);
}

static int write_image(
	struct ext4_image *m, int fd, uint64_t size, uint64_t inodes, const char *path)
{
	uint64_t free_blocks;
	int rc;

	/* From nothing: what is not written must read as zeros. */
	if (ftruncate(fd, 0) < 0 || ftruncate(fd, (off_t)size) < 0)
		return diag_fail_errno(m->diag, "%s", path);
	rc = ext4_image_open(m, size / EXT4_BLOCK, inodes, fd, &free_blocks);
	if (rc == 0)
		rc = fill_image(m);
	ext4_image_close(m);
	return rc;
}

/* Extents are a few more than was counted where tables lie between free blocks: then the
 * image has to be a little larger than it seemed. */
static int write_smallest(
	struct ext4_image *m, int fd, const struct need *need, const char *path)
{
	uint64_t extra = 0, blocks;

	for (int i = 0;; i++) {
		struct diag problems = {0};
		struct ext4_image attempt = *m;
		int rc;

		if (find_size(m, need, extra, &blocks) < 0)
			return -1;
		attempt.diag = &problems;
		rc = write_image(&attempt, fd, blocks * EXT4_BLOCK, need->inodes, path);
		if (rc < 0 && attempt.full && i < TRIES) {
			diag_clear(&problems);
			extra = extra * 4 + 16;
			continue;
		}
		diag_move(m->diag, &problems);
		return rc;
	}
}

static int fail_size(struct ext4_image *m, const struct need *need, const char *path)
{
	char needed[QUANTITY_TEXT], given[QUANTITY_TEXT];
	uint64_t blocks;

	if (find_size(m, need, m->full ? 16 : 0, &blocks) < 0)
		return -1;
	return diag_fail(m->diag, "%s: needs %s, given %s", path,
		quantity_format_size(blocks * EXT4_BLOCK, needed),
		quantity_format_size(m->options->size_bytes, given));
}

/* As many inodes as a guest may want, or as few as the tree needs where room is short.
 * Returns 0 where the tree does not fit. */
static uint64_t choose_inodes(struct ext4_image *m, const struct need *need)
{
	uint64_t blocks = m->options->size_bytes / EXT4_BLOCK;
	uint64_t many = m->options->size_bytes / BYTES_PER_INODE, free_blocks;

	if (many < INODES_MIN)
		many = INODES_MIN;
	if (many > UINT32_MAX)
		many = UINT32_MAX;
	if (many < need->inodes)
		many = need->inodes;
	if (try_layout(m, blocks, many, &free_blocks) == 0 && free_blocks >= need->blocks)
		return many;
	if (try_layout(m, blocks, need->inodes, &free_blocks) == 0 &&
		free_blocks >= need->blocks)
		return need->inodes;
	return 0;
}

static int write_given(
	struct ext4_image *m, int fd, const struct need *need, const char *path)
{
	uint64_t inodes = choose_inodes(m, need);
	struct diag problems = {0};
	struct ext4_image attempt = *m;
	int rc;

	if (!inodes)
		return fail_size(m, need, path);
	attempt.diag = &problems;
	rc = write_image(&attempt, fd, m->options->size_bytes, inodes, path);
	if (rc < 0 && attempt.full) {
		diag_clear(&problems);
		m->full = 1;
		return fail_size(m, need, path);
	}
	diag_move(m->diag, &problems);
	return rc;
}

int ext4_write(int dirfd, const char *path, struct tree *t, const struct ext4_options *o,
	struct diag *d)
{
	struct ext4_image m = {.options = o, .name = path, .tree = t, .diag = d};
	struct need need;
	int fd, rc;

	if (check_options(o, path, d) < 0 || count_tree(t, &need, d) < 0)
		return -1;
	fd = openat(
		dirfd, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return diag_fail_errno(d, "%s", path);
	rc = o->size_bytes ? write_given(&m, fd, &need, path)
			   : write_smallest(&m, fd, &need, path);
	if (rc == 0 && fchmod(fd, 0644) < 0)
		rc = diag_fail_errno(d, "%s", path);
	if (close(fd) < 0 && rc == 0)
		rc = diag_fail_errno(d, "%s", path);
	if (rc < 0)
		unlinkat(dirfd, path, 0);
	return rc;
}
