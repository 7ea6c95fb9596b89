/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cpio.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"
#include "place.h"
#include "source.h"

#define COPY_BYTES (128 * 1024)
#define FILE_LIMIT_BYTES UINT32_MAX /* newc has eight hex digits for a size */

struct writer {
	struct archive *out;
	struct archive_entry *entry;
	const struct tree *tree;
	const char *name; /* the initrd's, for messages */
	uint64_t last_inode;
	char *chunk;
	struct diag *diag;
};

static int fail(struct writer *w)
{
	const char *why = archive_error_string(w->out);

	return diag_fail(w->diag, "%s: %s", w->name, why ? why : "cannot be written");
}

static mode_t type_bits(enum node_type type)
{
	switch (type) {
	case NODE_FOLDER:
		return AE_IFDIR;
	case NODE_SYMLINK:
		return AE_IFLNK;
	case NODE_FIFO:
		return AE_IFIFO;
	case NODE_SOCKET:
		return AE_IFSOCK;
	case NODE_CHARACTER:
		return AE_IFCHR;
	case NODE_BLOCK:
		return AE_IFBLK;
	case NODE_FILE:
	case NODE_HARDLINK:
		break;
	}
	return AE_IFREG;
}

/* Linux takes entries of one inode number and a link count above 1 as names of one file.
 * Numbers in the order of writing are the only ones that do not depend on the host. */
static void describe(struct writer *w, struct node *n, const char *path)
{
	struct archive_entry *e = archive_entry_clear(w->entry);
	struct node *file = n->type == NODE_HARDLINK ? n->primary : n;

	if (file->mark == 0)
		file->mark = ++w->last_inode;
	archive_entry_set_pathname(e, path);
	archive_entry_set_filetype(e, type_bits((enum node_type)n->type));
	archive_entry_set_perm(e, n->type == NODE_SYMLINK ? 0777 : file->mode & 07777);
	archive_entry_set_ino64(e, (la_int64_t)file->mark);
	archive_entry_set_nlink(e,
		file->type == NODE_FILE && file->link_count > 1 ? file->link_count : 1);
	archive_entry_set_mtime(e, file->mtime < 0 ? 0 : file->mtime, 0);
	archive_entry_set_uid(e, file->uid);
	archive_entry_set_gid(e, file->gid);
	archive_entry_set_size(e, n->type == NODE_FILE ? (la_int64_t)n->size : 0);
	if (n->type == NODE_SYMLINK)
		archive_entry_set_symlink(e, n->target);
	if (n->type == NODE_CHARACTER || n->type == NODE_BLOCK)
		archive_entry_set_rdev(e, n->device);
}

static int put(struct writer *w, const void *bytes, size_t size)
{
	const char *p = bytes;

	while (size > 0) {
		la_ssize_t n = archive_write_data(w->out, p, size);

		if (n <= 0)
			return fail(w);
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

static int copy_bytes(struct writer *w, struct source *s, uint64_t size)
{
	ssize_t got;

	for (uint64_t offset = 0; offset < size; offset += (uint64_t)got) {
		got = source_read(s, w->chunk, COPY_BYTES, offset, w->diag);
		if (got < 0 || put(w, w->chunk, (size_t)got) < 0) {
			source_drop(s);
			return -1;
		}
	}
	return source_close(s, w->diag);
}

static int put_bytes(struct writer *w, const struct node *n)
{
	struct source s;
	struct source_folder last = SOURCE_FOLDER_NONE;
	int rc = -1;

	if (source_open(&s, w->tree, n, &last, w->diag) == 0)
		rc = copy_bytes(w, &s, n->size);
	source_folder_close(&last);
	return rc;
}

/* The bytes go with the primary, whether its name comes first or not: the kernel links
 * all names of one inode number and fills the file where the bytes come. */
static int visit(struct node *n, void *context)
{
	struct writer *w = context;
	struct arena names = {0};
	const char *path = tree_path(n, &names);
	int rc;

	if (n->xattrs && n->xattrs->count > 0)
		rc = place_fail(w->diag, n->place,
			"%s: an initrd cannot hold extended attributes", path);
	else if (n->type == NODE_FILE && n->size > FILE_LIMIT_BYTES)
		rc = place_fail(w->diag, n->place,
			"%s: an initrd cannot hold files over 4 GiB", path);
	else {
		describe(w, n, path);
		rc = archive_write_header(w->out, w->entry) == ARCHIVE_OK ? 0 : fail(w);
	}
	if (rc == 0 && n->type == NODE_FILE)
		rc = put_bytes(w, n);
	arena_clear(&names);
	return rc;
}

static int clear_mark(struct node *n, void *context)
{
	(void)context;
	n->mark = 0;
	return 0;
}

static int write_tree(struct writer *w, struct tree *t, int fd)
{
	if (!w->out || !w->entry)
		return diag_fail(w->diag, "%s: out of memory", w->name);
	if (archive_write_set_format_cpio_newc(w->out) != ARCHIVE_OK ||
		archive_write_add_filter_none(w->out) != ARCHIVE_OK ||
		archive_write_set_bytes_in_last_block(w->out, 1) != ARCHIVE_OK ||
		archive_write_open_fd(w->out, fd) != ARCHIVE_OK)
		return fail(w);
	tree_walk(t, clear_mark, NULL);
	if (tree_walk(t, visit, w) != 0)
		return -1;
	return archive_write_close(w->out) == ARCHIVE_OK ? 0 : fail(w);
}

int cpio_write(int dirfd, const char *path, struct tree *t, struct diag *d)
{
	CLEANUP(file_close)
	int fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct writer w = {.tree = t, .name = path, .diag = d};
	int rc;

	if (fd < 0)
		return diag_fail_errno(d, "%s", path);
	w.out = archive_write_new();
	w.entry = archive_entry_new();
	w.chunk = memory_alloc(COPY_BYTES);
	rc = write_tree(&w, t, fd);
	archive_entry_free(w.entry);
	archive_write_free(w.out);
	free(w.chunk);
	if (rc == 0 && (fchmod(fd, 0444) < 0 || fsync(fd) < 0))
		rc = diag_fail_errno(d, "%s", path);
	if (rc < 0)
		unlinkat(dirfd, path, 0);
	return rc;
}
