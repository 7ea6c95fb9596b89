/* SPDX-License-Identifier: GPL-2.0-or-later */
/* get: files and folders of a disk that anyone may have written -> a folder of the host,
 * under directory descriptors. No owners, devices or set-id bits come out. */
#ifndef COMPILER_GET_H
#define COMPILER_GET_H

#include <stdint.h>

#include "common/diag.h"
#include "ext2disk.h"
#include "get_links.h"

struct get {
	struct ext2disk *x;
	int top;	      /* where all goes */
	const char *top_name; /* what messages call it; "": nothing */
	/* Hears of everything that is left out, by its path in the disk. */
	void (*skipped)(void *context, const char *path, const char *why);
	void *context;
	struct diag *d;
	uint64_t files, folders, links, bytes; /* what came out */
	int damaged;	   /* something did not come out, for it cannot be what it says */
	const char *limit; /* or for it is too much for this program or the host: why */
	/* get.c's own */
	char *chunk;
	unsigned char *folders_seen; /* a bit an inode */
	uint64_t bytes_left;	     /* the disk cannot hold more than its size */
	unsigned depth;
	int nameless;	    /* the host knows files without a name */
	struct buffer path; /* of what is coming out, in the disk */
	struct buffer here; /* and below `top` */
	struct get_links links_known;
};

/* Gets ready what the caller has set up; get_end() is due. */
void get_begin(struct get *g);
void get_end(struct get *g);
/* Brings the inode, which messages call `path`, into the top folder as `name`, which must
 * not be there; NULL: a folder's entries, into that folder. 0, or -1 where this side
 * failed: no space left, say. */
int get_inode(struct get *g, ext2_ino_t ino, const char *path, const char *name);

#endif
