/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One walk before anything is written: what ext4 cannot hold, and what the rest takes. */
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "ext4_folder.h"
#include "ext4_image.h"

#define PROBLEMS_TOLD 20
#define SPARE_INODES 4
#define SIZE_MAX_BYTES ((uint64_t)EXT4_GROUPS_MAX * EXT4_GROUP_BLOCKS * EXT4_BLOCK)
#define MAJOR_MAX 4095 /* as the kernel packs device numbers into 32 bits */
#define MINOR_MAX 0xfffff

struct check {
	struct ext4_image *m;
	struct diag *diag;
	uint64_t problems;
};

__attribute__((format(printf, 3, 4))) static void report(
	struct check *c, const struct node *n, const char *fmt, ...)
{
	struct arena a = {0};
	va_list args;
	char *text;

	if (++c->problems > PROBLEMS_TOLD)
		return;
	va_start(args, fmt);
	text = memory_vprintf(fmt, args);
	va_end(args);
	diag_fail(c->diag, "%s: %s", n->parent ? tree_path(n, &a) : "/", text);
	free(text);
	arena_clear(&a);
}

static void check_xattrs(struct check *c, const struct node *n)
{
	struct ext4_xattr_bytes bytes;
	char problem[EXT4_XATTR_PROBLEM];

	if (ext4_xattr_encode(n->xattrs, &bytes, problem) < 0) {
		report(c, n, "%s", problem);
		return;
	}
	if (bytes.in_block)
		ext4_xattr_table_count(&c->m->xattrs, &bytes);
}

static void check_file(struct check *c, const struct node *n)
{
	uint64_t blocks = n->size / EXT4_BLOCK + (n->size % EXT4_BLOCK != 0);

	if (n->link_count > EXT4_LINKS_MAX)
		report(c, n, "%u names, more than ext4's %d", n->link_count,
			EXT4_LINKS_MAX);
	if (blocks > UINT32_MAX) {
		report(c, n, "larger than ext4's 16 TiB");
		return;
	}
	/* Every other block may be a hole, and then each has an extent. */
	c->m->need.file_blocks += blocks + (blocks > 8 ? blocks / 512 + 2 : 0);
}

static void check_folder(struct check *c, const struct node *n)
{
	uint64_t most = ext4_folder_blocks_max(n);

	if (most > EXT4_FOLDER_BLOCKS_MAX)
		report(c, n, "%zu entries, more than the index of an ext4 folder holds",
			n->folder->count);
	else if (most == 1)
		c->m->need.plain_blocks++;
	else
		c->m->need.folder_blocks += most;
}

static void check_symlink(struct check *c, const struct node *n)
{
	size_t length = strlen(n->target);

	if (length == 0 || length >= EXT4_BLOCK)
		report(c, n, "expected a link to 1 to %d bytes, found %zu",
			EXT4_BLOCK - 1, length);
	else if (length > EXT4_FAST_SYMLINK_MAX)
		c->m->need.plain_blocks++;
}

static void check_device(struct check *c, const struct node *n)
{
	if (major(n->device) > MAJOR_MAX || minor(n->device) > MINOR_MAX)
		report(c, n, "ext4 has no device numbers as large as %u, %u",
			major(n->device), minor(n->device));
}

static void check_by_type(struct check *c, const struct node *n)
{
	switch ((enum node_type)n->type) {
	case NODE_FOLDER:
		check_folder(c, n);
		break;
	case NODE_FILE:
		check_file(c, n);
		break;
	case NODE_SYMLINK:
		check_symlink(c, n);
		break;
	case NODE_CHARACTER:
	case NODE_BLOCK:
		check_device(c, n);
		break;
	case NODE_HARDLINK:
	case NODE_FIFO:
	case NODE_SOCKET:
		break;
	}
}

static int check_node(struct node *n, void *context)
{
	struct check *c = context;

	if (n->type == NODE_HARDLINK)
		return 0;
	c->m->need.inodes += n->parent != NULL;
	if (n->mtime < EXT4_SECONDS_MIN || n->mtime > EXT4_SECONDS_MAX ||
		n->mtime_ns >= 1000000000)
		report(c, n, "its time is none that ext4 can hold (1901 to 2446)");
	if (n->xattrs && n->xattrs->count)
		check_xattrs(c, n);
	check_by_type(c, n);
	return 0;
}

static int check_options(const struct ext4_image *m, struct diag *d)
{
	const struct ext4_options *o = m->options;
	int rc = 0;

	if (strlen(o->label) > EXT4_LABEL_MAX)
		rc = diag_fail(d,
			"%s: expected a label of at most %d bytes, found \"%s\"", m->name,
			EXT4_LABEL_MAX, o->label);
	if (o->epoch < EXT4_SECONDS_MIN || o->epoch > EXT4_SECONDS_MAX)
		rc = diag_fail(d, "%s: expected a time that ext4 can hold, found %lld",
			m->name, (long long)o->epoch);
	if (o->size_bytes > SIZE_MAX_BYTES)
		rc = diag_fail(d, "%s: expected a size of at most 64 TiB, found %llu",
			m->name, (unsigned long long)o->size_bytes);
	return rc;
}

int ext4_check(struct ext4_image *m, struct diag *d)
{
	struct check c = {.m = m, .diag = d};
	int rc = check_options(m, d);

	m->need = (struct ext4_need){.inodes = EXT4_FIRST_INODE - 1 + SPARE_INODES};
	check_node(m->tree->root, &c);
	tree_walk(m->tree, check_node, &c);
	m->need.plain_blocks += m->xattrs.blocks;
	if (m->need.inodes > INT32_MAX)
		rc = diag_fail(d, "%s: too many files for one disk", m->name);
	if (c.problems > PROBLEMS_TOLD)
		diag_fail(d, "%s: %llu more problems like these", m->name,
			(unsigned long long)(c.problems - PROBLEMS_TOLD));
	return c.problems ? -1 : rc;
}
