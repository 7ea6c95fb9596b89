/* SPDX-License-Identifier: GPL-2.0-or-later */
/* archive_keep: what an archive's member is beside its name and contents -> its node, as
 * far as the item keeps it. */
#ifndef COMPILER_ARCHIVE_KEEP_H
#define COMPILER_ARCHIVE_KEEP_H

#include <archive_entry.h>

#include "plan.h"
#include "tree.h"

/* The mode that the member gets. */
mode_t archive_keep_mode(
	const struct item *item, struct archive_entry *e, int keep_special_modes);

/* Sets the node's owner, time and extended attributes, in the tree's arena. NULL, or what
 * cannot be kept, in words. A time between -1 and 0 seconds comes as one after 0:
 * libarchive loses the sign. */
const char *archive_keep_rest(
	struct tree *t, struct node *n, const struct item *item, struct archive_entry *e);

#endif
