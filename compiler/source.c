/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "place.h"

int64_t tree_stamp(const struct timespec *t)
{
	return (int64_t)((uint64_t)t->tv_sec << 30 | (uint64_t)t->tv_nsec);
}

const char *source_name(const struct node *n, struct arena *a)
{
	const struct host_folder *f;

	if (n->source_kind != SOURCE_HOST)
		return tree_path(n, a);
	f = n->host->folder;
	return *f->name ? arena_printf(a, "%s/%s", f->name, n->host->name)
			: n->host->name;
}

static int fail(const struct node *n, const char *what, struct diag *d)
{
	struct arena a = {0};
	int rc = place_fail(d, n->place, "%s: %s", source_name(n, &a), what);

	arena_clear(&a);
	return rc;
}

static int fail_changed(const struct node *n, struct diag *d)
{
	return fail(n, "changed while it was read", d);
}

static int check_unchanged(int fd, const struct node *n, struct diag *d)
{
	const struct host_file *f = n->host;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail(n, strerror(errno), d);
	if ((uint64_t)st.st_ino != f->inode || (uint64_t)st.st_dev != f->device ||
		(uint64_t)st.st_size != n->size || !S_ISREG(st.st_mode) ||
		tree_stamp(&st.st_mtim) != f->mtime ||
		tree_stamp(&st.st_ctim) != f->ctime)
		return fail_changed(n, d);
	return 0;
}

void source_folder_close(struct source_folder *last)
{
	file_close(&last->fd);
	last->folder = NULL;
}

/* The folder that was scanned, and no other that has its name now. */
static int open_folder(const struct node *n, struct source_folder *last, struct diag *d)
{
	const struct host_folder *f = n->host->folder;
	struct stat st;

	if (last->folder == f)
		return 0;
	source_folder_close(last);
	last->fd = open(f->path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (last->fd < 0 || fstat(last->fd, &st) < 0)
		return fail(n, strerror(errno), d);
	if ((uint64_t)st.st_dev != f->device || (uint64_t)st.st_ino != f->inode)
		return fail_changed(n, d);
	last->folder = f;
	return 0;
}

int source_open(struct source *s, const struct tree *t, const struct node *n,
	struct source_folder *last, struct diag *d)
{
	*s = (struct source){.fd = -1, .node = n};
	switch ((enum source_kind)n->source_kind) {
	case SOURCE_MEMORY:
		s->bytes = n->bytes;
		return 0;
	case SOURCE_SPOOL:
		s->fd = t->spool;
		s->offset = n->offset;
		return 0;
	case SOURCE_HOST:
		break;
	}
	if (open_folder(n, last, d) < 0)
		return -1;
	/* O_NONBLOCK: a fifo in the file's place must not stop us. */
	s->fd = openat(
		last->fd, n->host->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return s->fd < 0 ? fail(n, strerror(errno), d) : 0;
}

int source_check(const struct source *s, struct diag *d)
{
	if (s->fd < 0 || s->node->source_kind != SOURCE_HOST)
		return 0;
	return check_unchanged(s->fd, s->node, d);
}

int source_close(struct source *s, struct diag *d)
{
	int rc = source_check(s, d);

	source_drop(s);
	return rc;
}

void source_drop(struct source *s)
{
	if (s->node->source_kind == SOURCE_HOST)
		file_close(&s->fd);
	s->fd = -1;
}

/* What is no longer the file that was scanned may fail in any way. */
static int fail_read(const struct source *s, struct diag *d)
{
	int error = errno;

	if (s->node->source_kind == SOURCE_HOST && check_unchanged(s->fd, s->node, d) < 0)
		return -1;
	return fail(s->node, strerror(error), d);
}

ssize_t source_read(
	const struct source *s, void *bytes, size_t size, uint64_t offset, struct diag *d)
{
	uint64_t left = s->node->size > offset ? s->node->size - offset : 0;
	size_t want = size < left ? size : (size_t)left;
	ssize_t got;

	if (s->fd < 0) {
		if (want)
			memcpy(bytes, s->bytes + offset, want);
		return (ssize_t)want;
	}
	got = file_read_at(s->fd, bytes, want, (off_t)(s->offset + offset));
	if (got < 0)
		return fail_read(s, d);
	if ((size_t)got < want)
		return fail_changed(s->node, d);
	return got;
}

uint64_t source_next_data(const struct source *s, uint64_t offset)
{
	uint64_t at = s->offset + offset;
	off_t data;

	if (s->fd < 0)
		return offset;
	data = lseek(s->fd, (off_t)at, SEEK_DATA);
	if (data < 0)
		return errno == ENXIO ? s->node->size : offset;
	if ((uint64_t)data < at + TREE_BLOCK)
		return offset;
	offset = ((uint64_t)data - s->offset) / TREE_BLOCK * TREE_BLOCK;
	return offset < s->node->size ? offset : s->node->size;
}

int source_is_full(const struct source *s)
{
	struct stat st;

	return s->node->source_kind == SOURCE_HOST && fstat(s->fd, &st) == 0 &&
	       (uint64_t)st.st_blocks * 512 >= s->node->size;
}

uint64_t source_next_hole(const struct source *s, uint64_t offset)
{
	off_t hole = -1;

	if (s->fd >= 0)
		hole = lseek(s->fd, (off_t)(s->offset + offset), SEEK_HOLE);
	if (hole < 0 || (uint64_t)hole <= s->offset + offset)
		return s->node->size;
	offset = ((uint64_t)hole - s->offset + TREE_BLOCK - 1) / TREE_BLOCK * TREE_BLOCK;
	return offset < s->node->size ? offset : s->node->size;
}

void tree_fill_text(struct node *n, const void *bytes, size_t size)
{
	n->source_kind = SOURCE_MEMORY;
	n->bytes = bytes;
	n->size = size;
	n->measured = 0;
}

struct node *tree_add_text(struct tree *t, const char *path, const void *bytes,
	size_t size, mode_t mode, const struct place *place, struct diag *d)
{
	struct node *n = tree_add(t, path, NODE_FILE, mode, place, d);

	if (n)
		tree_fill_text(n, bytes, size);
	return n;
}

static int open_unlinked(const char *folder)
{
	int fd = open(folder, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	char *path;

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd;
	path = memory_printf("%s/wuc-spool-XXXXXX", folder);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	free(path);
	return fd;
}

int tree_open_spool(struct tree *t, struct diag *d)
{
	const char *folder = getenv("TMPDIR");

	if (t->spool >= 0)
		return t->spool;
	if (folder && *folder) {
		t->spool = open_unlinked(folder);
	} else {
		folder = "/var/tmp"; /* /tmp may be memory */
		t->spool = open_unlinked(folder);
		if (t->spool < 0)
			t->spool = open_unlinked(folder = "/tmp");
	}
	if (t->spool < 0)
		diag_fail_errno(d, "%s: no place for an archive's contents", folder);
	return t->spool;
}
