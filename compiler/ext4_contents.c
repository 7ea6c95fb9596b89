/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ext4_image.h"

/* Where the stream is. */
struct contents {
	struct ext4_image *m;
	const struct node *node; /* the file at work, once anything is known of it */
	uint64_t first;		 /* where its first block is */
	uint64_t run[2];	 /* its last run: the first block and how many */
};

static void start_file(struct contents *c, const struct node *n)
{
	c->node = n;
	c->first = 0;
	c->run[0] = c->run[1] = 0;
	ext4_extents_start(&c->m->extents, n->mark);
}

/* The UUID is to tell contents apart that differ only in where their holes are. */
static void end_run(struct contents *c)
{
	if (c->run[1])
		digest_add(c->m->digest, c->run, sizeof(c->run));
	c->run[1] = 0;
}

static int place(void *context, struct stream_run *runs, size_t count, struct diag *d)
{
	struct contents *c = context;

	for (struct stream_run *r = runs; r < runs + count; r++) {
		if (r->node != c->node)
			start_file(c, r->node);
		if (c->run[0] + c->run[1] != r->logical) {
			end_run(c);
			c->run[0] = r->logical;
		}
		c->run[1] += r->count;
		if (ext4_extents_add(
			    &c->m->extents, r->logical, r->count, &r->physical, d) < 0)
			return -1;
		if (c->m->extents.blocks == r->count)
			c->first = r->physical;
	}
	return 0;
}

static int finish(void *context, struct node *n,
	const unsigned char data_sha256[DIGEST_BYTES], struct diag *d)
{
	struct contents *c = context;
	struct ext4_map map;
	int simple;

	if (n != c->node)
		start_file(c, n);
	end_run(c);
	digest_add(c->m->digest, data_sha256, DIGEST_BYTES);
	simple = ext4_extents_is_simple(&c->m->extents);
	if (ext4_extents_finish(&c->m->extents, &map, d) < 0)
		return -1;
	ext4_image_note(c->m, n, c->first, simple ? NULL : &map);
	c->node = NULL;
	return 0;
}

/* Blocks that follow one another, on the disk and in memory. */
struct piece {
	uint64_t block;
	const char *bytes;
	size_t count;
};

static int write_piece(const struct ext4_image *m, const struct piece *p, struct diag *d)
{
	return p->count ? ext4_io_write(&m->io, p->block, p->bytes, p->count, d) : 0;
}

/* Blocks of a run that need no writing, its host's filesystem having reflinks. The last
 * one of a file may be a part only, which cannot be shared. */
static uint64_t clone_blocks(struct ext4_image *m, const struct stream_run *r,
	uint64_t done, uint64_t block, uint64_t count)
{
	uint64_t whole = r->node->size / EXT4_BLOCK, first = r->logical + done;

	if (r->fd < 0 || first >= whole)
		return 0;
	if (count > whole - first)
		count = whole - first;
	return ext4_io_clone(&m->io, block, r->fd, first * EXT4_BLOCK, count) ? count : 0;
}

/* Nothing here changes what other threads see. */
static int write_runs(
	void *context, const struct stream_run *runs, size_t count, struct diag *d)
{
	const struct contents *c = context;
	struct ext4_image *m = c->m;
	struct piece p = {0};

	for (const struct stream_run *r = runs; r < runs + count; r++) {
		uint64_t block = r->physical, done = 0, n;

		for (; done < r->count; done += n, block += n) {
			const char *bytes = r->bytes + done * EXT4_BLOCK;
			uint64_t cloned;

			block = ext4_layout_skip(&m->layout, block);
			n = ext4_layout_run(&m->layout, block, r->count - done);
			cloned = clone_blocks(m, r, done, block, n);
			if (cloned) {
				n = cloned;
				continue;
			}
			if (p.block + p.count == block &&
				p.bytes + p.count * EXT4_BLOCK == bytes) {
				p.count += n;
				continue;
			}
			if (write_piece(m, &p, d) < 0)
				return -1;
			p = (struct piece){block, bytes, n};
		}
	}
	return write_piece(m, &p, d);
}

int ext4_contents_write(struct ext4_image *m, struct diag *d)
{
	struct contents c = {.m = m};
	const struct stream_sink sink = {
		.context = &c, .place = place, .finish = finish, .write = write_runs};

	return stream_files(m->tree, &m->options->stream, &sink, d);
}
