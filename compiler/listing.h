/* SPDX-License-Identifier: GPL-2.0-or-later */
/* listing: a finished tree as mtree text in a file, or only what that would be: of a
 * million files it is 150 MB, which are never all in memory. */
#ifndef COMPILER_LISTING_H
#define COMPILER_LISTING_H

#include "manifest.h"
#include "tree.h"

/* Sets the size and digest that the file has. */
void listing_describe(struct tree *t, struct artifact *a);
/* Makes dirfd/path, which must not exist, mode 0644; `name` is what messages call it. 0
 * or -1. */
int listing_write(
	struct tree *t, int dirfd, const char *path, const char *name, struct diag *d);

#endif
