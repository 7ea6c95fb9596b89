/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reasons: why a build has to make something, in words: a line a cause. */
#ifndef COMPILER_REASONS_H
#define COMPILER_REASONS_H

#include "base.h"
#include "common/memory.h"
#include "manifest.h"
#include "plan.h"

struct reasons_input {
	const struct plan *plan;
	const struct base *base;
	const struct old_unit *old;
	int old_fd;		      /* the old unit's folder, or -1 */
	const struct buffer *listing; /* of what is placed: the new mtree text */
};

/* The causes of one file's making. */
void reasons_add_part(
	struct buffer *b, const struct reasons_input *in, const struct artifact *part);
/* How many CDs are new, gone, or to be made again; nothing where all are kept. */
void reasons_add_isos(struct buffer *b, const struct reasons_input *in, const char *kept,
	const char *iso_key);

/* The same of floppies, but for those of instances that are new or gone. */
void reasons_add_floppies(struct buffer *b, const struct reasons_input *in,
	const char *kept, const char *floppy_key);

#endif
