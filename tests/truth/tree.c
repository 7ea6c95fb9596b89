/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tree.h"

#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BLOCK ((uint64_t)LISTING_BLOCK)
#define CHUNK (1024 * 1024)
#define LINK_LIMIT 65000 /* a folder with as many has a link count of 1 */

void tree_check(struct tree *t, int rc)
{
	if (rc == ARCHIVE_OK)
		return;
	fprintf(stderr, "truth-make: %s\n", archive_error_string(t->archive));
	exit(2);
}

/* Never 0, and no block like another. */
char tree_byte_at(uint64_t offset)
{
	return (char)(1 + (offset * 2654435761u / 4096 + offset * 31) % 255);
}

static void fill(char *to, const struct file *f, uint64_t offset, size_t size)
{
	memset(to, 0, size);
	for (size_t i = 0; i < f->count; i++) {
		const struct segment *s = &f->segments[i];
		uint64_t from = s->offset > offset ? s->offset : offset;
		uint64_t end = s->offset + s->size;

		if (end > offset + size)
			end = offset + size;
		for (; from < end && !s->zeros; from++)
			to[from - offset] = tree_byte_at(from);
	}
}

static int touches(const struct file *f, uint64_t offset, size_t size)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->segments[i].offset < offset + size &&
			f->segments[i].offset + f->segments[i].size > offset)
			return 1;
	return 0;
}

static void write_contents(struct tree *t, struct entry *e, const struct file *f)
{
	static char chunk[CHUNK];

	e->digest = LISTING_DIGEST;
	for (uint64_t at = 0; at < f->size; at += CHUNK) {
		size_t size = f->size - at < CHUNK ? (size_t)(f->size - at) : CHUNK;
		int empty = !touches(f, at, size);

		if (empty)
			memset(chunk, 0, size);
		else
			fill(chunk, f, at, size);
		if (archive_write_data(t->archive, chunk, size) != (la_ssize_t)size)
			tree_check(t, ARCHIVE_FATAL);
		for (size_t i = 0; i < size && !empty; i += BLOCK) {
			uint64_t number = (at + i) / BLOCK;

			if (listing_digest_block(&e->digest, number, chunk + i,
				    size - i < BLOCK ? size - i : BLOCK))
				listing_add_data(&e->data, number, number);
		}
	}
}

/* The entry must be the listing's last. */
struct archive_entry *tree_header_of(const struct entry *e)
{
	struct archive_entry *a = archive_entry_new();

	archive_entry_set_pathname(a, e->path);
	archive_entry_set_mode(a, e->mode);
	archive_entry_set_uid(a, e->uid);
	archive_entry_set_gid(a, e->gid);
	archive_entry_set_mtime(a, e->mtime, (long)e->mtime_ns);
	archive_entry_set_size(a, S_ISREG(e->mode) ? (la_int64_t)e->size : 0);
	if (S_ISCHR(e->mode) || S_ISBLK(e->mode)) {
		archive_entry_set_rdevmajor(a, e->major);
		archive_entry_set_rdevminor(a, e->minor);
	}
	if (e->target)
		archive_entry_set_symlink(a, e->target);
	return a;
}

void tree_write_header(struct tree *t, struct archive_entry *a)
{
	tree_check(t, archive_write_header(t->archive, a));
	archive_entry_free(a);
}

/* Of root, with a time of its own. */
struct entry *tree_add(struct tree *t, const char *path, mode_t mode)
{
	struct entry *e = listing_add(&t->listing, path);

	e->mode = mode;
	e->mtime = 1000000000 + (int64_t)t->listing.count;
	e->mtime_ns = 123456789;
	e->links = S_ISDIR(mode) ? 2 : 1;
	e->identity = ++t->identities;
	if (S_ISREG(mode))
		e->digest = LISTING_DIGEST;
	return e;
}

void tree_write_entry(struct tree *t, const struct entry *e)
{
	tree_write_header(t, tree_header_of(e));
}

void tree_add_folder(struct tree *t, const char *path, unsigned subfolders)
{
	struct entry *e = tree_add(t, path, S_IFDIR | 0755);

	e->links = subfolders + 2 >= LINK_LIMIT ? 1 : subfolders + 2;
	tree_write_entry(t, e);
}

/* Of whole blocks: tar programs disagree about others. */
static void declare_segment(
	struct archive_entry *a, const struct segment *s, uint64_t file_size)
{
	uint64_t start = s->offset / BLOCK * BLOCK;
	uint64_t end = (s->offset + s->size + BLOCK - 1) / BLOCK * BLOCK;

	archive_entry_sparse_add_entry(a, (la_int64_t)start,
		(la_int64_t)((end < file_size ? end : file_size) - start));
}

void tree_add_file(struct tree *t, const char *path, const struct file *f)
{
	struct entry *e = tree_add(t, path, S_IFREG | 0644);
	struct archive_entry *a;

	e->size = f->size;
	a = tree_header_of(e);
	for (size_t i = 0; i < f->count; i++)
		declare_segment(a, &f->segments[i], f->size);
	if (f->count == 0 && f->size)
		archive_entry_sparse_add_entry(a, (la_int64_t)f->size, 0);
	tree_write_header(t, a);
	write_contents(t, e, f);
}

void tree_add_full(struct tree *t, const char *path, uint64_t size)
{
	struct segment s = {0, size, 0};

	tree_add_file(t, path, &(struct file){&s, size > 0, size});
}

void tree_add_link(struct tree *t, const char *path, const char *target)
{
	struct entry *e = tree_add(t, path, S_IFLNK | 0777);

	e->size = strlen(target);
	e->target = listing_text("%s", target);
	tree_write_entry(t, e);
}

char *tree_repeat(char c, size_t count)
{
	char *text = listing_resize(NULL, count + 1);

	memset(text, c, count);
	text[count] = '\0';
	return text;
}

void tree_add_name(struct tree *t, const char *path, size_t first)
{
	struct entry *e = listing_add(&t->listing, path);
	char *own_path = e->path;
	struct archive_entry *a;

	*e = t->listing.list[first];
	e->path = own_path;
	a = tree_header_of(e);
	archive_entry_set_size(a, 0);
	archive_entry_set_hardlink(a, t->listing.list[first].path);
	tree_write_header(t, a);
}
