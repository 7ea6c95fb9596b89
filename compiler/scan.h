/* SPDX-License-Identifier: GPL-2.0-or-later */
/* scan: a recipe's items -> a tree. Reads folders, globs and archives, and digests every
 * file. Host paths must lie below the recipe's folder or an allowed one, links resolved.
 */
#ifndef COMPILER_SCAN_H
#define COMPILER_SCAN_H

#include "plan.h"
#include "tree.h"
#include "witness.h"

struct scan_options {
	const char *folder;	    /* absolute: what relative paths start from */
	const char *const *allowed; /* absolute: further folders that items may name */
	size_t allowed_count;
	int keep_special_modes;	 /* bases: set-id and sticky bits stay */
	unsigned threads;	 /* 0: as many as there are processors, at most 4 */
	struct witness *witness; /* sees archives or, sealed, must have; NULL: none */
};

/* Adds the items below `top` ("app"). Every bad item adds its line to d; -1 if any was.
 * ITEM_PACKAGE_FILE is the base builder's own and an error here. */
int scan_items(struct tree *t, const char *top, const struct items *items,
	const struct scan_options *o, struct diag *d);

#endif
