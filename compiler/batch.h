/* SPDX-License-Identifier: GPL-2.0-or-later */
/* batch: a share of the contents of a tree's files, small enough to lie in memory: some
 * small files, or a piece of a large one. stream.c takes them in the tree's order, reads
 * them in any, and passes them on in order again. */
#ifndef COMPILER_BATCH_H
#define COMPILER_BATCH_H

#include "source.h"
#include "stream.h"
#include "tree.h"

#define BATCH_BYTES ((size_t)512 * 1024) /* stays in a processor's cache */
#define BATCH_BLOCKS (BATCH_BYTES / TREE_BLOCK)

/* A small file, or a stretch of a large one, which starts at a block. */
struct batch_part {
	struct node *node;
	uint64_t offset;			 /* in the file */
	size_t size;				 /* in bytes */
	size_t at;				 /* in the batch's bytes; at a block */
	size_t first_run, runs;			 /* in the batch's runs */
	unsigned char data_sha256[DIGEST_BYTES]; /* of a small file */
};

struct batch {
	char *bytes;		   /* BATCH_BYTES of them */
	struct batch_large *large; /* the file that it is a piece of, or NULL */
	int ends_large;
	size_t part_count, run_count;
	struct batch_part parts[BATCH_BLOCKS];
	struct stream_run runs[BATCH_BLOCKS];
};

/* What all the batches of one tree have in common. */
struct batch_context {
	struct tree *tree;
	const struct stream_sink *sink; /* or NULL */
	int no_whole;
};

/* Where taking is: a walk over the tree's files. */
struct batch_walk {
	const struct batch_context *context;
	struct batch_level *levels; /* the folders down to where the walk is */
	size_t depth, room;
	struct node *next;	   /* a file that did not fit, or NULL */
	struct batch_large *large; /* the file of which pieces are due, or NULL */
	struct batch_large *open;  /* all large files that are not through */
	struct source_folder folder;
};

/* What a thread keeps from one batch to the next. */
struct batch_reader {
	const struct batch_context *context;
	struct source_folder folder;
	struct digest *digest;
};

/* Taking and ending: one at a time. What is open is dropped by the close. */
void batch_walk_open(struct batch_walk *w, const struct batch_context *c);
void batch_walk_close(struct batch_walk *w);
void batch_reader_open(struct batch_reader *r, const struct batch_context *c);
void batch_reader_close(struct batch_reader *r);

/* Says what is in the next batch: 1, 0 at the tree's end, or -1. */
int batch_take(struct batch *b, struct batch_walk *w, struct diag *d);
/* Reads it, finds its runs and digests its small files. By any thread, in any order. */
int batch_read(struct batch *b, struct batch_reader *r, struct diag *d);
/* Digests a piece of a large file, measures the files that end in the batch, and tells
 * the sink. In order, one at a time. */
int batch_pass(struct batch *b, const struct batch_context *c, struct diag *d);
/* Once nothing more is done with a batch that has passed: after the last one of a large
 * file looks again whether that is what was scanned, and closes it. */
int batch_end(struct batch *b, struct batch_walk *w, struct diag *d);

#endif
