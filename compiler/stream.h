/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stream: the contents of a tree's files, in the tree's order: read, digested and
 * searched for blocks of zeros by several threads, and handed to a sink. What comes out
 * is the same for any number of threads.
 *
 *     threads: take a batch ─▶ read, digest, find runs ─▶ (in order) place ─▶ write
 */
#ifndef COMPILER_STREAM_H
#define COMPILER_STREAM_H

#include "tree.h"

/* Blocks of one file that follow one another and are no holes. */
struct stream_run {
	struct node *node;
	uint64_t logical; /* the first, in blocks of TREE_BLOCK bytes */
	uint64_t count;
	const char *bytes; /* the last block of a file is filled up with zeros */
	/* A large host file, open for reading, or -1: whole blocks may be cloned from it
	 * instead; the stream looks at the file again after the last write(). */
	int fd;
	uint64_t physical; /* for place() to set and write() to use */
};

/* Where contents go. Each returns 0, or -1 with a message, which ends the stream. */
struct stream_sink {
	void *context;
	/* Runs of one file, in the tree's order; one call at a time. Neighbouring runs
	 * may continue one another: large files come in pieces. */
	int (*place)(
		void *context, struct stream_run *runs, size_t count, struct diag *d);
	/* In the same order, after a file's last run, or for one that has none: the node
	 * is measured. data_sha256 is of the bytes that are in no hole, one after the
	 * other; without holes it is the file's own. */
	int (*finish)(void *context, struct node *n,
		const unsigned char data_sha256[DIGEST_BYTES], struct diag *d);
	/* After place(), by several threads at once and in any order. */
	int (*write)(void *context, const struct stream_run *runs, size_t count,
		struct diag *d);
};

struct stream_options {
	unsigned threads; /* 0: as many as there are processors, at most 4 */
	int no_whole;	  /* node->sha256 becomes the data_sha256: holes cost nothing */
};

/* Reads every NODE_FILE of a finished tree and sets its sha256, data_blocks, data_runs
 * and measured. Without a sink, only those that are not measured yet. Fails where a host
 * file is not what was scanned. With several errors, the first in the tree's order is
 * told. */
int stream_files(struct tree *t, const struct stream_options *o,
	const struct stream_sink *sink, struct diag *d);

#endif
