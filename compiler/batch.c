/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "batch.h"

#include <stdlib.h>
#include <string.h>

struct batch_level {
	const struct entries *entries;
	size_t next;
};

/* A file of several batches. */
struct batch_large {
	struct batch_large *newer, *older; /* in the walk's list */
	struct node *node;
	struct source source;
	int fd;		   /* the source's, if that is a host file */
	unsigned batches;  /* that have been taken and have not ended */
	uint64_t taken;	   /* what lies before is in batches, or in the host's holes */
	int full;	   /* the host has a block for all of it */
	int sparse;	   /* a hole was found */
	uint64_t data_end; /* of a sparse file: where the host says that data end */
	/* What follows is of the batches that have passed. */
	uint64_t passed;       /* the end of the last run, in blocks */
	struct digest *digest; /* of everything, or of the data alone */
	struct digest *data;   /* once the two differ, if both are wanted */
	uint32_t blocks, runs;
};

static uint64_t round_up(uint64_t bytes)
{
	return (bytes + TREE_BLOCK - 1) / TREE_BLOCK * TREE_BLOCK;
}

void batch_walk_open(struct batch_walk *w, const struct batch_context *c)
{
	*w = (struct batch_walk){.context = c, .folder = SOURCE_FOLDER_NONE};
	w->room = 16;
	w->levels = memory_alloc(w->room * sizeof(*w->levels));
	w->levels[w->depth++].entries = c->tree->root->folder;
}

static void drop_large(struct batch_walk *w, struct batch_large *l)
{
	if (l->newer)
		l->newer->older = l->older;
	else
		w->open = l->older;
	if (l->older)
		l->older->newer = l->newer;
	source_drop(&l->source);
	digest_drop(l->digest);
	digest_drop(l->data);
	free(l);
}

void batch_walk_close(struct batch_walk *w)
{
	while (w->open)
		drop_large(w, w->open);
	source_folder_close(&w->folder);
	free(w->levels);
}

void batch_reader_open(struct batch_reader *r, const struct batch_context *c)
{
	*r = (struct batch_reader){.context = c, .folder = SOURCE_FOLDER_NONE};
	r->digest = digest_new();
}

void batch_reader_close(struct batch_reader *r)
{
	source_folder_close(&r->folder);
	digest_drop(r->digest);
}

static void enter_folder(struct batch_walk *w, const struct node *n)
{
	if (w->depth == w->room) {
		w->room *= 2;
		w->levels = memory_resize(w->levels, w->room * sizeof(*w->levels));
	}
	w->levels[w->depth++] = (struct batch_level){.entries = n->folder};
}

static struct node *find_file(struct batch_walk *w)
{
	while (w->depth > 0) {
		struct batch_level *l = &w->levels[w->depth - 1];
		struct node *n;

		if (!l->entries || l->next == l->entries->count) {
			w->depth--;
			continue;
		}
		n = l->entries->list[l->next++];
		if (n->type == NODE_FOLDER)
			enter_folder(w, n);
		if (n->type == NODE_FILE && (w->context->sink || !n->measured))
			return n;
	}
	return NULL;
}

static void add_part(
	struct batch *b, struct node *n, uint64_t offset, size_t size, size_t *used)
{
	struct batch_part *p = &b->parts[b->part_count++];

	p->node = n;
	p->offset = offset;
	p->size = size;
	p->at = *used;
	*used += round_up(size);
}

static int open_large(struct batch_walk *w, struct node *n, struct diag *d)
{
	struct batch_large *l = memory_alloc(sizeof(*l));

	if (source_open(&l->source, w->context->tree, n, &w->folder, d) < 0) {
		free(l);
		return -1;
	}
	l->node = n;
	l->fd = n->source_kind == SOURCE_HOST ? l->source.fd : -1;
	l->full = source_is_full(&l->source);
	l->digest = digest_new();
	l->older = w->open;
	if (w->open)
		w->open->newer = l;
	w->open = w->large = l;
	return 0;
}

/* The next stretch that may hold data. Holes that the host knows of are passed over:
 * they read as zeros, and blocks of zeros are holes anyway. The end of a stretch is asked
 * for once: tmpfs looks at every page up to there. */
