/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "witness.h"

#include <stdlib.h>
#include <string.h>

#include "place.h"
#include "source.h"

/* A file that is changed, or gets another name, has another ctime. */
struct identity {
	uint64_t device, inode, size;
	int64_t mtime, ctime;
};

struct witness_file {
	struct identity identity; /* first: it is what is sorted and searched by */
	int measured;
	unsigned char sha256[DIGEST_BYTES];
};

static struct identity identity_of(const struct stat *st)
{
	return (struct identity){
		.device = st->st_dev,
		.inode = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime = tree_stamp(&st->st_mtim),
		.ctime = tree_stamp(&st->st_ctim),
	};
}

static int is_host_file(const struct node *n)
{
	return n->type == NODE_FILE && n->source_kind == SOURCE_HOST;
}

static struct identity identity_of_node(const struct node *n)
{
	return (struct identity){
		.device = n->host->device,
		.inode = n->host->inode,
		.size = n->size,
		.mtime = n->host->mtime,
		.ctime = n->host->ctime,
	};
}

static int compare(const void *x, const void *y)
{
	return memcmp(x, y, sizeof(struct identity));
}

static struct witness_file *add(struct witness *w, const struct identity *identity)
{
	struct witness_file *f;

	if (w->count == w->room) {
		w->room = w->room ? 2 * w->room : 64;
		w->files = memory_resize(w->files, w->room * sizeof(*w->files));
	}
	f = &w->files[w->count++];
	*f = (struct witness_file){.identity = *identity};
	return f;
}

void witness_clear(struct witness *w)
{
	free(w->files);
	*w = (struct witness){0};
}

void witness_add(struct witness *w, const struct stat *st)
{
	const struct identity identity = identity_of(st);

	add(w, &identity);
}

static int add_node(struct node *n, void *context)
{
	struct identity identity;
	struct witness_file *f;

	if (!is_host_file(n))
		return 0;
	identity = identity_of_node(n);
	f = add(context, &identity);
	f->measured = n->measured;
	memcpy(f->sha256, n->sha256, sizeof(f->sha256));
	return 0;
}

static void add_text(void *context, const char *text, size_t size)
{
	digest_add(context, text, size);
}

static int add_identity(struct node *n, void *context)
{
	struct identity identity;

	if (!is_host_file(n))
		return 0;
	identity = identity_of_node(n);
	digest_add(context, &identity, sizeof(identity));
	return 0;
}

static void compute_shape(struct tree *t, char shape[DIGEST_HEX])
{
	struct digest *g = digest_new();

	tree_list(t, 0, add_text, g);
	tree_walk(t, add_identity, g);
	digest_finish(g, shape);
}

void witness_add_tree(struct witness *w, struct tree *t)
{
	tree_walk(t, add_node, w);
	compute_shape(t, w->shape);
}

void witness_seal(struct witness *w)
{
	if (w->count > 0)
		qsort(w->files, w->count, sizeof(*w->files), compare);
	w->sealed = 1;
}

static const struct witness_file *find(
	const struct witness *w, const struct identity *identity)
{
	return w->count
		       ? bsearch(identity, w->files, w->count, sizeof(*w->files), compare)
		       : NULL;
}

int witness_fail(const struct place *p, const char *what, struct diag *d)
{
	return place_fail(d, p, "%s: changed while the base was built", what);
}

int witness_saw(const struct witness *w, const struct stat *st)
{
	const struct identity identity = identity_of(st);

	return find(w, &identity) != NULL;
}

struct checking {
	const struct witness *witness;
	struct diag *diag;
};

/* What was written has its digest without the holes: it says nothing where there are any.
 * The digest tells what times cannot: a change within a tick of the clock. */
static int holds_the_same(const struct witness_file *f, const struct node *n)
{
	if (!f->measured || !n->measured ||
		n->data_blocks < (n->size + TREE_BLOCK - 1) / TREE_BLOCK)
		return 1;
	return memcmp(f->sha256, n->sha256, sizeof(f->sha256)) == 0;
}

static int check_node(struct node *n, void *context)
{
	const struct checking *c = context;
	const struct witness_file *f;
	struct identity identity;
	struct arena a = {0};

	if (!is_host_file(n))
		return 0;
	identity = identity_of_node(n);
	f = find(c->witness, &identity);
	if (f && holds_the_same(f, n))
		return 0;
	witness_fail(n->place, source_name(n, &a), c->diag);
	arena_clear(&a);
	return -1;
}

int witness_check_tree(const struct witness *w, struct tree *t, struct diag *d)
{
	struct checking c = {w, d};

	return tree_walk(t, check_node, &c);
}

int witness_is_shape(const struct witness *w, struct tree *t)
{
	char shape[DIGEST_HEX];

	compute_shape(t, shape);
	return strcmp(shape, w->shape) == 0;
}
