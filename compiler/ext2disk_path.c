/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "ext2disk.h"

#define LINKS_MAX 40

int ext2disk_lookup(struct ext2disk *x, ext2_ino_t folder, const char *name,
	const char *path, ext2_ino_t *ino, struct diag *d)
{
	size_t length = strlen(name);
	errcode_t rc;

	if (length > EXT2_NAME_LEN)
		return diag_fail(d, "%s: %s: a name of %zu bytes: expected at most %d",
			x->name, path, length, EXT2_NAME_LEN);
	rc = ext2fs_lookup(x->fs, folder, name, (int)length, NULL, ino);
	if (rc == EXT2_ET_FILE_NOT_FOUND)
		return 0;
	if (rc)
		return ext2disk_fail(x, path, rc, d);
	if (*ino == 0 || *ino > x->fs->super->s_inodes_count)
		return ext2disk_fail(x, path, EXT2_ET_BAD_INODE_NUM, d);
	return 1;
}

/* Short targets lie in the inode, longer ones in a block, or in an attribute. */
static errcode_t read_target(struct ext2disk *x, ext2_ino_t ino,
	struct ext2_inode_large *i, uint64_t size, char target[EXT2DISK_TARGET_MAX])
{
	struct ext2_inode *small = (struct ext2_inode *)i;
	uint64_t at;
	blk64_t block;
	errcode_t rc;
	size_t n = 0;

	if (i->i_flags & EXT4_INLINE_DATA_FL) {
		rc = ext2fs_inline_data_size(x->fs, ino, &n);
		if (rc || n < size || n >= EXT2DISK_TARGET_MAX)
			return rc ? rc : EXT2_ET_FILE_TOO_BIG;
		return ext2fs_inline_data_get(x->fs, ino, small, target, &n);
	}
	if (ext2fs_is_fast_symlink(small)) {
		if (size > sizeof(i->i_block))
			return EXT2_ET_FILE_TOO_BIG;
		memcpy(target, i->i_block, size);
		return 0;
	}
	rc = ext2fs_bmap2(x->fs, ino, small, NULL, 0, 0, NULL, &block);
	if (rc)
		return rc;
	if (block == 0 || size > x->fs->blocksize)
		return EXT2_ET_BAD_BLOCK_NUM;
	at = block * x->fs->blocksize;
	return ext2disk_io_read(&x->io, at, target, size) < 0 ? errno : 0;
}

int ext2disk_read_target(struct ext2disk *x, ext2_ino_t ino, const char *path,
	char target[EXT2DISK_TARGET_MAX], struct diag *d)
{
	struct ext2_inode_large i;
	uint64_t size;
	errcode_t rc;

	if (ext2disk_read_inode(x, ino, path, &i, d) < 0)
		return -1;
	memset(target, 0, EXT2DISK_TARGET_MAX);
	size = EXT2_I_SIZE((struct ext2_inode *)&i);
	rc = size == 0 || size >= EXT2DISK_TARGET_MAX
		     ? EXT2_ET_FILE_TOO_BIG
		     : read_target(x, ino, &i, size, target);
	if (rc)
		return ext2disk_fail(x, path, rc, d);
	target[size] = '\0';
	if (strlen(target) != size)
		return diag_fail(
			d, "%s: %s: a symbolic link without a target", x->name, path);
	return 0;
}

/* A path that is being walked. */
struct walk {
	struct ext2disk *x;
	const char *path; /* all of it */
	ext2_ino_t at;
	char *rest; /* what is still to be walked */
	int links;
	struct diag *d;
};

/* The link's target takes its place in front of the rest. */
static int follow(struct walk *w, ext2_ino_t link, const char *rest)
{
	char target[EXT2DISK_TARGET_MAX], *joined;

	if (++w->links > LINKS_MAX)
		return diag_fail(
			w->d, "%s: %s: too many symbolic links", w->x->name, w->path);
	if (ext2disk_read_target(w->x, link, w->path, target, w->d) < 0)
		return -1;
	joined = memory_printf("%s/%s", target, rest);
	free(w->rest);
	w->rest = joined;
	if (*target == '/')
		w->at = EXT2_ROOT_INO;
	return 1;
}