static int find_stretch(struct batch_large *l, uint64_t *end)
{
	uint64_t size = l->node->size, start = l->taken;

	if (!l->full && start >= l->data_end) {
		start = source_next_data(&l->source, start);
		if (start > l->taken)
			l->sparse = 1;
		if (l->sparse && start < size)
			l->data_end = source_next_hole(&l->source, start);
	}
	l->taken = start;
	*end = l->data_end > start ? l->data_end : size;
	return start < size;
}

static void take_stretches(struct batch *b, struct batch_walk *w)
{
	struct batch_large *l = w->large;
	size_t used = 0;
	uint64_t end;

	b->large = l;
	l->batches++;
	while (used < BATCH_BYTES && find_stretch(l, &end)) {
		if (end - l->taken > BATCH_BYTES - used)
			end = l->taken + (BATCH_BYTES - used);
		add_part(b, l->node, l->taken, (size_t)(end - l->taken), &used);
		l->taken = end;
	}
	b->ends_large = l->taken == l->node->size;
	if (b->ends_large)
		w->large = NULL;
}

int batch_take(struct batch *b, struct batch_walk *w, struct diag *d)
{
	size_t used = 0;
	struct node *n;

	b->part_count = b->run_count = 0;
	b->large = NULL;
	b->ends_large = 0;
	while (!w->large && b->part_count < BATCH_BLOCKS) {
		n = w->next ? w->next : find_file(w);
		w->next = n;
		if (!n || n->size > BATCH_BYTES - used)
			break;
		w->next = NULL;
		add_part(b, n, 0, (size_t)n->size, &used);
	}
	if (b->part_count > 0)
		return 1;
	if (!w->large) {
		if (!w->next)
			return 0;
		n = w->next;
		w->next = NULL;
		if (open_large(w, n, d) < 0)
			return -1;
	}
	take_stretches(b, w);
	return 1;
}

static void find_runs(struct batch *b, struct batch_part *p)
{
	int fd = b->large ? b->large->fd : -1;
	struct stream_run *run = NULL;

	p->first_run = b->run_count;
	for (size_t at = 0; at < p->size; at += TREE_BLOCK) {
		const char *block = b->bytes + p->at + at;

		if (memory_is_zero(block, TREE_BLOCK)) {
			run = NULL;
			continue;
		}
		if (!run) {
			run = &b->runs[b->run_count++];
			*run = (struct stream_run){
				.node = p->node,
				.logical = (p->offset + at) / TREE_BLOCK,
				.bytes = block,
				.fd = fd,
			};
		}
		run->count++;
	}
	p->runs = b->run_count - p->first_run;
}

/* Of a run, without what fills up a file's last block. */
static size_t run_bytes(const struct stream_run *run)
{
	uint64_t left = run->node->size - run->logical * TREE_BLOCK;
	uint64_t size = run->count * TREE_BLOCK;

	return (size_t)(size < left ? size : left);
}

static void digest_small(struct batch *b, struct batch_part *p, struct batch_reader *r)
{
	const struct batch_context *c = r->context;
	struct node *n = p->node;

	n->data_blocks = 0;
	n->data_runs = (uint32_t)p->runs;
	for (size_t i = 0; i < p->runs; i++)
		n->data_blocks += (uint32_t)b->runs[p->first_run + i].count;
	if (!c->no_whole) {
		digest_add(r->digest, b->bytes + p->at, p->size);
		digest_take(r->digest, n->sha256);
	}
	if (!c->no_whole &&
		(!c->sink || n->data_blocks == round_up(n->size) / TREE_BLOCK)) {
		memcpy(p->data_sha256, n->sha256, DIGEST_BYTES);
		return;
	}
	for (size_t i = 0; i < p->runs; i++) {
		const struct stream_run *run = &b->runs[p->first_run + i];

		digest_add(r->digest, run->bytes, run_bytes(run));
	}
	digest_take(r->digest, p->data_sha256);
	if (c->no_whole)
		memcpy(n->sha256, p->data_sha256, DIGEST_BYTES);
}

static int read_small(
	struct batch *b, struct batch_part *p, struct batch_reader *r, struct diag *d)
{
	struct source s;

