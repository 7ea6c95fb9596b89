/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "put_data.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES (1024 * 1024)

struct copy {
	struct put *p;
	char *chunk;
	struct source_folder last;
	struct source source;
	const struct node *node;
};

/* Zeros are already there where the image has a hole. */
static int is_there(const struct copy *c, uint64_t at, size_t size)
{
	const struct ext2disk_io *io = &c->p->x->io;
	char *there;
	int same;

	if (!memory_is_zero(c->chunk, size))
		return 0;
	there = memory_alloc(size);
	same = ext2disk_io_read(io, at, there, size) == 0 && memory_is_zero(there, size);
	free(there);
	return same;
}

static int copy_part(struct copy *c, uint64_t from, uint64_t to, size_t size)
{
	struct put *p = c->p;
	uint64_t left = from < c->node->size ? c->node->size - from : 0;
	ssize_t n = 0;

	if (left) {
		n = source_read(&c->source, c->chunk, left < size ? (size_t)left : size,
			from, p->d);
		if (n < 0)
			return -1;
	}
	memset(c->chunk + n, 0, size - (size_t)n);
	if (is_there(c, to, size))
		return 0;
	if (ext2disk_io_write(&p->x->io, to, c->chunk, size) < 0)
		return diag_fail_errno(p->d, "%s", p->x->name);
	return 0;
}

static int copy_run(void *context, uint64_t logical, uint64_t physical, uint64_t count)
{
	struct copy *c = context;
	uint64_t bytes = c->p->x->fs->blocksize, size = count * bytes;

	for (uint64_t done = 0; done < size; done += CHUNK_BYTES) {
		uint64_t part = size - done < CHUNK_BYTES ? size - done : CHUNK_BYTES;

		if (copy_part(c, logical * bytes + done, physical * bytes + done,
			    (size_t)part) < 0)
			return -1;
	}
	return 0;
}

static int copy_file(struct node *n, void *context)
{
	struct copy *c = context;
	struct put *p = c->p;

	if (n->type != NODE_FILE)
		return 0;
	c->node = n;
	if (source_open(&c->source, p->tree, n, &c->last, p->d) < 0)
		return -1;
	if (ext2disk_runs(p->x, n->mark, n->name, copy_run, c, p->d) < 0) {
		source_drop(&c->source);
		return -1;
	}
	return source_close(&c->source, p->d);
}

int put_data(struct put *p)
{
	struct copy c = {
		.p = p, .chunk = memory_alloc(CHUNK_BYTES), .last = SOURCE_FOLDER_NONE};
	int rc = tree_walk(p->tree, copy_file, &c);

	source_folder_close(&c.last);
	free(c.chunk);
	return rc;
}
