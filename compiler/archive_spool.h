/* SPDX-License-Identifier: GPL-2.0-or-later */
/* archive_spool: a member's contents -> the end of a tree's spool, holes as holes. */
#ifndef COMPILER_ARCHIVE_SPOOL_H
#define COMPILER_ARCHIVE_SPOOL_H

#include <archive.h>

#include "tree.h"

/* Copies what libarchive gives for the member at hand to the spool, made where there is
 * none yet, and gives where it starts; *size grows where there is more. 0; 1 where the
 * archive is damaged, which says how; -1 with a message. `name` is the archive's. */
int archive_spool_add(struct tree *t, struct archive *a, const char *name,
	uint64_t *offset, uint64_t *size, struct diag *d);

#endif