	if (source_open(&s, r->context->tree, p->node, &r->folder, d) < 0)
		return -1;
	if (source_read(&s, b->bytes + p->at, p->size, 0, d) < 0) {
		source_drop(&s);
		return -1;
	}
	return source_close(&s, d);
}

int batch_read(struct batch *b, struct batch_reader *r, struct diag *d)
{
	for (size_t i = 0; i < b->part_count; i++) {
		struct batch_part *p = &b->parts[i];
		char *bytes = b->bytes + p->at;

		if (b->large ? source_read(&b->large->source, bytes, p->size, p->offset,
				       d) < 0
			     : read_small(b, p, r, d) < 0)
			return -1;
		memset(bytes + p->size, 0, round_up(p->size) - p->size);
		find_runs(b, p);
		if (!b->large)
			digest_small(b, p, r);
	}
	return 0;
}

/* A hole from the last run's end on, of at least a byte. */
static void digest_hole(
	struct batch_large *l, const struct batch_context *c, uint64_t end)
{
	if (c->no_whole)
		return;
	if (c->sink && !l->data)
		l->data = digest_fork(l->digest);
	digest_add_zeros(l->digest, end - l->passed * TREE_BLOCK);
}

static void pass_runs(struct batch *b, const struct batch_context *c)
{
	struct batch_large *l = b->large;

	for (size_t i = 0; i < b->run_count; i++) {
		const struct stream_run *run = &b->runs[i];
		size_t size = run_bytes(run);

		if (run->logical > l->passed)
			digest_hole(l, c, run->logical * TREE_BLOCK);
		l->runs += run->logical > l->passed || l->blocks == 0;
		l->blocks += (uint32_t)run->count;
		l->passed = run->logical + run->count;
		digest_add(l->digest, run->bytes, size);
		if (l->data)
			digest_add(l->data, run->bytes, size);
	}
}

/* Measures the file. */
static void end_digests(struct batch_large *l, const struct batch_context *c,
	unsigned char data_sha256[DIGEST_BYTES])
{
	struct node *n = l->node;

	if (l->passed * TREE_BLOCK < n->size)
		digest_hole(l, c, n->size);
	digest_take(l->digest, n->sha256);
	memcpy(data_sha256, n->sha256, DIGEST_BYTES);
	if (l->data)
		digest_take(l->data, data_sha256);
	n->data_blocks = l->blocks;
	n->data_runs = l->runs;
	n->measured = 1;
}

/* All that the sink learns about a file comes before anything about the next. */
static int tell(struct batch *b, const struct batch_part *p, int ends,
	const struct stream_sink *sink, struct diag *d)
{
	if (!sink)
		return 0;
	if (p->runs && sink->place(sink->context, b->runs + p->first_run, p->runs, d) < 0)
		return -1;
	return ends ? sink->finish(sink->context, p->node, p->data_sha256, d) : 0;
}

static int pass_large(struct batch *b, const struct batch_context *c, struct diag *d)
{
	struct batch_large *l = b->large;
	struct batch_part all = {.node = l->node, .runs = b->run_count};

	pass_runs(b, c);
	if (b->ends_large) {
		if (source_check(&l->source, d) < 0)
			return -1;
		end_digests(l, c, all.data_sha256);
	}
	return tell(b, &all, b->ends_large, c->sink, d);
}

int batch_pass(struct batch *b, const struct batch_context *c, struct diag *d)
{
	if (b->large)
		return pass_large(b, c, d);
	for (size_t i = 0; i < b->part_count; i++) {
		b->parts[i].node->measured = 1;
		if (tell(b, &b->parts[i], 1, c->sink, d) < 0)
			return -1;
	}
	return 0;
}

/* Blocks may have been cloned after the file was looked at for the last time. */
int batch_end(struct batch *b, struct batch_walk *w, struct diag *d)
{
	struct batch_large *l = b->large;
	int rc;

	b->large = NULL;
	if (!l || --l->batches > 0 || l->taken < l->node->size)
		return 0;
	rc = source_close(&l->source, d);
	drop_large(w, l);
	return rc;
}
