/* SPDX-License-Identifier: GPL-2.0-or-later */
/* single: a disk that boots by itself, copied, and the unit's files placed into its own
 * file system:
 *
 *     HOME ─┬─ app, input, scripts   the unit's
 *           ├─ autorun               what the guest's init starts
 *           ├─ output                empty, for everybody
 *           └─ params                empty: where autorun mounts the CD
 */
#ifndef COMPILER_SINGLE_H
#define COMPILER_SINGLE_H

#include <stdint.h>

#include "common/diag.h"
#include "common/memory.h"
#include "plan.h"
#include "tree.h"
#include "whole_disk.h"

#define SINGLE_WRITER_VERSION 1 /* raise it with any change of the bytes written */

struct single {
	const char *image;  /* the base's disk: an absolute path */
	const char *name;   /* what messages call it */
	const char *format; /* "qcow2", "raw": never probed */
	int partition;	    /* as in partitions.h */
	const char *home;
	struct tree *tree; /* finished: single_add()'s and app, input, scripts */
	int64_t epoch;
	struct arena *arena; /* for what *w points to */
};

/* Adds to the unit's tree what the layout has besides app, input and scripts. 0 or -1. */
int single_add(struct tree *t, const struct plan *p, struct diag *d);
/* Makes the new file, raw, sparse or reflinked, synced. Nothing in HOME may have the name
 * of something in the tree. 0, or -1: then there is no such file. */
int single_write(int dirfd, const char *file, const struct single *s,
	struct whole_disk *w, struct diag *d);
/* What single_write() told of a file that it made. */
int single_find(int dirfd, const char *file, const struct single *s, struct whole_disk *w,
	struct diag *d);

#endif
