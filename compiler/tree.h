/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tree: the files of one disk or initrd before they are written: names, modes, contents
 * by reference. Children are sorted by the bytes of their names, so that every walk has
 * one order. Everything belongs to the tree's arena.
 *
 *     root ─ children ─┬─ "app"     ─ children ─ "sir.awk"    from a host file
 *                      ├─ "input"   ─ children ─ "cases.csv"  from the spool
 *                      └─ "scripts" ─ children ─ "10-main"    from memory
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

#define TREE_BLOCK 4096
#define TREE_CHUNK (1024 * 1024) /* a multiple of TREE_BLOCK */
#define TREE_NAME_MAX 255
#define TREE_PATH_MAX 4095

enum node_type { NODE_FOLDER, NODE_FILE, NODE_SYMLINK, NODE_HARDLINK };

enum source_kind { SOURCE_MEMORY, SOURCE_HOST, SOURCE_SPOOL };

/* Where a file's bytes come from. */
struct source {
	enum source_kind kind;
	const void *bytes; /* SOURCE_MEMORY */
	const char *path;  /* SOURCE_HOST: absolute, no links in it */
	const char *name;  /* SOURCE_HOST: what messages call it */
	/* SOURCE_HOST: as scanned; a change fails the build */
	struct timespec mtime, ctime;
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
	/* NODE_FILE: set by tree_measure() and tree_add_text(). Blocks of TREE_BLOCK
	 * bytes that are all zeros are holes, wherever they came from. */
	char sha256[DIGEST_HEX];
	uint64_t data_blocks, data_runs; /* blocks that are no holes; runs of them */
	int measured;
	const struct xattr *xattrs;
	size_t xattr_count;
	struct node **children; /* NODE_FOLDER: sorted by tree_finish() */
	size_t child_count, child_room;
	int implied;	    /* a folder that nothing in the recipe names: a parent only */
	struct place place; /* what in the recipe brought it here */
	const struct item *item; /* the same, as its identity; may be NULL */
	uint64_t mark;		 /* an emitter's own: an inode number, say */
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
	struct node **index; /* open addressing by parent and name; never walked */
	size_t index_room, node_count;
	char *chunk; /* TREE_CHUNK bytes for reading, once needed */
};

void tree_init(struct tree *t, int64_t epoch);
void tree_clear(struct tree *t);

/* Adds a node at a path ("app/bin/tool"; no leading slash; "" is the root), making the
 * folders above it. A folder may be added again (the last mode counts); anything else
 * there is an error that names both places. The caller fills in what its type needs; path
 * and place are copied. NULL on failure. */
struct node *tree_add(struct tree *t, const char *path, enum node_type type, mode_t mode,
	const struct place *place, struct diag *d);
/* A file with these bytes; text must live as long as the tree. Its digest is set. */
struct node *tree_add_text(struct tree *t, const char *path, const void *bytes,
	size_t size, mode_t mode, const struct place *place, struct diag *d);
/* Makes these bytes the contents of a NODE_FILE; they must live as long as the tree. */
void tree_fill_text(struct node *n, const void *bytes, size_t size);
/* The mode that a file gets whose source has this one: the item's, else 0644, or 0755
 * where anyone may execute it, with the special bits if they are kept. */
mode_t tree_mode(const struct item *item, mode_t mode, int keep_special_modes);
/* The node at a path, or NULL. */
struct node *tree_find(const struct tree *t, const char *path);
/* Takes from a node what it is, so that the caller may make it another file, symlink or
 * hard link; its other names keep its contents. Folders cannot be. */
void tree_reset(struct tree *t, struct node *n, enum node_type type, mode_t mode);
/* Makes n (NODE_HARDLINK) another name of to (NODE_FILE or NODE_HARDLINK). */
void tree_link(struct node *n, struct node *to);
/* Reads a file once: sets its digest and its data_blocks and data_runs. */
int tree_measure(struct tree *t, struct node *n, struct diag *d);
/* The tree's spool, made where there is none yet: an unlinked file in $TMPDIR, else
 * /var/tmp or /tmp. Returns the descriptor or -1. */
int tree_open_spool(struct tree *t, struct diag *d);
/* Notes a host path for the depfile: absolute, as the recipe's folder and the recipe's
 * words give it, links not resolved. Files, archives, and folders whose entries decide.
 */
void tree_add_input(struct tree *t, const char *path);
/* Sorts all folders and the inputs. Emitters take finished trees only. */
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
/* Closes without a look. */
void source_drop(struct source_reader *r);
/* Reads up to size bytes from an offset in the file; fewer only at its end. Returns the
 * count, or -1; a host file that ended early has changed, which is an error. */
ssize_t source_read(struct source_reader *r, void *bytes, size_t size, uint64_t offset,
	struct diag *d);

/* The start of the next block, from `offset` on (a block's start), that may hold data: a
 * shortcut over holes that the host knows of. The file's size where there is none. */
uint64_t source_next_data(const struct source_reader *r, uint64_t offset);

/* The tree as an mtree(5) text: a line a node with type, mode, size, link, sha256digest,
 * and for files with several names nlink and inode, a number of our own. Extended
 * attributes follow their node as comment lines ("# xattr user.origin=hex"). What two
 * trees must share to be the same disk. The caller frees with buffer_clear. */
void tree_list(const struct tree *t, struct buffer *b);

#endif
