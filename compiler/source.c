/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file's bytes, wherever they are: reading, measuring, and the spool. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "tree.h"

static const char *name_of(const struct node *n)
{
	return n->source.kind == SOURCE_HOST ? n->source.name : n->name;
}

static int same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static int fail_changed(const struct node *n, struct diag *d)
{
	return diag_fail(d, "%s: changed while it was read", name_of(n));
}

static int check_unchanged(int fd, const struct node *n, struct diag *d)
{
	const struct source *s = &n->source;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return diag_fail_errno(d, "%s", name_of(n));
	if ((uint64_t)st.st_ino != s->inode || (uint64_t)st.st_dev != s->device ||
		(uint64_t)st.st_size != n->size || !S_ISREG(st.st_mode) ||
		!same_time(&st.st_mtim, &s->mtime) || !same_time(&st.st_ctim, &s->ctime))
		return fail_changed(n, d);
	return 0;
}

int source_open(const struct tree *t, const struct node *n, struct source_reader *r,
	struct diag *d)
{
	*r = (struct source_reader){.fd = -1, .node = n};
	switch (n->source.kind) {
	case SOURCE_MEMORY:
		r->bytes = n->source.bytes;
		return 0;
	case SOURCE_SPOOL:
		r->fd = t->spool;
		r->offset = n->source.offset;
		return 0;
	case SOURCE_HOST:
		break;
	}
	/* O_NONBLOCK: a fifo in the file's place must not stop us. */
	r->fd = open(n->source.path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (r->fd < 0)
		return diag_fail_errno(d, "%s", name_of(n));
	if (check_unchanged(r->fd, n, d) < 0) {
		file_close(&r->fd);
		return -1;
	}
	return 0;
}

int source_close(struct source_reader *r, struct diag *d)
{
	int rc = 0;

	if (r->fd >= 0 && r->node->source.kind == SOURCE_HOST)
		rc = check_unchanged(r->fd, r->node, d);
	source_drop(r);
	return rc;
}

void source_drop(struct source_reader *r)
{
	if (r->node->source.kind == SOURCE_HOST)
		file_close(&r->fd);
	r->fd = -1;
}

ssize_t source_read(struct source_reader *r, void *bytes, size_t size, uint64_t offset,
	struct diag *d)
{
	uint64_t left = r->node->size > offset ? r->node->size - offset : 0;
	size_t want = size < left ? size : (size_t)left, got = 0;

	if (r->bytes) {
		memcpy(bytes, (const char *)r->bytes + offset, want);
		return (ssize_t)want;
	}
	while (got < want) {
		ssize_t n = pread(r->fd, (char *)bytes + got, want - got,
			(off_t)(r->offset + offset + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return diag_fail_errno(d, "%s", name_of(r->node));
		if (n == 0)
			return fail_changed(r->node, d);
		got += (size_t)n;
	}
	return (ssize_t)got;
}

uint64_t source_next_data(const struct source_reader *r, uint64_t offset)
{
	uint64_t at = r->offset + offset;
	off_t data;

	if (r->fd < 0)
		return offset;
	data = lseek(r->fd, (off_t)at, SEEK_DATA);
	if (data < 0)
		return errno == ENXIO ? r->node->size : offset;
	if ((uint64_t)data < at + TREE_BLOCK)
		return offset;
	offset = ((uint64_t)data - r->offset) / TREE_BLOCK * TREE_BLOCK;
	return offset < r->node->size ? offset : r->node->size;
}

/* Counts blocks that are not all zeros; `bytes` starts at a block's start. */
static void count_blocks(struct node *n, const char *bytes, size_t size, int *in_run)
{
	for (size_t at = 0; at < size; at += TREE_BLOCK) {
		size_t part = size - at < TREE_BLOCK ? size - at : TREE_BLOCK;
		int data = bytes[at] != 0 ||
			   memcmp(bytes + at, bytes + at + 1, part - 1) != 0;

		n->data_blocks += (unsigned)data;
		n->data_runs += (unsigned)(data && !*in_run);
		*in_run = data;
	}
}

static void add_zeros(struct digest *g, uint64_t size)
{
	static const char zeros[65536];

	for (uint64_t part; size > 0; size -= part) {
		part = size < sizeof(zeros) ? size : sizeof(zeros);
		digest_add(g, zeros, part);
	}
}

static int measure_reader(struct node *n, struct source_reader *r, char *chunk,
	struct digest *g, struct diag *d)
{
	int in_run = 0;

	for (uint64_t at = 0; at < n->size; at += TREE_CHUNK) {
		uint64_t data = n->size > TREE_CHUNK ? source_next_data(r, at) : at;
		ssize_t got;

		if (data > at) {
			add_zeros(g, data - at);
			in_run = 0;
			at = data;
		}
		got = source_read(r, chunk, TREE_CHUNK, at, d);
		if (got < 0)
			return -1;
		digest_add(g, chunk, (size_t)got);
		count_blocks(n, chunk, (size_t)got, &in_run);
	}
	return 0;
}

int tree_measure(struct tree *t, struct node *n, struct diag *d)
{
	struct source_reader r;
	struct digest *g;
	int rc;

	if (source_open(t, n, &r, d) < 0)
		return -1;
	if (!t->chunk)
		t->chunk = memory_alloc(TREE_CHUNK);
	n->data_blocks = n->data_runs = 0;
	g = digest_new();
	rc = measure_reader(n, &r, t->chunk, g, d);
	if (rc < 0)
		source_drop(&r);
	else
		rc = source_close(&r, d);
	if (rc < 0) {
		digest_drop(g);
		return -1;
	}
	digest_finish(g, n->sha256);
	n->measured = 1;
	return 0;
}

void tree_fill_text(struct node *n, const void *bytes, size_t size)
{
	int in_run = 0;

	n->source = (struct source){.kind = SOURCE_MEMORY, .bytes = bytes};
	n->size = size;
	n->data_blocks = n->data_runs = 0;
	digest_of_bytes(bytes, size, n->sha256);
	count_blocks(n, bytes, size, &in_run);
	n->measured = 1;
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
