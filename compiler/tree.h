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

enum node_type {
	NODE_FOLDER,
	NODE_FILE,
	NODE_SYMLINK,
	NODE_HARDLINK,
	NODE_FIFO,
	NODE_SOCKET,
	NODE_CHARACTER, /* devices */
	NODE_BLOCK,
};

enum source_kind { SOURCE_MEMORY, SOURCE_HOST, SOURCE_SPOOL };

/* A folder of the host as it was scanned; another in its place fails the build. */
struct host_folder {
	const char *path; /* absolute, no links in it */
	const char *name; /* what messages call it; "" for none */
	uint64_t device, inode;
};

/* A file in it as it was scanned; a change fails the build. */
struct host_file {
	const struct host_folder *folder;
	const char *name; /* in the folder */
	uint64_t device, inode;
	int64_t mtime, ctime; /* as tree_stamp() makes them */
};

/* What a folder holds. */
struct entries {
	struct node **list; /* sorted by tree_finish(), which drops those removed */
	size_t count, room;
	size_t gaps; /* nodes in the list that are removed */
};

/* There may be millions of these: fields are ordered and sized for that. */
struct node {
	struct node *parent;
	const struct item *item;     /* what brought it here, as its identity, or NULL */
	const struct place *place;   /* where in the recipe that stands, or NULL */
	const struct xattrs *xattrs; /* or NULL */
	union {
		struct entries *folder; /* NODE_FOLDER */
		const char *target;	/* NODE_SYMLINK */
		struct node *primary;	/* NODE_HARDLINK: the NODE_FILE it names again */
		uint64_t device;	/* NODE_CHARACTER, NODE_BLOCK: as makedev(3) */
		/* NODE_FILE, by source_kind */
		const void *bytes;	      /* SOURCE_MEMORY */
		const struct host_file *host; /* SOURCE_HOST */
		uint64_t offset;	      /* SOURCE_SPOOL: in the tree's spool */
	};
	uint64_t size; /* NODE_FILE */
	int64_t mtime; /* seconds */
	uint32_t mtime_ns;
	uint32_t uid, gid;
	uint32_t link_count; /* NODE_FILE: its names */
	/* NODE_FILE, once measured: blocks of TREE_BLOCK bytes that are not all zeros,
	 * and runs of them. The others are holes, wherever they came from. */
	uint32_t data_blocks, data_runs;
	unsigned char sha256[DIGEST_BYTES];
	uint32_t mark; /* an emitter's own: an inode number, say */
	union {	       /* an emitter's own: where it put the contents */
		uint64_t block;
		void *blocks;
	} at;
	uint16_t mode; /* permission bits, set-id and sticky among them */
	uint8_t type;  /* enum node_type */
	uint8_t source_kind : 2;
	uint8_t measured : 1;
	uint8_t implied : 1;   /* a folder that nothing names: a parent only */
	uint8_t at_blocks : 1; /* an emitter's own: at.blocks is what counts */
	uint8_t removed : 1;   /* no more in the tree, though maybe in a list; of a file
				  one of its other names takes the place */
	char name[];
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
	uint32_t *hashes;    /* of the nodes in it */
	size_t index_room, node_count;
	int notes_inputs; /* tree_init() sets it; off where no depfile is wanted */
	/* What is added takes the place of what is there, a whole folder too; folders
	 * merge. Links to folders lead on, as in a root that nobody leaves. Off at
	 * first. */
	int replaces;
	int has_orphans; /* names of removed files, which tree_finish() settles */
};

void tree_init(struct tree *t, int64_t epoch);
void tree_clear(struct tree *t);

/* Adds a node at a path ("app/bin/tool"; no leading slash; "" is the root), making the
 * folders above it. A folder may be added again (the last mode counts); anything else
 * there is an error that names both places. The caller fills in what its type needs; the
 * path is copied, the place must live as long as the tree. NULL on failure. */
struct node *tree_add(struct tree *t, const char *path, enum node_type type, mode_t mode,
	const struct place *place, struct diag *d);
