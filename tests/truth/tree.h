/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tree: an archive that is being written, and the listing of what is in it. What
 * libarchive refuses ends the program. */
#ifndef TESTS_TRUTH_TREE_H
#define TESTS_TRUTH_TREE_H

#include <archive.h>
#include <archive_entry.h>

#include "listing.h"

struct tree {
	struct archive *archive;
	struct listing listing;
	uint64_t identities;
};

/* Bytes of a file; between and behind such segments are holes. */
struct segment {
	uint64_t offset, size;
	int zeros; /* written out, and a hole on the disk all the same */
};

struct file {
	const struct segment *segments;
	size_t count;
	uint64_t size;
};

/* Ends the program unless rc is ARCHIVE_OK. */
void tree_check(struct tree *t, int rc);
/* The listing's new last entry: of root, with a time of its own. Whoever adds it changes
 * it and has it written before the next one. */
struct entry *tree_add(struct tree *t, const char *path, mode_t mode);
/* Writes an entry that has no contents. */
void tree_write_entry(struct tree *t, const struct entry *e);
/* The same in two steps, for what is no part of the entry. */
struct archive_entry *tree_header_of(const struct entry *e);
void tree_write_header(struct tree *t, struct archive_entry *a);

void tree_add_folder(struct tree *t, const char *path, unsigned subfolders);
void tree_add_file(struct tree *t, const char *path, const struct file *f);
/* A file of that many bytes without holes. */
void tree_add_full(struct tree *t, const char *path, uint64_t size);
void tree_add_link(struct tree *t, const char *path, const char *target);
/* Another name of the listing's entry with that number, whose link count is the caller's.
 */
void tree_add_name(struct tree *t, const char *path, size_t first);

/* What files hold at an offset: never 0. */
char tree_byte_at(uint64_t offset);
/* The character so many times. */
char *tree_repeat(char c, size_t count);

#endif