/* Walks one part of the rest. 1, 0 where it is missing, or -1. */
static int step(struct walk *w, int follow_last)
{
	char *start = w->rest + strspn(w->rest, "/"), *end = start + strcspn(start, "/");
	char *rest = end + strspn(end, "/");
	struct ext2_inode_large i;
	ext2_ino_t next;
	int rc;

	if (ext2disk_read_inode(w->x, w->at, w->path, &i, w->d) < 0)
		return -1;
	if (!LINUX_S_ISDIR(i.i_mode))
		return 0;
	/* "x/" is x as a folder: the link is followed, too. */
	follow_last |= *rest || *end;
	*end = '\0';
	rc = ext2disk_lookup(w->x, w->at, start, w->path, &next, w->d);
	if (rc <= 0)
		return rc;
	if (ext2disk_read_inode(w->x, next, w->path, &i, w->d) < 0)
		return -1;
	if (LINUX_S_ISLNK(i.i_mode) && follow_last)
		return follow(w, next, rest);
	w->at = next;
	memmove(w->rest, rest, strlen(rest) + 1);
	return 1;
}

int ext2disk_find(struct ext2disk *x, const char *path, int follow_last, ext2_ino_t *ino,
	struct diag *d)
{
	struct walk w = {.x = x,
		.path = path,
		.at = EXT2_ROOT_INO,
		.rest = memory_strdup(path),
		.d = d};
	int rc = 1;

	while (rc == 1 && w.rest[strspn(w.rest, "/")])
		rc = step(&w, follow_last);
	free(w.rest);
	*ino = w.at;
	return rc;
}

struct listing {
	struct arena *arena;
	struct ext2disk_entry *list;
	size_t count, room;
	size_t bad_count;
	struct buffer bad; /* the first name that is none */
	int full;
};

static void note_bad_name(struct listing *l, const char *name, size_t length)
{
	if (l->bad_count++ == 0)
		text_add_visible(&l->bad, name, length);
}

static int add_entry(ext2_ino_t dir, int kind, struct ext2_dir_entry *e, int offset,
	int block_bytes, char *block, void *context)
{
	struct listing *l = context;
	size_t length = (size_t)ext2fs_dirent_name_len(e);
	char *name;

	(void)dir, (void)kind, (void)offset, (void)block_bytes, (void)block;
	if (l->count + l->bad_count >= EXT2DISK_ENTRIES_MAX) {
		l->full = 1;
		return DIRENT_ABORT;
	}
	name = arena_memdup(l->arena, e->name, length);
	/* Wherever they stand: folders within inodes have them in odd places. */
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	if (length == 0 || strlen(name) != length || strchr(name, '/')) {
		note_bad_name(l, e->name, length);
		return 0;
	}
	if (l->count == l->room) {
		l->room = l->room * 2 + 16;
		l->list = memory_resize(l->list, l->room * sizeof(*l->list));
	}
	l->list[l->count++] = (struct ext2disk_entry){name, e->inode};
	return 0;
}

static int compare_entries(const void *a, const void *b)
{
	const struct ext2disk_entry *one = a, *other = b;

	return strcmp(one->name, other->name);
}

/* What is not in the list. */
static int tell_missing(const struct ext2disk *x, const struct listing *l,
	const char *path, errcode_t failure, struct diag *d)
{
	if (l->bad_count == 1)
		diag_fail(d, "%s: %s: an entry whose name is none: \"%s\"", x->name, path,
			l->bad.bytes);
	else if (l->bad_count)
		diag_fail(d,
			"%s: %s: %zu entries whose names are none, the first: \"%s\"",
			x->name, path, l->bad_count, l->bad.bytes);
	if (failure)
		ext2disk_fail(x, path, failure, d);
	if (l->full)
		diag_fail(d, "%s: %s: more than %d entries", x->name, path,
			EXT2DISK_ENTRIES_MAX);
	return l->bad_count || failure ? -1 : l->full;
}

int ext2disk_list(struct ext2disk *x, ext2_ino_t folder, const char *path,
	struct arena *a, struct ext2disk_entry **list, size_t *count, struct diag *d)
{
	struct listing l = {.arena = a};
	errcode_t failure;
	int rc;

	buffer_add(&l.bad, "", 0);
	failure = ext2fs_dir_iterate2(x->fs, folder, 0, NULL, add_entry, &l);
	rc = tell_missing(x, &l, path, failure, d);
	buffer_clear(&l.bad);
	if (l.count)
		qsort(l.list, l.count, sizeof(*l.list), compare_entries);
	*list = arena_alloc(a, (l.count + 1) * sizeof(*l.list));
	if (l.count)
		memcpy(*list, l.list, l.count * sizeof(*l.list));
	*count = l.count;
	free(l.list);
	return rc;
}