/* The same for one name in a folder of the tree. */
struct node *tree_add_child(struct tree *t, struct node *folder, const char *name,
	enum node_type type, mode_t mode, const struct place *place, struct diag *d);
/* A file with these bytes; text must live as long as the tree. Its digest is set. */
struct node *tree_add_text(struct tree *t, const char *path, const void *bytes,
	size_t size, mode_t mode, const struct place *place, struct diag *d);
/* Makes these bytes the contents of a NODE_FILE; they must live as long as the tree. */
void tree_fill_text(struct node *n, const void *bytes, size_t size);
/* The mode that a file gets whose source has this one: the item's, else 0644, or 0755
 * where anyone may execute it, with the special bits if they are kept. */
mode_t tree_mode(const struct item *item, mode_t mode, int keep_special_modes);
/* The node at a path, or NULL. Where the tree replaces, links on the way are followed. */
struct node *tree_find(const struct tree *t, const char *path);
/* The same for one name in a folder. */
struct node *tree_find_child(
	const struct tree *t, const struct node *folder, const char *name, size_t size);
/* The folder that a path ("a/../b" too) leads to from a folder, links followed as in a
 * root that nobody leaves. With `make`, folders that are missing come to be, of that
 * place. NULL: there is none, and *why says what stands in the way, or is NULL where a
 * part is missing. */
struct node *tree_reach(struct tree *t, struct node *from, const char *path, int make,
	const struct place *place, const char **why);
/* What a node leads to where it is a symlink, links followed in the same way: its last
 * part is a name, as it is of every file. NULL: there is none, *why as above. */
struct node *tree_resolve(struct tree *t, struct node *n, const char **why);
/* Takes a node with all below it out of the tree; not the root. Other names of its files
 * keep the contents; they are settled by tree_finish(). */
void tree_remove(struct tree *t, struct node *n);
/* Takes from a node what it is, so that the caller may make it another file, symlink or
 * hard link; its other names keep its contents. Gives the node that now has its name: if
 * there are other names, a new one. Folders cannot be. */
struct node *tree_reset(struct tree *t, struct node *n, enum node_type type, mode_t mode);
/* Makes n (NODE_HARDLINK) another name of to (NODE_FILE or NODE_HARDLINK). */
void tree_link(struct node *n, struct node *to);
/* Makes n, of the same type, a copy of a symlink, device, pipe or socket of its tree. */
void tree_copy_special(struct node *n, const struct node *from);
/* The tree's spool, made where there is none yet: an unlinked file in $TMPDIR, else
 * /var/tmp or /tmp. Returns the descriptor or -1. */
int tree_open_spool(struct tree *t, struct diag *d);
/* Notes a host path for the depfile: absolute, as the recipe's folder and the recipe's
 * words give it, links not resolved. Files, archives, and folders whose entries decide.
 */
void tree_add_input(struct tree *t, const char *path);
/* Takes from a node the attributes of which is_dropped() says so. */
void tree_drop_xattrs(
	struct tree *t, struct node *n, int (*is_dropped)(const char *name));
/* Sorts all folders and the inputs. Emitters take finished trees only. */
void tree_finish(struct tree *t);
/* "app/bin/tool", in the arena of the caller's choice. */
const char *tree_path(const struct node *n, struct arena *a);
/* Calls visit for every node below the root, parents first, in order; stops at the first
 * that does not return 0 and returns that. */
int tree_walk(struct tree *t, int (*visit)(struct node *n, void *context), void *context);

/* One number for a time; two times give the same where they are the same. */
int64_t tree_stamp(const struct timespec *t);

/* The tree as an mtree(5) text, a line a node, given to add() piece by piece: type, mode,
 * owner, time, size, link, device, and for files with several names nlink and inode, a
 * number of our own. Extended attributes follow their node as comment lines
 * ("# xattr user.origin=hex"). What two trees must share to be the same disk, with
 * sha256digest if `contents` is set, which needs every file measured. */
void tree_list(struct tree *t, int contents,
	void (*add)(void *context, const char *text, size_t size), void *context);
/* The same, with contents, in memory. The caller frees with buffer_clear. */
void tree_list_text(struct tree *t, struct buffer *b);

#endif
