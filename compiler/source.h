/* SPDX-License-Identifier: GPL-2.0-or-later */
/* source: the bytes of a tree's file, wherever they are, open for reading. */
#ifndef COMPILER_SOURCE_H
#define COMPILER_SOURCE_H

#include "tree.h"

/* The host folder that was opened last: files mostly follow their neighbours. */
struct source_folder {
	const struct host_folder *folder;
	int fd; /* -1: none */
};

#define SOURCE_FOLDER_NONE ((struct source_folder){.fd = -1})

/* An fd and an offset, or memory (fd -1). */
struct source {
	int fd;
	uint64_t offset;
	const char *bytes;
	const struct node *node;
};

/* Opens a NODE_FILE of the tree. A host file's folder must be the one that was scanned;
 * `last` is kept for the next call. source_close() or source_drop() is due after a 0. */
int source_open(struct source *s, const struct tree *t, const struct node *n,
	struct source_folder *last, struct diag *d);
/* Looks whether a host file is still what was scanned. */
int source_check(const struct source *s, struct diag *d);
/* The same, and closes it. */
int source_close(struct source *s, struct diag *d);
/* Closes without a look. */
void source_drop(struct source *s);
void source_folder_close(struct source_folder *last);

/* Reads up to size bytes from an offset in the file; fewer only at its end. Returns the
 * count, or -1; a host file that ended early has changed, which is an error. */
ssize_t source_read(const struct source *s, void *bytes, size_t size, uint64_t offset,
	struct diag *d);

/* 1 where the host has a block for every byte of the file, so that there is no hole to
 * look for. */
int source_is_full(const struct source *s);
/* The start of the next block, from `offset` on (a block's start), that may hold data: a
 * shortcut over holes that the host knows of. The file's size where there is none. */
uint64_t source_next_data(const struct source *s, uint64_t offset);
/* The start of the next block, after `offset`, that lies in a hole that the host knows
 * of. The file's size where there is none. */
uint64_t source_next_hole(const struct source *s, uint64_t offset);

/* "data/x.csv": what messages call the file, in the arena. */
const char *source_name(const struct node *n, struct arena *a);

#endif
