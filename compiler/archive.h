/* SPDX-License-Identifier: GPL-2.0-or-later */
/* archive: a tar (plain, gzip, bzip2, xz, zstd) or zip file's members -> a tree. Member
 * names are bytes, whatever the locale; one that leads out of its place is an error. */
#ifndef COMPILER_ARCHIVE_H
#define COMPILER_ARCHIVE_H

#include "plan.h"
#include "tree.h"

/* Adds the members below tree path `top`, their contents in the tree's spool. `path` is
 * opened, `name` is what messages call it; item gives strip, mode and xattrs and is named
 * in them. Of two members with one name the later counts. */
int archive_add(struct tree *t, const char *top, const char *path, const char *name,
	const struct item *item, int keep_special_modes, struct diag *d);
/* The same, but of larger files only what they are, without their contents: whoever looks
 * for small ones need not wait for the others. */
int archive_add_small(struct tree *t, const char *top, const char *path, const char *name,
	const struct item *item, uint64_t limit_bytes, struct diag *d);

#endif
