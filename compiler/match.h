/* SPDX-License-Identifier: GPL-2.0-or-later */
/* match: host paths for a pattern, and the name that a missing one may have meant. Bytes
 * decide, never the locale. */
#ifndef COMPILER_MATCH_H
#define COMPILER_MATCH_H

#include <stddef.h>

#include "common/diag.h"
#include "common/memory.h"

struct matches {
	const char **paths; /* sorted by bytes */
	size_t count;
	const char **folders; /* those that were read to find them */
	size_t folder_count;
};

/* The entries of a folder. */
struct names {
	struct buffer packed;
	const char **list; /* sorted, into packed */
	size_t count;
};

/* Reads them without "." and "..". 0, or -1 with errno set; match_names_clear() is due
 * after a 0. */
int match_list_folder(int dirfd, const char *path, struct names *n);
void match_names_clear(struct names *n);
/* What readdir(3) said of the i-th: DT_REG, say, or DT_UNKNOWN. */
unsigned char match_name_type(const struct names *n, size_t i);

/* 1 where the text has one of * ? [ */
int match_is_pattern(const char *text);

/* What `pattern`, relative to `folder` or absolute, names: * ? [ ] and \ within a part;
 * a leading dot is matched by a dot only. Paths come out as folder/…; no match is no
 * error. Fails where it would have to read a folder that may_read() has a 0 for. Strings
 * live in a. */
int match_expand(const char *folder, const char *pattern,
	int (*may_read)(const char *folder, void *context), void *context,
	struct matches *m, struct arena *a, struct diag *d);

/* Where a part of path, relative to `folder` or absolute, does not exist and its folder
 * has a name at most two edits away: the path with that name in its place, else NULL. */
const char *match_nearest(const char *folder, const char *path, struct arena *a);

#endif
