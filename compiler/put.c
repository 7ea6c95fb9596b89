/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "put.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/quantity.h"
#include "put_data.h"
#include "put_inode.h"

/* A folder of the disk, and what messages call it. */
struct place_in {
	ext2_ino_t folder;
	const char *path;
};

static char *join(const struct place_in *at, const char *name)
{
	size_t size = strlen(at->path);

	return memory_printf(
		"%s%s%s", at->path, size && at->path[size - 1] == '/' ? "" : "/", name);
}

static const char *name_kind(const struct ext2_inode_large *i)
{
	if (LINUX_S_ISDIR(i->i_mode))
		return "a folder";
	if (LINUX_S_ISREG(i->i_mode))
		return "a file";
	return LINUX_S_ISLNK(i->i_mode) ? "a symbolic link" : "something special";
}

/* What is there already gives way, or not. */
static int clear_way(struct put *p, const struct place_in *at, const struct node *n,
	const char *path, ext2_ino_t old)
{
	struct ext2_inode_large i;
	errcode_t rc;

	if (ext2disk_read_inode(p->x, old, path, &i, p->d) < 0)
		return -1;
	if (n->type == NODE_FOLDER || LINUX_S_ISDIR(i.i_mode) ||
		old < EXT2_FIRST_INO(p->x->fs->super))
		return diag_fail(p->d, "%s: %s: there is %s already, where %s is to be",
			p->x->name, path, name_kind(&i),
			n->type == NODE_FOLDER ? "a folder" : "a file");
	if (!p->options->replace)
		return diag_fail(p->d,
			"%s: %s: there is %s already (--force replaces it)", p->x->name,
			path, name_kind(&i));
	rc = ext2fs_unlink(p->x->fs, at->folder, n->name, old, 0);
	if (rc)
		return ext2disk_fail(p->x, path, rc, p->d);
	put_inode_note_replaced(p, old);
	return 0;
}

static int put_children(struct put *p, const struct place_in *at, const struct node *n);

static int put_folder(struct put *p, const struct place_in *at, const struct node *n,
	const char *path, ext2_ino_t old)
{
	struct place_in here = {old, path};
	struct ext2_inode_large i;

	if (old) {
		if (ext2disk_read_inode(p->x, old, path, &i, p->d) < 0)
			return -1;
		if (!LINUX_S_ISDIR(i.i_mode))
			return clear_way(p, at, n, path, old);
	} else if (put_inode_folder(p, at->folder, n, path, &here.folder) < 0) {
		return -1;
	}
	return put_children(p, &here, n);
}

static int put_node(
	struct put *p, const struct place_in *at, struct node *n, const char *path)
{
	ext2_ino_t old = 0;
	int rc = ext2disk_lookup(p->x, at->folder, n->name, path, &old, p->d);

	if (rc < 0)
		return -1;
	old = rc ? old : 0;
	if (n->type == NODE_FOLDER)
		return put_folder(p, at, n, path, old);
	if (old && clear_way(p, at, n, path, old) < 0)
		return -1;
	if (n->type == NODE_SYMLINK)
		return put_inode_symlink(p, at->folder, n, path);
	return put_inode_name(p, at->folder, n, path);
}

/* Goes on after a bad one, so that all are told; but not where room is out. */
static int put_children(struct put *p, const struct place_in *at, const struct node *n)
{
	int rc = 0;

	for (size_t i = 0; i < n->folder->count && !p->full; i++) {
		char *path = join(at, n->folder->list[i]->name);

		if (put_node(p, at, n->folder->list[i], path) < 0)
			rc = -1;
		free(path);
	}
	return rc;
}

static int fail_full(const struct put *p, struct diag *d)
{
	char need[QUANTITY_TEXT], room[QUANTITY_TEXT];
	const char *what = p->nodes != 1	? "files and folders"
			   : p->report->folders ? "folder"
						: "file";

	return diag_fail(d,
		"%s: no room: %s in %llu %s are to go where %s and %u inodes are free",
		p->x->name, quantity_format_size(p->report->bytes, need),
		(unsigned long long)p->nodes, what,
		quantity_format_size(p->free_blocks * p->x->fs->blocksize, room),
		p->free_inodes);
}

static int count_node(struct node *n, void *context)
{
	struct put *p = context;

	n->mark = 0;
	p->report->files += n->type == NODE_FILE;
	p->report->folders += n->type == NODE_FOLDER;
	p->report->links += n->type == NODE_SYMLINK || n->type == NODE_HARDLINK;
	p->report->bytes += n->type == NODE_FILE ? n->size : 0;
	p->nodes += n->type != NODE_HARDLINK;
	return 0;
}

int put_tree(struct ext2disk *x, ext2_ino_t folder, const char *path, struct tree *t,
	const struct put_options *o, struct put_report *report, struct diag *d)
{
	struct place_in at = {folder, path};
	struct put p = {
		.x = x,
		.tree = t,
		.options = o,
		.report = report,
		.free_blocks = ext2fs_free_blocks_count(x->fs->super),
		.free_inodes = x->fs->super->s_free_inodes_count,
		.last_folder = SOURCE_FOLDER_NONE,
		.d = d,
	};
	int rc;

	*report = (struct put_report){0};
	/* 0 is for libext2fs the present; so is any time that it takes by itself. */
	x->fs->now = o->epoch > 0 ? o->epoch : 0;
	tree_walk(t, count_node, &p);
	rc = put_children(&p, &at, t->root);
	if (rc < 0 && p.full)
		fail_full(&p, d);
	if (rc == 0)
		rc = put_inode_release_replaced(&p);
	if (rc == 0)
		rc = put_data(&p);
	source_folder_close(&p.last_folder);
	free(p.replaced);
	return rc < 0 ? -1 : ext2disk_commit(x, d);
}
