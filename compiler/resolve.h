/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resolve: which host path a recipe means, and whether it may. A recipe reaches what lies
 * below its own folder and below the allowed ones, links resolved; nothing else. */
#ifndef COMPILER_RESOLVE_H
#define COMPILER_RESOLVE_H

#include "common/memory.h"

enum resolve_result { RESOLVE_OK, RESOLVE_MISSING, RESOLVE_OUTSIDE, RESOLVE_FAILED };

struct resolve_roots {
	const char *folder; /* absolute, links resolved: what relative paths start from */
	const char *const *allowed; /* absolute, links resolved */
	size_t allowed_count;
};

/* 1 where the path is the folder or in it; both absolute, links resolved. */
int resolve_lies_below(const char *path, const char *folder);

/* Gives the absolute path without links, in the arena. RESOLVE_FAILED leaves errno. */
enum resolve_result resolve_path(const struct resolve_roots *roots, const char *path,
	struct arena *a, const char **resolved);

/* "x/y"; the other where one is empty. */
const char *resolve_join(struct arena *a, const char *x, const char *y);

#endif
