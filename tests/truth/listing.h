/* SPDX-License-Identifier: GPL-2.0-or-later */
/* listing: what a tree holds, a line an entry, in one form for all who read it, so that
 * diff(1) can compare them: sorted by path, numbers of inodes and blocks left out. */
#ifndef TESTS_TRUTH_LISTING_H
#define TESTS_TRUTH_LISTING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LISTING_BLOCK 4096
/* Of what is in a folder with more entries than this, only a part is listed: type, mode,
 * owner, and the size of files. */
#define LISTING_BRIEF 1000

struct entry {
	char *path;  /* below the tree's top */
	mode_t mode; /* with its type */
	uint32_t uid, gid, links;
	uint64_t size;
	int64_t mtime;
	uint32_t mtime_ns;
	unsigned major, minor; /* devices */
	uint64_t identity; /* of a file with several names: the same for all of them */
	char *target;	   /* symbolic links; size bytes */
	char *data;	   /* files: the blocks that are no holes, "0-3,9" */
	uint64_t digest;   /* of the numbers and bytes of the blocks not all zeros */
	char *xattrs;	   /* "name:size:digest", sorted by name, a comma between */
	int brief;
};

struct listing {
	struct entry *list;
	size_t count, room;
};

/* A new entry at the end, zeroed but for its path (copied). */
struct entry *listing_add(struct listing *l, const char *path);
/* Sorts and prints; 0, or -1 where standard output fails. */
int listing_print(struct listing *l);

/* FNV-1a, 64 bits, going on from `sum`; start with LISTING_DIGEST. */
#define LISTING_DIGEST 0xcbf29ce484222325u
uint64_t listing_digest(uint64_t sum, const void *bytes, size_t size);
/* The same for a block of a file, of which size bytes are in it; all zeros count for
 * nothing, 1 where they are not. */
int listing_digest_block(uint64_t *sum, uint64_t number, const void *bytes, size_t size);
/* Adds "first-last" to a list of blocks; runs that touch become one. */
void listing_add_data(char **data, uint64_t first, uint64_t last);
/* Adds an attribute; the caller gives them sorted by name. */
void listing_add_xattr(char **xattrs, const char *name, const void *value, size_t size);

/* printf(3) into memory, or the end of the program. */
char *listing_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Memory, or the end of the program. */
void *listing_resize(void *old, size_t size);
/* Ends the program with a message and errno's. */
void listing_die(const char *what) __attribute__((noreturn));

#endif
