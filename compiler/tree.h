/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tree: the files of one disk or initrd before they are written: names, modes, contents
 * by reference. Children are sorted by the bytes of their names, so that every walk has
 * one order. Everything belongs to the tree's arena.
 *
 *     root ─ children ─┬─ "app"   ─ children ─ "sir.awk"    source: host file
 *                      ├─ "input" ─ children ─ "cases.csv"  source: spool (from an
 * archive) └─ "scripts" ─ …        "10-main"    source: memory
 */
#ifndef COMPILER_TREE_H
#define COMPILER_TREE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "common/diag.h"
#include "common/digest.h"
#include "common/memory.h"
#include "plan.h"

enum node_type { NODE_FOLDER, NODE_FILE, NODE_SYMLINK, NODE_HARDLINK };

enum source_kind { SOURCE_MEMORY, SOURCE_HOST, SOURCE_SPOOL };

/* Where a file's bytes come from. */
struct source {
	enum source_kind kind;
	const void *bytes; /* SOURCE_MEMORY */
	const char *path;  /* SOURCE_HOST: absolute */
	struct timespec mtime,
		ctime; /* SOURCE_HOST: as scanned; a change fails the build */
	uint64_t inode, device;
	uint64_t offset; /* SOURCE_SPOOL: in the tree's spool file */
};

struct node {
	const char *name;
	struct node *parent;
	enum node_type type;
	mode_t mode;	      /* permission bits only */
	int64_t mtime;	      /* seconds */
	uint64_t size;	      /* NODE_FILE */
	const char *target;   /* NODE_SYMLINK */
	struct node *primary; /* NODE_HARDLINK: the NODE_FILE that it names again */
	unsigned link_count;  /* NODE_FILE: its names */
	struct source source;
	char sha256[DIGEST_HEX]; /* NODE_FILE */
	const struct xattr *xattrs;
	size_t xattr_count;
	struct node **children; /* NODE_FOLDER: sorted by tree_finish() */
	size_t child_count, child_room;
	int implied;	    /* a folder that nothing in the recipe names: a parent only */
	struct place place; /* what in the recipe brought it here */
	uint64_t mark;	    /* an emitter's own: an inode number, say */
};

struct tree {
	struct arena arena;
	struct node *root;
	int64_t epoch; /* the mtime that new nodes get */
	int spool;     /* unlinked file with the contents of archives, or -1 */
	uint64_t spool_size;
	const char **
		inputs; /* host paths that were read, for depfiles; tree_finish() sorts */
	size_t input_count, input_room;
};

void tree_init(struct tree *t, int64_t epoch);
void tree_clear(struct tree *t);

/* Adds a node at a path ("app/bin/tool"; no leading slash), making the folders above it.
 * A folder may be added again (the last mode counts); anything else there is an error
 * that names both places. The caller fills in what its type needs. NULL on failure. */
struct node *tree_add(struct tree *t, const char *path, enum node_type type, mode_t mode,
	const struct place *place, struct diag *d);
/* A file with these bytes; text must live as long as the tree. Its digest is set. */
struct node *tree_add_text(struct tree *t, const char *path, const void *bytes,
	size_t size, mode_t mode, const struct place *place, struct diag *d);
/* The node at a path, or NULL. */
struct node *tree_find(const struct tree *t, const char *path);
/* Notes a host path for the depfile. */
void tree_add_input(struct tree *t, const char *path);
/* Sorts all folders and resolves nothing else. Emitters take finished trees only. */
void tree_finish(struct tree *t);
/* "app/bin/tool", in the arena of the caller's choice. */
const char *tree_path(const struct node *n, struct arena *a);
/* Calls visit for every node below the root, parents first, in order; stops at the first
 * that does not return 0 and returns that. */
int tree_walk(struct tree *t, int (*visit)(struct node *n, void *context), void *context);

/* A file's bytes, open for reading: an fd and an offset, or memory (fd -1). Fails where a
 * host file is not what was scanned. source_close() looks again. */
struct source_reader {
	int fd;
	uint64_t offset;
	const void *bytes;
	const struct node *node;
};
int source_open(const struct tree *t, const struct node *n, struct source_reader *r,
	struct diag *d);
int source_close(struct source_reader *r, struct diag *d);

/* The tree as an mtree(5) text: a line a node with type, mode, size, link, sha256digest;
 * what two trees must share to be the same disk. The caller frees with buffer_clear. */
void tree_list(const struct tree *t, struct buffer *b);

#endif
